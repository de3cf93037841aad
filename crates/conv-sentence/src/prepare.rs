//! From texts to what the network reads: word numbers, classes, and the first values of the word
//! vectors.

use crate::{Error, Result};
use candle_core::{Device, Tensor};
use conv_hub::Vectors;
use conv_nn::Init;
use conv_text::data::Corpus;
use conv_text::embedding::{self, Coverage};
use conv_text::tokenizer::{Style, Tokenizer, UNK};
use conv_text::{Segmentation, Segmenter};
use std::path::Path;

/// Labelled sentences as word numbers, with the tokenizer that made them.
#[derive(Debug, Clone)]
pub struct Sentences {
    /// Gives a text's words their numbers.
    pub tokenizer: Tokenizer,
    /// What cut the texts before the tokenizer.
    pub segmenter: Option<Segmenter>,
    /// The classes' names.
    pub labels: Vec<String>,
    /// Labels of held-out sentences that are no class: numbers behind the classes'. They count as
    /// errors.
    pub unseen: Vec<String>,
    /// Word numbers of each sentence; an empty sentence has none.
    pub words: Vec<Vec<u32>>,
    /// Class of each sentence.
    pub classes: Vec<u32>,
    /// The line of its file on which each sentence begins, from 1; none where it did not come from
    /// a file.
    pub lines: Vec<Option<u64>>,
}

impl Sentences {
    /// Fits a tokenizer to all of `corpus`, as Kim does: test words too have their vectors, which
    /// no label is needed for.
    ///
    /// # Errors
    /// A segmenter that this build does not have.
    pub fn fit(corpus: &Corpus, style: Style, segmenter: Option<Segmenter>) -> Result<Self> {
        let all: Vec<u32> = (0..corpus.examples().len() as u32).collect();
        Self::fit_to(&all, corpus, style, segmenter)
    }

    /// Fits a tokenizer to the sentences `learnt` of `corpus` alone, so that figures on the others
    /// are those that a user gets, whose words training may never have seen.
    ///
    /// # Errors
    /// As [`Sentences::fit`].
    pub fn fit_to(
        learnt: &[u32],
        corpus: &Corpus,
        style: Style,
        segmenter: Option<Segmenter>,
    ) -> Result<Self> {
        let texts = segmented(corpus, segmenter)?;
        let texts: Vec<&str> = texts.iter().map(AsRef::as_ref).collect();
        let chosen: Vec<&str> = learnt.iter().map(|&index| texts[index as usize]).collect();
        Self::encode(Tokenizer::fit(style, &chosen)?, segmenter, corpus, &texts)
    }

    /// The same with words that are in none of the sentences `learnt` made unknown ones: what
    /// [`Sentences::fit_to`] would read of them.
    #[must_use]
    pub fn known_from(mut self, learnt: &[u32]) -> Self {
        let mut is_learnt = vec![false; self.tokenizer.vocabulary().len()];
        for &index in learnt {
            self.words[index as usize].iter().for_each(|&word| is_learnt[word as usize] = true);
        }
        for word in self.words.iter_mut().flatten() {
            if !is_learnt[*word as usize] {
                *word = UNK;
            }
        }
        self
    }

    /// Numbers the words of `corpus` with a tokenizer that there is already.
    ///
    /// # Errors
    /// A segmenter that this build does not have.
    pub fn with(
        tokenizer: Tokenizer,
        segmenter: Option<Segmenter>,
        corpus: &Corpus,
    ) -> Result<Self> {
        let texts = segmented(corpus, segmenter)?;
        let texts: Vec<&str> = texts.iter().map(AsRef::as_ref).collect();
        Self::encode(tokenizer, segmenter, corpus, &texts)
    }

    fn encode(
        tokenizer: Tokenizer,
        segmenter: Option<Segmenter>,
        corpus: &Corpus,
        texts: &[&str],
    ) -> Result<Self> {
        let words = tokenizer.ids_of_all(texts)?;
        let classes = corpus.examples().iter().map(|example| example.label).collect();
        let (labels, unseen) = corpus.labels().split_at(corpus.classes().len());
        let labels = labels.to_vec();
        let unseen = unseen.to_vec();
        let lines = (0..corpus.examples().len()).map(|example| corpus.line(example)).collect();
        Ok(Self { tokenizer, segmenter, labels, unseen, words, classes, lines })
    }
}

fn segmented(
    corpus: &Corpus,
    segmenter: Option<Segmenter>,
) -> Result<Vec<std::borrow::Cow<'_, str>>> {
    let segmentation = Segmentation::new(segmenter)?;
    Ok(corpus.examples().iter().map(|example| segmentation.apply(&example.text)).collect())
}

/// How the table of word vectors starts.
#[derive(Debug, Clone)]
pub struct Table {
    /// D: length of a word vector.
    pub dimension: usize,
    /// First values; the padding word's row is zero.
    pub init: Init,
    /// The file or model that they come from, which a saved model tells; none where all are drawn.
    pub source: Option<String>,
    /// How much of the sentences has pre-trained vectors, where there are any.
    pub coverage: Option<Coverage>,
}

impl Table {
    /// CNN-rand: every word drawn from U[−0.25, 0.25], as in Kim's code.
    ///
    /// # Errors
    /// Only those of the tensor library.
    pub fn random(dimension: usize) -> Result<Self> {
        Self::from_rows(embedding::rows(&[], dimension, |_| None)?, None)
    }

    /// Pre-trained vectors from a word2vec or GloVe file, of which only the words of `sentences`
    /// are kept. Unknown words are drawn with the variance of the known ones.
    ///
    /// # Errors
    /// A file that is missing or damaged, or that has none of the words.
    pub fn read(path: &Path, sentences: &Sentences) -> Result<Self> {
        let vocabulary = sentences.tokenizer.vocabulary();
        let wanted = embedding::wanted(vocabulary);
        let vectors = Vectors::read(path, |word| wanted.contains(word))?;
        let counts = sentences.tokenizer.counts(&sentences.words);
        let coverage = Coverage::of(vocabulary, &counts, |word| vectors.get(word).is_some());
        if coverage.known_types == 0 && coverage.types > 0 {
            let file = path.display().to_string();
            return Err(Error::NoVectors { file, words: coverage.types });
        }
        let rows = embedding::rows(vocabulary, vectors.dimension(), |word| vectors.get(word))?;
        // Without its folders: paths of one's machine do not belong into a model.
        let source = path.file_name().map(|name| name.to_string_lossy().into_owned());
        Ok(Self { source, ..Self::from_rows(rows, Some(coverage))? })
    }

    /// The vectors that another model has learnt, for a warm start: `weight` `[V', D]`, D at least
    /// 1, with the words of `tokenizer`.
    pub(crate) fn learnt(
        weight: &Tensor,
        tokenizer: &Tokenizer,
        sentences: &Sentences,
    ) -> Result<Self> {
        let dimension = weight.dim(1)?;
        let values: Vec<f32> = weight.flatten_all()?.to_vec1()?;
        let rows = tokenizer.vocabulary().iter().map(String::as_str).zip(values.chunks(dimension));
        let rows: std::collections::HashMap<&str, &[f32]> = rows.collect();
        let vocabulary = sentences.tokenizer.vocabulary();
        Self::from_rows(
            embedding::rows(vocabulary, dimension, |word| rows.get(word).copied())?,
            None,
        )
    }

    fn from_rows(rows: embedding::Rows, coverage: Option<Coverage>) -> Result<Self> {
        let values = Tensor::from_vec(rows.values, (rows.index.len(), rows.width), &Device::Cpu)?;
        let rest = Box::new(Init::Uniform { low: -rows.half_width, high: rows.half_width });
        let init = Init::Rows { rest, index: rows.index, values };
        Ok(Self { dimension: rows.width, init, source: None, coverage })
    }
}
