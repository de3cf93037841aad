//! What can be wrong with a file, a folder or an id: one variant each.

use std::path::{Path, PathBuf};

use crate::pth::PthDefect;
use crate::text::Place;
use crate::vectors::VectorsDefect;
use crate::weights::SafetensorsDefect;

/// An error of this crate. Every text names the file, folder or id, what was found and what was
/// expected.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The tensor library refused something underneath.
    #[error(transparent)]
    Candle(candle_core::Error),
    /// The file system refused.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried: `read`, `write`, `open`.
        action: &'static str,
        /// On which path.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// A file could not be written whole; the text names it.
    #[error(transparent)]
    Write(std::io::Error),
    /// A text file is larger than anything of its kind could be.
    #[error("{} has {found} bytes; a file of this kind has at most {limit}", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its length in bytes.
        found: u64,
        /// The most that is read.
        limit: u64,
    },
    /// A file of a model folder is not there.
    #[error("{} has no {file}, which holds {purpose}", folder.display())]
    MissingFile {
        /// The model folder.
        folder: PathBuf,
        /// The missing file's name.
        file: String,
        /// What the file is for.
        purpose: &'static str,
    },
    /// The folder holds a model of another kind.
    #[error("{} holds a model of type `{found}`, expected `{expected}`", folder.display())]
    ModelType {
        /// The model folder.
        folder: PathBuf,
        /// The type its configuration names.
        found: String,
        /// The type that was wanted.
        expected: String,
    },
    /// A folder that is no model was to be overwritten by one.
    #[error("{} is not overwritten by a model: {reason}", folder.display())]
    NotAModel {
        /// The folder that is in the way.
        folder: PathBuf,
        /// Why it does not look like a model folder.
        reason: String,
    },
    /// A JSON file cannot be parsed, or a field of it has a value of another kind.
    #[error("{}: {}{reason}", path.display(), prefix(field))]
    Json {
        /// The file.
        path: PathBuf,
        /// The field, as `layers[1].width`; empty for the whole file.
        field: String,
        /// What was found and what was expected.
        reason: String,
    },
    /// A text file is not UTF-8.
    #[error("{}: byte {offset} is not UTF-8", path.display())]
    Encoding {
        /// The file.
        path: PathBuf,
        /// Where the text stops being UTF-8.
        offset: usize,
    },
    /// A byte that UTF-8 does not allow, in a line read as UTF-8.
    #[error("{at}: byte 0x{byte:02x} at column {column} is not UTF-8; save the file as UTF-8")]
    NotUtf8 {
        /// The line.
        at: Place,
        /// The byte's position in the line, from 1.
        column: usize,
        /// The byte.
        byte: u8,
    },
    /// A text file begins with a UTF-16 byte-order mark.
    #[error(
        "{} is UTF-16 (it begins with that byte-order mark), expected UTF-8: save it as UTF-8", path.display()
    )]
    Utf16 {
        /// The file.
        path: PathBuf,
    },
    /// A line, or a CSV record with its quoted line breaks, longer than the reader takes.
    #[error("{at}: longer than {limit} bytes{hint}")]
    LineTooLong {
        /// The line where it begins.
        at: Place,
        /// The most bytes a line may have.
        limit: usize,
        /// What may be the cause; empty or beginning with a separator.
        hint: &'static str,
    },
    /// A name that is none of an encoding.
    #[error("unknown encoding {found:?}, expected one of utf8, latin1")]
    UnknownEncoding {
        /// The name given.
        found: String,
    },
    /// A list of labels has an unusable line.
    #[error("{}: line {line}: {reason}", path.display())]
    Labels {
        /// The list.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// A weight is no number or infinite, which no training leaves.
    #[error("{}: tensor `{tensor}` holds {value}, expected finite numbers", path.display())]
    NotFinite {
        /// The file.
        path: PathBuf,
        /// The tensor's name.
        tensor: String,
        /// The first such value.
        value: f64,
    },
    /// A weight does not fit in half precision.
    #[error("tensor `{tensor}` holds {value}, and half precision ends at 65504")]
    HalfRange {
        /// The tensor's name.
        tensor: String,
        /// The value that would become infinite.
        value: f32,
    },
    /// A parameter of a model that does not hold floating-point numbers.
    #[error("parameter `{name}` holds {found:?}, expected a floating-point type")]
    ParameterType {
        /// The parameter's full name.
        name: String,
        /// What it holds.
        found: candle_core::DType,
    },
    /// A field of a model's configuration is out of its range.
    #[error(transparent)]
    Field(#[from] crate::InvalidField),
    /// A file name from outside could leave its folder.
    #[error("`{name}` is not accepted as the name of a file within {place}")]
    UnsafeName {
        /// The name, as it came.
        name: String,
        /// Where it would have been used.
        place: String,
    },
    /// A safetensors file is truncated, corrupt or something else.
    #[error("{}: {defect}", path.display())]
    Safetensors {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        defect: SafetensorsDefect,
    },
    /// A file of word vectors is truncated, corrupt or something else.
    #[error("{}: {defect}", path.display())]
    Vectors {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and where.
        defect: VectorsDefect,
    },
    /// A PyTorch checkpoint is truncated, corrupt, hostile or something else.
    #[error("{}: {defect}", path.display())]
    Pth {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        defect: PthDefect,
    },
    /// Neither a folder nor an id on the hub.
    #[error(
        "there is no folder `{text}`, and it is not an id on the hub (`owner/name` or `owner/name@revision`)"
    )]
    NoSuchModel {
        /// What was asked for.
        text: String,
    },
    /// An id on the hub, in a build without the hub.
    #[error("there is no folder `{id}`; to fetch it from the hub, build with the feature `hub`")]
    HubFeature {
        /// The id.
        id: String,
    },
    /// The hub could not be asked, or said no.
    #[cfg(feature = "hub")]
    #[error("cannot fetch `{id}` on the hub {endpoint}")]
    Hub {
        /// The id, with its revision.
        id: String,
        /// The hub's address.
        endpoint: String,
        /// The client's error.
        source: Box<hf_hub::HFError>,
    },
    /// The hub's answer cannot be used.
    #[cfg(feature = "hub")]
    #[error("`{id}` on the hub: {reason}")]
    HubAnswer {
        /// The id, with its revision.
        id: String,
        /// What was found and what was expected.
        reason: String,
    },
    /// Offline, and the cache does not have it.
    #[cfg(feature = "hub")]
    #[error("`{id}` is not in the cache {} and HF_HUB_OFFLINE is set: {missing} is missing", cache.display())]
    NotCached {
        /// The id, with its revision.
        id: String,
        /// The cache's folder.
        cache: PathBuf,
        /// The file or the revision that is missing.
        missing: String,
    },
    /// A data file of a kind that has no reader here.
    #[cfg(feature = "hub")]
    #[error("{}: rows are read from .parquet and .jsonl files", path.display())]
    RowsFormat {
        /// The file.
        path: PathBuf,
    },
    /// A data file is truncated, corrupt or something else.
    #[cfg(feature = "hub")]
    #[error("{}: row {row}: {reason}", path.display())]
    Rows {
        /// The file.
        path: PathBuf,
        /// The row, from 1; 0 for the file as a whole.
        row: usize,
        /// What was found and what was expected.
        reason: String,
    },
}

fn prefix(field: &str) -> String {
    if field.is_empty() { String::new() } else { format!("field `{field}`: ") }
}

/// A result with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// For `map_err`: names what was tried and on which path.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Error::Io { action, path: path.to_path_buf(), source }
    }
}

impl From<Error> for candle_core::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::Candle(inner) => inner,
            other => candle_core::Error::wrap(other),
        }
    }
}

impl From<candle_core::Error> for Error {
    fn from(error: candle_core::Error) -> Self {
        Error::Candle(conv_core::cpu::without_backtrace(error))
    }
}
