//! From text to the numbers of its subwords and back, by a `tokenizer.json` that the `tokenizers`
//! crate loads by itself.

mod bpe;
mod config;
mod file;
mod numbers;
mod recut;
mod rules;
mod sample;
mod train;
mod unigram;

use std::path::Path;
use std::sync::Arc;

use tokenizers::{Decoder, NormalizedString, Normalizer};

pub use config::{Model, SubwordConfig, TextForm};
pub use recut::Recut;
pub use sample::Sample;

use crate::error::{Error, Result};

/// The special tokens of a vocabulary of our own, with fairseq's names and numbers.
pub const SPECIALS: [&str; 4] = ["<s>", "<pad>", "</s>", "<unk>"];

/// Stands behind a dictionary's token that no text has any more, before its number: lest two have
/// one name.
pub const OVERWRITTEN: &str = "\n#fairseq:overwrite ";
/// What ends a piece of a word that goes on in the next token.
const CONTINUED: &str = "@@";

/// The numbers of the special tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Specials {
    /// The beginning of a sentence, of which the paper's models make no use; that of `</s>` where
    /// there is none.
    pub bos: u32,
    /// What fills up shorter sentences.
    pub pad: u32,
    /// The end of a sentence; also what a translation begins with.
    pub eos: u32,
    /// What is not in the vocabulary.
    pub unk: u32,
}

/// A vocabulary of subwords, or of words, with the rules that find them in a text and make text of
/// them again.
///
/// ```
/// use conv_text::subwords::{Sample, SubwordConfig, Subwords};
///
/// let config = SubwordConfig { vocabulary: 40, ..SubwordConfig::default() };
/// let mut sample = Sample::new(&config);
/// for line in ["A dog runs.", "Two dogs run, don't they?"] {
///     sample.add(line);
/// }
/// let subwords = Subwords::train(&config, sample)?;
/// let ids = subwords.encode("My dogs run.")?;
/// assert_eq!(subwords.pieces(&ids), ["▁", "<unk>", "y", "▁dog", "s", "▁run", "."]);
/// assert_eq!(subwords.decode(&subwords.encode("two dogs, don't run.")?)?, "two dogs, don't run.");
/// # Ok::<(), conv_text::Error>(())
/// ```
///
/// A clone shares it: a joint vocabulary is in memory once.
#[derive(Debug, Clone)]
pub struct Subwords {
    inner: Arc<tokenizers::Tokenizer>,
    vocabulary: Arc<Vec<String>>,
    specials: Specials,
    /// Whether some tokens are pieces of words, marked by `@@`, to be joined in a text.
    has_pieces: bool,
}

impl Subwords {
    /// A vocabulary for the text that `sample` was taken from. The same sample gives the same
    /// vocabulary, for any number of threads.
    ///
    /// # Errors
    /// [`Error::Tokenizer`] where the text has too little for such a vocabulary, or more characters
    /// than it; [`Error::Field`].
    pub fn train(config: &SubwordConfig, sample: Sample) -> Result<Self> {
        train::train(config, sample)
    }

    /// A vocabulary of words in the order of their numbers, [`SPECIALS`] first: a dictionary of
    /// ready-made tokens, split at blanks and joined by them.
    ///
    /// # Errors
    /// [`Error::Tokenizer`] where it does not begin with the special tokens, or a word comes twice.
    pub fn of_words(words: Vec<String>) -> Result<Self> {
        Self::new(rules::foreign_words(words).map_err(in_memory)?, "in memory")
    }

    /// Reads a `tokenizer.json`, one of this crate or the user's own. It must have tokens for
    /// padding, a sentence's end and what is unknown, under names that are usual: `<pad>`, `</s>`,
    /// `<unk>`, `[PAD]`, `[SEP]`, `[UNK]`, ….
    ///
    /// Their numbers become those of [`SPECIALS`], by which the networks know them, in exchange
    /// with other tokens'. What it asks for besides the text's tokens (padding, truncation, special
    /// tokens around a sentence) is not done.
    ///
    /// # Errors
    /// [`Error::Tokenizer`] for a file that cannot be used, with the field or the token that is
    /// wrong or missing; [`Error::Hub`] for one that cannot be read or is too large.
    pub fn load(path: &Path) -> Result<Self> {
        Self::from_json(&conv_hub::folder::text(path)?, &path.display().to_string())
    }

    /// The same from the file's text; `file` stands in error messages.
    ///
    /// # Errors
    /// [`Error::Tokenizer`].
    pub fn from_json(json: &str, file: &str) -> Result<Self> {
        let inner =
            file::read(json).map_err(|reason| Error::Tokenizer { file: file.into(), reason })?;
        Self::new(inner, file)
    }

    fn new(inner: tokenizers::Tokenizer, file: &str) -> Result<Self> {
        let failed = |reason| Error::Tokenizer { file: file.into(), reason };
        let mut vocabulary = file::vocabulary(&inner).map_err(failed)?;
        for token in &mut vocabulary {
            token.truncate(token.find(OVERWRITTEN).unwrap_or(token.len()));
        }
        let specials = file::specials(&inner).map_err(failed)?;
        let is_piece = |token: &String| token.ends_with(CONTINUED);
        let has_pieces = inner.get_decoder().is_none() && vocabulary.iter().any(is_piece);
        let inner = Arc::new(inner);
        let vocabulary = Arc::new(vocabulary);
        Ok(Self { inner, vocabulary, specials, has_pieces })
    }

    /// The text of a `tokenizer.json`.
    ///
    /// # Errors
    /// [`Error::Tokenizer`].
    pub fn to_json(&self) -> Result<String> {
        self.inner.to_string(true).map_err(in_memory)
    }

    /// The tokens by number.
    pub fn vocabulary(&self) -> &[String] {
        &self.vocabulary
    }

    /// The numbers of the special tokens.
    pub fn specials(&self) -> Specials {
        self.specials
    }

    /// The numbers of a text's tokens, without special ones around them; none for a text without
    /// tokens. A text that spells out a special token gets the number of an unknown one.
    ///
    /// # Errors
    /// [`Error::Tokenizer`] where a tokenizer of the user's own cannot take the text.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>> {
        let encoding = self.inner.encode_fast(text, false).map_err(in_memory)?;
        let Specials { bos, pad, eos, unk } = self.specials;
        let plain = |&id: &u32| if [bos, pad, eos].contains(&id) { unk } else { id };
        Ok(encoding.get_ids().iter().map(plain).collect())
    }

    /// The text of some tokens, `<unk>` where one is unknown; other special tokens, and numbers
    /// beyond the vocabulary, are left out. Pieces of words are [joined](Self::joined).
    ///
    /// # Errors
    /// [`Error::Tokenizer`] where a tokenizer of the user's own cannot take the tokens.
    pub fn decode(&self, ids: &[u32]) -> Result<String> {
        let Specials { bos, pad, eos, .. } = self.specials;
        let said =
            |id: &u32| ![bos, pad, eos].contains(id) && (*id as usize) < self.vocabulary.len();
        let ids: Vec<u32> = ids.iter().copied().filter(said).collect();
        if self.has_whole_tokens() {
            Ok(self.joined(self.pieces(&ids).join(" ")))
        } else {
            self.inner.decode(&ids, false).map_err(in_memory)
        }
    }

    /// The part of a text that each of its tokens stands for, as the text spells it.
    ///
    /// # Errors
    /// As [`Subwords::encode`].
    pub fn spellings<'t>(&self, text: &'t str) -> Result<Vec<&'t str>> {
        let encoding = self.inner.encode(text, false).map_err(in_memory)?;
        let spelling = |&(from, to): &(usize, usize)| text.get(from..to).unwrap_or_default().trim();
        Ok(encoding.get_offsets().iter().map(spelling).collect())
    }

    /// The text of tokens that are spelled out, whether or not they are in the vocabulary.
    ///
    /// # Errors
    /// As [`Subwords::decode`].
    pub fn join(&self, tokens: Vec<String>) -> Result<String> {
        match self.inner.get_decoder() {
            Some(decoder) => Decoder::decode(decoder, tokens).map_err(in_memory),
            None => Ok(self.joined(tokens.join(" "))),
        }
    }

    /// A text of ready-made tokens as [`Subwords::decode`] writes it: `klein@@ es Haus` becomes
    /// `kleines Haus`, as fairseq does it, if the vocabulary has such pieces.
    pub fn joined(&self, text: String) -> String {
        if !self.has_pieces {
            return text;
        }
        let joined = (text + " ").replace(&format!("{CONTINUED} "), "");
        joined.trim_end().into()
    }

    /// Whether its tokens are joined by blanks, as those of a dictionary of fairseq's are.
    pub fn has_whole_tokens(&self) -> bool {
        self.inner.get_decoder().is_none()
    }

    /// Whether texts are read in lower case.
    pub fn lower_cases(&self) -> bool {
        let [large, small] = ["A", "a"].map(|text| {
            let mut text = NormalizedString::from(text);
            let rules = self.inner.get_normalizer()?;
            rules.normalize(&mut text).ok()?;
            Some(text.get().to_owned())
        });
        large.as_ref().is_some_and(|text| !text.is_empty()) && large == small
    }

    /// The tokens of some numbers as the vocabulary spells them; `<unk>` for a number beyond it.
    pub fn pieces(&self, ids: &[u32]) -> Vec<&str> {
        let unk = self.vocabulary[self.specials.unk as usize].as_str();
        ids.iter().map(|&id| self.vocabulary.get(id as usize).map_or(unk, String::as_str)).collect()
    }
}

fn in_memory(error: tokenizers::Error) -> Error {
    Error::Tokenizer { file: "in memory".into(), reason: error.to_string() }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
