//! The backbone and its feature pyramid.

use super::layers::{First, convolution, through};
use super::residual::Residual;
use super::slim::Slim;
use crate::{Config, Result, config};
use candle_core::Tensor;
use conv_core::{Pool2dConfig, max_pool2d, upsample_nearest2d};
use conv_nn::{Conv2d, VarBuilder};

/// Levels that boxes are cut from; a fifth is for proposals alone.
pub(super) const LEVELS: usize = 4;

#[derive(Debug, Clone)]
enum Body {
    Slim(Slim),
    Residual(Box<Residual>),
}

/// Convolutions from a picture to four levels of features, and the pyramid that brings what the
/// coarse ones know to the fine ones (Lin et al. 2017).
#[derive(Debug, Clone)]
pub(super) struct Backbone {
    body: Body,
    inner: Vec<Conv2d>,
    outer: Vec<Conv2d>,
    /// Whether there is a fifth level.
    pooled: bool,
}

impl Backbone {
    pub fn new(config: &Config, vb: &VarBuilder) -> Result<Self> {
        let body = vb.pp("body");
        let (body, stages) = match &config.backbone {
            config::Backbone::Slim(slim) => (Body::Slim(Slim::new(slim, &body)?), slim.stages),
            config::Backbone::Residual(residual) => {
                let (residual, channels) = Residual::new(residual, &body)?;
                (Body::Residual(Box::new(residual)), channels)
            }
        };
        let mut inner = Vec::new();
        let mut outer = Vec::new();
        let pyramid = config.pyramid;
        for (at, &channels) in stages.iter().enumerate() {
            let level = |kind: &str| vb.pp(format!("fpn.{kind}.{at}.0"));
            let sizes = [channels, pyramid, 1, 1];
            inner.push(convolution(sizes, First::FanIn, true, &level("inner_blocks"))?);
            let sizes = [pyramid, pyramid, 3, 1];
            outer.push(convolution(sizes, First::FanIn, true, &level("layer_blocks"))?);
        }
        Ok(Self { body, inner, outer, pooled: config.anchors.sizes.len() > LEVELS })
    }

    /// The pyramid's levels, the finest first: of `[B, 3, H, W]` those with a pixel every 4, 8, 16
    /// and 32, and perhaps 64.
    pub fn forward(&self, x: &Tensor) -> Result<Vec<Tensor>> {
        let levels = match &self.body {
            Body::Slim(slim) => slim.forward(x)?,
            Body::Residual(residual) => residual.forward(x)?,
        };
        let mut above: Option<Tensor> = None;
        let mut pyramid = Vec::with_capacity(LEVELS + 1);
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
        if self.pooled {
            // Of one pixel the largest is itself: every second of them.
            let every_second =
                Pool2dConfig { kernel: (1, 1), stride: Some((2, 2)), ..Pool2dConfig::default() };
            pyramid.push(max_pool2d(&pyramid[LEVELS - 1], &every_second)?);
        }
        Ok(pyramid)
    }
}
