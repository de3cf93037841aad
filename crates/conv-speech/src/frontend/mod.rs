//! From samples to features: log-mel energies, or filters over the raw waveform that are learnt.

mod gammatone;
mod log_mel;
mod raw;

pub use gammatone::gammatone;
pub use log_mel::{LogMel, LogMelConfig};
pub use raw::{RawConfig, RawWaveform, Start, raw_waveform};

use conv_hub::InvalidField;
use serde::{Deserialize, Serialize};

/// How samples become features.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum FrontEnd {
    /// Logarithms of mel filters' energies.
    LogMel(LogMelConfig),
    /// Filters over the waveform, trained with the rest of the network (Sainath et al. 2015).
    Raw(RawConfig),
}

impl FrontEnd {
    /// The name in reports: `log-mel` or `raw-waveform`.
    pub fn name(&self) -> &'static str {
        match self {
            FrontEnd::LogMel(_) => "log-mel",
            FrontEnd::Raw(_) => "raw-waveform",
        }
    }

    /// F: features of a frame.
    pub fn features(&self) -> usize {
        match self {
            FrontEnd::LogMel(config) => config.filters,
            FrontEnd::Raw(config) => config.filters,
        }
    }

    /// Samples of the window that a frame sees.
    pub fn window(&self, rate: u32) -> usize {
        match self {
            FrontEnd::LogMel(config) => samples(config.window_ms, rate),
            FrontEnd::Raw(config) => samples(config.window_ms, rate),
        }
    }

    /// Samples from one frame to the next.
    pub fn hop(&self, rate: u32) -> usize {
        match self {
            FrontEnd::LogMel(config) => samples(config.hop_ms, rate),
            FrontEnd::Raw(config) => samples(config.hop_ms, rate),
        }
    }

    /// T: frames of `count` samples, of which the last ones that fill no window are left out; none for less than a window.
    pub fn frames(&self, count: usize, rate: u32) -> usize {
        match count.checked_sub(self.window(rate)) {
            Some(rest) => rest / self.hop(rate).max(1) + 1,
            None => 0,
        }
    }

    pub(crate) fn check(&self, rate: u32) -> Result<(), InvalidField> {
        let (filters, window, hop) = match self {
            FrontEnd::LogMel(config) => (config.filters, config.window_ms, config.hop_ms),
            FrontEnd::Raw(config) => (config.filters, config.window_ms, config.hop_ms),
        };
        let check = InvalidField::unless;
        check((1..=1024).contains(&filters), "front_end.filters", &filters, "1 to 1024")?;
        // Also at the highest rate a window is no more than some thousand samples.
        let times = |ms: f64| (0.0..=1000.0).contains(&ms) && samples(ms, rate) > 0;
        for (field, ms) in [("front_end.window_ms", window), ("front_end.hop_ms", hop)] {
            check(times(ms), field, &ms, "at least one sample, and at most 1000 ms")?;
        }
        match self {
            FrontEnd::LogMel(config) => config.check(rate),
            FrontEnd::Raw(config) => config.check(rate),
        }
    }
}

/// Whole samples of a time in milliseconds.
fn samples(ms: f64, rate: u32) -> usize {
    (ms * f64::from(rate) / 1000.0).round() as usize
}
