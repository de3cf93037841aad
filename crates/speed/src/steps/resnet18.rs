//! The residual network of 18 layers (He et al. 2016, table 1), with projections where shapes
//! change (option B of section 3.3).

use super::{Task, numbers};
use anyhow::Result;
use candle_core::{Device, Module, Tensor};
use conv_core::{Conv2dConfig, Padding2d, Pool2dConfig, global_avg_pool, max_pool2d};
use conv_nn::{
    BatchNorm, Conv2d, Init, Linear, Mode, VarBuilder, add_relu, batch_norm, cross_entropy, linear,
};

const BATCH: usize = 16;
const SIDE: usize = 112;
const CLASSES: usize = 1000;
/// Different batches, which are learned by heart.
const BATCHES: u64 = 2;

/// Random images, and the network that learns them.
pub struct Classification {
    /// Images `[B, 3, H, W]` and their classes `[B]`.
    batches: Vec<[Tensor; 2]>,
    stem: Normalised,
    blocks: Vec<Block>,
    output: Linear,
}

/// A convolution and its batch normalisation.
struct Normalised {
    convolution: Conv2d,
    norm: BatchNorm,
}

/// relu(F(x) + x) (figure 2).
struct Block {
    first: Normalised,
    second: Normalised,
    shortcut: Option<Normalised>,
}

impl Normalised {
    /// First values are normal, of variance 2 over what an input is summed into, as torchvision's.
    fn new(channels: [usize; 2], kernel: usize, stride: usize, vb: &VarBuilder) -> Result<Self> {
        let [inputs, outputs] = channels;
        let fan_out = (outputs * kernel * kernel) as f64;
        let init = Init::Normal { mean: 0.0, std: (2.0 / fan_out).sqrt() };
        let weight = vb.get_with_hints((outputs, inputs, kernel, kernel), "weight", init)?;
        let padding = Padding2d::all(kernel / 2);
        let config = Conv2dConfig { stride: (stride, stride), padding, ..Default::default() };
        let norm = batch_norm(outputs, Default::default(), vb.pp("norm"))?;
        Ok(Self { convolution: Conv2d::new(weight, None, config), norm })
    }

    fn forward(&self, x: &Tensor, mode: &mut Mode) -> Result<Tensor> {
        Ok(self.norm.forward(&self.convolution.forward(x)?, mode)?)
    }

    fn forward_relu(&self, x: &Tensor, mode: &mut Mode) -> Result<Tensor> {
        Ok(self.norm.forward_relu(&self.convolution.forward(x)?, mode)?)
    }
}

impl Block {
    fn new(channels: [usize; 2], stride: usize, vb: &VarBuilder) -> Result<Self> {
        let [inputs, outputs] = channels;
        let shortcut = (inputs != outputs)
            .then(|| Normalised::new(channels, 1, stride, &vb.pp("shortcut")))
            .transpose()?;
        Ok(Self {
            first: Normalised::new(channels, 3, stride, &vb.pp("first"))?,
            second: Normalised::new([outputs, outputs], 3, 1, &vb.pp("second"))?,
            shortcut,
        })
    }

    fn forward(&self, x: &Tensor, mode: &mut Mode) -> Result<Tensor> {
        let y = self.first.forward_relu(x, mode)?;
        let y = self.second.forward(&y, mode)?;
        let x = match &self.shortcut {
            Some(shortcut) => shortcut.forward(x, mode)?,
            None => x.clone(),
        };
        Ok(add_relu(&y, &x)?)
    }
}

impl Classification {
    /// With its parameters at their first values.
    pub fn new(vb: &VarBuilder) -> Result<Self> {
        let batch = |number: u64| {
            let levels = numbers(BATCH * 3 * SIDE * SIDE, 256, 2 * number);
            let pixels = levels.into_iter().map(|level| level as f32 / 64.0 - 2.0).collect();
            let classes = numbers(BATCH, CLASSES as u64, 2 * number + 1);
            Ok([
                Tensor::from_vec(pixels, (BATCH, 3, SIDE, SIDE), &Device::Cpu)?,
                Tensor::from_vec(classes, BATCH, &Device::Cpu)?,
            ])
        };
        let mut blocks = Vec::new();
        for (stage, channels) in
            [[64, 64], [64, 128], [128, 256], [256, 512]].into_iter().enumerate()
        {
            let [_, outputs] = channels;
            let stride = if stage == 0 { 1 } else { 2 };
            let vb = vb.pp("stages").pp(stage);
            blocks.push(Block::new(channels, stride, &vb.pp(0))?);
            blocks.push(Block::new([outputs, outputs], 1, &vb.pp(1))?);
        }
        Ok(Self {
            batches: (0..BATCHES).map(batch).collect::<Result<_>>()?,
            stem: Normalised::new([3, 64], 7, 2, &vb.pp("stem"))?,
            blocks,
            output: linear(512, CLASSES, vb.pp("output"))?,
        })
    }

    /// Logits, `[B, CLASSES]`.
    fn forward(&self, images: &Tensor, mode: &mut Mode) -> Result<Tensor> {
        let window = Pool2dConfig {
            kernel: (3, 3),
            stride: Some((2, 2)),
            padding: Padding2d::all(1),
            ..Default::default()
        };
        let mut x = max_pool2d(&self.stem.forward_relu(images, mode)?, &window)?;
        for block in &self.blocks {
            x = block.forward(&x, mode)?;
        }
        Ok(self.output.forward(&global_avg_pool(&x)?)?)
    }
}

impl Task for Classification {
    fn loss(&self, step: u64, mode: &mut Mode) -> Result<Tensor> {
        let [images, classes] = &self.batches[(step % BATCHES) as usize];
        Ok(cross_entropy(&self.forward(images, mode)?, classes, &Default::default())?)
    }
}
