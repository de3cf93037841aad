//! A rendered unit as it is kept.

use conv_lens::{Colours, Kind, Rendering, Transformation};
use serde::{Deserialize, Serialize};

/// How a unit's picture climbs: with everything, or with one thing missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// As it is
    Whole,
    /// On pixels
    NoSpectrum,
    /// On red, green and blue
    NoDecorrelation,
    /// The picture stands still
    NoTransformations,
}

impl Way {
    pub const ALL: [Self; 4] =
        [Self::Whole, Self::NoSpectrum, Self::NoDecorrelation, Self::NoTransformations];

    /// In words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Whole => "everything",
            Self::NoSpectrum => "without the spectrum",
            Self::NoDecorrelation => "without decorrelated colours",
            Self::NoTransformations => "without transformations",
        }
    }

    /// Where its pictures go.
    pub fn folder(self) -> &'static str {
        match self {
            Self::Whole => "whole",
            Self::NoSpectrum => "no-spectrum",
            Self::NoDecorrelation => "no-decorrelation",
            Self::NoTransformations => "no-transformations",
        }
    }

    pub fn rendering(self, steps: usize, seed: u64) -> Rendering {
        let whole = Rendering { steps, seed, keep: Vec::new(), ..Rendering::default() };
        match self {
            Self::Whole => whole,
            Self::NoSpectrum => Rendering { parameters: Kind::Pixels, ..whole },
            Self::NoDecorrelation => Rendering { colours: Colours::Plain, ..whole },
            Self::NoTransformations => Rendering { transformation: Transformation::NONE, ..whole },
        }
    }
}

/// One unit rendered in one way, and what came out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    pub way: Way,
    pub layer: String,
    pub channel: usize,
    /// Steps of the ascent.
    pub steps: usize,
    pub seed: u64,
    /// Of the written picture, over the channel's positions.
    pub mean: f64,
    pub maximum: f64,
    /// The best photograph's: of the mean, and of the maximum.
    pub best_mean: f64,
    pub best_maximum: f64,
    /// The share of the picture's energy above half the Nyquist frequency.
    pub high: f64,
    /// Channels of the layer that no photograph excites.
    pub unexcited: usize,
    pub photographs: usize,
    /// Seconds of the ascent.
    pub seconds: f64,
    pub threads: usize,
    /// The commit that ran it.
    pub commit: String,
}

impl Cell {
    /// As a file is called.
    pub fn file(layer: &str, channel: usize) -> String {
        format!("{}-{channel}.png", layer.replace('/', "-"))
    }

    pub fn mean_beats(&self) -> bool {
        self.mean > self.best_mean
    }

    pub fn maximum_beats(&self) -> bool {
        self.maximum > self.best_maximum
    }
}

impl crate::cells::Cell for Cell {
    type Run = (&'static str, String, usize, usize, u64);

    fn run(&self) -> Self::Run {
        (self.way.folder(), self.layer.clone(), self.channel, self.steps, self.seed)
    }
}
