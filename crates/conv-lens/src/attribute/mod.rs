//! Which places of a photograph, and which channels of a layer, an answer was carried by.
//!
//! Every method asks how an [`Objective`]'s value for one photograph comes about.
//! [`gradient_times_activation`] and [`grad_cam`] look at a layer between, [`integrated_gradients`]
//! at the pixels, and [`occlusion`] covers the photograph piece by piece: slow, but it only says
//! what was seen to happen, so that the others are compared with it.

mod map;
mod quadrature;

pub use map::Map;
pub use quadrature::gauss_legendre;

use crate::objective::Values;
use crate::{Error, Layer, Objective, Result};
use candle_core::{DType, Device, Tensor, Var};
use conv_hub::InvalidField;
use conv_vision::{Channels, Picture, Preprocessing, Pretrained};

/// What a layer carried.
#[derive(Debug, Clone, PartialEq)]
pub struct Carried {
    /// The objective's value.
    pub value: f64,
    /// A number a position: the sum over channels.
    pub positions: Map,
    /// A number a channel: the sum over positions.
    pub channels: Vec<f64>,
}

/// The activations of a layer, `[C, P]`, with the gradient of the objective to them, its rows and
/// columns, and the objective's value.
struct Seen {
    activations: Vec<f32>,
    gradient: Vec<f32>,
    channels: usize,
    rows: usize,
    columns: usize,
    value: f64,
}

fn seen(model: &Pretrained, objective: &Objective, picture: &Picture, layer: &str) -> Result<Seen> {
    let layer = Layer::find(layer, model)?;
    let no = |expected: &str| -> Error { InvalidField::new("layer", &layer.name, expected).into() };
    if layer.address.before_rectifier {
        return Err(no("a layer behind its rectifier"));
    }
    let pixels = picture.tensor(&Device::Cpu)?;
    let x = model.preprocessing.of_pixels(&pixels)?;
    let own = Values::new(model, false, &x, vec![layer.address.clone()])?;
    let own = own.of(&layer.address)?.clone();
    let given = Var::from_tensor(&own)?;
    let layers = objective.layers();
    let values =
        Values::given(&model.network, &x, (layer.address.layer, given.as_tensor()), layers)?;
    let value = objective.value_of(&values, &pixels)?.get(0)?;
    let gradients = value.backward()?;
    let Some(gradient) = gradients.get(&given) else {
        return Err(no("a layer that the objective stands on"));
    };
    let (channels, rows, columns) = match *own.dims() {
        [1, channels, rows, columns] => (channels, rows, columns),
        _ => (own.elem_count(), 1, 1),
    };
    Ok(Seen {
        activations: own.flatten_all()?.to_vec1()?,
        gradient: gradient.flatten_all()?.to_vec1()?,
        channels,
        rows,
        columns,
        value: finite(model, f64::from(value.to_scalar::<f32>()?))?,
    })
}

fn finite(model: &Pretrained, value: f64) -> Result<f64> {
    if value.is_finite() {
        Ok(value)
    } else {
        Err(conv_vision::Error::NotFinite { value, path: model.path.clone() }.into())
    }
}

impl Seen {
    /// `[channel][position]` of both.
    fn of_channel(&self, channel: usize) -> impl Iterator<Item = (f64, f64)> + '_ {
        let plane = self.rows * self.columns;
        let part = channel * plane..(channel + 1) * plane;
        let pairs = self.activations[part.clone()].iter().zip(&self.gradient[part]);
        pairs.map(|(&activation, &gradient)| (f64::from(activation), f64::from(gradient)))
    }

    fn map(&self, values: Vec<f64>) -> Map {
        Map { rows: self.rows, columns: self.columns, values }
    }
}

/// What each position and channel of a layer gives to the objective, to first order: activation ×
/// gradient (Olah et al. 2018, "The Building Blocks of Interpretability").
///
/// # Errors
/// A layer that there is not, that the objective does not stand on, or before its rectifier; an
/// objective that is not finite.
pub fn gradient_times_activation(
    model: &Pretrained,
    objective: &Objective,
    picture: &Picture,
    layer: &str,
) -> Result<Carried> {
    let seen = seen(model, objective, picture, layer)?;
    let mut positions = vec![0.0; seen.rows * seen.columns];
    let mut channels = Vec::new();
    for channel in 0..seen.channels {
        let mut sum = 0.0;
        for (position, (activation, gradient)) in positions.iter_mut().zip(seen.of_channel(channel))
        {
            *position += activation * gradient;
            sum += activation * gradient;
        }
        channels.push(sum);
    }
    Ok(Carried { value: seen.value, positions: seen.map(positions), channels })
}

/// Grad-CAM (Selvaraju et al. 2017, equations 1 and 2): the channels of a layer, each weighted by
/// the mean of its gradient, summed and rectified. `channels` are the weights.
///
/// # Errors
/// As [`gradient_times_activation`].
pub fn grad_cam(
    model: &Pretrained,
    objective: &Objective,
    picture: &Picture,
    layer: &str,
) -> Result<Carried> {
    let seen = seen(model, objective, picture, layer)?;
    let mut positions = vec![0.0; seen.rows * seen.columns];
    let mut channels = Vec::new();
    for channel in 0..seen.channels {
        let sum: f64 = seen.of_channel(channel).map(|(_, gradient)| gradient).sum();
        let weight = sum / positions.len() as f64;
        for (position, (activation, _)) in positions.iter_mut().zip(seen.of_channel(channel)) {
            *position += weight * activation;
        }
        channels.push(weight);
    }
    positions.iter_mut().for_each(|position| *position = position.max(0.0));
    Ok(Carried { value: seen.value, positions: seen.map(positions), channels })
}

/// How an integral is made a sum.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Rule {
    /// [`gauss_legendre`].
    #[default]
    GaussLegendre,
    /// Equal parts, each at its middle.
    Riemann,
}

/// What [`integrated_gradients`] comes to.
#[derive(Debug, Clone, PartialEq)]
pub struct Integrated {
    /// A number a pixel: the sum over its colours.
    pub pixels: Map,
    /// The objective for the photograph.
    pub value: f64,
    /// The objective for the baseline, a picture of the colour that the network's preprocessing
    /// makes 0.
    pub baseline: f64,
    /// The sum of all pixels.
    pub sum: f64,
}

impl Integrated {
    /// What is missing: (sum − (value − baseline)) / |value − baseline|. It is 0 for the integral,
    /// and says how good the sum is.
    pub fn gap(&self) -> f64 {
        let difference = self.value - self.baseline;
        (self.sum - difference) / difference.abs()
    }
}

/// Integrated gradients (Sundararajan et al. 2017, equation 1): the gradient along the straight way
/// from one colour to the photograph, times the way. `steps` is from 1 to 10,000.
///
/// # Errors
/// Another number of steps; an objective that is not finite.
pub fn integrated_gradients(
    model: &Pretrained,
    objective: &Objective,
    picture: &Picture,
    rule: Rule,
    steps: usize,
) -> Result<Integrated> {
    InvalidField::unless((1..=10_000).contains(&steps), "steps", &steps, "1 to 10000")?;
    let places: Vec<(f64, f64)> = match rule {
        Rule::GaussLegendre => gauss_legendre(steps),
        Rule::Riemann => {
            let n = steps as f64;
            (0..steps).map(|step| ((step as f64 + 0.5) / n, 1.0 / n)).collect()
        }
    };
    let pixels = picture.tensor(&Device::Cpu)?;
    let base = colour(&model.preprocessing, &pixels)?;
    let way = (&pixels - &base)?;
    let worth = |pixels: &Tensor| -> Result<Tensor> {
        let x = model.preprocessing.of_pixels(pixels)?;
        Ok(objective.value(model, false, &x, pixels)?.get(0)?)
    };
    let number = |tensor: Tensor| -> Result<f64> {
        finite(model, tensor.to_dtype(DType::F64)?.to_scalar::<f64>()?)
    };
    let mut total = pixels.zeros_like()?.to_dtype(DType::F64)?;
    for (place, weight) in places {
        let here = Var::from_tensor(&(&base + (&way * place)?)?)?;
        let gradients = worth(&here)?.backward()?;
        if let Some(gradient) = gradients.get(&here) {
            total = (total + (gradient.to_dtype(DType::F64)? * weight)?)?;
        }
    }
    let carried = (total * way.to_dtype(DType::F64)?)?.sum((0, 1))?;
    let values = carried.flatten_all()?.to_vec1::<f64>()?;
    let sum = finite(model, values.iter().sum())?;
    let pixels_map = Map { rows: picture.height(), columns: picture.width(), values };
    Ok(Integrated {
        pixels: pixels_map,
        value: number(worth(&pixels)?)?,
        baseline: number(worth(&base)?)?,
        sum,
    })
}

/// Pixels as `like`, of the colour that the network's preprocessing makes 0.
fn colour(preprocessing: &Preprocessing, like: &Tensor) -> Result<Tensor> {
    let mut colour = preprocessing.mean.map(|mean| mean / preprocessing.scale);
    if preprocessing.channels == Channels::Bgr {
        colour.reverse();
    }
    Ok(Tensor::new(&colour, like.device())?
        .reshape((1, 3, 1, 1))?
        .broadcast_as(like.dims())?
        .contiguous()?)
}

/// How much the objective falls where a square of the photograph is covered by one colour (Zeiler
/// and Fergus 2014, section 4.2): a number a place of the square, of `window` pixels every
/// `stride`, the last ones at the edge.
///
/// # Errors
/// A window or a stride of 0, or one that is larger than the photograph; an objective that is not
/// finite.
pub fn occlusion(
    model: &Pretrained,
    objective: &Objective,
    picture: &Picture,
    window: usize,
    stride: usize,
) -> Result<Map> {
    let width = picture.width();
    let height = picture.height();
    let most = width.min(height);
    let expected = format!("1 to {most}");
    InvalidField::unless((1..=most).contains(&window), "window", &window, &expected)?;
    InvalidField::unless((1..=most).contains(&stride), "stride", &stride, &expected)?;
    let pixels = picture.tensor(&Device::Cpu)?;
    let cover = colour(&model.preprocessing, &pixels)?;
    let worth = |pixels: &Tensor| -> Result<f64> {
        let x = model.preprocessing.of_pixels(pixels)?;
        let value = objective.value(model, false, &x, pixels)?.get(0)?;
        finite(model, value.to_dtype(DType::F64)?.to_scalar::<f64>()?)
    };
    let whole = worth(&pixels)?;
    let places = |side: usize| -> Vec<usize> {
        let last = side - window;
        (0..last.div_ceil(stride)).map(|at| at * stride).chain([last]).collect()
    };
    let rows = places(height);
    let columns = places(width);
    let mut values = Vec::new();
    for &row in &rows {
        for &column in &columns {
            let covered = cover.narrow(2, row, window)?.narrow(3, column, window)?;
            let ranges = [0..1, 0..3, row..row + window, column..column + window];
            values.push(whole - worth(&pixels.slice_assign(&ranges, &covered.contiguous()?)?)?);
        }
    }
    Ok(Map { rows: rows.len(), columns: columns.len(), values })
}
