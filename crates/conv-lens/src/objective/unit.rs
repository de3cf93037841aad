//! Units: the names by which they are asked for and told.

use super::{Direction, Layer, Part};
use crate::{Error, Result, Subject};
use candle_core::Tensor;
use conv_hub::InvalidField;
use conv_vision::Address;
use std::fmt;

/// A unit of a network: a channel of a layer, at all its positions or at one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unit {
    /// The layer and the channel.
    pub address: Address,
    /// A row and a column of the layer; `None` for the mean over all positions.
    pub position: Option<Position>,
    /// The layer's name.
    pub(crate) layer: String,
    /// The branch that a channel of joined layers comes from, and its number there.
    pub(crate) branch: Option<(String, usize)>,
}

/// Where in a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Position {
    /// The middle, whatever the layer's size.
    Centre,
    /// A row and a column, from 0.
    At(usize, usize),
}

impl Unit {
    /// Its channel at all positions, of its whole layer: `[B, 1, …]`.
    pub(crate) fn channel(&self, layer: &Tensor) -> Result<Tensor> {
        Ok(layer.narrow(1, self.address.channel.unwrap_or(0), 1)?)
    }

    /// Its channel at its positions, of its whole layer: `[B, 1, …]`.
    pub(crate) fn map(&self, layer: &Tensor) -> Result<Tensor> {
        let channel = self.channel(layer)?;
        let (Some(position), &[_, _, rows, columns]) = (self.position, channel.dims()) else {
            return Ok(channel);
        };
        let (row, column) = match position {
            Position::Centre => (rows / 2, columns / 2),
            Position::At(row, column) => (row, column),
        };
        if row >= rows || column >= columns {
            return Err(Error::NoPosition {
                layer: self.layer.clone(),
                rows,
                columns,
                row,
                column,
            });
        }
        Ok(channel.narrow(2, row, 1)?.narrow(3, column, 1)?)
    }
}

impl Layer {
    /// Finds a layer by its name.
    pub(crate) fn find(text: &str, subject: &dyn Subject) -> Result<Self> {
        let address = subject.find(text)?;
        let name = name_of(&address, subject);
        if address.channel.is_some() {
            let expected = format!("a layer without a channel, such as {name}");
            return Err(InvalidField::new("layer", text, expected).into());
        }
        Ok(Self { address, name })
    }

    /// How many channels it has.
    pub(crate) fn channels(&self, subject: &dyn Subject) -> Result<usize> {
        subject.channels(self.address.layer)
    }
}

impl Direction {
    pub(crate) fn new(layer: &str, vector: Vec<f32>, subject: &dyn Subject) -> Result<Self> {
        let layer = Layer::find(layer, subject)?;
        let channels = layer.channels(subject)?;
        if vector.len() != channels {
            let expected = format!("{channels} numbers, one a channel of {}", layer.name);
            return Err(InvalidField::new("direction", vector.len(), expected).into());
        }
        if !vector.iter().all(|x| x.is_finite()) || vector.iter().all(|&x| x == 0.0) {
            return Err(InvalidField::new(
                "direction",
                "no direction",
                "finite numbers, not all 0",
            )
            .into());
        }
        Ok(Self { layer, vector })
    }
}

fn name_of(address: &Address, subject: &dyn Subject) -> String {
    subject.layers()[address.layer].clone()
}

/// Finds a unit, or all of a layer.
pub(crate) fn part(text: &str, position: Option<Position>, subject: &dyn Subject) -> Result<Part> {
    let address = subject.find(text)?;
    let layer = name_of(&address, subject);
    let Some(found) = address.channel else {
        return Ok(Part::Layer(Layer { address, name: layer }));
    };
    let channels = subject.channels(address.layer)?;
    if found >= channels {
        return Err(conv_vision::Error::NoChannel { layer, channels, found }.into());
    }
    let branch = subject.branch(address.layer, found)?;
    Ok(Part::Unit(Unit { address, position, layer, branch }))
}

impl fmt::Display for Unit {
    /// `inception_4c/output:64 (inception_4c/1x1:64)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { address, position, layer, branch } = self;
        let before = if address.before_rectifier { "/pre_relu" } else { "" };
        write!(f, "{layer}{before}:{}", address.channel.unwrap_or(0))?;
        match position {
            Some(Position::Centre) => write!(f, "@centre")?,
            Some(Position::At(row, column)) => write!(f, "@{row},{column}")?,
            None => {}
        }
        match branch {
            Some((name, channel)) => write!(f, " ({name}{before}:{channel})"),
            None => Ok(()),
        }
    }
}
