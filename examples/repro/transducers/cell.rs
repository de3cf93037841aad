//! A run of the comparison as it is kept.

use crate::speech::Figures;
use clap::ValueEnum;
use conv_speech::Objective;
use serde::{Deserialize, Serialize};

/// What a run is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// Losses on either front end
    Losses,
    /// Directions and reductions of time
    Encoders,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Loss {
    /// Connectionist temporal classification
    Ctc,
    /// The transducer, from what CTC has learnt
    Rnnt,
    /// Attention with CTC beside it, from what CTC has learnt
    Attention,
}

impl Loss {
    pub const ALL: [Self; 3] = [Self::Ctc, Self::Rnnt, Self::Attention];

    pub fn objective(self) -> Objective {
        match self {
            Self::Ctc => Objective::Ctc,
            Self::Rnnt => Objective::Rnnt,
            Self::Attention => Objective::Attention,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Ctc => "CTC",
            Self::Rnnt => "RNN-T",
            Self::Attention => "attention",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Front {
    /// Log-mel energies
    Logmel,
    /// Filters over the waveform, gammatone ones at first
    Raw,
}

impl Front {
    pub fn name(self) -> &'static str {
        match self {
            Self::Logmel => "log-mel",
            Self::Raw => "raw",
        }
    }
}

/// What tells a run from the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Key {
    pub part: Part,
    pub loss: Loss,
    pub front: Front,
    /// Whether the encoder reads from both ends.
    pub both: bool,
    /// Frames of 10 ms to a step.
    pub reduction: usize,
    pub seed: u64,
}

impl Key {
    pub fn folder(&self) -> String {
        let Self { part, loss, front, both, reduction, seed } = self;
        let part = match part {
            Part::Losses => "losses",
            Part::Encoders => "encoders",
        };
        let direction = if *both { "both" } else { "forward" };
        let loss = loss.name().to_lowercase();
        let front = front.name();
        crate::speech::name(&[&part, &loss, &front, &direction, reduction, seed])
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    #[serde(flatten)]
    pub key: Key,
    #[serde(flatten)]
    pub figures: Figures,
}

impl crate::cells::Cell for Cell {
    type Run = Key;

    fn run(&self) -> Key {
        self.key
    }
}
