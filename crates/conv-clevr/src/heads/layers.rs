//! What heads share: the question's reader, what they make of the map, and the layers before the
//! answers.

use super::{Asked, Config, MapsOf};
use crate::{Error, Result};
use candle_core::{DType, Module, Tensor};
use conv_core::{Conv2dConfig, Padding2d};
use conv_nn::{
    BatchNorm, BatchNormConfig, Conv2d, Embedding, EmbeddingConfig, Init, Linear, Lstm, LstmConfig,
    Mode, VarBuilder, batch_norm, conv2d, dropout, embedding, linear, lstm, relu,
};
use std::ops::Range;

/// The bias of forget gates at first. Questions have up to some 45 words; with none a word is half
/// forgotten at each of those behind it (Jozefowicz et al. 2015, section 5).
const REMEMBERS: f32 = 2.0;

/// Words' vectors and an LSTM over them.
#[derive(Debug)]
pub(super) struct Reader {
    words: Embedding,
    layer: Lstm,
}

impl Reader {
    /// Of units in one direction or in both.
    pub fn new(config: &Config, bidirectional: bool, vb: &VarBuilder) -> Result<Self> {
        let padding = EmbeddingConfig { padding_index: Some(0) };
        let of = LstmConfig { bidirectional, ..LstmConfig::default() };
        let units = config.units;
        let question = vb.pp("question");
        // The gates are i, f, g, o.
        let bias = |unit: usize| if unit / units == 1 { REMEMBERS } else { 0.0 };
        let bias: Vec<f32> = (0..4 * units).map(bias).collect();
        let bias = Tensor::from_vec(bias, 4 * units, vb.device())?.to_dtype(vb.dtype())?;
        for direction in if bidirectional { &["", "_reverse"][..] } else { &[""] } {
            let name = format!("bias_ih_l0{direction}");
            question.get_with_hints(4 * units, &name, Init::Value(bias.clone()))?;
        }
        Ok(Self {
            words: embedding(config.words, config.embedding, padding, vb.pp("words"))?,
            layer: lstm(config.embedding, units, of, question)?,
        })
    }

    /// The outputs at each word, `[N, T, H]`, 0 behind the ends, and the last, `[N, H]`; of both
    /// directions side by side.
    pub fn forward(&self, asked: &Asked, mode: &mut Mode) -> Result<(Tensor, Tensor)> {
        let words = self.words.forward(&asked.words)?;
        let (outputs, state) = self.layer.forward(&words, Some(&asked.lengths), None, mode)?;
        let last = match state.h.dim(0)? {
            1 => state.h.get(0)?,
            _ => Tensor::cat(&[state.h.get(0)?, state.h.get(1)?], 1)?,
        };
        Ok((outputs, last))
    }
}

/// The map put in order, through a convolution of 3×3, batch normalisation and a rectifier; perhaps
/// with two channels that say where a place is.
#[derive(Debug)]
pub(super) struct Stem {
    maps: MapsOf,
    mean: Tensor,
    scale: Tensor,
    layer: Conv2d,
    norm: BatchNorm,
    coordinates: bool,
}

impl Stem {
    pub fn new(config: &Config, vb: &VarBuilder) -> Result<Self> {
        let Some(maps) = &config.maps else {
            let place = "config.json".into();
            let found = "no maps".into();
            return Err(Error::Empty { place, found, expected: "those that the head looks at" });
        };
        let channels = maps.shape[0];
        let row = |values: Vec<f32>| {
            Tensor::from_vec(values, (1, channels, 1, 1), vb.device())?.to_dtype(vb.dtype())
        };
        let of = Conv2dConfig {
            stride: (config.stride, config.stride),
            padding: Padding2d::all(1),
            ..Conv2dConfig::default()
        };
        let vb = vb.pp("stem");
        Ok(Self {
            mean: row(maps.mean.clone())?,
            scale: row(maps.deviation.iter().map(|deviation| 1.0 / deviation).collect())?,
            layer: conv2d(channels, config.channels, (3, 3), of, vb.pp("conv"))?,
            norm: batch_norm(config.channels, BatchNormConfig::default(), vb.pp("norm"))?,
            maps: maps.clone(),
            coordinates: config.coordinates,
        })
    }

    /// Channels of what comes out: those of the head and perhaps the coordinates.
    pub fn channels(config: &Config) -> usize {
        config.channels + if config.coordinates { 2 } else { 0 }
    }

    /// Of each picture, `[P, D, H, W]`.
    pub fn forward(&self, asked: &Asked, mode: &mut Mode) -> Result<Tensor> {
        let wrong = |found: String| Error::Empty {
            place: "maps".into(),
            found,
            expected: "those that the head learnt from",
        };
        let maps = asked.maps.as_ref().ok_or_else(|| wrong("none".into()))?;
        let shape = self.maps.shape;
        if maps.dims()[1..] != shape {
            return Err(wrong(format!("{:?} and not {shape:?}", &maps.dims()[1..])));
        }
        let x = maps.broadcast_sub(&self.mean)?.broadcast_mul(&self.scale)?;
        let x = self.norm.forward_relu(&self.layer.forward(&x)?, mode)?;
        if self.coordinates { with_coordinates(&x) } else { Ok(x) }
    }
}

/// With two more channels: the column and the row, from -1 to 1 (Perez et al. 2018, section 3.2).
pub(super) fn with_coordinates(x: &Tensor) -> Result<Tensor> {
    let (count, _, rows, columns) = x.dims4()?;
    let along = |places: usize| {
        let middle = (places.max(2) - 1) as f32 / 2.0;
        (0..places).map(move |place| (place as f32 - middle) / middle)
    };
    let across = along(rows).flat_map(|_| along(columns));
    let down = along(rows).flat_map(|row| std::iter::repeat_n(row, columns));
    let values: Vec<f32> = across.chain(down).collect();
    let places = Tensor::from_vec(values, (1, 2, rows, columns), x.device())?;
    let places = places.to_dtype(x.dtype())?.broadcast_as((count, 2, rows, columns))?;
    Ok(Tensor::cat(&[x, &places.contiguous()?], 1)?)
}

/// Maps `[P, D, H, W]` as rows of their places, `[P, H·W, D]`.
pub(super) fn places(x: &Tensor) -> Result<Tensor> {
    Ok(x.flatten_from(2)?.transpose(1, 2)?.contiguous()?)
}

/// What each question reads of its picture's places, `[P, S, D]`, by its attention `[N, S]`: `[N,
/// D]`. Questions about a picture are multiplied together, so that nothing of the places' size is
/// made for each.
pub(super) fn read(asked: &Asked, attention: &Tensor, places: &Tensor) -> Result<Tensor> {
    let of = |(map, questions): &(usize, Range<usize>)| {
        attention.narrow(0, questions.start, questions.len())?.matmul(&places.get(*map)?)
    };
    let read = asked.groups.iter().map(of).collect::<candle_core::Result<Vec<_>>>()?;
    Ok(Tensor::cat(&read, 0)?)
}

/// Batch normalisation without weight and bias, which what comes behind it has.
pub(super) fn plain_norm(channels: usize, vb: &VarBuilder) -> Result<BatchNorm> {
    let constant = |value: f64| {
        let ones = Tensor::ones(channels, DType::F32, vb.device())?;
        ones.affine(value, 0.0)?.to_dtype(vb.dtype())
    };
    let buffer =
        |name, value| vb.get_with_hints(channels, name, Init::Buffer(Box::new(Init::Const(value))));
    let mean = buffer("running_mean", 0.0)?;
    let var = buffer("running_var", 1.0)?;
    Ok(BatchNorm::new(constant(1.0)?, constant(0.0)?, mean, var, BatchNormConfig::default()))
}

/// A rectified layer, dropout, and the answers.
#[derive(Debug)]
pub(super) struct Classifier {
    hidden: Linear,
    answers: Linear,
    dropout: f64,
}

impl Classifier {
    pub fn new(inputs: usize, config: &Config, vb: &VarBuilder) -> Result<Self> {
        let vb = vb.pp("classifier");
        Ok(Self {
            hidden: linear(inputs, config.hidden, vb.pp("hidden"))?,
            answers: linear(config.hidden, config.answers, vb.pp("answers"))?,
            dropout: config.dropout,
        })
    }

    /// The logits `[N, A]`.
    pub fn forward(&self, x: &Tensor, mode: &mut Mode) -> Result<Tensor> {
        let hidden = relu(&self.hidden.forward(x)?)?;
        Ok(self.answers.forward(&dropout(&hidden, self.dropout, mode)?)?)
    }
}
