//! Feature-wise linear modulation (Perez et al. 2018, "FiLM: Visual Reasoning with a General
//! Conditioning Layer").

use super::layers::{Classifier, Reader, Stem, plain_norm, with_coordinates};
use super::{Asked, Config, Head};
use crate::Result;
use candle_core::{Module, Tensor};
use conv_core::{Conv2dConfig, Padding2d, conv2d_relu, global_max_pool};
use conv_nn::{BatchNorm, Conv2d, Linear, Mode, VarBuilder, conv2d, linear, relu};

/// A residual block (figure 3, right): a rectified convolution of 1×1 over places that say where
/// they are, then one of 3×3, normalised, modulated by the question and rectified, is added to the
/// first.
#[derive(Debug)]
struct Block {
    first: Conv2d,
    second: Conv2d,
    norm: BatchNorm,
}

/// The stem, blocks that the question modulates, and the largest of each channel over the places.
#[derive(Debug)]
pub(super) struct Film {
    reader: Reader,
    stem: Stem,
    modulation: Linear,
    blocks: Vec<Block>,
    last: Conv2d,
    classifier: Classifier,
    channels: usize,
}

impl Film {
    pub fn new(config: &Config, vb: &VarBuilder) -> Result<Self> {
        let channels = config.channels;
        let padded = Conv2dConfig { padding: Padding2d::all(1), ..Conv2dConfig::default() };
        let mut blocks = Vec::new();
        for at in 0..config.steps {
            let vb = vb.pp(format!("blocks.{at}"));
            let one = Conv2dConfig::default();
            let three = padded;
            blocks.push(Block {
                first: conv2d(channels + 2, channels, (1, 1), one, vb.pp("first"))?,
                second: conv2d(channels, channels, (3, 3), three, vb.pp("second"))?,
                norm: plain_norm(channels, &vb.pp("norm"))?,
            });
        }
        // The blocks have the coordinates, whatever the stem has.
        let stem = Config { coordinates: false, ..config.clone() };
        let inputs = channels + 2;
        let one = Conv2dConfig::default();
        Ok(Self {
            reader: Reader::new(config, false, vb)?,
            stem: Stem::new(&stem, vb)?,
            modulation: linear(config.units, 2 * channels * config.steps, vb.pp("modulation"))?,
            blocks,
            last: conv2d(inputs, config.hidden, (1, 1), one, vb.pp("last"))?,
            classifier: Classifier::new(config.hidden, config, vb)?,
            channels,
        })
    }
}

impl Film {
    /// What the largest of each channel are taken from, `[N, F, H, W]`.
    fn modulated(&self, asked: &Asked, mode: &mut Mode) -> Result<Tensor> {
        let (_, question) = self.reader.forward(asked, mode)?;
        let modulation = self.modulation.forward(&question)?;
        let of = |at: usize| {
            let part = modulation.narrow(1, at * self.channels, self.channels)?;
            part.contiguous()?.reshape((asked.len(), self.channels, 1, 1))
        };
        let x = self.stem.forward(asked, mode)?;
        // What no question has changed yet is computed once a picture.
        let mut seen = Some(asked.of_map.clone());
        let mut x = x;
        for (at, block) in self.blocks.iter().enumerate() {
            let first = rectified(&block.first, &with_coordinates(&x)?)?;
            let second = block.second.forward(&first)?;
            let [mut first, mut second] = [first, second];
            if let Some(of_map) = seen.take() {
                first = first.index_select(&of_map, 0)?;
                second = second.index_select(&of_map, 0)?;
            }
            let second = block.norm.forward(&second, mode)?;
            // γ is 1 and what the question says (section 3.3).
            let gamma = (of(2 * at)? + 1.0)?;
            let beta = of(2 * at + 1)?;
            let second = relu(&second.broadcast_mul(&gamma)?.broadcast_add(&beta)?)?;
            x = (first + second)?;
        }
        rectified(&self.last, &with_coordinates(&x)?)
    }
}

impl Head for Film {
    fn logits(&self, asked: &Asked, mode: &mut Mode) -> Result<Tensor> {
        let last = self.modulated(asked, mode)?;
        self.classifier.forward(&global_max_pool(&last)?, mode)
    }

    /// One step: the share of the channels that are largest at each place (section 4.2).
    fn attention(&self, asked: &Asked) -> Result<Option<Tensor>> {
        let last = self.modulated(asked, &mut Mode::Eval)?;
        let (count, channels, rows, columns) = last.dims4()?;
        let largest = last.flatten_from(2)?.argmax(2)?.to_vec2::<u32>()?;
        let mut shares = vec![0f32; count * rows * columns];
        for (shares, largest) in shares.chunks_exact_mut(rows * columns).zip(largest) {
            largest.iter().for_each(|&place| shares[place as usize] += 1.0 / channels as f32);
        }
        Ok(Some(Tensor::from_vec(shares, (count, 1, rows, columns), last.device())?))
    }
}

fn rectified(layer: &Conv2d, x: &Tensor) -> Result<Tensor> {
    Ok(conv2d_relu(x, layer.weight(), layer.bias(), layer.config())?)
}
