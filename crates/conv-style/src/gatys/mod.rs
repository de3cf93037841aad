//! A picture by descent on its pixels (Gatys et al. 2016, section 2.3).

use crate::{LossNetwork, Result, Targets};
use candle_core::{Device, Tensor, Var};
use conv_hub::InvalidField;
use conv_nn::rng::seeded;
use conv_train::optim::{Lbfgs, LbfgsConfig, Stall};
use conv_vision::Picture;
use rand::Rng;
use serde::{Deserialize, Serialize};
use std::time::Instant;

/// Where the descent begins.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Start {
    /// The photograph.
    #[default]
    Content,
    /// Grey noise.
    Noise,
}

/// How a picture is painted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Painting {
    /// The longer side of the picture in pixels, 1 to 16,384; a painting is made no larger than it is.
    pub size: usize,
    /// Steps at most; each takes one evaluation or a few.
    pub steps: usize,
    /// Where it begins.
    pub start: Start,
    /// The seed of noise.
    pub seed: u64,
    /// The descent's settings; its first change is that of one number, in grey levels.
    pub lbfgs: LbfgsConfig,
}

impl Default for Painting {
    fn default() -> Self {
        let lbfgs = LbfgsConfig { history: 20, ..LbfgsConfig::default() };
        Self { size: 128, steps: 60, start: Start::Content, seed: 1, lbfgs }
    }
}

impl Painting {
    /// The first field out of its range.
    ///
    /// # Errors
    /// It is named.
    pub fn check(&self) -> Result<(), InvalidField> {
        InvalidField::unless((1..=1 << 14).contains(&self.size), "size", &self.size, "1 to 16384")?;
        self.lbfgs.check()
    }
}

/// A step: where the descent stands after it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Stroke {
    /// Steps taken; 0 is the start.
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
    /// The painting as the losses saw it.
    pub style: Picture,
    /// All steps, the start first.
    pub strokes: Vec<Stroke>,
    /// Why it is done.
    pub end: End,
}

/// What keeps an evaluation from being one.
enum Halt {
    NotFinite(f64),
    Failed(crate::Error),
}

impl From<crate::Error> for Halt {
    fn from(error: crate::Error) -> Self {
        Halt::Failed(error)
    }
}

/// Paints `content` in the manner of `style`; `watch` sees each step, and ends the painting by `false`. A loss that is not finite is no
/// error: what was reached before is returned, with [`End::NotFinite`].
///
/// # Errors
/// A setting out of its range; a picture in which layers of the loss network have fewer than two positions, with their names.
pub fn paint(
    losses: &LossNetwork,
    content: &Picture,
    style: &Picture,
    painting: &Painting,
    mut watch: impl FnMut(&Stroke) -> bool,
) -> Result<Painted> {
    painting.check()?;
    let device = &Device::Cpu;
    let content = content.with_longer_side(painting.size)?;
    let longer = style.width().max(style.height());
    let style = style.with_longer_side(painting.size.min(longer))?;
    let sides = |picture: &Picture| (picture.width(), picture.height());
    losses.check_size("the picture", sides(&content))?;
    losses.check_size("the style", sides(&style))?;
    let photograph = content.tensor(device)?;
    let targets = Targets {
        content: losses.content_of(&photograph)?,
        style: losses.style_of(&style.tensor(device)?)?,
    };
    let shape = photograph.shape().clone();
    let start: Vec<f32> = match painting.start {
        Start::Content => photograph.flatten_all()?.to_vec1()?,
        Start::Noise => {
            let mut rng = seeded(painting.seed, "noise");
            (0..shape.elem_count()).map(|_| rng.random_range(64f32..192.0)).collect()
        }
    };

    let begun = Instant::now();
    let first_change = painting.lbfgs.first_change * start.len() as f64;
    let mut descent = Lbfgs::new(LbfgsConfig { first_change, ..painting.lbfgs }, start);
    let (mut strokes, mut evaluations) = (Vec::<Stroke>::new(), 0);
    // The terms at all points that the present step has looked at.
    let mut seen: Vec<[f64; 4]> = Vec::new();
    let mut end = End::Completed;
    for step in 1..=painting.steps {
        seen.clear();
        let found = descent.step(|numbers| -> Result<(f64, Vec<f32>), Halt> {
            let (numbers, gradient) = evaluate(losses, &targets, numbers, &shape)?;
            if !numbers[0].is_finite() || gradient.iter().any(|x| !x.is_finite()) {
                return Err(Halt::NotFinite(numbers[0]));
            }
            seen.push(numbers);
            Ok((numbers[0], gradient))
        });
        let found = match found {
            Ok(found) => found,
            Err(Halt::NotFinite(loss)) => {
                end = End::NotFinite { step, loss };
                break;
            }
            Err(Halt::Failed(error)) => return Err(error),
        };
        evaluations += found.evaluations;
        let seconds = begun.elapsed().as_secs_f64();
        let stroke = |step, [loss, content, style, total_variation]: [f64; 4], evaluations| {
            Stroke { step, evaluations, loss, content, style, total_variation, seconds }
        };
        if step == 1
            && let Some(&first) = seen.first()
        {
            strokes.push(stroke(0, first, 1));
        }
        let here = seen.iter().find(|terms| terms[0] == found.value);
        if found.evaluations > 0
            && let Some(&here) = here
        {
            strokes.push(stroke(step, here, evaluations));
            if !watch(&strokes[strokes.len() - 1]) {
                end = End::Stopped;
                break;
            }
        }
        if let Some(stall) = found.stall {
            end = End::Stalled(stall);
            break;
        }
    }
    let pixels = Tensor::from_slice(descent.numbers(), shape, device)?;
    Ok(Painted { picture: Picture::from_tensor(&pixels)?, content, style, strokes, end })
}

/// Total, content, style and total variation, and the gradient of the first.
fn evaluate(
    losses: &LossNetwork,
    targets: &Targets,
    numbers: &[f32],
    shape: &candle_core::Shape,
) -> Result<([f64; 4], Vec<f32>)> {
    let pixels = Var::from_slice(numbers, shape, &Device::Cpu)?;
    let terms = losses.loss(&pixels, targets)?;
    let gradients = terms.total.backward()?;
    let gradient = match gradients.get(&pixels) {
        Some(gradient) => gradient.flatten_all()?.to_vec1()?,
        None => vec![0.0; numbers.len()],
    };
    Ok((terms.numbers()?, gradient))
}
