//! What can go wrong with detection: each error names its file, annotation or field, what was found
//! and what was expected.

use std::path::PathBuf;

/// This crate's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Everything that can be wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or folder cannot be read at all.
    #[error("{} cannot be read: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// A file of annotations that does not say what it should.
    #[error("{}: {reason}", path.display())]
    Annotations {
        /// The file.
        path: PathBuf,
        /// The place, what was found and what was expected.
        reason: String,
    },
    /// A folder of no layout that is known.
    #[error("{} holds {found}, expected scenes.json with images/ and masks/ (CLEVR's layout), these two alone, or annotations/instances_NAME.json with the pictures in NAME/ (COCO's)", path.display())]
    Layout {
        /// The folder.
        path: PathBuf,
        /// What there is.
        found: String,
    },
    /// A picture and its mask are of different sizes.
    #[error("{}: {found}, expected {expected} as its picture has", path.display())]
    Size {
        /// The mask.
        path: PathBuf,
        /// Its sides.
        found: String,
        /// Those of the picture.
        expected: String,
    },
    /// Run-lengths that are no mask.
    #[error("{found}, expected {expected}")]
    RunLength {
        /// What is wrong.
        found: String,
        /// What there should be.
        expected: String,
    },
    /// Nothing to learn from or to measure on.
    #[error("{place}: {found}, expected {expected}")]
    Empty {
        /// The folder.
        place: String,
        /// What is there.
        found: String,
        /// What should be.
        expected: &'static str,
    },
    /// A model and a data set, or a model's own files, that do not have the same classes or
    /// attributes.
    #[error("{place}: {what} {found}, expected {expected}")]
    Differs {
        /// The model or the data.
        place: String,
        /// What they should share.
        what: &'static str,
        /// Those of the data.
        found: String,
        /// Those of the model.
        expected: String,
    },
    /// A file of weights that are no detector's that is known.
    #[error("{}: {reason}", path.display())]
    Weights {
        /// The file.
        path: PathBuf,
        /// What was found and what was expected.
        reason: String,
    },
    /// The network gave something else than numbers.
    #[error(
        "the network gives {value} for {name}, expected finite numbers: are its weights damaged?"
    )]
    NotFinite {
        /// The first such value.
        value: f32,
        /// What it was asked for.
        name: &'static str,
    },
    /// A field of a configuration or recipe is out of its range.
    #[error(transparent)]
    Field(#[from] conv_hub::InvalidField),
    /// A picture cannot be used.
    #[error(transparent)]
    Picture(#[from] conv_vision::Error),
    /// The tensor library refused something underneath.
    #[error(transparent)]
    Candle(candle_core::Error),
    /// A convolution or upsampling was impossible.
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
