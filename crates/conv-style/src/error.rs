//! What can go wrong with painting: each error names its file, layer, field or step, what was found
//! and what was expected.

use std::path::PathBuf;

/// This crate's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Everything that can be wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Layers that have too few positions in a picture of this size for their loss to mean
    /// anything.
    #[error(
        "{what} of {width} × {height} pixels is too small: of {}, where at least 2 positions are needed; take a larger --size, or leave these layers out",
        listed(layers)
    )]
    TooSmall {
        /// Which picture: `the picture`, `the style`.
        what: &'static str,
        /// Its columns.
        width: usize,
        /// Its rows.
        height: usize,
        /// The layers by name, with the positions that they have.
        layers: Vec<(String, usize)>,
    },
    /// A loss with nothing in it.
    #[error("{field} is empty, expected at least one layer of the loss network")]
    NoLayers {
        /// The list.
        field: &'static str,
    },
    /// A mixture of nothing.
    #[error("there is no style in the mixture, expected at least one")]
    NoParts,
    /// Nothing to paint in the manner of.
    #[error("there is no painting, expected at least one")]
    NoPainting,
    /// A saved descent that is not this one, or that cannot be used.
    #[error("{}: {reason}", path.display())]
    Saved {
        /// The file.
        path: PathBuf,
        /// What was found and what was expected.
        reason: String,
    },
    /// A mask that says of no part of a picture, or of another picture, what is to be there.
    #[error("the mask: {reason}")]
    Mask {
        /// What was found and what was expected.
        reason: String,
    },
    /// A style that the bank does not have.
    #[error("there is no style {found:?}, only {known}")]
    NoStyle {
        /// The name asked for.
        found: String,
        /// Those that there are, with commas.
        known: String,
    },
    /// A mixture that cannot be read, or whose parts do not make one whole.
    #[error("the mixture {found:?}: {reason}")]
    Mixture {
        /// As it was given.
        found: String,
        /// What was found and what was expected.
        reason: String,
    },
    /// No photograph to learn from.
    #[error("{place}: {found}, expected {expected}")]
    Contents {
        /// Where they were looked for.
        place: String,
        /// What there is.
        found: String,
        /// What there should be.
        expected: String,
    },
    /// The network gave something else than numbers.
    #[error("{}: the network gives numbers that are not finite: are the weights damaged?", path.display())]
    NotFinite {
        /// The model.
        path: PathBuf,
    },
    /// A field of a configuration or recipe out of its range.
    #[error(transparent)]
    Field(#[from] conv_hub::InvalidField),
    /// A picture, or the loss network.
    #[error(transparent)]
    Vision(#[from] conv_vision::Error),
    /// The tensor library refused something underneath.
    #[error(transparent)]
    Candle(candle_core::Error),
    /// A convolution was impossible.
    #[error(transparent)]
    Operation(#[from] conv_core::Error),
    /// A layer refused its input.
    #[error(transparent)]
    Layer(#[from] conv_nn::Error),
    /// A model folder cannot be used.
    #[error(transparent)]
    Hub(#[from] conv_hub::Error),
    /// Training cannot be set up or go on.
    #[error(transparent)]
    Train(#[from] conv_train::Error),
}

fn listed(layers: &[(String, usize)]) -> String {
    let one = |(name, positions): &(String, usize)| format!("{name} has {positions}");
    layers.iter().map(one).collect::<Vec<_>>().join(", ")
}

conv_train::task_error!(Error);
