//! The network's sizes.

use crate::frontend::FrontEnd;
use crate::objective::{AttentionConfig, Objective, TransducerConfig};
use crate::{Alphabet, Decoding};
use conv_hub::{InvalidField, ModelConfig};
use serde::{Deserialize, Serialize};

/// A convolution over frequency and time, with a rectifier behind it. Pairs are (frequency, time).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConvolutionConfig {
    /// Feature maps.
    pub maps: usize,
    /// Features and frames that a filter sees, of frames an odd number: the padding keeps what is
    /// around the middle of each.
    pub kernel: [usize; 2],
    /// Features and frames from one place to the next.
    #[serde(default = "one_by_one")]
    pub stride: [usize; 2],
    /// Features of which only the largest is kept, behind the rectifier; 1 keeps all.
    #[serde(default = "one")]
    pub pool: usize,
}

fn one_by_one() -> [usize; 2] {
    [1, 1]
}

fn one() -> usize {
    1
}

fn is_one(count: &usize) -> bool {
    *count == 1
}

/// The recurrent layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecurrentConfig {
    /// Layers of long short-term memory; 0 is a network of convolutions alone, which knows nothing
    /// beyond what its filters see (Collobert et al. 2016, "Wav2Letter").
    pub layers: usize,
    /// Units of each, in each direction.
    pub units: usize,
    /// Whether each layer also reads the utterance from its end, which is then to be heard as a
    /// whole.
    pub bidirectional: bool,
    /// Numbers that each direction's output is projected to, fewer than the units (Sak et al.
    /// 2014).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub projection: Option<usize>,
}

/// What the network is made of; saved as `config.json` under the model type `cldnn`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Samples a second, in Hz.
    pub rate: u32,
    /// How samples become features.
    pub front_end: FrontEnd,
    /// Convolutions over frequency and time.
    pub convolutions: Vec<ConvolutionConfig>,
    /// Neighbouring frames of the convolutions that become one step together, those behind the end
    /// being zeros (Sak et al. 2015, "Fast and Accurate Recurrent Neural Network Acoustic Models
    /// for Speech Recognition").
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub stack: usize,
    /// Numbers to which the maps of a step are reduced by a linear layer before the recurrent ones;
    /// they take all without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reduction: Option<usize>,
    /// The recurrent layers.
    pub recurrent: RecurrentConfig,
    /// Units of each of the dense layers behind the recurrent ones, with a rectifier behind each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dense: Vec<usize>,
    /// Probability with which a number is dropped in training, before, between and behind the
    /// recurrent layers.
    pub dropout: f64,
    /// What the last layer is trained for.
    #[serde(default)]
    pub objective: Objective,
    /// What a transducer has besides the encoder; nothing under another objective.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transducer: Option<TransducerConfig>,
    /// What a network with attention has besides the encoder; nothing under another objective.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attention: Option<AttentionConfig>,
    /// Texts that a transducer or attention follows at a time where there is no language model; of
    /// 1 each letter is the likeliest one.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub beam: usize,
    /// The letters that it writes.
    pub letters: Alphabet,
    /// How the language model of the model folder takes part; without it there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decoding: Option<Decoding>,
}

impl Config {
    /// Frames of the front end to a step of the network.
    pub fn time_reduction(&self) -> usize {
        self.stack * self.reduction_of_convolutions()
    }

    fn reduction_of_convolutions(&self) -> usize {
        self.convolutions.iter().map(|convolution| convolution.stride[1]).product()
    }

    /// T': steps of the network for so many frames of the front end. Each convolution rounds up,
    /// and so does stacking.
    pub fn steps(&self, frames: usize) -> usize {
        let shorter = |frames: usize, convolution: &ConvolutionConfig| {
            frames.div_ceil(convolution.stride[1].max(1))
        };
        self.convolutions.iter().fold(frames, shorter).div_ceil(self.stack.max(1))
    }

    /// Frames on each side of a step's own first one that it is made of, as the convolutions and
    /// stacking have it; to its left there may be fewer.
    pub fn around(&self) -> usize {
        let mut hop = 1;
        let mut around = 0;
        for ConvolutionConfig { kernel: [_, width], stride: [_, along], .. } in &self.convolutions {
            around += width / 2 * hop;
            hop *= along;
        }
        around + (self.stack - 1) * hop
    }

    /// Where a step begins, in seconds.
    pub fn seconds(&self, step: usize) -> f64 {
        let hop = self.front_end.hop(self.rate) * self.time_reduction();
        (step * hop) as f64 / f64::from(self.rate)
    }

    /// Whether CTC is trained, alone or beside attention.
    pub fn has_ctc(&self) -> bool {
        match self.objective {
            Objective::Ctc => true,
            Objective::Rnnt => false,
            Objective::Attention => self.attention.is_some_and(|sizes| sizes.ctc_weight > 0.0),
        }
    }

    /// Numbers of a step behind the convolutions and stacking.
    pub fn maps(&self) -> usize {
        let layers = self.convolutions.iter();
        let maps = self.front_end.maps();
        let (maps, features) =
            layers.fold((maps, self.front_end.features() / maps), |(_, features), convolution| {
                let [stride, _] = convolution.stride;
                (convolution.maps, features.div_ceil(stride.max(1)) / convolution.pool.max(1))
            });
        self.stack * maps * features
    }

    /// Numbers of a step behind the recurrent and the dense layers.
    pub fn outputs(&self) -> usize {
        self.dense.last().copied().unwrap_or_else(|| self.heard())
    }

    /// Numbers of a step behind the recurrent layers.
    pub(crate) fn heard(&self) -> usize {
        let RecurrentConfig { layers, units, bidirectional, projection } = self.recurrent;
        match layers {
            0 => self.reduction.unwrap_or(self.maps()),
            _ => projection.unwrap_or(units) * if bidirectional { 2 } else { 1 },
        }
    }
}

impl ModelConfig for Config {
    const MODEL_TYPE: &'static str = "cldnn";

    fn check(&self) -> Result<(), InvalidField> {
        let check = InvalidField::unless;
        check((1000..=384_000).contains(&self.rate), "rate", &self.rate, "1000 to 384000 Hz")?;
        self.front_end.check(self.rate)?;
        check(
            self.convolutions.len() <= 16,
            "convolutions",
            &self.convolutions.len(),
            "at most 16",
        )?;
        for ConvolutionConfig { maps, kernel, stride, pool } in &self.convolutions {
            let fits = SIZES.contains(maps)
                && kernel[1] % 2 == 1
                && kernel.iter().all(|size| (1..=MAX_WIDTH).contains(size))
                && stride.iter().chain([pool]).all(|size| (1..=16).contains(size));
            let found = format!("{maps} maps, kernel {kernel:?}, stride {stride:?}, pool {pool}");
            let expected = "1 to 65536 maps, kernels up to 255 of an odd number of frames, strides and pool of 1 to 16";
            check(fits, "convolutions", &found, expected)?;
        }
        check((1..=64).contains(&self.stack), "stack", &self.stack, "1 to 64")?;
        let steps = self.time_reduction();
        check(steps <= 64, "convolutions", &format!("a time reduction of {steps}"), "at most 64")?;
        let maps = self.maps();
        check(SIZES.contains(&maps), "convolutions", &format!("{maps} numbers a step"), RANGE)?;
        if let Some(reduction) = &self.reduction {
            check(SIZES.contains(reduction), "reduction", reduction, RANGE)?;
        }
        let RecurrentConfig { layers, units, projection, .. } = self.recurrent;
        check(layers <= 32, "recurrent.layers", &layers, "at most 32")?;
        check(SIZES.contains(&units), "recurrent.units", &units, RANGE)?;
        if let Some(projection) = projection {
            let expected = "at least 1 and fewer than the units";
            check((1..units).contains(&projection), "recurrent.projection", &projection, expected)?;
        }
        check(self.dense.len() <= 32, "dense", &self.dense.len(), "at most 32")?;
        for units in &self.dense {
            check(SIZES.contains(units), "dense", units, RANGE)?;
        }
        let there = |is_there: bool| if is_there { "there" } else { "not there" };
        let is_there = self.transducer.is_some();
        let is_asked = self.objective == Objective::Rnnt;
        let expected = "there for the objective rnnt, and for no other";
        check(is_there == is_asked, "transducer", &there(is_there), expected)?;
        self.transducer.as_ref().map_or(Ok(()), TransducerConfig::check)?;
        let is_there = self.attention.is_some();
        let is_asked = self.objective == Objective::Attention;
        let expected = "there for the objective attention, and for no other";
        check(is_there == is_asked, "attention", &there(is_there), expected)?;
        self.attention.as_ref().map_or(Ok(()), AttentionConfig::check)?;
        check((1..=4096).contains(&self.beam), "beam", &self.beam, "1 to 4096")?;
        let expected = "at least 0 and less than 1";
        check((0.0..1.0).contains(&self.dropout), "dropout", &self.dropout, expected)?;
        let count = self.letters.classes() - 1;
        check((1..=65_535).contains(&count), "letters", &count, "1 to 65535")?;
        let found = format!("{:?}, spelled {:?}", self.letters.letters(), self.letters.spelled());
        let expected = "each once, no blank among the spelled";
        check(self.letters.is_sound(), "letters", &found, expected)?;
        self.decoding.as_ref().map_or(Ok(()), Decoding::check)
    }
}

// Far above what any of these networks has, and low enough that no product of two overflows.
pub(crate) const SIZES: std::ops::RangeInclusive<usize> = 1..=1 << 16;
pub(crate) const RANGE: &str = "1 to 65536";
const MAX_WIDTH: usize = 255;

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::frontend::LogMelConfig;

    pub(crate) fn tiny(front_end: FrontEnd) -> Config {
        let convolution = ConvolutionConfig { maps: 3, kernel: [3, 3], stride: [2, 2], pool: 1 };
        let recurrent =
            RecurrentConfig { layers: 1, units: 5, bidirectional: true, projection: None };
        Config {
            rate: 8000,
            front_end,
            convolutions: vec![convolution, ConvolutionConfig { pool: 2, ..convolution }],
            stack: 1,
            reduction: Some(6),
            recurrent,
            dense: Vec::new(),
            dropout: 0.1,
            objective: Objective::Ctc,
            transducer: None,
            attention: None,
            beam: 1,
            letters: Alphabet::of(["YES NO"]),
            decoding: None,
        }
    }

    #[test]
    fn sizes_follow_from_the_layers() {
        let config = tiny(FrontEnd::LogMel(LogMelConfig::default()));
        assert!(config.check().is_ok());
        assert_eq!((config.time_reduction(), config.steps(9), config.steps(8)), (4, 3, 2));
        assert_eq!((config.maps(), config.outputs(), config.around()), (3 * 5, 10, 1 + 2));
        let mut alone = config.clone();
        alone.recurrent.layers = 0;
        assert_eq!(alone.outputs(), 6);
        alone.reduction = None;
        assert!(alone.check().is_ok() && alone.outputs() == 3 * 5);
        assert_eq!(config.seconds(5), 0.2);
        let mut stacked = config.clone();
        (stacked.stack, stacked.dense) = (3, vec![7, 4]);
        assert_eq!((stacked.time_reduction(), stacked.steps(9), stacked.steps(13)), (12, 1, 2));
        assert_eq!((stacked.maps(), stacked.outputs(), stacked.around()), (3 * 15, 4, 3 + 8));
        stacked.front_end = FrontEnd::Both(crate::frontend::BothConfig::default());
        assert_eq!((stacked.front_end.features(), stacked.maps()), (80, 3 * 15));
    }

    #[test]
    fn what_is_out_of_range_is_named() {
        let good = tiny(FrontEnd::LogMel(LogMelConfig::default()));
        let message = |change: &dyn Fn(&mut Config)| {
            let mut config = good.clone();
            change(&mut config);
            config.check().err().map(|error| error.to_string()).unwrap_or_default()
        };
        let found = message(&|config| config.rate = 0);
        assert_eq!(found, "rate is 0, expected 1000 to 384000 Hz");
        assert!(message(&|config| config.convolutions[0].kernel = [3, 2]).contains("odd number"));
        assert!(message(&|config| config.stack = 0).starts_with("stack is 0, expected 1 to 64"));
        assert!(message(&|config| config.convolutions[0].pool = 16).contains("0 numbers a step"));
        let found = message(&|config| {
            config.front_end =
                FrontEnd::Raw(crate::frontend::RawConfig { stride: 7, ..Default::default() })
        });
        assert!(found.starts_with("front_end.stride is 7, expected a divisor"), "{found}");
        assert!(
            message(&|config| config.recurrent.projection = Some(5)).contains("projection is 5")
        );
        let json = r#""AAB""#;
        let letters: Result<Alphabet, _> = serde_json::from_str(json);
        assert!(
            message(&|config| config.letters =
                letters.as_ref().cloned().unwrap_or_else(|_| good.letters.clone()))
            .contains("each once")
        );
    }
}
