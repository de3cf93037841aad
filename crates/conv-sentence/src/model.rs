//! The network of Kim (2014), §2 and Figure 1.

use crate::{Config, Result, Variant};
use candle_core::Module;
use candle_core::{Device, IndexOp, Tensor};
use conv_core::Precision;
use conv_hub::ModelConfig;
use conv_nn::{Conv1d, Embedding, EmbeddingConfig, Init, Linear, Mode, VarBuilder};
use conv_text::tokenizer::PAD;

/// A batch of sentences as word numbers, padded on both sides.
///
/// Each sentence has `padding` zeros on its left and right as its own; further zeros on the right
/// fill the batch and are masked, so that a sentence's features do not depend on its neighbours.
#[derive(Debug, Clone)]
pub struct Batch {
    /// Word numbers, `[B, T]`.
    pub words: Tensor,
    /// Own length of each sentence, its padding included.
    pub lengths: Vec<usize>,
}

impl Batch {
    /// Pads `sentences` by `padding` words on both sides and to one length.
    ///
    /// # Errors
    /// Only those of the tensor library.
    pub fn new(sentences: &[&[u32]], padding: usize, device: &Device) -> Result<Self> {
        let lengths: Vec<usize> = sentences.iter().map(|s| s.len() + 2 * padding).collect();
        let time = lengths.iter().copied().max().unwrap_or(2 * padding);
        let mut words = vec![0u32; sentences.len() * time];
        for (row, sentence) in words.chunks_mut(time.max(1)).zip(sentences) {
            row[padding..padding + sentence.len()].copy_from_slice(sentence);
        }
        let words = Tensor::from_vec(words, (sentences.len(), time), device)?;
        Ok(Self { words, lengths })
    }
}

/// The sentence CNN: words → windows → the strongest window of each feature map → classes.
///
/// # Shapes
/// `[B, T]` words → `[B, F]` features → `[B, K]` logits.
#[derive(Debug, Clone)]
pub struct KimCnn {
    kept: Option<Embedding>,
    tuned: Option<Embedding>,
    convolutions: Vec<Conv1d>,
    output: Linear,
    config: Config,
}

/// Which of the fast kernels runs depends on the batch, and so would a sentence's sixth digit.
fn precision(mode: &Mode) -> Precision {
    match mode {
        Mode::Eval => Precision::Exact,
        Mode::Train(_) => Precision::Fast,
    }
}

/// Builds the network. `table` is how the word vectors start ([`Init::Rows`] with the rows of
/// padding and unknown words zero).
///
/// Parameters: `static.weight` and `embedding.weight` `[V, D]` as the variant has them,
/// `convs.{i}.weight` `[maps, D, width]`, `convs.{i}.bias`, `fc.weight` `[K, F]`, `fc.bias`.
///
/// # Errors
/// A configuration out of range, or stored weights of another shape.
pub fn kim_cnn(config: &Config, table: Init, vb: &VarBuilder) -> Result<KimCnn> {
    config.check()?;
    let vocabulary = config.vocabulary;
    let dimension = config.dimension;
    let weight =
        |name: &str, first| vb.pp(name).get_with_hints((vocabulary, dimension), "weight", first);
    let embedding = |weight| Embedding::new(weight, EmbeddingConfig { padding_index: Some(PAD) });
    let kept = match config.variant {
        Variant::Static | Variant::Multichannel => Some(weight("static", table.clone())?.detach()),
        Variant::Rand | Variant::NonStatic => None,
    };
    let tuned = match (config.variant, &kept) {
        (Variant::Static, _) => None,
        // Two channels start alike, words without a vector too (§3.3).
        (_, Some(kept)) => Some(embedding(weight("embedding", Init::Value(kept.clone()))?)),
        (_, None) => Some(embedding(weight("embedding", table)?)),
    };
    let kept = kept.map(embedding);
    let convolutions = config.filters.iter().enumerate().map(|(i, bank)| {
        let config = Default::default();
        conv_nn::conv1d(dimension, bank.maps, bank.width, config, vb.pp("convs").pp(i))
    });
    Ok(KimCnn {
        kept,
        tuned,
        convolutions: convolutions.collect::<std::result::Result<_, _>>()?,
        output: conv_nn::linear(config.features(), config.classes, vb.pp("fc"))?,
        config: config.clone(),
    })
}

impl KimCnn {
    /// What the network is made of.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The last layer: its weight `[K, F]` is what max-norm constrains, and what evidence is read
    /// from.
    pub fn output(&self) -> &Linear {
        &self.output
    }

    /// Logits `[B, K]`.
    ///
    /// # Errors
    /// A word number beyond the vocabulary.
    pub fn forward(&self, batch: &Batch, mode: &mut Mode) -> Result<Tensor> {
        let features = self.features(batch, mode)?;
        let features = conv_nn::dropout(&features, self.config.dropout, mode)?;
        Ok(self.output.at(precision(mode)).forward(&features)?)
    }

    /// The penultimate layer z `[B, F]`: the maximum over time of each feature map (equation 3 and
    /// below). The rectifier is monotone, so it is applied to the maxima alone: the same values and
    /// gradients for a fraction of the work.
    ///
    /// # Errors
    /// A word number beyond the vocabulary.
    pub fn features(&self, batch: &Batch, mode: &mut Mode) -> Result<Tensor> {
        let words = self.words(batch, mode)?;
        let precision = precision(mode);
        let mut pooled = Vec::new();
        for (convolution, bank) in self.convolutions.iter().zip(&self.config.filters) {
            let windows: Vec<usize> = batch.lengths.iter().map(|n| n + 1 - bank.width).collect();
            let maps = convolution.at(precision).forward(&words)?;
            pooled.push(conv_nn::max_over_time(&maps, Some(&windows))?);
        }
        Ok(conv_nn::relu(&Tensor::cat(&pooled, 1)?)?)
    }

    /// The feature maps of one sentence, c = f(w · x + b) for every window (equations 2 and 3), f
    /// the rectifier: for each filter width `[maps, windows]`.
    ///
    /// # Errors
    /// A word number beyond the vocabulary.
    pub fn feature_maps(&self, sentence: &[u32]) -> Result<Vec<Tensor>> {
        let device = self.output.weight().device();
        let batch = Batch::new(&[sentence], self.config.padding(), device)?;
        let words = self.words(&batch, &mut Mode::Eval)?;
        let map = |convolution: &Conv1d| {
            let map = convolution.at(Precision::Exact).forward(&words)?;
            Ok(conv_nn::relu(&map)?.i(0)?)
        };
        self.convolutions.iter().map(map).collect()
    }

    /// Word vectors `[B, D, T]`. A filter is linear in its input, so applying it to both channels
    /// and adding the results (§3.1) is applying it to their sum.
    fn words(&self, batch: &Batch, mode: &mut Mode) -> Result<Tensor> {
        let kept = self.kept.as_ref().map(|table| table.forward(&batch.words)).transpose()?;
        let tuned = self.tuned.as_ref().map(|table| table.forward(&batch.words)).transpose()?;
        let words = match (kept, tuned) {
            (Some(kept), Some(tuned)) => (kept + tuned)?,
            (kept, tuned) => {
                kept.or(tuned).unwrap_or_else(|| unreachable!("a variant has a table"))
            }
        };
        let words = conv_nn::dropout(&words, self.config.vector_dropout, mode)?;
        Ok(words.transpose(1, 2)?)
    }
}
