//! The settings of a run, as they stand in a configuration file.

use crate::config::{ConvolutionConfig, RecurrentConfig};
use crate::frontend::{BothConfig, FrontEnd, LogMelConfig, RawConfig};
use crate::masks::Masks;
use crate::objective::{AttentionConfig, Objective, TransducerConfig};
use crate::perturbation::Perturbation;
use crate::surroundings::SurroundingsConfig;
use crate::{Alphabet, Config, Result};
use conv_hub::InvalidField;
use conv_train::FitConfig;
use conv_train::batch::{BatchSize, Batching};
use conv_train::optim::{Adam, Group, OptimizerConfig};
use conv_train::{Decay, Interval, Schedule};
use serde::{Deserialize, Serialize};

/// A training run's settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Recipe {
    /// How samples become features.
    pub front_end: FrontEnd,
    /// Convolutions over frequency and time.
    pub convolutions: Vec<ConvolutionConfig>,
    /// Neighbouring frames of the convolutions that become one step.
    pub stack: usize,
    /// Numbers to which the maps of a step are reduced.
    pub reduction: Option<usize>,
    /// The recurrent layers.
    pub recurrent: RecurrentConfig,
    /// Units of the dense layers behind the recurrent ones.
    pub dense: Vec<usize>,
    /// Dropout before, between and behind the recurrent layers.
    pub dropout: f64,
    /// What the network is trained for.
    pub objective: Objective,
    /// What a transducer has besides the encoder, where that is the objective.
    pub transducer: TransducerConfig,
    /// What attention has besides the encoder, where that is the objective.
    pub attention: AttentionConfig,
    /// ε: the share of each letter that attention learns of all others alike (Szegedy et al. 2016,
    /// section 7).
    pub label_smoothing: f64,
    /// Texts that a transducer or attention follows at a time when it writes.
    pub beam: usize,
    /// Whether words of one letter have classes of their own ([`Alphabet::with_spelled`]).
    pub spelled_apart: bool,
    /// Speed, vocal tract and loudness of recordings in training.
    pub perturbation: Perturbation,
    /// Noises and rooms in training.
    pub surroundings: SurroundingsConfig,
    /// Masks over the features.
    pub masks: Masks,
    /// The loop's settings.
    pub fit: FitConfig,
}

impl Default for Recipe {
    fn default() -> Self {
        Self::small(FrontEnd::LogMel(LogMelConfig::default()))
    }
}

impl Recipe {
    /// What trains on two cores: two convolutions that reduce time by 4, and a layer of long
    /// short-term memory in both directions.
    pub fn small(front_end: FrontEnd) -> Self {
        let convolution =
            |maps| ConvolutionConfig { maps, kernel: [5, 5], stride: [2, 2], pool: 1 };
        // A filter's numbers are some hundredths: at the others' rate some steps of Adam would undo
        // its start.
        let slow =
            Group { prefix: "frontend.filters.".into(), rate: 0.03, weight_decay: Some(0.0) };
        let groups = if front_end.raw().is_some() { vec![slow] } else { Vec::new() };
        Self {
            front_end,
            convolutions: vec![convolution(16), convolution(24)],
            stack: 1,
            reduction: None,
            recurrent: RecurrentConfig {
                layers: 1,
                units: 64,
                bidirectional: true,
                projection: None,
            },
            dense: Vec::new(),
            dropout: 0.2,
            objective: Objective::Ctc,
            transducer: TransducerConfig { embedding: 32, units: 96, joint: 96 },
            attention: AttentionConfig {
                embedding: 32,
                units: 96,
                energies: 96,
                filters: 8,
                width: 31,
                ctc_weight: 0.3,
            },
            label_smoothing: 0.1,
            beam: 1,
            spelled_apart: false,
            perturbation: Perturbation::default(),
            surroundings: SurroundingsConfig::default(),
            masks: Masks { frequency: 1, frequency_width: 8, time: 1, time_width: 8 },
            fit: FitConfig {
                epochs: 30,
                batching: Batching { size: BatchSize::Examples(3), window: 20 },
                optimizer: OptimizerConfig::Adam(Adam::w()),
                learning_rate: 4e-3,
                schedule: Schedule {
                    warmup_steps: 20,
                    decay: Decay::Cosine { steps: None, floor: 0.0 },
                },
                clip_norm: Some(1.0),
                evaluate_every: Interval::Epochs(5),
                groups,
                ..FitConfig::default()
            },
        }
    }

    /// The same for another objective. A transducer and attention have to find out what to listen
    /// to, and take twice the epochs; where batches are small a transducer's are of one recording
    /// each.
    #[must_use]
    pub fn with_objective(mut self, objective: Objective) -> Self {
        self.objective = objective;
        if objective != Objective::Ctc {
            self.fit.epochs *= 2;
        }
        let size = &mut self.fit.batching.size;
        if objective == Objective::Rnnt && *size == BatchSize::Examples(3) {
            *size = BatchSize::Examples(1);
        }
        self
    }

    /// Convolutions alone, which hear three quarters of a second around each step: for sound as it
    /// comes.
    pub fn convolutional(front_end: FrontEnd) -> Self {
        let convolution =
            |maps, width, stride| ConvolutionConfig { maps, kernel: [5, width], stride, pool: 1 };
        let small = Self::small(front_end);
        Self {
            convolutions: vec![
                convolution(16, 5, [2, 2]),
                convolution(24, 5, [2, 2]),
                convolution(24, 9, [2, 1]),
                convolution(32, 9, [2, 1]),
            ],
            recurrent: RecurrentConfig { layers: 0, ..small.recurrent },
            ..small
        }
    }

    /// For some hundred sentences of many speakers, and an hour of one core: three recurrent layers
    /// behind a reduction of time by 4, spelled letters apart, and recordings changed each time as
    /// if by other speakers.
    pub fn medium(front_end: FrontEnd) -> Self {
        let small = Self::small(front_end);
        let convolution = ConvolutionConfig { maps: 32, kernel: [5, 5], stride: [2, 2], pool: 1 };
        Self {
            convolutions: vec![convolution; 2],
            recurrent: RecurrentConfig { layers: 3, units: 160, ..small.recurrent },
            dropout: 0.3,
            spelled_apart: true,
            perturbation: Perturbation { speed: [0.87, 1.14], warp: 0.12, gain: 6.0 },
            masks: Masks { frequency: 2, frequency_width: 8, time: 2, time_width: 20 },
            fit: FitConfig {
                epochs: 46,
                batching: Batching { size: BatchSize::Examples(12), window: 20 },
                optimizer: OptimizerConfig::Adam(Adam { weight_decay: 0.05, ..Adam::w() }),
                learning_rate: 2e-3,
                schedule: Schedule { warmup_steps: 200, ..small.fit.schedule },
                evaluate_every: Interval::Epochs(2),
                average: 4,
                ..small.fit
            },
            ..small
        }
    }

    /// The CLDNN of Sainath et al. (2015) with fewer units of everything, which two cores train:
    /// one convolution over frequency, three recurrent layers that read forward, one dense layer.
    /// Four frames are a step, so that CTC has not more of them than it needs; all else as
    /// `medium`.
    pub fn cldnn(front_end: FrontEnd) -> Self {
        let recurrent =
            RecurrentConfig { layers: 3, units: 224, bidirectional: false, projection: Some(128) };
        Self {
            convolutions: vec![Self::over_frequency(32)],
            stack: 4,
            reduction: Some(128),
            recurrent,
            dense: vec![256],
            ..Self::medium(front_end)
        }
    }

    /// The same with the paper's sizes: 256 maps, reduced to 256 numbers, three layers of 832 units
    /// projected to 512, and 1,024 units behind them.
    pub fn paper(front_end: FrontEnd) -> Self {
        let recurrent =
            RecurrentConfig { layers: 3, units: 832, bidirectional: false, projection: Some(512) };
        Self {
            convolutions: vec![Self::over_frequency(256)],
            reduction: Some(256),
            recurrent,
            dense: vec![1024],
            ..Self::cldnn(front_end)
        }
    }

    /// Filters of eight features of one frame each, of which the largest of each three is kept.
    fn over_frequency(maps: usize) -> ConvolutionConfig {
        ConvolutionConfig { maps, kernel: [8, 1], stride: [1, 1], pool: 3 }
    }

    /// Both front ends beside each other.
    pub fn both() -> FrontEnd {
        let raw = RawConfig { stride: 4, ..RawConfig::default() };
        FrontEnd::Both(BothConfig { raw, ..BothConfig::default() })
    }

    /// The front end over the waveform of Sainath et al. (2015), each fourth sample of which begins
    /// a filter's place.
    pub fn raw() -> FrontEnd {
        FrontEnd::Raw(RawConfig { stride: 4, ..RawConfig::default() })
    }

    pub(crate) fn check(&self) -> Result<()> {
        let fits = (0.0..1.0).contains(&self.label_smoothing);
        let expected = "at least 0 and less than 1";
        InvalidField::unless(fits, "label_smoothing", &self.label_smoothing, expected)?;
        self.perturbation.check()?;
        self.masks.check()?;
        Ok(self.fit.check()?)
    }

    /// Whether recordings are others in each epoch.
    pub(crate) fn changes_recordings(&self) -> bool {
        !self.perturbation.is_none() || !self.surroundings.is_none()
    }

    pub(crate) fn network(&self, rate: u32, letters: Alphabet) -> Config {
        Config {
            rate,
            front_end: self.front_end.clone(),
            convolutions: self.convolutions.clone(),
            stack: self.stack,
            reduction: self.reduction,
            recurrent: self.recurrent,
            dense: self.dense.clone(),
            dropout: self.dropout,
            objective: self.objective,
            transducer: (self.objective == Objective::Rnnt).then_some(self.transducer),
            attention: (self.objective == Objective::Attention).then_some(self.attention),
            beam: if self.objective == Objective::Ctc { 1 } else { self.beam },
            letters,
            decoding: None,
        }
    }
}
