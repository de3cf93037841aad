//! Word vectors in the three forms in which they are published: word2vec's binary and text files,
//! and GloVe's.

mod binary;
mod defect;
mod form;
mod text;

use std::collections::HashMap;
use std::io::BufRead;
use std::path::Path;

use candle_core::{Device, Tensor};

pub use defect::VectorsDefect;
pub use form::Form;

use crate::{Error, Result};

/// Words and their vectors, in the order of the file.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let file = "the 0.1 -0.2\ncat 0.5 0.25\n";
/// let vectors = conv_hub::Vectors::parse(file.as_bytes(), file.len() as u64, None, |word| word != "the")?;
/// assert_eq!(vectors.dimension(), 2);
/// assert_eq!(vectors.words(), ["cat"]);
/// assert_eq!(vectors.get("cat"), Some(&[0.5, 0.25][..]));
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Vectors {
    dimension: usize,
    words: Vec<String>,
    rows: HashMap<String, usize>,
    values: Vec<f32>,
    duplicates: usize,
    unreadable: usize,
}

impl Vectors {
    /// Reads a file, gzipped or not, its form told by its content, keeping the words that `keep`
    /// accepts.
    ///
    /// The file is streamed: what is held in memory is what is kept, so that a vocabulary's vectors
    /// can be taken out of a file of many gigabytes. The numbers of a word that is not kept are
    /// passed over unread.
    ///
    /// A word that comes again is counted ([`Vectors::duplicates`]) and its first vector stands. In
    /// the binary form a word that is not UTF-8 is counted ([`Vectors::unreadable`]) and left out,
    /// since no text could ever ask for it (the Google News vectors hold some, cut in
    /// mid-character); in the text forms it is an error.
    ///
    /// # Errors
    /// [`Error::Vectors`] names the defect and its line or byte. Sizes that the file claims are
    /// checked against its length before anything is allocated.
    pub fn read(path: &Path, keep: impl FnMut(&str) -> bool) -> Result<Self> {
        Self::read_as(path, None, keep)
    }

    /// As [`Vectors::read`], with the form given instead of told by the content.
    ///
    /// # Errors
    /// As [`Vectors::read`].
    pub fn read_as(
        path: &Path,
        form: Option<Form>,
        keep: impl FnMut(&str) -> bool,
    ) -> Result<Self> {
        let (reader, length) = crate::text::unpacked(path)?;
        Self::parse(reader, length, form, keep).map_err(|defect| match defect {
            VectorsDefect::Io(source) => Error::io("read", path)(source),
            defect => Error::Vectors { path: path.to_path_buf(), defect },
        })
    }

    /// As [`Vectors::read_as`], from anything that can be read and that has `length` bytes at most.
    ///
    /// # Errors
    /// The defect, with its line or byte.
    pub fn parse(
        reader: impl BufRead,
        length: u64,
        form: Option<Form>,
        keep: impl FnMut(&str) -> bool,
    ) -> std::result::Result<Self, VectorsDefect> {
        let (mut reader, told) = form::tell(reader)?;
        let mut vectors = match form.unwrap_or(told) {
            Form::Word2VecBinary => binary::read(&mut reader, length, keep),
            Form::Word2VecText => text::read_word2vec(&mut reader, length, keep),
            Form::GloVe => text::read_glove(&mut reader, keep),
        }?;
        vectors.values.shrink_to_fit();
        Ok(vectors)
    }

    /// Numbers in each vector (D).
    pub fn dimension(&self) -> usize {
        self.dimension
    }

    /// How many words there are (W).
    pub fn len(&self) -> usize {
        self.words.len()
    }

    /// Whether no word was kept.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// The words, in the order of the file.
    pub fn words(&self) -> &[String] {
        &self.words
    }

    /// A word's vector.
    pub fn get(&self, word: &str) -> Option<&[f32]> {
        let start = self.rows.get(word)? * self.dimension;
        Some(&self.values[start..start + self.dimension])
    }

    /// All numbers, word after word.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// The vectors as a tensor on the CPU.
    ///
    /// # Shapes
    /// `[W, D]`, f32, a row for each of [`Vectors::words`].
    ///
    /// # Errors
    /// Only what the tensor library refuses.
    pub fn tensor(&self) -> Result<Tensor> {
        let shape = (self.words.len(), self.dimension);
        Ok(Tensor::from_slice(&self.values, shape, &Device::Cpu)?)
    }

    /// How often a word came again that was already kept.
    pub fn duplicates(&self) -> usize {
        self.duplicates
    }

    /// How many words of a binary file were not UTF-8 and left out.
    pub fn unreadable(&self) -> usize {
        self.unreadable
    }

    fn new(dimension: usize) -> Self {
        Self {
            dimension,
            words: Vec::new(),
            rows: HashMap::new(),
            values: Vec::new(),
            duplicates: 0,
            unreadable: 0,
        }
    }

    /// Whether `word` is new and wanted; its `dimension` numbers are then pushed to `values` by the
    /// caller.
    fn admit(&mut self, word: &str, keep: &mut impl FnMut(&str) -> bool) -> bool {
        if !keep(word) {
            return false;
        }
        if self.rows.contains_key(word) {
            self.duplicates += 1;
            return false;
        }
        self.rows.insert(word.to_string(), self.words.len());
        self.words.push(word.to_string());
        true
    }
}
