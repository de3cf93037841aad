//! Upsampling from candle's own operations, for the devices that have no kernel here. Only
//! selecting, scaling and adding are used, whose gradients are right.

use candle_core::{Device, Result, Tensor};

use super::source::Source;

pub(crate) fn upsample(
    x: &Tensor,
    input: (usize, usize),
    rows: &[Source],
    cols: &[Source],
) -> Result<Tensor> {
    let x = x.reshape((x.dim(0)?, x.dim(1)?, input.0, input.1))?;
    let x = along(&x.contiguous()?, 2, rows, (1, 1, rows.len(), 1))?;
    along(&x, 3, cols, (1, 1, 1, cols.len()))
}

fn along(
    x: &Tensor,
    dim: usize,
    sources: &[Source],
    weights: (usize, usize, usize, usize),
) -> Result<Tensor> {
    let select = |place: fn(&Source) -> usize| {
        let places: Vec<u32> = sources.iter().map(|s| place(s) as u32).collect();
        x.index_select(&Tensor::new(places, x.device())?, dim)
    };
    let low = select(|s| s.low)?;
    if sources.iter().all(|s| s.weight == 0.0) {
        return Ok(low);
    }
    let high = select(|s| s.high)?;
    let scale = |weight: fn(&Source) -> f64| {
        let values: Vec<f64> = sources.iter().map(weight).collect();
        Tensor::from_vec(values, weights, &Device::Cpu)?.to_dtype(x.dtype())?.to_device(x.device())
    };
    low.broadcast_mul(&scale(|s| 1.0 - s.weight)?)? + high.broadcast_mul(&scale(|s| s.weight)?)?
}
