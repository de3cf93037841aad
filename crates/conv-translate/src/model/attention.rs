//! Multi-step attention: each decoder layer asks for itself (section 3.3).

use super::Encoded;
use super::normed::{Normed, linear};
use super::residual::halved;
use crate::Result;
use candle_core::{Module, Tensor};
use conv_nn::{VarBuilder, softmax_of_first};

/// d = (W h + b + g) √½, a = softmax(d · z), c = √S Σ a (z + e) √½, h' = (U c + h) √½, with g the
/// target's embedding (equation 1, with the scales of section 3.4).
#[derive(Debug, Clone)]
pub(super) struct Attention {
    query: Normed,
    output: Normed,
}

pub(super) fn attention(channels: usize, embedding: usize, vb: &VarBuilder) -> Result<Attention> {
    let query = linear(channels, embedding, 0.0, &vb.pp("in_projection"))?;
    let output = linear(embedding, channels, 0.0, &vb.pp("out_projection"))?;
    Ok(Attention { query, output })
}

/// The values times √S, with S each sentence's own length: the sum of S shares of 1/S keeps its
/// variance (section 3.4).
pub(super) fn scaled_values(source: &Encoded) -> candle_core::Result<Tensor> {
    let scales: Vec<f64> = source.lengths.iter().map(|length| (*length as f64).sqrt()).collect();
    let scales = Tensor::from_vec(scales, (source.lengths.len(), 1, 1), source.values.device())?;
    source.values.broadcast_mul(&scales.to_dtype(source.values.dtype())?)
}

impl Attention {
    /// To queries, and from what is read.
    pub fn maps(self) -> [Normed; 2] {
        [self.query, self.output]
    }

    /// `h` and `embedded` `[B, C, T]` and `[B, E, T]` → `[B, C, T]`, and who attends to what,
    /// `[B, T, S]`. `values` are [`scaled_values`].
    pub fn forward(
        &self,
        h: &Tensor,
        embedded: &Tensor,
        source: &Encoded,
        values: &Tensor,
    ) -> Result<(Tensor, Tensor)> {
        let queries = halved(&self.query.forward(h)?, embedded)?.transpose(1, 2)?;
        let shares = softmax_of_first(&queries.matmul(&source.keys)?, &source.lengths)?;
        let context = values.matmul(&shares.transpose(1, 2)?)?;
        Ok((halved(&self.output.forward(&context)?, h)?, shares))
    }
}
