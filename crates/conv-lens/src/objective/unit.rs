//! Units: the names by which they are asked for and told.

use super::{Direction, Layer, Part};
use crate::{Error, Result};
use candle_core::Tensor;
use conv_hub::InvalidField;
use conv_vision::{Address, Graph, Operation, Pretrained};
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
    pub(crate) fn find(text: &str, model: &Pretrained) -> Result<Self> {
        let address = find(text, model)?;
        let name = name_of(&address, model);
        if address.channel.is_some() {
            let expected = format!("a layer without a channel, such as {name}");
            return Err(InvalidField::new("layer", text, expected).into());
        }
        Ok(Self { address, name })
    }

    /// How many channels it has.
    pub(crate) fn channels(&self, model: &Pretrained) -> Result<usize> {
        Ok(shapes(&self.address, model)?[self.address.layer][0])
    }
}

impl Direction {
    pub(crate) fn new(layer: &str, vector: Vec<f32>, model: &Pretrained) -> Result<Self> {
        let layer = Layer::find(layer, model)?;
        let channels = layer.channels(model)?;
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

/// A layer, or a channel of one, under any of its names.
fn find(text: &str, model: &Pretrained) -> Result<Address> {
    let network = &model.network;
    let text = of_lucid(text).unwrap_or_else(|| text.into());
    Ok(network.graph().find(&text, network.name())?)
}

/// As lucid writes GoogLeNet's layers: `mixed4c`, `mixed4c_3x3`, `mixed4c_pre_relu`, each also with a channel.
fn of_lucid(text: &str) -> Option<String> {
    let (name, channel) = match text.split_once(':') {
        Some((name, channel)) => (name, format!(":{channel}")),
        None => (text, String::new()),
    };
    let (name, before) = match name.strip_suffix("_pre_relu") {
        Some(name) => (name, "/pre_relu"),
        None => (name, ""),
    };
    let stem = match name {
        "conv2d0" => "conv1/7x7_s2".into(),
        "conv2d1" => "conv2/3x3_reduce".into(),
        "conv2d2" => "conv2/3x3".into(),
        _ => {
            let (stage, branch) = match name.strip_prefix("mixed")?.split_once('_') {
                Some((stage, branch)) => (stage, branch),
                None => (name.strip_prefix("mixed")?, "output"),
            };
            let branch = match branch {
                "3x3_bottleneck" => "3x3_reduce",
                "5x5_bottleneck" => "5x5_reduce",
                "pool_reduce" => "pool_proj",
                same => same,
            };
            format!("inception_{stage}/{branch}")
        }
    };
    Some(format!("{stem}{before}{channel}"))
}

fn name_of(address: &Address, model: &Pretrained) -> String {
    model.network.graph().layers()[address.layer].name.clone()
}

/// The shapes of all layers up to one, of a picture of the size that the network is made for.
fn shapes(address: &Address, model: &Pretrained) -> Result<Vec<Vec<usize>>> {
    let side = model.preprocessing.crop;
    Ok(model.network.graph().shapes_until(address.layer + 1, &[3, side, side])?)
}

/// Finds a unit, or all of a layer.
pub(crate) fn part(text: &str, position: Option<Position>, model: &Pretrained) -> Result<Part> {
    let address = find(text, model)?;
    let layer = name_of(&address, model);
    let Some(found) = address.channel else {
        return Ok(Part::Layer(Layer { address, name: layer }));
    };
    let shapes = shapes(&address, model)?;
    let channels = shapes[address.layer][0];
    if found >= channels {
        return Err(conv_vision::Error::NoChannel { layer, channels, found }.into());
    }
    let branch = branch(model.network.graph(), &shapes, address.layer, found);
    Ok(Part::Unit(Unit { address, position, layer, branch }))
}

/// Where a channel of joined layers comes from.
fn branch(
    graph: &Graph,
    shapes: &[Vec<usize>],
    layer: usize,
    channel: usize,
) -> Option<(String, usize)> {
    let layer = &graph.layers()[layer];
    if !matches!(layer.operation, Operation::Concat) {
        return None;
    }
    let mut left = channel;
    for &input in &layer.inputs {
        if left < shapes[input][0] {
            return Some((graph.layers()[input].name.clone(), left));
        }
        left -= shapes[input][0];
    }
    None
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lucids_names_are_caffes() {
        for (lucid, caffe) in [
            ("mixed4c:12", "inception_4c/output:12"),
            ("mixed4c_pre_relu:12", "inception_4c/output/pre_relu:12"),
            ("mixed3a_3x3_bottleneck", "inception_3a/3x3_reduce"),
            ("mixed5b_pool_reduce:3", "inception_5b/pool_proj:3"),
            ("conv2d0:1", "conv1/7x7_s2:1"),
        ] {
            assert_eq!(of_lucid(lucid).as_deref(), Some(caffe));
        }
        assert_eq!(of_lucid("inception_4c:12"), None);
    }
}
