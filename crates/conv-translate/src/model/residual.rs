//! What encoder and decoder have in common: which layer's input is added to which layer's output.

use super::normed::{Normed, linear};
use crate::Layers;
use candle_core::{Module, Tensor};
use conv_nn::{VarBuilder, add_scaled};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Source,
    Target,
}

impl Side {
    pub fn name(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Target => "target",
        }
    }
}

/// Halves the variance of a sum of two (section 3.4).
pub(super) fn halved(x: &Tensor, y: &Tensor) -> candle_core::Result<Tensor> {
    Ok(add_scaled(x, y, 0.5f64.sqrt())?)
}

/// The residual connections of a stack, with maps of kind `M`. Parameters: `projections.{i}` where
/// the sizes differ.
#[derive(Debug, Clone)]
pub(super) struct Residuals<M = Normed>(Vec<Residual<M>>);

#[derive(Debug, Clone)]
struct Residual<M> {
    /// Layers back.
    reach: usize,
    projection: Option<M>,
}

pub(super) fn residuals(layers: &Layers, vb: &VarBuilder) -> candle_core::Result<Residuals> {
    // Channels of what each layer reads, and of what the last one gives.
    let channels: Vec<_> = layers.0.iter().take(1).chain(&layers.0).map(|l| l.channels).collect();
    let residual = |(i, layer): (usize, &crate::Layer)| {
        let from = match layer.residual {
            0 => layer.channels,
            reach => channels[i + 1 - reach],
        };
        let vb = vb.pp("projections").pp(i);
        let projection = (from != layer.channels).then(|| linear(from, layer.channels, 0.0, &vb));
        Ok(Residual { reach: layer.residual, projection: projection.transpose()? })
    };
    Ok(Residuals(layers.0.iter().enumerate().map(residual).collect::<candle_core::Result<_>>()?))
}

impl<M: Module> Residuals<M> {
    /// The same with other maps.
    pub fn map<N>(self, map: impl Fn(M) -> crate::Result<N>) -> crate::Result<Residuals<N>> {
        let residual = |Residual { reach, projection }: Residual<M>| {
            Ok(Residual { reach, projection: projection.map(&map).transpose()? })
        };
        Ok(Residuals(self.0.into_iter().map(residual).collect::<crate::Result<_>>()?))
    }

    /// What is added to the output of a layer, of `inputs` of the layers so far; nothing where it
    /// has no such connection.
    pub fn of(&self, layer: usize, inputs: &[Tensor]) -> candle_core::Result<Option<Tensor>> {
        let Residual { reach, projection } = &self.0[layer];
        let Some(input) = inputs.len().checked_sub(*reach).and_then(|i| inputs.get(i)) else {
            return Ok(None);
        };
        match projection {
            None => Ok(Some(input.clone())),
            Some(projection) => projection.forward(input).map(Some),
        }
    }
}
