//! What can be wrong with a file of word vectors, and where.

use super::Form;

/// What can be wrong with a file of word vectors. Lines and bytes are counted from 1 and 0.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VectorsDefect {
    /// The file system refused to go on.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// There is nothing in it.
    #[error("it is empty, expected word vectors")]
    Empty,
    /// Another kind of file.
    #[error("it is {found}, expected word vectors (word2vec binary or text, or GloVe text)")]
    Mislabelled {
        /// What its first bytes say it is.
        found: &'static str,
    },
    /// The first line of a word2vec file is not two numbers.
    #[error(
        "line 1 is {found:?}, expected the number of words and the dimension, both above zero, as `3000000 300`"
    )]
    Header {
        /// The line's beginning.
        found: String,
    },
    /// The header claims more than the file could hold.
    #[error(
        "line 1 claims {words} words of {dimension} numbers, which take at least {needed} bytes as {form}, and {available} follow"
    )]
    Size {
        /// Number of words that the header gives.
        words: u64,
        /// Dimension that the header gives.
        dimension: u64,
        /// The form it was read in.
        form: Form,
        /// The least that so many words take in bytes; the largest number there is if that
        /// overflows.
        needed: u64,
        /// Bytes after the header.
        available: u64,
    },
    /// The file ends in the middle of a word or a vector.
    #[error("the file ends in word {word} of {words}, at byte {offset}")]
    Truncated {
        /// The word, from 1.
        word: u64,
        /// Number of words that the header gives.
        words: u64,
        /// Where its record starts.
        offset: u64,
    },
    /// More or fewer words than the header says.
    #[error("line 1 claims {claimed} words, and the file {found}")]
    Count {
        /// Number of words that the header gives.
        claimed: u64,
        /// What was there instead.
        found: String,
    },
    /// A line with no or another number of numbers.
    #[error("line {line} has {found} numbers after its word, expected {expected}")]
    Dimension {
        /// The line.
        line: u64,
        /// How many there are.
        found: usize,
        /// The dimension of the others.
        expected: usize,
    },
    /// Something that is not a number where one is expected.
    #[error("line {line}: `{word}` has {found:?} where a number is expected")]
    Number {
        /// The line.
        line: u64,
        /// Its word.
        word: String,
        /// What is there instead.
        found: String,
    },
    /// An infinite or undefined number.
    #[error("{place}: `{word}` has the number {value}, expected finite numbers")]
    NotFinite {
        /// The line or the byte.
        place: String,
        /// Its word.
        word: String,
        /// The number.
        value: f32,
    },
    /// A text file that is not UTF-8.
    #[error("line {line} is not UTF-8 at its byte {offset}")]
    Encoding {
        /// The line.
        line: u64,
        /// The byte within the line.
        offset: usize,
    },
    /// A line longer than any vector.
    #[error("line {line} is longer than {limit} bytes")]
    LongLine {
        /// The line.
        line: u64,
        /// The most that is read of a line.
        limit: usize,
    },
    /// No end of a word within any word's length.
    #[error("word {word} at byte {offset} has no end within {limit} bytes")]
    LongWord {
        /// The word, from 1.
        word: u64,
        /// Where it starts.
        offset: u64,
        /// The most that is read of a word.
        limit: usize,
    },
}
