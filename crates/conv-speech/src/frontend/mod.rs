//! From samples to features: log-mel energies, or filters over the raw waveform that are learnt.

mod gammatone;
mod log_mel;
mod raw;

pub use gammatone::gammatone;
pub(crate) use log_mel::mel_corners;
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
    /// Both, as two input maps of the first convolution: Sainath et al. (2015) find that each has
    /// something that the other lacks.
    Both(BothConfig),
}

/// Log-mel energies and filters over the waveform beside each other: as many filters of both, and
/// the same hop.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BothConfig {
    /// Log-mel energies. Their window is no longer than the other's, in the middle of which it is.
    pub log_mel: LogMelConfig,
    /// Filters over the waveform.
    pub raw: RawConfig,
}

impl FrontEnd {
    /// The name in reports: `log-mel`, `raw-waveform` or `log-mel and raw-waveform`.
    pub fn name(&self) -> &'static str {
        match self {
            FrontEnd::LogMel(_) => "log-mel",
            FrontEnd::Raw(_) => "raw-waveform",
            FrontEnd::Both(_) => "log-mel and raw-waveform",
        }
    }

    /// The log-mel energies, where they are in it.
    pub fn log_mel(&self) -> Option<&LogMelConfig> {
        match self {
            FrontEnd::LogMel(config) => Some(config),
            FrontEnd::Raw(_) => None,
            FrontEnd::Both(both) => Some(&both.log_mel),
        }
    }

    /// The filters over the waveform, where they are in it.
    pub fn raw(&self) -> Option<&RawConfig> {
        match self {
            FrontEnd::LogMel(_) => None,
            FrontEnd::Raw(config) => Some(config),
            FrontEnd::Both(both) => Some(&both.raw),
        }
    }

    /// Input maps of the first convolution: 2 where both kinds stand beside each other.
    pub fn maps(&self) -> usize {
        if matches!(self, FrontEnd::Both(_)) { 2 } else { 1 }
    }

    /// F: features of a frame, of both kinds together; the log-mel energies stand first.
    pub fn features(&self) -> usize {
        let of_log_mel = self.log_mel().map_or(0, |config| config.filters);
        of_log_mel + self.raw().map_or(0, |config| config.filters)
    }

    /// Samples of the window that a frame sees.
    pub fn window(&self, rate: u32) -> usize {
        match self {
            FrontEnd::LogMel(config) => samples(config.window_ms, rate),
            FrontEnd::Raw(RawConfig { window_ms, .. }) => samples(*window_ms, rate),
            FrontEnd::Both(both) => samples(both.raw.window_ms, rate),
        }
    }

    /// Samples from one frame to the next.
    pub fn hop(&self, rate: u32) -> usize {
        match self {
            FrontEnd::LogMel(config) => samples(config.hop_ms, rate),
            FrontEnd::Raw(RawConfig { hop_ms, .. }) => samples(*hop_ms, rate),
            FrontEnd::Both(both) => samples(both.raw.hop_ms, rate),
        }
    }

    /// Samples of a window before the one of the log-mel energies in its middle, and of that one.
    pub(crate) fn log_mel_window(&self, rate: u32) -> [usize; 2] {
        let own = self.log_mel().map_or(0, |config| samples(config.window_ms, rate));
        [self.window(rate).saturating_sub(own) / 2, own]
    }

    /// T: frames of `count` samples, of which the last ones that fill no window are left out; none
    /// for less than a window.
    pub fn frames(&self, count: usize, rate: u32) -> usize {
        match count.checked_sub(self.window(rate)) {
            Some(rest) => rest / self.hop(rate).max(1) + 1,
            None => 0,
        }
    }

    pub(crate) fn check(&self, rate: u32) -> Result<(), InvalidField> {
        let check = InvalidField::unless;
        let sizes = |filters: usize, window: f64, hop: f64| {
            check((1..=1024).contains(&filters), "front_end.filters", &filters, "1 to 1024")?;
            // Also at the highest rate a window is no more than some thousand samples.
            let times = |ms: f64| (0.0..=1000.0).contains(&ms) && samples(ms, rate) > 0;
            for (field, ms) in [("front_end.window_ms", window), ("front_end.hop_ms", hop)] {
                check(times(ms), field, &ms, "at least one sample, and at most 1000 ms")?;
            }
            Ok(())
        };
        if let Some(config) = self.log_mel() {
            sizes(config.filters, config.window_ms, config.hop_ms)?;
            config.check(rate)?;
        }
        if let Some(config) = self.raw() {
            sizes(config.filters, config.window_ms, config.hop_ms)?;
            config.check(rate)?;
        }
        let FrontEnd::Both(BothConfig { log_mel, raw }) = self else { return Ok(()) };
        let fits = log_mel.filters == raw.filters
            && samples(log_mel.hop_ms, rate) == samples(raw.hop_ms, rate)
            && log_mel.window_ms <= raw.window_ms;
        let found = format!(
            "{} filters of {} ms each {} ms",
            log_mel.filters, log_mel.window_ms, log_mel.hop_ms
        );
        let expected = format!(
            "{} filters of at most {} ms each {} ms, as over the waveform",
            raw.filters, raw.window_ms, raw.hop_ms
        );
        check(fits, "front_end.log_mel", &found, &expected)
    }
}

/// Whole samples of a time in milliseconds.
fn samples(ms: f64, rate: u32) -> usize {
    (ms * f64::from(rate) / 1000.0).round() as usize
}
