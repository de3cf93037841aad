//! The slim backbone: a small residual network with group normalisation.

use super::layers::{First, convolution, through};
use crate::{Result, config};
use candle_core::Tensor;
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

/// The stem and the four stages.
#[derive(Debug, Clone)]
pub(super) struct Slim {
    stem: (Conv2d, GroupNorm),
    stages: Vec<Block>,
}

impl Slim {
    pub fn new(config: &config::Slim, vb: &VarBuilder) -> Result<Self> {
        let config::Slim { stem, stages, groups } = config;
        let norm = GroupNormConfig { groups: *groups, ..GroupNormConfig::default() };
        let first = convolution([3, *stem, 5, 2], First::FanOut, false, &vb.pp("conv1"))?;
        let mut blocks = Vec::with_capacity(stages.len());
        let mut inputs = *stem;
        for (at, &outputs) in stages.iter().enumerate() {
            let vb = vb.pp(format!("layer{}.0", at + 1));
            blocks.push(Block::new(inputs, outputs, *groups, &vb)?);
            inputs = outputs;
        }
        Ok(Self { stem: (first, group_norm(*stem, norm, vb.pp("bn1"))?), stages: blocks })
    }

    /// What comes out of each stage.
    pub fn forward(&self, x: &Tensor) -> Result<Vec<Tensor>> {
        let (convolution, norm) = &self.stem;
        let mut x = relu(&through(norm, &through(convolution, x)?)?)?;
        let mut levels = Vec::with_capacity(self.stages.len());
        for stage in &self.stages {
            x = stage.forward(&x)?;
            levels.push(x.clone());
        }
        Ok(levels)
    }
}
