//! A trained classifier: a model folder, opened once and shared between threads.

use crate::evaluate::position;
use crate::stored::Stored;
use crate::{Batch, Error, Evidence, KimCnn, Peak, Result, evidence, peaks};
use candle_core::{DType, Device, Tensor};
use conv_nn::{Mode, softmax};
use conv_text::Segmentation;
use conv_text::tokenizer::{Tokenizer, UNK};
use conv_train::batch;
use conv_train::metrics::ranking;
use serde::Serialize;
use std::path::Path;

/// What the network says of one sentence.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Prediction {
    /// The most probable class's name.
    pub label: String,
    /// Its index in the labels.
    pub class: usize,
    /// Probability of every class, in the order of the labels.
    pub probabilities: Vec<f64>,
    /// Words that the tokenizer found.
    pub words: usize,
    /// Those of them that training has seen. With none of them the answer says nothing of the
    /// sentence.
    pub known_words: usize,
}

impl Prediction {
    /// All classes, the most probable first.
    pub fn ranking(&self) -> Vec<usize> {
        ranking(&self.probabilities)
    }
}

/// A sentence classifier, ready for use. `Send + Sync`: one serves many threads.
#[derive(Debug)]
pub struct Classifier {
    model: KimCnn,
    segmentation: Segmentation,
    tokenizer: Tokenizer,
    labels: Vec<String>,
}

impl Classifier {
    /// Opens a model folder.
    ///
    /// # Errors
    /// A missing or damaged file, weights that are not finite, or a folder of another task, by
    /// name.
    pub fn open(folder: &Path, device: &Device) -> Result<Self> {
        let stored = Stored::open(folder)?;
        Self::new(stored.network(device)?, stored.tokenizer, stored.labels)
    }

    /// Puts together a network, its tokenizer and the names of its classes.
    ///
    /// # Errors
    /// A segmenter that this build does not have.
    pub fn new(model: KimCnn, tokenizer: Tokenizer, labels: Vec<String>) -> Result<Self> {
        let segmentation = Segmentation::new(model.config().segmenter)?;
        Ok(Self { model, segmentation, tokenizer, labels })
    }

    /// The number of the class `label`.
    ///
    /// # Errors
    /// A name that no class has.
    pub fn class(&self, label: &str) -> Result<usize> {
        position(&self.labels, label)
    }

    /// The classes' names, in the order of the probabilities.
    pub fn labels(&self) -> &[String] {
        &self.labels
    }

    /// The network.
    pub fn model(&self) -> &KimCnn {
        &self.model
    }

    /// The tokenizer.
    pub fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    /// How many letters of a text the model's words have no place for
    /// ([`Style::dropped_letters`](conv_text::tokenizer::Style::dropped_letters)).
    pub fn dropped_letters(&self, text: &str) -> usize {
        self.tokenizer.style().dropped_letters(text)
    }

    /// Classifies one sentence.
    ///
    /// # Errors
    /// [`Error::NotFinite`] for weights that are too large to calculate with; any text can be
    /// classified, also an empty one.
    pub fn predict(&self, text: &str) -> Result<Prediction> {
        let mut predictions = self.predict_batch(&[text])?;
        Ok(predictions.swap_remove(0))
    }

    /// Classifies many sentences; each result is the same as alone.
    ///
    /// # Errors
    /// As [`Classifier::predict`].
    pub fn predict_batch(&self, texts: &[impl AsRef<str>]) -> Result<Vec<Prediction>> {
        let sentences = self.encode(texts)?;
        let rows = self.by_length(&sentences, |batch| {
            let logits = self.model.forward(batch, &mut Mode::Eval)?;
            Ok(softmax(&logits.to_dtype(DType::F64)?, 1)?)
        })?;
        let predictions = rows.into_iter().zip(sentences).map(|(probabilities, words)| {
            let class = first_maximum(&probabilities);
            let known_words = words.iter().filter(|&&word| word != UNK).count();
            let label = self.labels[class].clone();
            let words = words.len();
            Prediction { label, class, probabilities, words, known_words }
        });
        Ok(predictions.collect())
    }

    /// Chooses the class of a prediction anew by `thresholds` on the probabilities of some classes,
    /// as [`best_threshold`](crate::best_threshold) finds them: of the classes that reach theirs
    /// the most probable; where none does, the most probable class without a threshold, if there is
    /// one.
    pub fn decide(&self, prediction: Prediction, thresholds: &[(usize, f64)]) -> Prediction {
        let ranking = prediction.ranking();
        let of =
            |class: usize| thresholds.iter().find(|(of, _)| *of == class).map(|(_, least)| *least);
        let reached = |class: &&usize| {
            of(**class).is_some_and(|least| prediction.probabilities[**class] >= least)
        };
        let chosen = ranking.iter().find(reached);
        let chosen = chosen.or_else(|| ranking.iter().find(|class| of(**class).is_none()));
        let class = chosen.copied().unwrap_or(prediction.class);
        Prediction { label: self.labels[class].clone(), class, ..prediction }
    }

    /// Sentence vectors: the penultimate layer, F numbers each.
    ///
    /// # Errors
    /// As [`Classifier::predict`].
    pub fn vectors(&self, texts: &[impl AsRef<str>]) -> Result<Vec<Vec<f64>>> {
        let sentences = self.encode(texts)?;
        self.by_length(&sentences, |batch| self.model.features(batch, &mut Mode::Eval))
    }

    /// The numbers of a text's words, and the words.
    pub(crate) fn words(&self, text: &str) -> Result<(Vec<u32>, Vec<String>)> {
        let text = self.segmentation.apply(text);
        Ok((self.tokenizer.ids(&text)?, self.tokenizer.words(&text)?))
    }

    /// Explains a class's logit by the words that the network looked at, and gives these words.
    ///
    /// # Errors
    /// A class that there is not.
    pub fn evidence(&self, text: &str, class: usize) -> Result<(Vec<String>, Evidence)> {
        let (ids, words) = self.words(text)?;
        Ok((words, evidence(&self.model, &ids, class)?))
    }

    /// Where each feature map is strongest in a text, and the text's words.
    ///
    /// # Errors
    /// Only those of the tensor library.
    pub fn peaks(&self, text: &str) -> Result<(Vec<String>, Vec<Peak>)> {
        let (ids, words) = self.words(text)?;
        Ok((words, peaks(&self.model, &ids)?))
    }

    /// The feature maps of a text, for each filter width `[maps, windows]`, and the text's words.
    /// The first windows begin in the padding, [`Config::padding`](crate::Config::padding) words
    /// before the first word.
    ///
    /// # Errors
    /// Only those of the tensor library.
    pub fn feature_maps(&self, text: &str) -> Result<(Vec<String>, Vec<Tensor>)> {
        let (ids, words) = self.words(text)?;
        Ok((words, self.model.feature_maps(&ids)?))
    }

    fn by_length(
        &self,
        sentences: &[Vec<u32>],
        run: impl Fn(&Batch) -> Result<Tensor>,
    ) -> Result<Vec<Vec<f64>>> {
        let device = self.model.output().weight().device();
        by_length(sentences, self.model.config().padding(), device, run)
    }

    fn encode(&self, texts: &[impl AsRef<str>]) -> Result<Vec<Vec<u32>>> {
        let texts: Vec<_> =
            texts.iter().map(|text| self.segmentation.apply(text.as_ref())).collect();
        Ok(self.tokenizer.ids_of_all(&texts.iter().map(AsRef::as_ref).collect::<Vec<_>>())?)
    }
}

/// Rows of a network's output for `sentences`, in their order. Sentences of like length share a
/// batch, so that one long sentence does not pad the others and a batch stays within
/// [`WORDS_AT_ONCE`] or one sentence.
pub(crate) fn by_length(
    sentences: &[impl AsRef<[u32]>],
    padding: usize,
    device: &Device,
    run: impl Fn(&Batch) -> Result<Tensor>,
) -> Result<Vec<Vec<f64>>> {
    let lengths: Vec<usize> =
        sentences.iter().map(|words| words.as_ref().len() + 2 * padding).collect();
    let mut rows = vec![Vec::new(); sentences.len()];
    for places in batch::by_length(&lengths, WORDS_AT_ONCE) {
        let chosen: Vec<&[u32]> = places.iter().map(|&place| sentences[place].as_ref()).collect();
        let output = run(&Batch::new(&chosen, padding, device)?)?.to_dtype(DType::F64)?;
        for (row, place) in output.to_vec2()?.into_iter().zip(places) {
            let row: Vec<f64> = row;
            if let Some(&value) = row.iter().find(|value| !value.is_finite()) {
                return Err(Error::NotFinite { value, words: sentences[place].as_ref().len() });
            }
            rows[place] = row;
        }
    }
    Ok(rows)
}

/// Words in a batch at most, padding included.
const WORDS_AT_ONCE: usize = 4096;

/// Index of the first of the largest values.
pub(crate) fn first_maximum(values: &[f64]) -> usize {
    let better = |best: usize, at: usize| if values[at] > values[best] { at } else { best };
    (1..values.len()).fold(0, better)
}
