//! What can go wrong with pictures, weights, layers and indexes: each error names its file, layer
//! or field, what was found and what was expected.

use crate::network::Misfit;
use crate::picture::{PictureDefect, Region};
use std::path::PathBuf;

/// This crate's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Everything that can be wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file is no picture that can be used.
    #[error("{}: {defect}", path.display())]
    Picture {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        defect: PictureDefect,
    },
    /// A network that torchvision has not.
    #[error("torchvision has no {network} with these names; it has {known}")]
    NotInTorchvision {
        /// The network.
        network: &'static str,
        /// Those that it has.
        known: String,
    },
    /// Pixels that are not as many as the sides say.
    #[error(
        "a picture of {width} × {height} pixels from {found} bytes, expected 3 a pixel and no side of 0"
    )]
    Pixels {
        /// Columns.
        width: usize,
        /// Rows.
        height: usize,
        /// Bytes.
        found: usize,
    },
    /// A part of a resized picture that is not within it.
    #[error(
        "{region:?} of a picture resized to {width} × {height}, expected a part that is within it and not empty"
    )]
    Region {
        /// Columns of the whole.
        width: usize,
        /// Rows of the whole.
        height: usize,
        /// The part.
        region: Region,
    },
    /// A picture that a format cannot hold.
    #[error("a picture of {width} × {height} pixels cannot be written: {reason}")]
    Encode {
        /// Columns.
        width: usize,
        /// Rows.
        height: usize,
        /// The encoder's reason.
        reason: String,
    },
    /// A folder that cannot be listed, or a path that leads nowhere.
    #[error("{} cannot be read: {reason}", path.display())]
    Unreadable {
        /// The folder or file.
        path: PathBuf,
        /// The system's answer.
        reason: String,
    },
    /// There is nothing to work on.
    #[error("no picture in {place}{hint}")]
    NoPictures {
        /// Where they were looked for.
        place: String,
        /// What there was instead; empty or beginning with a separator.
        hint: String,
    },
    /// A field of a configuration or recipe out of its range.
    #[error(transparent)]
    Field(#[from] conv_hub::InvalidField),
    /// A line of a table of pictures that does not name one and its class.
    #[error("{}: line {line}: {found}, expected the path of a picture and the name of its class", path.display())]
    Table {
        /// The table.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// What is wrong with it.
        found: String,
    },
    /// Pictures that nothing can be learnt from.
    #[error("{found}, expected {expected}")]
    Split {
        /// What there is.
        found: String,
        /// What there should be.
        expected: &'static str,
    },
    /// Weights of no network that is known here.
    #[error(
        "{} holds the weights of no network known here ({known}): its {count} tensors begin with {found}",
        path.display()
    )]
    UnknownWeights {
        /// The file.
        path: PathBuf,
        /// The networks that there are.
        known: String,
        /// How many tensors the file has.
        count: usize,
        /// The first of them.
        found: String,
    },
    /// Weights that do not fit the network that they are most like.
    #[error("{} does not fit {network}: {}", path.display(), listed(misfits))]
    Misfits {
        /// The file.
        path: PathBuf,
        /// The network.
        network: &'static str,
        /// Every tensor that is missing, that nobody asked for or that has another shape.
        misfits: Vec<Misfit>,
    },
    /// A layer that the network does not have.
    #[error("{network} has no layer {found:?}{hint}")]
    NoLayer {
        /// The network.
        network: &'static str,
        /// The name asked for.
        found: String,
        /// Names that are like it; empty or beginning with a separator.
        hint: String,
    },
    /// A layer over a grid that is none.
    #[error("{layer:?}, expected a layer, or LAYER@COLUMNSxROWS, such as inception_4e@7x7")]
    Grid {
        /// What was asked for.
        layer: String,
    },
    /// A channel beyond those of a layer.
    #[error(
        "layer {layer:?} has {channels} channels, numbered from 0; channel {found} is asked for"
    )]
    NoChannel {
        /// The layer.
        layer: String,
        /// How many it has.
        channels: usize,
        /// The number asked for.
        found: usize,
    },
    /// A layer without a rectifier was asked for before its rectifier.
    #[error("layer {layer:?} has no rectifier, so that there is nothing before it")]
    NoRectifier {
        /// The layer.
        layer: String,
    },
    /// A layer that has no value for this input.
    #[error("layer {layer:?} cannot take {found:?}: {expected}")]
    LayerInput {
        /// The layer.
        layer: String,
        /// The shape of its input without the batch.
        found: Vec<usize>,
        /// What it needs.
        expected: String,
    },
    /// The number of class names is not that of the network's outputs.
    #[error("{} names {found} classes, expected {expected}, one an output of the network", path.display())]
    Classes {
        /// The list.
        path: PathBuf,
        /// Its lines.
        found: usize,
        /// The network's outputs.
        expected: usize,
    },
    /// A line of a list of classes is empty.
    #[error("{}: line {line}: is empty, expected the name of a class", path.display())]
    EmptyLabel {
        /// The list.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
    /// The network has features, but no classes.
    #[error("{network} ends in {layer:?} and has no classes: it gives features only")]
    NoClasses {
        /// The network.
        network: &'static str,
        /// Its last layer.
        layer: String,
    },
    /// The network gave something else than numbers.
    #[error("{}: the network gives {value}, expected finite numbers: are the weights damaged?", path.display())]
    NotFinite {
        /// The first such value.
        value: f64,
        /// The weights.
        path: PathBuf,
    },
    /// An index that cannot be read.
    #[error("{} is no index of pictures: {reason}", path.display())]
    Index {
        /// The file.
        path: PathBuf,
        /// What was found and what was expected.
        reason: String,
    },
    /// A file of features that cannot be read.
    #[error("{} holds no features: {reason}", path.display())]
    Features {
        /// The file.
        path: PathBuf,
        /// What was found and what was expected.
        reason: String,
    },
    /// An index, or a file of features, that was made by another model than the one that asks.
    #[error(
        "{} was made with {field} {found}, and {expected} is used now: open the model it was made with, or make it anew",
        path.display()
    )]
    OtherModel {
        /// The file.
        path: PathBuf,
        /// What differs.
        field: &'static str,
        /// Its value in the file.
        found: String,
        /// Its value now.
        expected: String,
    },
    /// A file could not be written whole; the text names it.
    #[error(transparent)]
    Write(std::io::Error),
    /// The tensor library refused something underneath.
    #[error(transparent)]
    Candle(candle_core::Error),
    /// An operation refused its input.
    #[error(transparent)]
    Operation(#[from] conv_core::Error),
    /// A layer refused its input.
    #[error(transparent)]
    Layer(#[from] conv_nn::Error),
    /// A file of weights or of text cannot be used.
    #[error(transparent)]
    Hub(#[from] conv_hub::Error),
    /// Training cannot be set up or go on.
    #[error(transparent)]
    Train(#[from] conv_train::Error),
}

impl Error {
    /// For `map_err`: a path that cannot be read.
    pub(crate) fn unreadable(path: &std::path::Path) -> impl FnOnce(std::io::Error) -> Self {
        move |error| Error::Unreadable { path: path.to_path_buf(), reason: error.to_string() }
    }
}

conv_train::task_error!(Error);

fn listed(misfits: &[Misfit]) -> String {
    /// Those that a message names; a list of all says no more.
    const NAMED: usize = 12;
    let mut text: Vec<String> = misfits.iter().take(NAMED).map(ToString::to_string).collect();
    if misfits.len() > NAMED {
        text.push(format!("and {} more", misfits.len() - NAMED));
    }
    text.join(", ")
}
