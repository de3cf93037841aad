//! What can go wrong with speech: each error names its file, line or field and what was expected.

use conv_hub::text::Place;
use std::path::PathBuf;

/// This crate's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Everything that can be wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file cannot be read at all.
    #[error("cannot read {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// A file that is no audio, or of a kind that is not read here.
    #[error("{}: {reason}", path.display())]
    Audio {
        /// The file.
        path: PathBuf,
        /// What was found and what was expected.
        reason: String,
    },
    /// Audio of another rate than the model hears.
    #[error("{name} has {found} samples a second, expected {expected} as the model has")]
    Rate {
        /// The file.
        name: String,
        /// Its rate in Hz.
        found: u32,
        /// The model's rate in Hz.
        expected: u32,
    },
    /// A part of a recording that begins behind its end.
    #[error("{name} lasts {seconds} s, expected more than the {start} s at which a part begins")]
    Behind {
        /// The file.
        name: String,
        /// Where the part begins, in seconds.
        start: f64,
        /// How long the file is, in seconds.
        seconds: f64,
    },
    /// Audio cannot be brought to another rate.
    #[error("{from} samples a second cannot be made {to}: {reason}")]
    Resample {
        /// Samples a second that there are.
        from: u32,
        /// Samples a second that there should be.
        to: u32,
        /// What is wrong.
        reason: String,
    },
    /// A stream for a network that hears an utterance from its end too.
    #[error(
        "the network reads an utterance from both ends, expected a forward one, which can write while it listens"
    )]
    NotForward,
    /// A stream for a network that looks at all steps for each letter.
    #[error(
        "the network looks at a whole utterance for each letter, expected one with CTC or a transducer, which can write while it listens"
    )]
    Attentive,
    /// A text that cannot be aligned with its recording.
    #[error("{name} cannot be aligned with its text: {found}, expected {expected}")]
    Unaligned {
        /// The recording.
        name: String,
        /// What is wrong with the text.
        found: String,
        /// What should be.
        expected: String,
    },
    /// What only a network with CTC does.
    #[error("the network is a transducer or one with attention, expected one with CTC")]
    NotCtc,
    /// Audio that is shorter than one window.
    #[error("{name} has {found} samples ({:.0} ms), expected at least {least} ({:.0} ms)",
        1e3 * *found as f64 / f64::from(*rate), 1e3 * *least as f64 / f64::from(*rate))]
    Short {
        /// The file.
        name: String,
        /// Its samples.
        found: usize,
        /// Samples of a window.
        least: usize,
        /// Samples a second.
        rate: u32,
    },
    /// A manifest's first line lacks a column.
    #[error("{at}: no column `{name}`, found {found}")]
    Column {
        /// The header's line.
        at: Place,
        /// The column.
        name: &'static str,
        /// The columns there.
        found: String,
    },
    /// A manifest's line with fewer fields than its header.
    #[error("{at}: {found} fields, expected {expected} as in the header")]
    Fields {
        /// The line.
        at: Place,
        /// Fields there.
        found: usize,
        /// Columns of the header.
        expected: usize,
    },
    /// A manifest's line with a start or an end that is none.
    #[error("{at}: found {found}, expected a start before an end, in seconds")]
    Span {
        /// The line.
        at: Place,
        /// What is there.
        found: String,
    },
    /// A line of a list or of transcripts is not as it should be.
    #[error("{at}: found {found}, expected {expected}")]
    Line {
        /// The line.
        at: Place,
        /// What is there.
        found: String,
        /// What should be.
        expected: &'static str,
    },
    /// A recording that a manifest's line names cannot be used.
    #[error("{at}: {source}")]
    Listed {
        /// The line.
        at: Place,
        /// What is wrong with the recording.
        source: Box<Error>,
    },
    /// A line of an ARPA file is not as it should be.
    #[error("{at}: found {found}, expected {expected}")]
    Arpa {
        /// The line.
        at: Place,
        /// What is there.
        found: String,
        /// What should be.
        expected: String,
    },
    /// Nothing to learn from or to measure on.
    #[error("{place}: {found}, expected {expected}")]
    Empty {
        /// The manifest or folder.
        place: String,
        /// What is there.
        found: String,
        /// What should be.
        expected: &'static str,
    },
    /// The network gave something else than numbers.
    #[error(
        "the network gives {value} for {name}, expected finite numbers: its weights are too large"
    )]
    NotFinite {
        /// The first such value.
        value: f32,
        /// The recording.
        name: String,
    },
    /// A field of a configuration or recipe is out of its range.
    #[error(transparent)]
    Field(#[from] conv_hub::InvalidField),
    /// The tensor library refused something underneath.
    #[error(transparent)]
    Candle(candle_core::Error),
    /// A convolution or pooling was impossible.
    #[error(transparent)]
    Core(#[from] conv_core::Error),
    /// A layer refused its input.
    #[error(transparent)]
    Layer(#[from] conv_nn::Error),
    /// A model folder or a text file cannot be used.
    #[error(transparent)]
    Hub(#[from] conv_hub::Error),
    /// Training cannot be set up or go on.
    #[error(transparent)]
    Train(#[from] conv_train::Error),
}

impl Error {
    /// For `map_err`: names the file that cannot be read.
    pub(crate) fn io(path: &std::path::Path) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Error::Io { path: path.into(), source }
    }
}

conv_train::task_error!(Error);
