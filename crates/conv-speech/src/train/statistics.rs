//! What features are made alike by.

use super::example::Example;
use crate::frontend::raw_waveform;
use crate::model::{Preparation, Statistics, unordered};
use crate::{Config, Result};
use candle_core::{DType, Device, Tensor};
use conv_nn::VarBuilder;

/// Utterances whose features the statistics are of, at most: they change no more with others.
const MEASURED: usize = 500;

/// Mean and deviation of each feature, of the front end as it is at first.
pub(super) fn statistics(
    examples: &[Example],
    config: &Config,
    preparation: &Preparation,
    vb: &VarBuilder,
    device: &Device,
) -> Result<Statistics> {
    let features = config.front_end.features();
    let raw = config.front_end.raw();
    let raw = raw.map(|raw| raw_waveform(raw, config.rate, &vb.pp("frontend"))).transpose()?;
    let mut sums = vec![0.0; features];
    let mut squares = vec![0.0; features];
    let mut count = 0.0;
    for example in examples.iter().take(MEASURED) {
        let batch = preparation.batch(&[&example.prepared], device)?;
        let x = unordered(raw.as_ref(), &batch, conv_core::Precision::Exact)?.detach();
        for (feature, row) in x.squeeze(0)?.to_vec2::<f32>()?.iter().enumerate() {
            sums[feature] += row.iter().map(|&value| f64::from(value)).sum::<f64>();
            squares[feature] += row.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>();
        }
        count += example.prepared.frames as f64;
    }
    let mean: Vec<f64> = sums.iter().map(|sum| sum / count).collect();
    // A feature that is always the same is left so.
    let deviation = squares.iter().zip(&mean).map(|(square, mean)| {
        let variance = square / count - mean * mean;
        if variance > 1e-6 { variance.sqrt() } else { 1.0 }
    });
    let tensor = |values: Vec<f64>| Tensor::new(values, device)?.to_dtype(DType::F32);
    Ok(Statistics { deviation: tensor(deviation.collect())?, mean: tensor(mean)? })
}
