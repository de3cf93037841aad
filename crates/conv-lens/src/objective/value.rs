//! What an objective is worth for pictures.

use super::{Direction, Objective, Part, pixels};
use crate::{Error, Result, Subject};
use candle_core::Tensor;
use conv_hub::InvalidField;
use conv_nn::Mode;
use conv_vision::{Address, Network};

/// What a network makes of some pictures, at the layers that somebody reads.
pub(crate) struct Values {
    /// Each once, with all channels.
    layers: Vec<Address>,
    /// `[B, C, …]` each.
    values: Vec<Tensor>,
}

impl Values {
    /// Of what the network reads, `[B, 3, H, W]`; no layer above `layers` is computed.
    pub(crate) fn new(
        subject: &dyn Subject,
        redirected: bool,
        x: &Tensor,
        layers: Vec<Address>,
    ) -> Result<Self> {
        let values = subject.values(x, &layers, redirected)?;
        // A network of one's own may not do what it is asked.
        let expected = format!("{}, one a layer", layers.len());
        InvalidField::unless(values.len() == layers.len(), "values", &values.len(), &expected)?;
        Ok(Self { layers, values })
    }

    /// The same, with a value of one's own in place of a layer's ([`Network::values_given`]).
    pub(crate) fn given(
        network: &Network,
        x: &Tensor,
        (layer, given): (usize, &Tensor),
        layers: Vec<Address>,
    ) -> Result<Self> {
        let values = network.values_given(x, layer, given, &layers, &mut Mode::Eval)?;
        Ok(Self { layers, values })
    }

    pub(crate) fn of(&self, address: &Address) -> Result<&Tensor> {
        let same = |layer: &Address| {
            (layer.layer, layer.before_rectifier) == (address.layer, address.before_rectifier)
        };
        let at = self.layers.iter().position(same).ok_or(Error::Constant)?;
        Ok(&self.values[at])
    }
}

/// A picture's mean: `[B, …]` to `[B]`.
fn mean(x: &Tensor) -> Result<Tensor> {
    Ok(x.flatten_from(1)?.mean(1)?)
}

impl Objective {
    /// Its value for each of some pictures, `[B]`: `pixels` from 0 to 255, `[B, 3, H, W]`, and what
    /// the network reads of them, `x`. No layer above those that it names is computed. With
    /// `redirected`, gradients also go through closed rectifiers.
    ///
    /// # Errors
    /// Pictures that are too small for a layer, or a position that a layer does not have.
    pub fn value(
        &self,
        subject: &dyn Subject,
        redirected: bool,
        x: &Tensor,
        pixels: &Tensor,
    ) -> Result<Tensor> {
        self.value_of(&Values::new(subject, redirected, x, self.layers())?, pixels)
    }

    /// As [`Objective::value`], of layers that were computed before.
    pub(crate) fn value_of(&self, values: &Values, pixels: &Tensor) -> Result<Tensor> {
        let both = |parts: &[Objective; 2]| -> Result<[Tensor; 2]> {
            Ok([parts[0].value_of(values, pixels)?, parts[1].value_of(values, pixels)?])
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
            Objective::Part(part) => part.value_of(values, pixels)?,
        })
    }
}

impl Part {
    fn value_of(&self, values: &Values, pixels: &Tensor) -> Result<Tensor> {
        match self {
            Part::Number(value) => {
                let pictures = pixels.dim(0)?;
                Ok(Tensor::full(*value, pictures, pixels.device())?.to_dtype(pixels.dtype())?)
            }
            Part::Smoothness => pixels::smoothness(pixels),
            Part::L1 => pixels::l1(pixels),
            Part::L2 => pixels::l2(pixels),
            Part::Blur => pixels::blur(pixels),
            Part::Layer(layer) => mean(&values.of(&layer.address)?.sqr()?),
            Part::Unit(unit) => mean(&unit.map(values.of(&unit.address)?)?),
            Part::Direction(direction) => {
                let (products, _) = direction.products(values)?;
                Ok(products.mean(1)?)
            }
            Part::Cosine(direction) => {
                let (products, lengths) = direction.products(values)?;
                let squares = direction.vector.iter().map(|&x| f64::from(x).powi(2));
                let length = squares.sum::<f64>().sqrt();
                Ok((products / (lengths * length)?)?.mean(1)?)
            }
            Part::Diversity(layer) => diversity(values.of(&layer.address)?),
        }
    }
}

/// Added to a squared length, so that nothing is divided by 0.
const LITTLE: f64 = 1e-12;

impl Direction {
    /// At each position the product of the channels with the vector and the channels' length:
    /// `[B, P]` both.
    fn products(&self, values: &Values) -> Result<(Tensor, Tensor)> {
        let x = positions(values.of(&self.layer.address)?)?;
        let vector = Tensor::new(self.vector.as_slice(), x.device())?.to_dtype(x.dtype())?;
        let products = x.broadcast_mul(&vector.reshape((1, self.vector.len(), 1))?)?.sum(1)?;
        Ok((products, (x.sqr()?.sum(1)? + LITTLE)?.sqrt()?))
    }
}

/// `[B, C, …]` as `[B, C, P]`.
fn positions(x: &Tensor) -> Result<Tensor> {
    match x.rank() {
        2 => Ok(x.unsqueeze(2)?),
        _ => Ok(x.flatten_from(2)?),
    }
}

/// Minus the mean cosine of each picture's Gram matrix with the others'.
fn diversity(layer: &Tensor) -> Result<Tensor> {
    let x = positions(layer)?;
    let pictures = x.dim(0)?;
    let gram = x.matmul(&x.transpose(1, 2)?.contiguous()?)?.flatten_from(1)?;
    let length = (gram.sqr()?.sum_keepdim(1)? + LITTLE)?.sqrt()?;
    let unit = gram.broadcast_div(&length)?;
    let cosines = unit.matmul(&unit.t()?.contiguous()?)?;
    let own = Tensor::eye(pictures, cosines.dtype(), cosines.device())?;
    let others = (&cosines - cosines.mul(&own)?)?.sum(1)?;
    Ok((others / -(pictures.saturating_sub(1).max(1) as f64))?)
}
