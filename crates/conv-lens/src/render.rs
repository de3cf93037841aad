//! The ascent.

use crate::{Ascent, Colours, Error, Kind, Objective, Result, Subject, Transformation, row};
use candle_core::DType;
use conv_hub::InvalidField;
use conv_vision::{Filter, Picture};
use serde::{Deserialize, Serialize};

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
    /// How the numbers' planes become colours.
    pub colours: Colours,
    /// How it is moved about.
    pub transformation: Transformation,
    /// How far Adam moves a number in a step, above 0.
    pub learning_rate: f64,
    /// First steps whose gradient also goes through closed rectifiers
    /// ([`conv_nn::redirected_relu`]).
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
            colours: Colours::default(),
            transformation: Transformation::default(),
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
        self.transformation.check()
    }
}

/// A step of the ascent.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
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
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
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
    /// The objective, or a gradient, was infinite or no number. The last picture is that of the
    /// step before.
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
        row(&self.frames.iter().map(|frame| frame.picture.clone()).collect::<Vec<_>>())
    }
}

/// Pictures that climb together towards one objective.
#[derive(Debug, Clone, PartialEq)]
pub struct Climb {
    /// What is to be raised.
    pub objective: Objective,
    /// A seed a picture: that of its noise and of how it is moved about.
    pub seeds: Vec<u64>,
    /// The picture whose middle square they start from, instead of noise.
    pub start: Option<Picture>,
}

impl Climb {
    /// From noise.
    pub fn new(objective: Objective, seeds: Vec<u64>) -> Self {
        Self { objective, seeds, start: None }
    }
}

/// Climbs from noise to a picture that raises `objective`; `watch` sees each step, and ends it by
/// `false`. An objective that turns infinite is no error: what was reached is returned.
///
/// # Errors
/// A setting out of its range; a picture that is too small for a layer, which is named.
pub fn render(
    subject: &dyn Subject,
    objective: &Objective,
    rendering: &Rendering,
    mut watch: impl FnMut(&Step) -> bool,
) -> Result<Rendered> {
    let climb = Climb::new(objective.clone(), vec![rendering.seed]);
    let mut rendered = render_all(subject, &[climb], rendering, |steps| watch(&steps[0]))?;
    Ok(rendered.remove(0))
}

/// As [`render`], several pictures step by step: those of the first climb, in the order of its
/// seeds, then those of the next. Each comes out to the byte as it would alone, but for
/// [`Part::Diversity`](crate::Part), by which the pictures of a climb see each other. `watch` sees
/// a step of all that still climb, in that order; the rendering's own seed is not used. [`Ascent`]
/// is the same step by step, and can be saved.
///
/// # Errors
/// As [`render`]; a climb without a seed.
pub fn render_all(
    subject: &dyn Subject,
    climbs: &[Climb],
    rendering: &Rendering,
    mut watch: impl FnMut(&[Step]) -> bool,
) -> Result<Vec<Rendered>> {
    let mut ascent = Ascent::new(subject, climbs, rendering)?;
    while let Some(taken) = ascent.step()? {
        if !watch(&taken) {
            break;
        }
    }
    ascent.finish()
}

/// The objective's value for a picture as it is, resized to `side` or in its own size.
pub(crate) fn value(
    subject: &dyn Subject,
    objective: &Objective,
    picture: &Picture,
) -> Result<f64> {
    let pixels = picture.tensor(&candle_core::Device::Cpu)?;
    let x = subject.read(&pixels)?;
    let value = objective.value(subject, false, &x, &pixels)?.to_dtype(DType::F64)?;
    match value.get(0)?.to_scalar::<f64>()? {
        value if value.is_finite() => Ok(value),
        value => {
            let path = subject.name().into();
            Err(Error::Vision(conv_vision::Error::NotFinite { value, path }))
        }
    }
}

/// The middle square of a picture, with sides of `side` pixels.
pub(crate) fn square(picture: &Picture, side: usize) -> Result<Picture> {
    let shorter = picture.width().min(picture.height());
    let scaled = |length: usize| (length * side).div_ceil(shorter).max(side);
    let width = scaled(picture.width());
    let height = scaled(picture.height());
    let left = (width - side) / 2;
    let top = (height - side) / 2;
    let region = conv_vision::Region { left, top, width: side, height: side };
    Ok(picture.resize_region((width, height), region, Filter::Bilinear)?)
}
