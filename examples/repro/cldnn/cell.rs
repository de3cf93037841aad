//! A run of the CLDNN as it is kept.

use crate::speech::Figures;
use clap::ValueEnum;
use conv_speech::Band;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The network: as the first, but for one thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Variant {
    /// Filters over the waveform, gammatone ones at first, in windows of 35 ms; C1L3D1
    Raw,
    /// Log-mel energies
    Logmel,
    /// Both front ends beside each other
    Both,
    /// L3D1: no convolution over frequency
    NoConvolution,
    /// D6: dense layers alone, the first over 21 frames
    Dense,
    /// Filters drawn at random
    Random,
    /// Windows of 25 ms, as long as the filters: no maximum over time
    Window25,
}

impl Variant {
    pub const ALL: [Self; 7] = [
        Self::Raw,
        Self::Logmel,
        Self::Both,
        Self::NoConvolution,
        Self::Dense,
        Self::Random,
        Self::Window25,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Raw => "raw, gammatone, 35 ms, C1L3D1",
            Self::Logmel => "log-mel",
            Self::Both => "raw and log-mel",
            Self::NoConvolution => "L3D1",
            Self::Dense => "D6",
            Self::Random => "random filters",
            Self::Window25 => "windows of 25 ms",
        }
    }

    pub fn folder(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Logmel => "logmel",
            Self::Both => "both",
            Self::NoConvolution => "no-convolution",
            Self::Dense => "dense",
            Self::Random => "random",
            Self::Window25 => "window25",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    pub variant: Variant,
    pub seed: u64,
    #[serde(flatten)]
    pub figures: Figures,
    /// Word error rates on dev with noises, and in rooms, that training has not heard.
    pub elsewhere: BTreeMap<String, f64>,
    /// What the filters hear, the lowest first, where they are learnt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bands: Option<Vec<Band>>,
}

impl crate::cells::Cell for Cell {
    type Run = (Variant, u64);

    fn run(&self) -> Self::Run {
        (self.variant, self.seed)
    }
}
