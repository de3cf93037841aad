//! A picture by descent on its pixels (Gatys et al. 2016, section 2.3).

mod canvas;
mod colour;
mod optimiser;
mod plan;
mod saved;

use crate::{LossNetwork, Result};
use conv_hub::InvalidField;
use conv_train::optim::{Adam, LbfgsConfig, Stall};
use conv_vision::Picture;
use serde::{Deserialize, Serialize};

pub use canvas::Canvas;
pub use colour::Colours;
pub use plan::{Plan, StagePlan};

/// A painting that a picture is to be like, and where.
#[derive(Debug, Clone)]
pub struct StylePicture {
    /// The painting.
    pub picture: Picture,
    /// How much it counts beside others, above 0; only the ratios matter.
    pub weight: f64,
    /// Where: white is where the style is to be, black where not; of the photograph's shape, in any
    /// size. Without it is everywhere.
    pub mask: Option<Picture>,
}

/// What a picture is made of.
#[derive(Debug, Clone)]
pub struct Sources {
    /// The photograph.
    pub content: Picture,
    /// The paintings, at least one. A style's share of the style loss is its weight, times the
    /// share of the picture that its mask leaves it.
    pub styles: Vec<StylePicture>,
    /// Where the descent begins with [`Start::Picture`].
    pub start: Option<Picture>,
}

impl Sources {
    /// One photograph and one painting.
    pub fn new(content: Picture, style: Picture) -> Self {
        let styles = vec![StylePicture { picture: style, weight: 1.0, mask: None }];
        Self { content, styles, start: None }
    }
}

/// Where the descent begins.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Start {
    /// The photograph.
    #[default]
    Content,
    /// Grey noise.
    Noise,
    /// [`Sources::start`], resized to the photograph's sides.
    Picture,
}

/// How it goes down.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Method {
    /// L-BFGS with a search for the strong Wolfe conditions; its first change is that of one
    /// number, in grey levels.
    Lbfgs(LbfgsConfig),
    /// Adam: an evaluation a step, and a tenth of the memory.
    Adam {
        /// About what a number changes by in a step at first, in grey levels, above 0.
        learning_rate: f64,
        /// The rule's settings.
        #[serde(default)]
        adam: Adam,
    },
}

impl Default for Method {
    fn default() -> Self {
        Self::Lbfgs(LbfgsConfig { history: 20, ..LbfgsConfig::default() })
    }
}

impl Method {
    /// Adam with a rate that suits pixels.
    pub fn adam() -> Self {
        Self::Adam { learning_rate: 3.0, adam: Adam::default() }
    }
}

/// How a picture is painted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Painting {
    /// The longer side of the picture in pixels, 1 to 16,384.
    pub size: usize,
    /// The longer side of a painting as a multiple of the picture's, 0.1 to 10: larger for larger
    /// strokes. A painting is made no larger than it is.
    pub style_scale: f64,
    /// From coarse to fine: so many sizes, each twice the one before, the last `size`; 1 to 8.
    pub stages: usize,
    /// Steps of a stage at most; each takes one evaluation or a few.
    pub steps: usize,
    /// Evaluations of a stage at most, to within one step; without, as many as the steps take.
    pub evaluations: Option<usize>,
    /// Where it begins.
    pub start: Start,
    /// The seed of noise.
    pub seed: u64,
    /// Whose colours it has.
    pub colours: Colours,
    /// How it goes down.
    pub method: Method,
}

impl Default for Painting {
    fn default() -> Self {
        Self {
            size: 128,
            style_scale: 1.0,
            stages: 1,
            steps: 60,
            evaluations: None,
            start: Start::Content,
            seed: 1,
            colours: Colours::Style,
            method: Method::default(),
        }
    }
}

impl Painting {
    /// The first field out of its range.
    ///
    /// # Errors
    /// It is named.
    pub fn check(&self) -> Result<(), InvalidField> {
        let check = InvalidField::unless;
        check((1..=1 << 14).contains(&self.size), "size", &self.size, "1 to 16384")?;
        let fits = (0.1..=10.0).contains(&self.style_scale);
        check(fits, "style_scale", &self.style_scale, "0.1 to 10")?;
        check((1..=8).contains(&self.stages), "stages", &self.stages, "1 to 8")?;
        match &self.method {
            Method::Lbfgs(config) => config.check(),
            Method::Adam { learning_rate, .. } => {
                let fits = learning_rate.is_finite() && *learning_rate > 0.0;
                check(fits, "learning_rate", learning_rate, "above 0")
            }
        }
    }

    /// The longer sides of the stages, coarse to fine.
    pub(crate) fn sides(&self) -> Vec<usize> {
        (0..self.stages).rev().map(|halvings| (self.size >> halvings).max(1)).collect()
    }
}

/// A step: where the descent stands after it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Stroke {
    /// The stage, from 1; losses of different stages are about pictures of different sizes.
    pub stage: usize,
    /// Steps taken in all stages; 0 is the start.
    pub step: usize,
    /// Passes through the loss network until now.
    pub evaluations: usize,
    /// The loss: the sum of the other three.
    pub loss: f64,
    /// Its content term.
    pub content: f64,
    /// Its style term.
    pub style: f64,
    /// Its total variation term.
    pub total_variation: f64,
    /// Seconds until now.
    pub seconds: f64,
}

/// Why a painting is done.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// All steps are taken.
    Completed,
    /// No step leads further down: why, in words.
    #[serde(serialize_with = "as_text")]
    Stalled(Stall),
    /// It was asked to stop.
    Stopped,
    /// A loss was infinite or no number. The picture is that of the step before.
    NotFinite {
        /// The step, from 1.
        step: usize,
        /// The loss.
        #[serde(serialize_with = "as_text")]
        loss: f64,
    },
}

fn as_text<S: serde::Serializer>(value: &impl ToString, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&value.to_string())
}

/// A picture that was painted.
#[derive(Debug, Clone)]
pub struct Painted {
    /// The picture.
    pub picture: Picture,
    /// The photograph in its size.
    pub content: Picture,
    /// The paintings as the losses saw them.
    pub styles: Vec<Picture>,
    /// All steps, the start first.
    pub strokes: Vec<Stroke>,
    /// Why it is done.
    pub end: End,
}

/// Paints from `sources`; `watch` sees each step, and ends the painting by `false`. A loss that is
/// not finite is no error: what was reached before is returned, with [`End::NotFinite`]. [`Canvas`]
/// is the same step by step.
///
/// # Errors
/// Those of [`Canvas::new`].
pub fn paint(
    losses: &LossNetwork,
    sources: &Sources,
    painting: &Painting,
    mut watch: impl FnMut(&Stroke) -> bool,
) -> Result<Painted> {
    let mut canvas = Canvas::new(losses, sources, painting)?;
    loop {
        let end = canvas.step()?;
        if let Some(end) = end {
            return canvas.finish(end);
        }
        if !canvas.strokes().last().is_none_or(&mut watch) {
            return canvas.finish(End::Stopped);
        }
    }
}
