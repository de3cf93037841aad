//! The front end that is learnt: filters over the waveform (Sainath et al. 2015, "Learning the
//! Speech Front-end With Raw Waveform CLDNNs", section 2.1).

use super::{gammatone, samples};
use crate::Result;
use candle_core::{Module, Tensor};
use conv_core::{Conv1dConfig, Pool1dConfig, Precision, max_pool1d};
use conv_hub::InvalidField;
use conv_nn::{Conv1d, Init, VarBuilder, relu};
use serde::{Deserialize, Serialize};

/// Sizes of the front end over the raw waveform.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RawConfig {
    /// P: filters.
    pub filters: usize,
    /// N: length of a filter, in ms.
    pub filter_ms: f64,
    /// M: length of the window over which a filter's largest output is taken, in ms; at least N.
    pub window_ms: f64,
    /// From one window to the next, in ms.
    pub hop_ms: f64,
    /// Samples from one place of a filter to the next; a divisor of the hop. The paper's is 1.
    pub stride: usize,
    /// What the filters are at first.
    pub start: Start,
}

/// What filters over the waveform are at first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Start {
    /// Gammatone filters, as the ear's.
    #[default]
    Gammatone,
    /// Drawn at random, as other convolutions are.
    Random,
}

impl Default for RawConfig {
    /// The paper's: 40 filters of 25 ms in windows of 35 ms each 10 ms.
    fn default() -> Self {
        Self {
            filters: 40,
            filter_ms: 25.0,
            window_ms: 35.0,
            hop_ms: 10.0,
            stride: 1,
            start: Start::Gammatone,
        }
    }
}

impl RawConfig {
    pub(super) fn check(&self, rate: u32) -> Result<(), InvalidField> {
        let check = InvalidField::unless;
        let width = samples(self.filter_ms, rate);
        let window = samples(self.window_ms, rate);
        let fits = self.filter_ms >= 0.0 && (1..=window).contains(&width);
        check(
            fits,
            "front_end.filter_ms",
            &self.filter_ms,
            "at least one sample, at most window_ms",
        )?;
        let hop = samples(self.hop_ms, rate);
        let divides = |stride: usize, of: usize| stride > 0 && of.is_multiple_of(stride);
        let fits = divides(self.stride, hop) && divides(self.stride, window - width);
        let expected = format!(
            "a divisor of the hop's {hop} samples and of the {} that the window has more than a filter",
            window - width
        );
        check(fits, "front_end.stride", &self.stride, &expected)
    }
}

/// Filters, the maximum over each window, rectifier and ln(x + 0.01), in that order.
///
/// Neighbouring windows share most of their samples. So the filters run over the utterance once,
/// and the maximum is taken over each window's part of what they give: the same numbers, at a cost
/// that is linear in its length.
#[derive(Debug, Clone)]
pub struct RawWaveform {
    filters: Conv1d,
    pool: Pool1dConfig,
}

/// What is added before the logarithm (section 2.1).
const OFFSET: f64 = 0.01;

/// The front end at `rate` Hz, from `filters.weight` `[P, 1, N]`.
///
/// # Errors
/// A stored weight of another shape.
pub fn raw_waveform(config: &RawConfig, rate: u32, vb: &VarBuilder) -> Result<RawWaveform> {
    let width = samples(config.filter_ms, rate);
    let init = match config.start {
        Start::Random => Init::uniform_fan_in(width),
        Start::Gammatone => {
            let weights = gammatone(config.filters, width, rate);
            let shape = (config.filters, 1, width);
            Init::Value(Tensor::from_vec(weights, shape, vb.device())?)
        }
    };
    let weight = vb.pp("filters").get_with_hints((config.filters, 1, width), "weight", init)?;
    let stride = config.stride;
    let pool = Pool1dConfig {
        kernel: (samples(config.window_ms, rate) - width) / stride + 1,
        stride: Some(samples(config.hop_ms, rate) / stride),
        ..Pool1dConfig::default()
    };
    let filters = Conv1d::new(weight, None, Conv1dConfig { stride, ..Conv1dConfig::default() });
    Ok(RawWaveform { filters, pool })
}

impl RawWaveform {
    /// The filters, `[P, 1, N]`.
    pub fn filters(&self) -> &Tensor {
        self.filters.weight()
    }

    /// Features `[B, P, T]` of samples `[B, S]`.
    ///
    /// # Errors
    /// Less than a window of samples.
    pub fn forward(&self, samples: &Tensor, precision: Precision) -> Result<Tensor> {
        let filtered = self.filters.at(precision).forward(&samples.unsqueeze(1)?)?;
        let largest = relu(&max_pool1d(&filtered, &self.pool)?)?;
        Ok((largest + OFFSET)?.log()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frontend::FrontEnd;
    use candle_core::{DType, Device, IndexOp};
    use conv_nn::Parameters;

    #[test]
    fn a_frame_is_what_its_own_window_gives() -> Result<()> {
        let (rate, count) = (1000, 230);
        for stride in [1, 5] {
            let config =
                RawConfig { filters: 3, stride, start: Start::Random, ..Default::default() };
            let front_end = FrontEnd::Raw(config.clone());
            front_end.check(rate)?;
            let vb = Parameters::new(1).builder(DType::F32, &Device::Cpu);
            let raw = raw_waveform(&config, rate, &vb)?;
            let wave: Vec<f32> = (0..count).map(|t| ((t * t) as f32 * 0.01).sin()).collect();
            let whole = Tensor::new(&wave[..], &Device::Cpu)?.unsqueeze(0)?;
            let features = raw.forward(&whole, Precision::Exact)?;
            // Windows of 35 samples, 10 apart.
            assert_eq!(features.dims(), [1, 3, 20]);
            assert_eq!(front_end.frames(count, rate), 20);
            let weights = raw.filters().to_vec3::<f32>()?;
            for (filter, weights) in weights.iter().enumerate() {
                for frame in 0..20 {
                    let window = &wave[frame * 10..][..35];
                    let sums = window.windows(25).step_by(stride);
                    let sums = sums.map(|part| -> f32 {
                        part.iter().zip(&weights[0]).map(|(sample, weight)| sample * weight).sum()
                    });
                    let expected = (sums.fold(0.0, f32::max) + 0.01).ln();
                    let found = features.i((0, filter, frame))?.to_scalar::<f32>()?;
                    assert!((found - expected).abs() < 1e-4, "{found} {expected}");
                }
            }
        }
        Ok(())
    }
}
