//! A run of the guessing game as it is kept.

use clap::ValueEnum;
use conv_dialog::guess::Learning;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What agents do after the supervised start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Arm {
    /// Nothing
    Start,
    /// As many further supervised updates
    Supervised,
    /// Reinforcement of both
    Full,
    /// Q-Bot's way of asking stays as it is
    FrozenQ,
    /// A-Bot stays as it is
    FrozenA,
}

impl Arm {
    pub const ALL: [Self; 5] =
        [Self::Start, Self::Supervised, Self::Full, Self::FrozenQ, Self::FrozenA];

    /// `None` of the start, which learns no more.
    pub fn learning(self) -> Option<Learning> {
        match self {
            Self::Start => None,
            Self::Supervised => Some(Learning::Supervised),
            Self::Full => Some(Learning::Full),
            Self::FrozenQ => Some(Learning::FrozenQ),
            Self::FrozenA => Some(Learning::FrozenA),
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Supervised => "supervised",
            Self::Full => "full",
            Self::FrozenQ => "frozen-q",
            Self::FrozenA => "frozen-a",
        }
    }
}

/// One run, and what came out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    pub arm: Arm,
    /// Of the games learnt from and of those measured on: arms of a seed share both.
    pub seed: u64,
    /// Games of each of the ten epochs: another number is another cell.
    pub games: usize,
    /// Steps taken.
    pub steps: u64,
    /// What evaluation says, percentiles in percent.
    pub figures: BTreeMap<String, f64>,
    /// Seconds of training.
    pub seconds: f64,
    /// The commit that ran it.
    pub commit: String,
}

impl crate::cells::Cell for Cell {
    type Run = (&'static str, u64, usize);

    fn run(&self) -> Self::Run {
        (self.arm.name(), self.seed, self.games)
    }
}
