//! The ascent.

use crate::{Error, Image, Jitter, Kind, Objective, Result};
use candle_core::{DType, Tensor};
use conv_hub::InvalidField;
use conv_train::optim::{Adam, Optimizer, OptimizerConfig};
use conv_vision::{Filter, Picture, Pretrained};
use serde::{Deserialize, Serialize};
use std::time::Instant;

/// How a picture climbs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rendering {
    /// Sides of the picture in pixels, 1 to 4,096.
    pub size: usize,
    /// Steps.
    pub steps: usize,
    /// After which steps the picture is kept; the last one always is.
    pub keep: Vec<usize>,
    /// What the picture's numbers are.
    pub parameters: Kind,
    /// How it is moved about.
    pub jitter: Jitter,
    /// How far Adam moves a number in a step, above 0.
    pub learning_rate: f64,
    /// First steps whose gradient also goes through closed rectifiers ([`conv_nn::redirected_relu`]).
    pub redirected: usize,
    /// The seed of noise and jitter.
    pub seed: u64,
}

impl Default for Rendering {
    /// The settings of the paper's code: 128 pixels, Adam at 0.05, 16 steps redirected.
    fn default() -> Self {
        Self {
            size: 128,
            steps: 256,
            keep: vec![0, 4, 48],
            parameters: Kind::Spectrum,
            jitter: Jitter::default(),
            learning_rate: 0.05,
            redirected: 16,
            seed: 1,
        }
    }
}

impl Rendering {
    /// The first field out of its range.
    ///
    /// # Errors
    /// It is named.
    pub fn check(&self) -> Result<(), InvalidField> {
        let check = InvalidField::unless;
        check((1..=4096).contains(&self.size), "size", &self.size, "1 to 4096")?;
        let rate = self.learning_rate;
        check(rate.is_finite() && rate > 0.0, "learning_rate", &rate, "above 0")?;
        self.jitter.check()
    }
}

/// A step of the ascent.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Step {
    /// Steps taken before it.
    pub step: usize,
    /// The objective for the picture as it was, moved about.
    pub objective: f64,
    /// Seconds until now.
    pub seconds: f64,
}

/// A picture on the way.
#[derive(Debug, Clone)]
pub struct Frame {
    /// Steps taken before.
    pub step: usize,
    /// The picture.
    pub picture: Picture,
}

/// Why an ascent is over.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// All steps are taken.
    Completed,
    /// It was asked to stop.
    Stopped,
    /// Nothing that was tried changes the objective: no gradient comes to the picture.
    NoGradient {
        /// Steps taken before.
        step: usize,
    },
    /// The objective, or a gradient, was infinite or no number. The last picture is that of the step before.
    NotFinite {
        /// Steps taken before.
        step: usize,
    },
}

/// What an ascent came to.
#[derive(Debug, Clone)]
pub struct Rendered {
    /// The pictures that were kept, the last one being the result.
    pub frames: Vec<Frame>,
    /// All steps.
    pub steps: Vec<Step>,
    /// Why it is over.
    pub end: End,
}

impl Rendered {
    /// The result.
    pub fn picture(&self) -> &Picture {
        &self.frames[self.frames.len() - 1].picture
    }

    /// All kept pictures beside each other, with white between them: from noise to the result.
    ///
    /// # Errors
    /// None that a rendering can have.
    pub fn strip(&self) -> Result<Picture> {
        /// Pixels between two pictures.
        const GAP: usize = 4;
        let side = self.picture().width();
        let height = self.picture().height();
        let width = self.frames.len() * (side + GAP) - GAP;
        let mut pixels = vec![255; 3 * width * height];
        for (number, frame) in self.frames.iter().enumerate() {
            let from = 3 * number * (side + GAP);
            for (row, line) in frame.picture.pixels().chunks_exact(3 * side).enumerate() {
                pixels[3 * row * width + from..][..3 * side].copy_from_slice(line);
            }
        }
        Ok(Picture::new(width, height, pixels)?)
    }
}

/// Climbs from noise to a picture that raises `objective`; `watch` sees each step, and ends it by `false`. An objective that turns infinite
/// is no error: what was reached is returned.
///
/// # Errors
/// A setting out of its range; a picture that is too small for a layer, which is named.
pub fn render(
    model: &Pretrained,
    objective: &Objective,
    rendering: &Rendering,
    mut watch: impl FnMut(&Step) -> bool,
) -> Result<Rendered> {
    rendering.check()?;
    let &Rendering { size, steps, parameters, jitter, learning_rate, redirected, seed, .. } =
        rendering;
    let image = Image::new(parameters, (size, size), seed)?;
    let (plain, open) = (model.network.clone(), model.network.clone().redirected());
    let mut optimizer = Optimizer::new(OptimizerConfig::Adam(Adam::default()))?;
    let begun = Instant::now();
    let (mut frames, mut taken) = (Vec::new(), Vec::new());
    let mut end = End::Completed;
    let mut step = 0;
    while step < steps {
        if rendering.keep.contains(&step) {
            frames.push(Frame { step, picture: image.picture()? });
        }
        let pixels = image.pixels()?;
        let seen = jitter.apply(&pixels, seed, step)?;
        let x = model.preprocessing.of_pixels(&seen)?;
        let network = if step < redirected { &open } else { &plain };
        let value = objective.value(network, &x, &pixels)?;
        let number = value.to_dtype(DType::F64)?.to_scalar::<f64>()?;
        let seconds = begun.elapsed().as_secs_f64();
        let present = Step { step, objective: number, seconds };
        // Optimisers descend.
        let gradients = value.neg()?.backward()?;
        let norm = conv_train::clip::global_norm(image.parameters(), &gradients)?;
        if !number.is_finite() || !norm.is_finite() {
            end = End::NotFinite { step };
            break;
        }
        taken.push(present);
        if norm == 0.0 && step + 1 == redirected.max(1) {
            end = End::NoGradient { step };
            break;
        }
        optimizer.step(image.parameters(), &gradients, learning_rate)?;
        step += 1;
        if !watch(&present) {
            end = End::Stopped;
            break;
        }
    }
    frames.push(Frame { step, picture: image.picture()? });
    Ok(Rendered { frames, steps: taken, end })
}

/// The objective's value for a picture as it is, resized to `side` or in its own size.
pub(crate) fn value(model: &Pretrained, objective: &Objective, picture: &Picture) -> Result<f64> {
    let pixels = picture.tensor(&candle_core::Device::Cpu)?;
    let x: Tensor = model.preprocessing.of_pixels(&pixels)?;
    let value = objective.value(&model.network, &x, &pixels)?.to_dtype(DType::F64)?;
    match value.to_scalar::<f64>()? {
        value if value.is_finite() => Ok(value),
        value => {
            let path = model.path.clone();
            Err(Error::Vision(conv_vision::Error::NotFinite { value, path }))
        }
    }
}

/// The middle square of a picture, with sides of `side` pixels.
pub(crate) fn square(picture: &Picture, side: usize) -> Result<Picture> {
    let shorter = picture.width().min(picture.height());
    let scaled = |length: usize| (length * side).div_ceil(shorter).max(side);
    let (width, height) = (scaled(picture.width()), scaled(picture.height()));
    let (left, top) = ((width - side) / 2, (height - side) / 2);
    let region = conv_vision::Region { left, top, width: side, height: side };
    Ok(picture.resize_region((width, height), region, Filter::Bilinear)?)
}
