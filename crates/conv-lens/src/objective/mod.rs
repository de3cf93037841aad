//! What is to be raised.

use crate::{Error, Result};
use candle_core::Tensor;
use conv_nn::Mode;
use conv_vision::{Address, Graph, Network, Operation, Pretrained};
use std::fmt;
use std::ops::{Add, Mul, Neg, Sub};

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

/// What objectives are put together from. Each is one number, which is to be raised.
#[derive(Debug, Clone, PartialEq)]
pub enum Part {
    /// A unit's answer: the mean over the positions of its channel, or one position's value alone; of a class its logit.
    Unit(Unit),
    /// All of a layer: the mean of the squares of its values, which raises whatever answers already (Mordvintsev et al. 2015,
    /// "DeepDream").
    Layer {
        /// The layer.
        address: Address,
        /// Its name.
        layer: String,
    },
    /// How smooth the picture is: *minus* the mean over pixels of the squared differences from the neighbours to the right and below, of
    /// pixels from 0 to 1. At most 0; raising it smooths.
    Smoothness,
    /// A number.
    Number(f64),
}

/// An objective: parts, added, subtracted and multiplied.
///
/// In Rust by operators, in text by [`Objective::parse`]:
///
/// ```
/// # use candle_core::{DType, Device};
/// # use conv_lens::Objective;
/// # use conv_nn::Parameters;
/// # use conv_vision::Pretrained;
/// let model = Pretrained::open("../../data/models/clevr-crops".as_ref(), &Device::Cpu)?;
/// let unit = |text: &str| Objective::parse(text, &model);
/// assert_eq!(unit("bn3:2")? - unit("bn3:5")? * 0.5, unit("bn3:2 - bn3:5*0.5")?);
/// # Ok::<(), conv_lens::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub enum Objective {
    /// One part.
    Part(Part),
    /// The first and the second.
    Sum(Box<[Objective; 2]>),
    /// The first less the second.
    Difference(Box<[Objective; 2]>),
    /// The first times the second.
    Product(Box<[Objective; 2]>),
}

impl Objective {
    /// A channel, or a class: `layer` as [`Address`] has it, with a channel.
    ///
    /// # Errors
    /// A layer or a channel that there is not.
    pub fn unit(address: &str, position: Option<Position>, model: &Pretrained) -> Result<Self> {
        Ok(Objective::Part(part(address, position, model)?))
    }

    /// Whether anything in it depends on the picture.
    pub(crate) fn depends(&self) -> bool {
        match self {
            Objective::Part(part) => !matches!(part, Part::Number(_)),
            Objective::Sum(of) | Objective::Difference(of) | Objective::Product(of) => {
                of.iter().any(Objective::depends)
            }
        }
    }

    /// Its units, in the order of the text.
    pub fn units(&self) -> Vec<&Unit> {
        match self {
            Objective::Part(Part::Unit(unit)) => vec![unit],
            Objective::Part(_) => Vec::new(),
            Objective::Sum(of) | Objective::Difference(of) | Objective::Product(of) => {
                of.iter().flat_map(Objective::units).collect()
            }
        }
    }

    /// The layers that it reads, each once and with all channels.
    pub(crate) fn layers(&self) -> Vec<Address> {
        let mut layers: Vec<Address> = Vec::new();
        self.collect(&mut layers);
        layers
    }

    fn collect(&self, layers: &mut Vec<Address>) {
        match self {
            Objective::Part(Part::Unit(Unit { address, .. }) | Part::Layer { address, .. }) => {
                let whole = Address { channel: None, ..address.clone() };
                if !layers.contains(&whole) {
                    layers.push(whole);
                }
            }
            Objective::Part(_) => {}
            Objective::Sum(of) | Objective::Difference(of) | Objective::Product(of) => {
                of.iter().for_each(|part| part.collect(layers));
            }
        }
    }

    /// Its value for one picture: `pixels` from 0 to 255, `[1, 3, H, W]`, and what the network reads of them, `x`. No layer above
    /// those that it names is computed.
    ///
    /// # Errors
    /// A picture that is too small for a layer, or a position that a layer does not have.
    pub fn value(&self, network: &Network, x: &Tensor, pixels: &Tensor) -> Result<Tensor> {
        let layers = self.layers();
        let values = network.values(x, &layers, &mut Mode::Eval)?;
        let of = |address: &Address| {
            let same = |layer: &Address| {
                (layer.layer, layer.before_rectifier) == (address.layer, address.before_rectifier)
            };
            layers.iter().position(same).map(|at| &values[at])
        };
        self.computed(&of, pixels)
    }

    fn computed<'a>(
        &self,
        of: &impl Fn(&Address) -> Option<&'a Tensor>,
        pixels: &Tensor,
    ) -> Result<Tensor> {
        let both = |parts: &[Objective; 2]| -> Result<[Tensor; 2]> {
            Ok([parts[0].computed(of, pixels)?, parts[1].computed(of, pixels)?])
        };
        Ok(match self {
            Objective::Sum(parts) => {
                let [a, b] = both(parts)?;
                (a + b)?
            }
            Objective::Difference(parts) => {
                let [a, b] = both(parts)?;
                (a - b)?
            }
            Objective::Product(parts) => {
                let [a, b] = both(parts)?;
                (a * b)?
            }
            Objective::Part(part) => match part {
                Part::Number(value) => {
                    Tensor::full(*value, (), pixels.device())?.to_dtype(pixels.dtype())?
                }
                Part::Smoothness => smoothness(pixels)?,
                Part::Layer { address, .. } => {
                    of(address).ok_or(Error::Constant)?.sqr()?.mean_all()?
                }
                Part::Unit(unit) => {
                    unit.map(of(&unit.address).ok_or(Error::Constant)?)?.mean_all()?
                }
            },
        })
    }
}

impl Unit {
    /// Its channel at its positions, of its whole layer: `[B, 1, …]`.
    pub(crate) fn map(&self, layer: &Tensor) -> Result<Tensor> {
        let channel = layer.narrow(1, self.address.channel.unwrap_or(0), 1)?;
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

/// Finds a unit, or all of a layer.
pub(crate) fn part(text: &str, position: Option<Position>, model: &Pretrained) -> Result<Part> {
    let network = &model.network;
    // As lucid writes GoogLeNet's layers.
    let text = match text.strip_prefix("mixed") {
        Some(rest) => format!("inception_{rest}"),
        None => text.into(),
    };
    let graph = network.graph();
    let address = graph.find(&text, network.name())?;
    let layer = graph.layers()[address.layer].name.clone();
    let Some(found) = address.channel else {
        return Ok(Part::Layer { address, layer });
    };
    let side = model.preprocessing.crop;
    let shapes = graph.shapes_until(address.layer + 1, &[3, side, side])?;
    let channels = shapes[address.layer][0];
    if found >= channels {
        return Err(conv_vision::Error::NoChannel { layer, channels, found }.into());
    }
    let branch = branch(graph, &shapes, address.layer, found);
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

/// Minus what neighbours differ by.
fn smoothness(pixels: &Tensor) -> Result<Tensor> {
    let x = (pixels / 255.0)?;
    let (_, _, height, width) = x.dims4()?;
    let apart = |dim: usize, side: usize| -> Result<Tensor> {
        match side {
            1 => Ok((x.sum_all()? * 0.0)?),
            _ => {
                Ok((x.narrow(dim, 1, side - 1)? - x.narrow(dim, 0, side - 1)?)?.sqr()?.sum_all()?)
            }
        }
    };
    Ok(((apart(2, height)? + apart(3, width)?)? / -(x.elem_count() as f64))?)
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

impl Add for Objective {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Objective::Sum(Box::new([self, other]))
    }
}

impl Sub for Objective {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Objective::Difference(Box::new([self, other]))
    }
}

impl Mul for Objective {
    type Output = Self;
    fn mul(self, other: Self) -> Self {
        Objective::Product(Box::new([self, other]))
    }
}

impl Mul<f64> for Objective {
    type Output = Self;
    fn mul(self, factor: f64) -> Self {
        self * Objective::Part(Part::Number(factor))
    }
}

impl Neg for Objective {
    type Output = Self;
    fn neg(self) -> Self {
        Objective::Part(Part::Number(-1.0)) * self
    }
}
