//! The network: front end, convolutions over frequency and time, recurrent layers, one linear
//! layer.

use crate::attention::{Attention, attention};
use crate::config::{ConvolutionConfig, RecurrentConfig};
use crate::frontend::{FrontEnd, LogMel, RawWaveform, raw_waveform};
use crate::transducer::{Transducer, transducer};
use crate::{Config, FeatureCache, Result};
use candle_core::{Device, Module, Tensor};
use conv_core::{Conv2dConfig, Padding2d, Pool2dConfig, Precision, max_pool2d};
use conv_hub::ModelConfig;
use conv_nn::{
    Conv2d, Init, LayerNorm, LayerNormConfig, Linear, Lstm, LstmConfig, LstmState, Mode,
    VarBuilder, conv2d, dropout, keep_first, layer_norm, linear, lstm, relu,
};

/// Utterances as the network takes them: features of a fixed front end, samples for one that is
/// learnt, or both.
#[derive(Debug, Clone)]
pub struct Batch {
    /// Log-mel energies `[B, F, T]`, with zeros behind the shorter ones.
    pub log_mel: Option<Tensor>,
    /// Samples `[B, S]`, with zeros behind the shorter ones.
    pub samples: Option<Tensor>,
    /// Frames of each.
    pub frames: Vec<usize>,
}

/// Mean and standard deviation of each feature over the training set, `[F]`.
#[derive(Debug, Clone)]
pub struct Statistics {
    /// Means.
    pub mean: Tensor,
    /// Standard deviations.
    pub deviation: Tensor,
}

/// The convolutional, long short-term memory, deep network of Sainath et al. (2015), which with
/// log-mel features and strides in time is the encoder of Battenberg et al. (2017) too.
///
/// A sample of a batch gives what it gives alone: each layer sees zeros behind its end, as it does
/// behind an utterance without others.
///
/// # Shapes
/// `[B, F, T]` features → `[B, T', V]` logits of CTC's blank and the letters, or `[B, T', H]` for a
/// transducer or attention.
#[derive(Debug, Clone)]
pub struct Cldnn {
    raw: Option<RawWaveform>,
    statistics: Statistics,
    convolutions: Vec<Conv2d>,
    norm: LayerNorm,
    reduction: Option<Linear>,
    recurrent: Option<Lstm>,
    dense: Vec<Linear>,
    output: Output,
    config: Config,
}

/// What comes behind the encoder.
#[derive(Debug, Clone)]
pub(crate) enum Output {
    /// Of each step the logits of CTC's blank and the letters.
    Ctc(Linear),
    Rnnt(Transducer),
    /// The decoder, and what it has of CTC where that counts too.
    Attention(Attention, Option<Linear>),
}

/// Builds the network. `statistics` are what features are made alike by at first; stored ones take
/// their place.
///
/// Parameters: `frontend.filters.weight` `[P, 1, N]` of a raw front end, buffers `frontend.mean`
/// and `frontend.deviation` `[F]`, `convolutions.{i}.weight` and `bias`, `norm.weight` and `bias`,
/// `reduction.weight` and `bias` where there is one, `recurrent.…` as [`Lstm`] has them, where
/// there are such layers, `dense.{i}.weight` and `bias` of those behind them, `output.weight`
/// `[V, H]` and `bias`; of a transducer in place of these
/// `transducer.…` (`embedding.weight` `[V, E]`, `recurrent.…`, `encoder`, `prediction` and
/// `output`, each with `weight` and `bias`), and with attention `attention.…` (`embedding.weight`
/// `[V, E]`, `recurrent.…`, `heard`, `hidden` and `output`, each with `weight` and `bias`, and the
/// `weight` of `asked`, `energy`, `filters` and `places`), beside `output` where CTC counts.
///
/// # Errors
/// A configuration out of range, or stored weights of another shape.
pub fn cldnn(config: &Config, statistics: Option<&Statistics>, vb: &VarBuilder) -> Result<Cldnn> {
    config.check()?;
    let features = config.front_end.features();
    let of_front_end = vb.pp("frontend");
    let buffer = |name: &str, given: Option<&Tensor>, constant| {
        let init = given.map_or(Init::Const(constant), |given| Init::Value(given.clone()));
        of_front_end.get_with_hints(features, name, Init::Buffer(Box::new(init)))
    };
    let mut channels = config.front_end.maps();
    let mut convolutions = Vec::new();
    for (i, layer) in config.convolutions.iter().enumerate() {
        let ConvolutionConfig { maps, kernel: [height, width], stride: [down, along], .. } = *layer;
        // What is around a feature; of an even number one more above it.
        let top = (height - 1) / 2;
        let bottom = height / 2;
        let side = width / 2;
        let padding = Padding2d { top, bottom, left: side, right: side };
        let layout = Conv2dConfig { stride: (down, along), padding, ..Conv2dConfig::default() };
        let vb = vb.pp("convolutions").pp(i);
        convolutions.push(conv2d(channels, maps, (height, width), layout, vb)?);
        channels = maps;
    }
    let maps = config.maps();
    let reduction = config.reduction.map(|size| linear(maps, size, vb.pp("reduction")));
    let RecurrentConfig { layers, units, bidirectional, projection } = config.recurrent;
    let stack =
        LstmConfig { layers, bidirectional, projection, dropout: config.dropout, bias: true };
    let inputs = config.reduction.unwrap_or(maps);
    let mut dense = Vec::new();
    let mut below = config.heard();
    for (i, &units) in config.dense.iter().enumerate() {
        dense.push(linear(below, units, vb.pp("dense").pp(i))?);
        below = units;
    }
    let of_ctc = || linear(config.outputs(), config.letters.classes(), vb.pp("output"));
    Ok(Cldnn {
        raw: config
            .front_end
            .raw()
            .map(|raw| raw_waveform(raw, config.rate, &of_front_end))
            .transpose()?,
        statistics: Statistics {
            mean: buffer("mean", statistics.map(|s| &s.mean), 0.0)?,
            deviation: buffer("deviation", statistics.map(|s| &s.deviation), 1.0)?,
        },
        convolutions,
        norm: layer_norm(maps, LayerNormConfig::default(), vb.pp("norm"))?,
        reduction: reduction.transpose()?,
        recurrent: (layers > 0)
            .then(|| lstm(inputs, units, stack, vb.pp("recurrent")))
            .transpose()?,
        dense,
        output: match (&config.transducer, &config.attention) {
            (Some(sizes), _) => Output::Rnnt(transducer(sizes, config, &vb.pp("transducer"))?),
            (_, Some(sizes)) => {
                let decoder = attention(sizes, config, &vb.pp("attention"))?;
                Output::Attention(decoder, (sizes.ctc_weight > 0.0).then(of_ctc).transpose()?)
            }
            (None, None) => Output::Ctc(of_ctc()?),
        },
        config: config.clone(),
    })
}

/// Which of the fast kernels runs depends on the batch, and so would an utterance's sixth digit.
pub(crate) fn precision(mode: &Mode) -> Precision {
    match mode {
        Mode::Eval => Precision::Exact,
        Mode::Train(_) => Precision::Fast,
    }
}

impl Cldnn {
    /// What the network is made of.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The same network, written by so many texts at a time.
    pub(crate) fn with_beam(mut self, beam: usize) -> Self {
        self.config.beam = beam;
        self
    }

    /// The front end over the waveform, where it is one.
    pub fn raw(&self) -> Option<&RawWaveform> {
        self.raw.as_ref()
    }

    /// Steps of each utterance of a batch.
    pub fn steps(&self, batch: &Batch) -> Vec<usize> {
        batch.frames.iter().map(|&frames| self.config.steps(frames)).collect()
    }

    /// Of each step what the network makes of it; behind an utterance's own [`Cldnn::steps`] it is
    /// nothing. With CTC these are logits `[B, T', V]`, of a transducer and of attention the
    /// encoder's outputs `[B, T', H]`.
    ///
    /// # Errors
    /// A batch of other features than the front end's.
    pub fn forward(&self, batch: &Batch, mode: &mut Mode) -> Result<Tensor> {
        self.logits(&self.features(batch, mode)?, &batch.frames, mode)
    }

    /// The same of [`Cldnn::features`], of which each utterance has so many frames.
    ///
    /// # Errors
    /// As [`Cldnn::forward`].
    pub fn logits(&self, features: &Tensor, frames: &[usize], mode: &mut Mode) -> Result<Tensor> {
        let x = self.convolved(features, frames, mode)?;
        let lengths: Vec<usize> = frames.iter().map(|&frames| self.config.steps(frames)).collect();
        let x = dropout(&x, self.config.dropout, mode)?;
        let (x, _) = self.heard_around(&x, Some(&lengths), None, mode)?;
        let x = if self.recurrent.is_some() || !self.dense.is_empty() {
            dropout(&x, self.config.dropout, mode)?
        } else {
            x
        };
        self.classified(&x, mode)
    }

    /// What comes behind the encoder.
    pub(crate) fn output(&self) -> &Output {
        &self.output
    }

    /// What the convolutions make of features: `[B, T', H]`, of each step what is around it.
    pub(crate) fn convolved(
        &self,
        features: &Tensor,
        frames: &[usize],
        mode: &Mode,
    ) -> Result<Tensor> {
        let precision = precision(mode);
        let (batch, rows, longest) = features.dims3()?;
        let maps = self.config.front_end.maps();
        let mut x = features.reshape((batch, maps, rows / maps, longest))?;
        let mut lengths = frames.to_vec();
        for (convolution, layer) in self.convolutions.iter().zip(&self.config.convolutions) {
            lengths.iter_mut().for_each(|length| *length = length.div_ceil(layer.stride[1]));
            x = keep_first(&relu(&convolution.at(precision).forward(&x)?)?, &lengths)?;
            if layer.pool > 1 {
                let pool = Pool2dConfig { kernel: (layer.pool, 1), ..Pool2dConfig::default() };
                x = max_pool2d(&x, &pool)?;
            }
        }
        let (batch, maps, features, steps) = x.dims4()?;
        let x = x.reshape((batch, maps * features, steps))?.transpose(1, 2)?.contiguous()?;
        let x = match self.config.stack {
            1 => x,
            stack => {
                let behind = steps.next_multiple_of(stack) - steps;
                let x = x.pad_with_zeros(1, 0, behind)?;
                x.reshape((batch, steps.div_ceil(stack), stack * maps * features))?
            }
        };
        let x = self.norm.forward(&x)?;
        Ok(match &self.reduction {
            Some(reduction) => reduction.at(precision).forward(&x)?,
            None => x,
        })
    }

    /// What the recurrent layers make of it, from a state on, and the dense ones behind them; of a
    /// network without any the same.
    pub(crate) fn heard_around(
        &self,
        x: &Tensor,
        lengths: Option<&[usize]>,
        state: Option<&LstmState>,
        mode: &mut Mode,
    ) -> Result<(Tensor, Option<LstmState>)> {
        let (mut x, state) = match &self.recurrent {
            Some(recurrent) => {
                let (x, state) = recurrent.forward(x, lengths, state, mode)?;
                (x, Some(state))
            }
            None => (x.clone(), None),
        };
        let precision = precision(mode);
        for layer in &self.dense {
            x = relu(&layer.at(precision).forward(&x)?)?;
        }
        Ok((x, state))
    }

    /// With CTC logits `[B, T', V]` of the recurrent layers' outputs; a transducer and attention
    /// take them as they are.
    pub(crate) fn classified(&self, x: &Tensor, mode: &Mode) -> Result<Tensor> {
        match &self.output {
            Output::Ctc(output) => Ok(output.at(precision(mode)).forward(x)?),
            Output::Rnnt(_) | Output::Attention(..) => Ok(x.clone()),
        }
    }

    /// Features `[B, F, T]`, of mean 0 and deviation 1 over the training set; zeros behind an
    /// utterance's end.
    ///
    /// # Errors
    /// As [`Cldnn::forward`].
    pub fn features(&self, batch: &Batch, mode: &Mode) -> Result<Tensor> {
        let x = unordered(self.raw.as_ref(), batch, precision(mode))?;
        let column = (1, x.dim(1)?, 1);
        let Statistics { mean, deviation } = &self.statistics;
        let x = x.broadcast_sub(&mean.reshape(column)?)?;
        Ok(keep_first(&x.broadcast_div(&deviation.reshape(column)?)?, &batch.frames)?)
    }
}

/// The features of a batch `[B, F, T]` as the front end gives them.
pub(crate) fn unordered(
    raw: Option<&RawWaveform>,
    batch: &Batch,
    precision: Precision,
) -> Result<Tensor> {
    let learnt = match (raw, &batch.samples) {
        (Some(raw), Some(samples)) => Some(raw.forward(samples, precision)?),
        _ => None,
    };
    let all: Vec<&Tensor> = batch.log_mel.iter().chain(&learnt).collect();
    Ok(Tensor::cat(&all, 1)?)
}

/// Puts utterances into batches: what can be computed before training, once, is `prepared` to be.
#[derive(Debug)]
pub(crate) struct Preparation {
    log_mel: Option<LogMel>,
    front_end: FrontEnd,
    rate: u32,
}

/// An utterance ready for a batch.
#[derive(Debug, Clone)]
pub(crate) struct Prepared {
    /// Log-mel energies `[F, T]`; none where the front end has no use for them.
    pub log_mel: Vec<f32>,
    /// The same of samples.
    pub samples: Vec<f32>,
    pub frames: usize,
}

impl Prepared {
    /// All its numbers.
    pub fn values(&self) -> impl Iterator<Item = f32> {
        self.log_mel.iter().chain(&self.samples).copied()
    }
}

impl Preparation {
    pub fn new(front_end: &FrontEnd, rate: u32) -> Self {
        let log_mel = front_end.log_mel().map(|config| LogMel::new(config, rate));
        Self { log_mel, front_end: front_end.clone(), rate }
    }

    pub fn prepare(&self, samples: &[f32]) -> Prepared {
        self.prepare_warped(samples, 1.0)
    }

    /// The same with what is kept of it.
    pub fn prepare_once(&self, samples: &[f32], cache: Option<&FeatureCache>) -> Result<Prepared> {
        let (Some(cache), Some(config)) = (cache, self.front_end.log_mel()) else {
            return Ok(self.prepare(samples));
        };
        let frames = self.front_end.frames(samples.len(), self.rate);
        let make = || self.prepare(samples).log_mel;
        let count = config.filters * frames;
        let log_mel = cache.features(&self.front_end, self.rate, samples, count, make)?;
        Ok(Prepared { log_mel, samples: self.learnt_from(samples), frames })
    }

    fn learnt_from(&self, samples: &[f32]) -> Vec<f32> {
        if self.front_end.raw().is_some() { samples.to_vec() } else { Vec::new() }
    }

    /// The same with mel filters that stand `warp` times as high.
    pub fn prepare_warped(&self, samples: &[f32], warp: f64) -> Prepared {
        let frames = self.front_end.frames(samples.len(), self.rate);
        // From where the first frame's own window begins to where the last one's ends.
        let within = match frames.checked_sub(1) {
            Some(last) => {
                let [before, own] = self.front_end.log_mel_window(self.rate);
                &samples[before..][..last * self.front_end.hop(self.rate) + own]
            }
            None => &[],
        };
        let log_mel = match &self.log_mel {
            Some(log_mel) if warp != 1.0 => log_mel.warped(warp).features(within),
            Some(log_mel) => log_mel.features(within),
            None => Vec::new(),
        };
        Prepared { log_mel, samples: self.learnt_from(samples), frames }
    }

    pub fn batch(&self, utterances: &[&Prepared], device: &Device) -> Result<Batch> {
        let count = utterances.len();
        let log_mel = self.front_end.log_mel().map(|config| {
            let of: Vec<&[f32]> = utterances.iter().map(|one| &one.log_mel[..]).collect();
            let (values, longest) = padded(&of, config.filters);
            Tensor::from_vec(values, (count, config.filters, longest), device)
        });
        let samples = self.front_end.raw().map(|_| {
            let of: Vec<&[f32]> = utterances.iter().map(|one| &one.samples[..]).collect();
            let (values, longest) = padded(&of, 1);
            Tensor::from_vec(values, (count, longest), device)
        });
        Ok(Batch {
            log_mel: log_mel.transpose()?,
            samples: samples.transpose()?,
            frames: utterances.iter().map(|one| one.frames).collect(),
        })
    }
}

/// Tables of so many rows one behind the other, each row as long as the longest, with zeros behind
/// its own numbers; and how long that is.
fn padded(tables: &[&[f32]], rows: usize) -> (Vec<f32>, usize) {
    let longest = tables.iter().map(|table| table.len() / rows).max().unwrap_or(0);
    let mut all = vec![0f32; tables.len() * rows * longest];
    for (table, to) in tables.iter().zip(all.chunks_mut((rows * longest).max(1))) {
        let width = (table.len() / rows).max(1);
        for (row, to) in table.chunks(width).zip(to.chunks_mut(longest)) {
            to[..width].copy_from_slice(row);
        }
    }
    (all, longest)
}
