//! The network: front end, convolutions over frequency and time, recurrent layers, one linear layer.

use crate::attention::{Attention, attention};
use crate::config::{ConvolutionConfig, RecurrentConfig};
use crate::frontend::{FrontEnd, LogMel, RawWaveform, raw_waveform};
use crate::transducer::{Transducer, transducer};
use crate::{Config, Result};
use candle_core::{Device, Module, Tensor};
use conv_core::{Conv2dConfig, Padding2d, Pool2dConfig, Precision, max_pool2d};
use conv_hub::ModelConfig;
use conv_nn::{
    Conv2d, Init, LayerNorm, LayerNormConfig, Linear, Lstm, LstmConfig, LstmState, Mode,
    VarBuilder, conv2d, dropout, keep_first, layer_norm, linear, lstm, relu,
};

/// Utterances as the network takes them: features of a fixed front end, or samples for one that is learnt.
#[derive(Debug, Clone)]
pub struct Batch {
    /// Features `[B, F, T]` or samples `[B, S]`, with zeros behind the shorter ones.
    pub inputs: Tensor,
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

/// The convolutional, long short-term memory, deep network of Sainath et al. (2015), which with log-mel features and strides in time is
/// the encoder of Battenberg et al. (2017) too.
///
/// A sample of a batch gives what it gives alone: each layer sees zeros behind its end, as it does behind an utterance without others.
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

/// Builds the network. `statistics` are what features are made alike by at first; stored ones take their place.
///
/// Parameters: `frontend.filters.weight` `[P, 1, N]` of a raw front end, buffers `frontend.mean`
/// and `frontend.deviation` `[F]`, `convolutions.{i}.weight` and `bias`, `norm.weight` and `bias`,
/// `reduction.weight` and `bias` where there is one, `recurrent.…` as [`Lstm`] has them, where
/// there are such layers, `output.weight` `[V, H]` and `bias`; of a transducer in place of these
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
    let mut channels = 1;
    let mut convolutions = Vec::new();
    for (i, layer) in config.convolutions.iter().enumerate() {
        let ConvolutionConfig { maps, kernel: [height, width], stride: [down, along], .. } = *layer;
        let [vertical, horizontal] = [height / 2, width / 2];
        let padding =
            Padding2d { top: vertical, bottom: vertical, left: horizontal, right: horizontal };
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
    let of_ctc = || linear(config.outputs(), config.letters.classes(), vb.pp("output"));
    Ok(Cldnn {
        raw: match &config.front_end {
            FrontEnd::Raw(raw) => Some(raw_waveform(raw, config.rate, &of_front_end)?),
            FrontEnd::LogMel(_) => None,
        },
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

    /// Of each step what the network makes of it; behind an utterance's own [`Cldnn::steps`] it is nothing. With CTC these are logits
    /// `[B, T', V]`, of a transducer and of attention the encoder's outputs `[B, T', H]`.
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
        let x = match self.recurrent {
            Some(_) => dropout(&x, self.config.dropout, mode)?,
            None => x,
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
        let mut x = features.unsqueeze(1)?;
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
        let x = self.norm.forward(&x)?;
        Ok(match &self.reduction {
            Some(reduction) => reduction.at(precision).forward(&x)?,
            None => x,
        })
    }

    /// What the recurrent layers make of it, from a state on; of a network without them the same.
    pub(crate) fn heard_around(
        &self,
        x: &Tensor,
        lengths: Option<&[usize]>,
        state: Option<&LstmState>,
        mode: &mut Mode,
    ) -> Result<(Tensor, Option<LstmState>)> {
        let Some(recurrent) = &self.recurrent else { return Ok((x.clone(), None)) };
        let (x, state) = recurrent.forward(x, lengths, state, mode)?;
        Ok((x, Some(state)))
    }

    /// With CTC logits `[B, T', V]` of the recurrent layers' outputs; a transducer and attention
    /// take them as they are.
    pub(crate) fn classified(&self, x: &Tensor, mode: &Mode) -> Result<Tensor> {
        match &self.output {
            Output::Ctc(output) => Ok(output.at(precision(mode)).forward(x)?),
            Output::Rnnt(_) | Output::Attention(..) => Ok(x.clone()),
        }
    }

    /// Features `[B, F, T]`, of mean 0 and deviation 1 over the training set; zeros behind an utterance's end.
    ///
    /// # Errors
    /// As [`Cldnn::forward`].
    pub fn features(&self, batch: &Batch, mode: &Mode) -> Result<Tensor> {
        let x = match &self.raw {
            Some(raw) => raw.forward(&batch.inputs, precision(mode))?,
            None => batch.inputs.clone(),
        };
        let column = (1, x.dim(1)?, 1);
        let Statistics { mean, deviation } = &self.statistics;
        let x = x.broadcast_sub(&mean.reshape(column)?)?;
        Ok(keep_first(&x.broadcast_div(&deviation.reshape(column)?)?, &batch.frames)?)
    }
}

/// Puts utterances into batches: what can be computed before training, once, is `prepared` to be.
#[derive(Debug)]
pub(crate) struct Preparation {
    log_mel: Option<LogMel>,
    front_end: FrontEnd,
    rate: u32,
}

/// An utterance ready for a batch: features `[F, T]` or samples.
#[derive(Debug, Clone)]
pub(crate) struct Prepared {
    pub values: Vec<f32>,
    pub frames: usize,
}

impl Preparation {
    pub fn new(front_end: &FrontEnd, rate: u32) -> Self {
        let log_mel = match front_end {
            FrontEnd::LogMel(config) => Some(LogMel::new(config, rate)),
            FrontEnd::Raw(_) => None,
        };
        Self { log_mel, front_end: front_end.clone(), rate }
    }

    pub fn prepare(&self, samples: &[f32]) -> Prepared {
        self.prepare_warped(samples, 1.0)
    }

    /// The same with mel filters that stand `warp` times as high.
    pub fn prepare_warped(&self, samples: &[f32], warp: f64) -> Prepared {
        let values = match &self.log_mel {
            Some(log_mel) if warp != 1.0 => log_mel.warped(warp).features(samples),
            Some(log_mel) => log_mel.features(samples),
            None => samples.to_vec(),
        };
        Prepared { values, frames: self.front_end.frames(samples.len(), self.rate) }
    }

    pub fn batch(&self, utterances: &[&Prepared], device: &Device) -> Result<Batch> {
        let rows = if self.log_mel.is_some() { self.front_end.features() } else { 1 };
        let width = |one: &Prepared| one.values.len() / rows;
        let longest = utterances.iter().map(|one| width(one)).max().unwrap_or(0);
        let mut inputs = vec![0f32; utterances.len() * rows * longest];
        for (utterance, to) in utterances.iter().zip(inputs.chunks_mut((rows * longest).max(1))) {
            let width = width(utterance).max(1);
            for (row, to) in utterance.values.chunks(width).zip(to.chunks_mut(longest)) {
                to[..width].copy_from_slice(row);
            }
        }
        let count = utterances.len();
        let inputs = match self.log_mel {
            Some(_) => Tensor::from_vec(inputs, (count, rows, longest), device)?,
            None => Tensor::from_vec(inputs, (count, longest), device)?,
        };
        Ok(Batch { inputs, frames: utterances.iter().map(|one| one.frames).collect() })
    }
}
