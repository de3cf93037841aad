//! A painted pair as it is kept.

use conv_style::Sum;
use serde::{Deserialize, Serialize};

/// Who paints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// The descent of Gatys et al.
    Gatys,
    /// A StyleBank of Chen et al.
    Bank,
    /// A network of one style, as that of Johnson et al.
    Single,
}

impl Way {
    pub const ALL: [Self; 3] = [Self::Gatys, Self::Bank, Self::Single];

    /// In words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gatys => "Gatys et al.",
            Self::Bank => "StyleBank",
            Self::Single => "single-style",
        }
    }

    /// As files are called.
    pub fn file(self) -> &'static str {
        match self {
            Self::Gatys => "gatys",
            Self::Bank => "bank",
            Self::Single => "single",
        }
    }
}

/// One photograph in one style, painted in one way, and what came out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    pub way: Way,
    pub photograph: String,
    pub style: String,
    /// The longer side in pixels.
    pub size: usize,
    /// Evaluations that the descent may take; of networks 0.
    pub evaluations: usize,
    /// What tells the losses, and of networks the weights, from others.
    pub losses: String,
    pub weights: String,
    #[serde(flatten)]
    pub found: Found,
    pub threads: usize,
    /// The commit that ran it.
    pub commit: String,
}

/// What painting came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Found {
    /// The photograph's own losses.
    pub start: Sum,
    /// The written picture's.
    pub sum: Sum,
    /// Evaluations that were taken.
    pub taken: usize,
    /// Seconds of painting: of the descent with its targets, of networks the median of three.
    pub seconds: f64,
    /// What the process held at most until it was painted, in KiB, where the system tells.
    pub peak_kib: Option<u64>,
}

impl crate::cells::Cell for Cell {
    type Run = (Way, String, String, usize, usize, String, String);

    fn run(&self) -> Self::Run {
        let Self { way, photograph, style, size, evaluations, losses, weights, .. } = self;
        let [photograph, style, losses, weights] =
            [photograph, style, losses, weights].map(Clone::clone);
        (*way, photograph, style, *size, *evaluations, losses, weights)
    }
}
