//! What is to be raised.

mod pixels;
mod unit;
mod value;

pub(crate) use unit::part;
pub use unit::{Position, Unit};
pub(crate) use value::Values;

use crate::{Result, Subject};
use conv_vision::Address;
use std::ops::{Add, Mul, Neg, Sub};

/// All of a layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    /// Where it is, without a channel.
    pub address: Address,
    /// Its name.
    pub name: String,
}

/// A direction in the space of a layer's channels.
#[derive(Debug, Clone, PartialEq)]
pub struct Direction {
    /// The layer.
    pub layer: Layer,
    /// A number a channel.
    pub vector: Vec<f32>,
}

/// What objectives are put together from. Each is one number a picture, which is to be raised; what
/// is said of pixels is said of pixels from 0 to 1.
#[derive(Debug, Clone, PartialEq)]
pub enum Part {
    /// A unit's answer: the mean over the positions of its channel, or one position's value alone;
    /// of a class its logit.
    Unit(Unit),
    /// All of a layer: the mean of the squares of its values, which raises whatever answers already
    /// (Mordvintsev et al. 2015, "DeepDream").
    Layer(Layer),
    /// The mean over positions of the product of the channels with a vector.
    Direction(Direction),
    /// The mean over positions of the cosine of the channels with a vector, from −1 to 1.
    /// Multiplied by the direction it is the objective of Carter et al. (2019), "Activation Atlas".
    Cosine(Direction),
    /// How different pictures that climb together are at a layer: *minus* the mean, over the
    /// others, of the cosine of two pictures' Gram matrices of channels (Olah et al. 2017,
    /// "Diversity"). From −1 to 0 where nothing is below 0; of a single picture 0.
    Diversity(Layer),
    /// How smooth the picture is (total variation): *minus* the mean over pixels of the squared
    /// differences from the neighbours to the right and below. At most 0; raising it smooths.
    Smoothness,
    /// *Minus* the mean of the distance of pixels from grey, 0.5. At most 0; raising it takes colour from what does not matter.
    L1,
    /// *Minus* the mean of the squared distance of pixels from grey, 0.5. At most 0.
    L2,
    /// *Minus* half the mean of the squared distance of pixels from their neighbourhood of 3 × 3, in which the middle counts twice. The
    /// neighbourhood stands still: a gradient goes through the pixel alone. At most 0; raising it
    /// blurs.
    Blur,
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
    pub fn unit(address: &str, position: Option<Position>, subject: &dyn Subject) -> Result<Self> {
        Ok(Objective::Part(part(address, position, subject)?))
    }

    /// The logit of a class of this name ([`Subject::class`], of `conv-vision`'s networks
    /// [`class`](crate::class)).
    ///
    /// # Errors
    /// A class that there is not, or names that did not come with the weights.
    pub fn class(name: &str, subject: &dyn Subject) -> Result<Self> {
        let class = subject.class(name)?;
        let layer = &subject.layers()[class.layer];
        Self::unit(&format!("{layer}:{}", class.channel.unwrap_or(0)), None, subject)
    }

    /// [`Part::Direction`] of a vector of a number a channel.
    ///
    /// # Errors
    /// A layer that there is not; a vector of another length, of zeros alone, or not finite.
    pub fn direction(layer: &str, vector: Vec<f32>, subject: &dyn Subject) -> Result<Self> {
        Ok(Objective::Part(Part::Direction(Direction::new(layer, vector, subject)?)))
    }

    /// [`Part::Cosine`] of a vector of a number a channel.
    ///
    /// # Errors
    /// As [`Objective::direction`].
    pub fn cosine(layer: &str, vector: Vec<f32>, subject: &dyn Subject) -> Result<Self> {
        Ok(Objective::Part(Part::Cosine(Direction::new(layer, vector, subject)?)))
    }

    /// [`Part::Diversity`] of pictures that climb together ([`Climb`](crate::Climb)).
    ///
    /// # Errors
    /// A layer that there is not.
    pub fn diversity(layer: &str, subject: &dyn Subject) -> Result<Self> {
        Ok(Objective::Part(Part::Diversity(Layer::find(layer, subject)?)))
    }

    /// Between two objectives: `(1 − share) · from + share · to`.
    #[must_use]
    pub fn interpolate(from: Self, to: Self, share: f64) -> Self {
        from * (1.0 - share) + to * share
    }

    /// Its parts, in the order of the text.
    pub fn parts(&self) -> Vec<&Part> {
        match self {
            Objective::Part(part) => vec![part],
            Objective::Sum(of) | Objective::Difference(of) | Objective::Product(of) => {
                of.iter().flat_map(Objective::parts).collect()
            }
        }
    }

    /// Whether anything in it depends on the picture.
    pub(crate) fn depends(&self) -> bool {
        self.parts().iter().any(|part| !matches!(part, Part::Number(_)))
    }

    /// Its units, in the order of the text.
    pub fn units(&self) -> Vec<&Unit> {
        self.parts()
            .into_iter()
            .filter_map(|part| match part {
                Part::Unit(unit) => Some(unit),
                _ => None,
            })
            .collect()
    }

    /// The layers that it reads, each once and with all channels.
    pub(crate) fn layers(&self) -> Vec<Address> {
        let mut layers: Vec<Address> = Vec::new();
        for part in self.parts() {
            let address = match part {
                Part::Unit(unit) => &unit.address,
                Part::Layer(layer) | Part::Diversity(layer) => &layer.address,
                Part::Direction(direction) | Part::Cosine(direction) => &direction.layer.address,
                _ => continue,
            };
            let whole = Address { channel: None, ..address.clone() };
            if !layers.contains(&whole) {
                layers.push(whole);
            }
        }
        layers
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
