//! What can go wrong with translation: each error names its file, line or field and what was expected.

/// This crate's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Everything that can be wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A configuration's field is out of range.
    #[error("{field} is {found}, expected {expected}")]
    Config {
        /// The field.
        field: &'static str,
        /// Its value.
        found: String,
        /// What may stand there.
        expected: String,
    },
    /// A notation that is not the reference's.
    #[error("{what} `{text}`: at character {character}, {found}, expected {expected}")]
    Syntax {
        /// What is denoted.
        what: &'static str,
        /// The whole text.
        text: String,
        /// Where, from 1.
        character: usize,
        /// What stands there.
        found: String,
        /// What could.
        expected: String,
    },
    /// A residual connection that begins before the first layer.
    #[error("layer {layer} adds the input of {residual} layers before, expected at most {layer}")]
    Residual {
        /// The layer, from 1.
        layer: usize,
        /// How far its residual connection reaches.
        residual: usize,
    },
    /// Attention for another number of layers.
    #[error("attention is said of {found} layer{}, expected {expected} as there are decoder layers", if *.found == 1 { "" } else { "s" })]
    AttentionLayers {
        /// Layers it is said of.
        found: usize,
        /// Decoder layers.
        expected: usize,
    },
    /// A sentence beyond the table of positions.
    #[error(
        "a {side} sentence has {found} tokens with its end, expected at most {expected}, the positions that the model knows"
    )]
    TooLong {
        /// Source or target.
        side: &'static str,
        /// Its tokens.
        found: usize,
        /// The most there may be.
        expected: usize,
    },
    /// A file could not be opened or read.
    #[error("cannot read {file}")]
    Read {
        /// The file.
        file: String,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A file could not be written whole; the text names it.
    #[error(transparent)]
    Write(std::io::Error),
    /// A dictionary's line that cannot be used.
    #[error("{file} line {line}: {reason}")]
    Dictionary {
        /// The file.
        file: String,
        /// The line, from 1.
        line: usize,
        /// What was found and what was expected.
        reason: String,
    },
    /// A PyTorch checkpoint without the arguments that fairseq saves.
    #[error("{file} has neither `args` nor `cfg`, expected a checkpoint of fairseq")]
    NotFairseq {
        /// The file.
        file: String,
    },
    /// A checkpoint of another network.
    #[error("{file} is a model of the architecture {found:?}, expected one of {expected}")]
    Architecture {
        /// The file.
        file: String,
        /// Its architecture.
        found: String,
        /// Those that are this network.
        expected: String,
    },
    /// An argument that fairseq did not save, or not as it does.
    #[error("{file}: argument `{field}` is {found}, expected {expected}")]
    FairseqArgument {
        /// The file.
        file: String,
        /// The argument.
        field: &'static str,
        /// Its value.
        found: String,
        /// What may stand there.
        expected: &'static str,
    },
    /// candle failed.
    #[error(transparent)]
    Candle(#[from] candle_core::Error),
    /// A layer failed.
    #[error(transparent)]
    Layer(#[from] conv_nn::Error),
    /// Training failed.
    #[error(transparent)]
    Train(#[from] conv_train::Error),
    /// A model folder or checkpoint failed.
    #[error(transparent)]
    Hub(#[from] conv_hub::Error),
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
    /// References that are not line by line beside the hypotheses.
    #[error("{what} has {found} line{}, expected {expected}, as many as the hypotheses", if *.found == 1 { "" } else { "s" })]
    LineCount {
        /// Which reference.
        what: String,
        /// Its lines.
        found: usize,
        /// The hypotheses' lines.
        expected: usize,
    },
    /// A hypothesis with nothing to compare it with.
    #[error("sentence {sentence}: no reference, expected at least one")]
    NoReference {
        /// The sentence, from 1.
        sentence: u64,
    },
    /// Counts of a metric that cannot be added: the one is not the other's metric.
    #[error("counts for the score {found}, expected {expected}")]
    Signatures {
        /// The signature of the counts to add.
        found: String,
        /// The signature of those they were to be added to.
        expected: String,
    },
}
