//! The backbone and its feature pyramid.

use super::layers::{First, convolution, through};
use crate::{Config, Result};
use candle_core::Tensor;
use conv_core::upsample_nearest2d;
use conv_nn::{Conv2d, GroupNorm, GroupNormConfig, VarBuilder, add_relu, group_norm, relu};

/// A residual block of two convolutions (He et al. 2016, figure 2) that halves the sides.
#[derive(Debug, Clone)]
struct Block {
    convolutions: [(Conv2d, GroupNorm); 2],
    shortcut: (Conv2d, GroupNorm),
}

impl Block {
    fn new(inputs: usize, outputs: usize, groups: usize, vb: &VarBuilder) -> Result<Self> {
        let config = GroupNormConfig { groups, ..GroupNormConfig::default() };
        let normalised = |sizes, convolution_name: &str, norm_name: &str| -> Result<_> {
            let layer = convolution(sizes, First::FanOut, false, &vb.pp(convolution_name))?;
            Ok((layer, group_norm(outputs, config, vb.pp(norm_name))?))
        };
        Ok(Self {
            convolutions: [
                normalised([inputs, outputs, 3, 2], "conv1", "bn1")?,
                normalised([outputs, outputs, 3, 1], "conv2", "bn2")?,
            ],
            shortcut: normalised([inputs, outputs, 1, 2], "downsample.0", "downsample.1")?,
        })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let normalised =
            |(layer, norm): &(Conv2d, GroupNorm), x: &Tensor| through(norm, &through(layer, x)?);
        let [first, second] = &self.convolutions;
        let y = normalised(second, &relu(&normalised(first, x)?)?)?;
        Ok(add_relu(&y, &normalised(&self.shortcut, x)?)?)
    }
}

/// Convolutions from a picture to four levels of features, and the pyramid that brings what the coarse ones know to the fine ones (Lin et
/// al. 2017).
#[derive(Debug, Clone)]
pub(super) struct Backbone {
    stem: (Conv2d, GroupNorm),
    stages: Vec<Block>,
    inner: Vec<Conv2d>,
    outer: Vec<Conv2d>,
}

impl Backbone {
    pub fn new(config: &Config, vb: &VarBuilder) -> Result<Self> {
        let body = vb.pp("body");
        let crate::config::Backbone { stem, stages, groups } = &config.backbone;
        let norm = GroupNormConfig { groups: *groups, ..GroupNormConfig::default() };
        let first = convolution([3, *stem, 5, 2], First::FanOut, false, &body.pp("conv1"))?;
        let mut blocks = Vec::with_capacity(stages.len());
        let (mut inner, mut outer) = (Vec::new(), Vec::new());
        let (mut inputs, pyramid) = (*stem, config.pyramid);
        for (at, &outputs) in stages.iter().enumerate() {
            blocks.push(Block::new(
                inputs,
                outputs,
                *groups,
                &body.pp(format!("layer{}.0", at + 1)),
            )?);
            let level = |kind: &str| vb.pp(format!("fpn.{kind}.{at}.0"));
            let sizes = [outputs, pyramid, 1, 1];
            inner.push(convolution(sizes, First::FanIn, true, &level("inner_blocks"))?);
            let sizes = [pyramid, pyramid, 3, 1];
            outer.push(convolution(sizes, First::FanIn, true, &level("layer_blocks"))?);
            inputs = outputs;
        }
        let stem = (first, group_norm(*stem, norm, body.pp("bn1"))?);
        Ok(Self { stem, stages: blocks, inner, outer })
    }

    /// The pyramid's levels, the finest first: of `[B, 3, H, W]` those with a pixel every 4, 8, 16 and 32.
    pub fn forward(&self, x: &Tensor) -> Result<Vec<Tensor>> {
        let (convolution, norm) = &self.stem;
        let mut x = relu(&through(norm, &through(convolution, x)?)?)?;
        let mut levels = Vec::with_capacity(self.stages.len());
        for stage in &self.stages {
            x = stage.forward(&x)?;
            levels.push(x.clone());
        }
        let mut above: Option<Tensor> = None;
        let mut pyramid = Vec::with_capacity(levels.len());
        for ((level, inner), outer) in levels.iter().zip(&self.inner).zip(&self.outer).rev() {
            let own = through(inner, level)?;
            let sum = match above {
                None => own,
                Some(above) => {
                    let (_, _, height, width) = own.dims4()?;
                    (own + upsample_nearest2d(&above, (height, width))?)?
                }
            };
            pyramid.push(through(outer, &sum)?);
            above = Some(sum);
        }
        pyramid.reverse();
        Ok(pyramid)
    }
}
