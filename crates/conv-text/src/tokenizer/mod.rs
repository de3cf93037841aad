//! From text to the numbers of its words, by a `tokenizer.json` that the `tokenizers` crate loads
//! by itself.

mod file;
#[cfg(feature = "jieba")]
mod jieba;
mod style;

use std::collections::HashMap;
use std::ops::Range;
use std::path::Path;

use rayon::prelude::*;
use tokenizers::models::wordlevel::WordLevel;
use tokenizers::{
    NormalizedString, Normalizer, OffsetReferential, OffsetType, PreTokenizedString, PreTokenizer,
};

#[cfg(feature = "jieba")]
pub use jieba::Jieba;
pub use style::Style;

use crate::error::{Error, Result};

/// The padding's number; its word is `[PAD]`, which no text has: the brackets would be words, or
/// dropped.
pub const PAD: u32 = 0;
/// The number of all words that are not in the vocabulary; its word is `[UNK]`.
pub const UNK: u32 = 1;

/// The texts given to one task at a time: fixed, so that the work does not depend on the number of
/// threads.
const BLOCK: usize = 512;

/// A text's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoded {
    /// Their numbers.
    pub ids: Vec<u32>,
    /// Where each stands in the text, in bytes.
    pub spans: Vec<Range<usize>>,
}

/// A vocabulary and the rules that find its words in a text.
///
/// ```
/// use conv_text::tokenizer::{Style, Tokenizer};
///
/// let tokenizer = Tokenizer::fit(Style::Kim, &["It's good, isn't it?"])?;
/// assert_eq!(tokenizer.words("It's good, isn't it?")?, ["it", "'s", "good", ",", "is", "n't", "it", "?"]);
/// assert_eq!(tokenizer.ids("very good")?, [1, 6]);
/// # Ok::<(), conv_text::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Tokenizer {
    style: Style,
    inner: tokenizers::Tokenizer,
    vocabulary: Vec<String>,
}

impl Tokenizer {
    /// A tokenizer whose vocabulary is every word of `texts`, the frequent ones first, equally
    /// frequent ones in alphabetical order.
    ///
    /// # Errors
    /// [`Error::Tokenizer`].
    pub fn fit(style: Style, texts: &[&str]) -> Result<Self> {
        let mut fitted = Self::with_words(style, vec![])?;
        let blocks: Vec<HashMap<String, u64>> = texts
            .par_chunks(BLOCK)
            .map(|block| {
                let mut counts = HashMap::new();
                for text in block {
                    for word in fitted.words(text)? {
                        *counts.entry(word).or_default() += 1;
                    }
                }
                Ok(counts)
            })
            .collect::<Result<_>>()?;
        let mut counts: HashMap<String, u64> = HashMap::new();
        for (word, count) in blocks.into_iter().flatten() {
            *counts.entry(word).or_default() += count;
        }
        let mut counts: Vec<(String, u64)> = counts.into_iter().collect();
        counts.sort_unstable_by(|(word, count), (other, others)| {
            others.cmp(count).then_with(|| word.cmp(other))
        });
        fitted = Self::with_words(style, counts.into_iter().map(|(word, _)| word).collect())?;
        Ok(fitted)
    }

    /// Reads a `tokenizer.json` that this crate wrote, or another of the same form: the normalizer
    /// and pre-tokenizer of a [`Style`], a `WordLevel` model whose numbers begin with `[PAD]` and
    /// `[UNK]`, and nothing else.
    ///
    /// # Errors
    /// [`Error::Tokenizer`] for a file of another form, with the field; [`Error::Hub`] for one that
    /// cannot be read or is too large.
    pub fn load(path: &Path) -> Result<Self> {
        Self::from_json(&conv_hub::folder::text(path)?, &path.display().to_string())
    }

    /// The same from the file's text; `file` stands in error messages.
    ///
    /// # Errors
    /// [`Error::Tokenizer`].
    pub fn from_json(json: &str, file: &str) -> Result<Self> {
        let (style, mut words) =
            file::read(json).map_err(|reason| Error::Tokenizer { file: file.into(), reason })?;
        Self::with_words(style, words.split_off(2))
    }

    /// The text of a `tokenizer.json`.
    ///
    /// # Errors
    /// [`Error::Tokenizer`].
    pub fn to_json(&self) -> Result<String> {
        self.inner.to_string(true).map_err(in_memory)
    }

    /// How text becomes words.
    pub fn style(&self) -> Style {
        self.style
    }

    /// The words by number, `[PAD]` and `[UNK]` first.
    pub fn vocabulary(&self) -> &[String] {
        &self.vocabulary
    }

    /// A text's words, known or not.
    ///
    /// # Errors
    /// [`Error::Tokenizer`].
    pub fn words(&self, text: &str) -> Result<Vec<String>> {
        let mut text = NormalizedString::from(text);
        if let Some(normalizer) = self.inner.get_normalizer() {
            normalizer.normalize(&mut text).map_err(in_memory)?;
        }
        let mut pieces = PreTokenizedString::from(text);
        if let Some(pre_tokenizer) = self.inner.get_pre_tokenizer() {
            pre_tokenizer.pre_tokenize(&mut pieces).map_err(in_memory)?;
        }
        let pieces = pieces.get_splits(OffsetReferential::Normalized, OffsetType::None);
        Ok(pieces
            .into_iter()
            .map(|(word, ..)| word.to_owned())
            .filter(|word| !word.is_empty())
            .collect())
    }

    /// The numbers of a text's words; none for a text without words.
    ///
    /// # Errors
    /// [`Error::Tokenizer`].
    pub fn ids(&self, text: &str) -> Result<Vec<u32>> {
        let encoding = self.inner.encode_fast(text, false).map_err(in_memory)?;
        Ok(encoding.get_ids().to_vec())
    }

    /// The numbers of many texts' words, on all threads.
    ///
    /// # Errors
    /// [`Error::Tokenizer`].
    pub fn ids_of_all(&self, texts: &[&str]) -> Result<Vec<Vec<u32>>> {
        let blocks: Vec<Vec<Vec<u32>>> = texts
            .par_chunks(BLOCK)
            .map(|block| block.iter().map(|text| self.ids(text)).collect::<Result<_>>())
            .collect::<Result<_>>()?;
        Ok(blocks.into_iter().flatten().collect())
    }

    /// The numbers of a text's words and where the words stand in it.
    ///
    /// # Errors
    /// [`Error::Tokenizer`].
    pub fn encode(&self, text: &str) -> Result<Encoded> {
        let encoding = self.inner.encode(text, false).map_err(in_memory)?;
        let spans = encoding.get_offsets().iter().map(|&(start, end)| start..end).collect();
        Ok(Encoded { ids: encoding.get_ids().to_vec(), spans })
    }

    /// How often each of the vocabulary's words comes in texts already turned into numbers.
    pub fn counts(&self, ids: &[Vec<u32>]) -> Vec<u64> {
        let mut counts = vec![0; self.vocabulary.len()];
        for &id in ids.iter().flatten() {
            counts[id as usize] += 1;
        }
        counts
    }

    fn with_words(style: Style, words: Vec<String>) -> Result<Self> {
        let vocabulary: Vec<String> =
            ["[PAD]".into(), "[UNK]".into()].into_iter().chain(words).collect();
        let model = WordLevel::builder()
            .vocab(vocabulary.iter().cloned().zip(0..).collect())
            .unk_token("[UNK]".into())
            .build()
            .map_err(in_memory)?;
        let mut inner = tokenizers::Tokenizer::new(model);
        inner.with_normalizer(Some(style.normalizer().map_err(in_memory)?)).map_err(in_memory)?;
        inner.with_pre_tokenizer(Some(style.pre_tokenizer().map_err(in_memory)?));
        Ok(Self { style, inner, vocabulary })
    }
}

fn in_memory(error: tokenizers::Error) -> Error {
    Error::Tokenizer { file: "in memory".into(), reason: error.to_string() }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
