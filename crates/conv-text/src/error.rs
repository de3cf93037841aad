//! What can go wrong with text data, tokenizers and splits: each error names its file, its line and
//! what was expected.

use conv_hub::text::Place;

/// This crate's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Everything that can be wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A table's row has too few columns.
    #[error("{at}: {found} field{}, expected at least {expected}", if *.found == 1 { "" } else { "s" })]
    Fields {
        /// The line.
        at: Place,
        /// Columns there.
        found: usize,
        /// Columns needed.
        expected: usize,
    },
    /// A table's row has more columns than its first one.
    #[error(
        "{at}: {found} fields, expected {expected} as in the first row; a text that holds the separator is quoted in CSV, and cannot stand in TSV"
    )]
    ExtraFields {
        /// The line.
        at: Place,
        /// Columns there.
        found: usize,
        /// Columns of the first row.
        expected: usize,
    },
    /// A first row that may be a header, though not a clear one.
    #[error(
        "{at}: cannot tell which of {found} is the {what}: choose text and label by --text-column and --label-column, with names of a header, or numbers for a table without one"
    )]
    Header {
        /// The first row's line.
        at: Place,
        /// Its fields.
        found: String,
        /// The column that is not clear.
        what: &'static str,
    },
    /// So many labels that they must be something else.
    #[error(
        "{file}: {labels} different labels in {examples} examples, expected at most one in two: the wrong column? (the first is {first:?})"
    )]
    ManyLabels {
        /// The file.
        file: String,
        /// Different labels.
        labels: usize,
        /// Examples.
        examples: usize,
        /// The first label.
        first: String,
    },
    /// A column was asked for by a name that the header, or the JSON object, does not have.
    #[error("{at}: no column {name:?}, found {found}")]
    MissingColumn {
        /// The header's line, or the object's.
        at: Place,
        /// The name asked for.
        name: String,
        /// The names there.
        found: String,
    },
    /// Text and label were to come from one column.
    #[error("{file}: text and label are both column {column}")]
    SameColumn {
        /// The file.
        file: String,
        /// The column, as a number from 1 or a name.
        column: String,
    },
    /// JSON objects have names, not numbers.
    #[error("{file}: column {number} of JSON lines, expected a name")]
    NumberedJson {
        /// The file.
        file: String,
        /// The number asked for.
        number: usize,
    },
    /// A line of a JSONL file is not a JSON object.
    #[error("{at}: not a JSON object: {reason}")]
    Json {
        /// The line.
        at: Place,
        /// The parser's reason.
        reason: String,
    },
    /// A JSON value of a kind that is no text or label.
    #[error("{at}: {name:?} is {found}, expected {expected}")]
    JsonKind {
        /// The line.
        at: Place,
        /// The key.
        name: String,
        /// The kind found.
        found: &'static str,
        /// The kinds allowed.
        expected: &'static str,
    },
    /// A CSV record that cannot be read.
    #[error("{at}: {reason}")]
    Csv {
        /// The line where the record begins.
        at: Place,
        /// The parser's reason.
        reason: String,
    },
    /// A label that is missing or cannot be one.
    #[error("{at}: {found}, expected {expected}")]
    Label {
        /// The line.
        at: Place,
        /// What stands there.
        found: String,
        /// What should.
        expected: String,
    },
    /// Labels or examples that contradict each other.
    #[error("corpus: {found}, expected {expected}")]
    Corpus {
        /// What is there.
        found: String,
        /// What should be.
        expected: &'static str,
    },
    /// A file without a single example.
    #[error("{file} holds no examples")]
    NoExamples {
        /// The file.
        file: String,
    },
    /// A treebank line that is not one tree.
    #[error("{at}: tree, byte {byte}: {found}, expected {expected}")]
    Tree {
        /// The line.
        at: Place,
        /// The position in the line, from 1.
        byte: usize,
        /// What stands there.
        found: String,
        /// What should.
        expected: &'static str,
    },
    /// A split that cannot be made.
    #[error("split: {found}, expected {expected}")]
    Split {
        /// What was asked for.
        found: String,
        /// What is possible.
        expected: String,
    },
    /// A name that is none of a fixed list.
    #[error("unknown {what} {found:?}, expected one of {expected}")]
    Choice {
        /// What is being chosen.
        what: &'static str,
        /// The name given.
        found: String,
        /// The names there are.
        expected: String,
    },
    /// A `tokenizer.json` that cannot be used, or text that it cannot take.
    #[error("{file}: tokenizer: {reason}")]
    Tokenizer {
        /// The file, or `tokenizer` for one in memory.
        file: String,
        /// What is wrong.
        reason: String,
    },
    /// A parameter of a model folder that does not hold floating-point numbers.
    #[error("parameter `{name}` holds {dtype:?}, expected a floating-point type")]
    ParameterKind {
        /// The parameter's full name.
        name: String,
        /// What it holds.
        dtype: candle_core::DType,
    },
    /// The network gave something else than numbers.
    #[error(
        "the network gives {value} for a sentence of {words} words, expected finite numbers: its weights are too large"
    )]
    NotFinite {
        /// The first such value.
        value: f64,
        /// The sentence's length.
        words: usize,
    },
    /// A field of the configuration out of its range.
    #[error("{field} is {found}, expected {expected}")]
    Config {
        /// The field.
        field: &'static str,
        /// Its value.
        found: String,
        /// What it may be.
        expected: String,
    },
    /// The tensor library refused something underneath.
    #[error(transparent)]
    Candle(candle_core::Error),
    /// A layer refused its input.
    #[error(transparent)]
    Layer(#[from] conv_nn::Error),
    /// A text file, a model folder or a file of vectors cannot be used.
    #[error(transparent)]
    Hub(#[from] conv_hub::Error),
    /// Training cannot be set up or go on.
    #[error(transparent)]
    Train(#[from] conv_train::Error),
    /// Vectors whose width is not the table's.
    #[error("vectors: {word:?} has {found} values, expected {expected}")]
    VectorWidth {
        /// The word.
        word: String,
        /// Its values.
        found: usize,
        /// The table's width.
        expected: usize,
    },
}

impl From<candle_core::Error> for Error {
    fn from(error: candle_core::Error) -> Self {
        Error::Candle(conv_core::cpu::without_backtrace(error))
    }
}
