//! A picture that is being painted.

use super::optimiser::{Halt, Optimiser};
use super::{Colours, End, Painted, Painting, Sources, Start, Stroke, StylePicture, colour};
use crate::{Error, LossNetwork, Result, StyleTarget, Targets};
use candle_core::{Device, Shape, Tensor, Var};
use conv_nn::rng::seeded;
use conv_vision::{Filter, Picture};
use rand::Rng;
use std::time::Instant;

/// A picture that is being painted, step by step.
///
/// ```no_run
/// # fn f(losses: &conv_style::LossNetwork, sources: &conv_style::Sources) -> Result<(), Box<dyn std::error::Error>> {
/// use conv_style::{Canvas, Painting};
/// let mut canvas = Canvas::new(losses, sources, &Painting { steps: 200, ..Painting::default() })?;
/// while canvas.step()?.is_none() {
///     if canvas.strokes().len() % 50 == 0 {
///         std::fs::write("on-the-way.png", canvas.picture()?.to_png()?)?;
///     }
/// }
/// # Ok(()) }
/// ```
pub struct Canvas<'a> {
    pub(super) losses: &'a LossNetwork,
    pub(super) sources: &'a Sources,
    pub(super) painting: Painting,
    pub(super) stage: Stage,
    /// The stage, from 0.
    pub(super) at: usize,
    /// Steps and evaluations of this stage.
    pub(super) steps: usize,
    pub(super) evaluations: usize,
    pub(super) optimiser: Optimiser,
    pub(super) strokes: Vec<Stroke>,
    pub(super) begun: Instant,
    /// Seconds of those before it was saved.
    pub(super) seconds_before: f64,
}

/// What a stage looks at, in its size.
pub(super) struct Stage {
    content: Picture,
    styles: Vec<Picture>,
    targets: Targets,
    pub(super) shape: Shape,
}

/// By how much the ratio of a mask's sides may differ from the photograph's, as sides are rounded.
const ROUNDING: f64 = 0.02;

fn sides(picture: &Picture) -> (usize, usize) {
    (picture.width(), picture.height())
}

/// A painting as the losses see it, where the picture's longer side is `side`.
pub(super) fn style_at(style: &Picture, painting: &Painting, side: usize) -> Result<Picture> {
    let longer = style.width().max(style.height());
    let side = (side as f64 * painting.style_scale).round().max(1.0) as usize;
    Ok(style.with_longer_side(side.min(longer))?)
}

impl Stage {
    pub(super) fn new(
        losses: &LossNetwork,
        sources: &Sources,
        painting: &Painting,
        side: usize,
    ) -> Result<Self> {
        let device = &Device::Cpu;
        let content = sources.content.with_longer_side(side)?;
        losses.check_size("the picture", sides(&content))?;
        let photograph = content.tensor(device)?;
        let mut styles = Vec::new();
        let mut found = Vec::new();
        for StylePicture { picture, weight, mask } in &sources.styles {
            let positive = weight.is_finite() && *weight > 0.0;
            conv_hub::InvalidField::unless(positive, "style weight", weight, "above 0")?;
            let mut style = style_at(picture, painting, side)?;
            losses.check_size("the style", sides(&style))?;
            if painting.colours == Colours::Histogram {
                style = colour::matched(&style, &content)?;
            }
            let grams = losses.style_of(&style.tensor(device)?)?;
            let (masks, area) = match mask {
                None => (None, 1.0),
                Some(mask) => {
                    let mask = mask_at(mask, &content)?;
                    let sum: u64 = mask.pixels().iter().map(|&byte| u64::from(byte)).sum();
                    let area = sum as f64 / (255.0 * mask.pixels().len() as f64);
                    (Some(losses.masks_of(&mask)?), area)
                }
            };
            found.push(StyleTarget { grams, weight: weight * area, masks });
            styles.push(style);
        }
        let whole: f64 = found.iter().map(|style| style.weight).sum();
        found.iter_mut().for_each(|style| style.weight /= whole);
        let targets = Targets { content: losses.content_of(&photograph)?, styles: found };
        Ok(Self { content, styles, targets, shape: photograph.shape().clone() })
    }

    fn evaluate(
        &self,
        losses: &LossNetwork,
        numbers: &[f32],
    ) -> Result<([f64; 4], Vec<f32>), Halt> {
        let pixels = Var::from_slice(numbers, &self.shape, &Device::Cpu)?;
        let terms = losses.loss(&pixels, &self.targets)?;
        let gradients = terms.total.backward()?;
        let gradient: Vec<f32> = match gradients.get(&pixels) {
            Some(gradient) => gradient.flatten_all()?.to_vec1()?,
            None => vec![0.0; numbers.len()],
        };
        let terms = terms.numbers()?;
        if terms[0].is_finite() && gradient.iter().all(|value| value.is_finite()) {
            Ok((terms, gradient))
        } else {
            Err(Halt::NotFinite(terms[0]))
        }
    }
}

/// The mask in the photograph's sides.
fn mask_at(mask: &Picture, content: &Picture) -> Result<Picture> {
    let ((width, height), (to_width, to_height)) = (sides(mask), sides(content));
    let ratio = (width * to_height) as f64 / (height * to_width) as f64;
    // A side of few pixels is rounded by more.
    let least = to_width.min(to_height) as f64;
    if (ratio - 1.0).abs() > ROUNDING.max(1.0 / least) {
        let reason = format!(
            "it has {width} × {height} pixels, expected the shape of the picture, {to_width} × {to_height}"
        );
        return Err(Error::Mask { reason });
    }
    if mask.pixels().iter().all(|&byte| byte == 0) {
        return Err(Error::Mask {
            reason: "it is all black, and so leaves its style no place".into(),
        });
    }
    Ok(mask.resize(to_width, to_height, Filter::Bilinear)?)
}

impl<'a> Canvas<'a> {
    /// Looks at the photograph and the paintings once.
    ///
    /// # Errors
    /// A setting out of its range; a picture of a stage or a painting in which layers of the loss
    /// network have fewer than two positions, with their names; a mask of another shape than the
    /// photograph's, or all black; no painting.
    pub fn new(losses: &'a LossNetwork, sources: &'a Sources, painting: &Painting) -> Result<Self> {
        painting.check()?;
        if sources.styles.is_empty() {
            return Err(Error::NoPainting);
        }
        let begun = Instant::now();
        // What is too small is so in the coarsest stage first.
        let stage = Stage::new(losses, sources, painting, painting.sides()[0])?;
        let start = match painting.start {
            Start::Content => numbers_of(&stage.content)?,
            Start::Picture => {
                let start = sources.start.as_ref().ok_or_else(|| {
                    conv_hub::InvalidField::new("start", "a picture", "one in the sources")
                })?;
                let width = stage.content.width();
                let height = stage.content.height();
                numbers_of(&start.resize(width, height, Filter::Bilinear)?)?
            }
            Start::Noise => {
                let mut rng = seeded(painting.seed, "noise");
                let count = stage.shape.elem_count();
                (0..count).map(|_| rng.random_range(64f32..192.0)).collect()
            }
        };
        Ok(Self {
            optimiser: Optimiser::new(&painting.method, start)?,
            painting: painting.clone(),
            losses,
            sources,
            stage,
            at: 0,
            steps: 0,
            evaluations: 0,
            strokes: Vec::new(),
            begun,
            seconds_before: 0.0,
        })
    }

    /// All steps until now, the start first.
    pub fn strokes(&self) -> &[Stroke] {
        &self.strokes
    }

    /// The photograph in the size of the present stage.
    pub fn content(&self) -> &Picture {
        &self.stage.content
    }

    /// The paintings as the losses of the present stage see them.
    pub fn styles(&self) -> &[Picture] {
        &self.stage.styles
    }

    /// Loss, content, style and total variation term of a picture of the present stage's size.
    ///
    /// # Errors
    /// A picture of another size.
    pub fn measure(&self, picture: &Picture) -> Result<[f64; 4]> {
        self.losses.loss(&picture.tensor(&Device::Cpu)?, &self.stage.targets)?.numbers()
    }

    /// The picture as it stands.
    ///
    /// # Errors
    /// Only what the tensor library refuses.
    pub fn picture(&self) -> Result<Picture> {
        let painted = self.painted()?;
        match self.painting.colours {
            Colours::Luminance => colour::with_colours_of(&self.stage.content, &painted),
            Colours::Style | Colours::Histogram => Ok(painted),
        }
    }

    fn painted(&self) -> Result<Picture> {
        let numbers = self.optimiser.numbers()?;
        let pixels = Tensor::from_vec(numbers, &self.stage.shape, &Device::Cpu)?;
        Ok(Picture::from_tensor(&pixels)?)
    }

    /// One step; why it is done, when it is.
    ///
    /// # Errors
    /// Only what the tensor library refuses; a loss that is not finite is [`End::NotFinite`], and
    /// leaves the picture as it was.
    pub fn step(&mut self) -> Result<Option<End>> {
        if self.is_over() {
            if self.at + 1 == self.painting.stages {
                return Ok(Some(End::Completed));
            }
            self.next_stage()?;
        }
        let before = self.strokes.last().map_or((0, 0), |last| (last.step, last.evaluations));
        let (stage, losses) = (&self.stage, self.losses);
        let found = match self.optimiser.step(|numbers| stage.evaluate(losses, numbers)) {
            Ok(found) => found,
            Err(Halt::NotFinite(loss)) => {
                return Ok(Some(End::NotFinite { step: before.0 + 1, loss }));
            }
            Err(Halt::Failed(error)) => return Err(error),
        };
        self.steps += 1;
        self.evaluations += found.evaluations;
        let seconds = self.seconds_before + self.begun.elapsed().as_secs_f64();
        let stage = self.at + 1;
        let stroke = |step, evaluations, [loss, content, style, total_variation]: [f64; 4]| {
            Stroke { stage, step, evaluations, loss, content, style, total_variation, seconds }
        };
        let (step, evaluations) = before;
        if let Some(first) = found.first.filter(|_| self.strokes.is_empty()) {
            self.strokes.push(stroke(0, 1, first));
        }
        if let Some(terms) = found.terms {
            self.strokes.push(stroke(step + 1, evaluations + found.evaluations, terms));
        }
        match found.stall {
            Some(stall) if self.at + 1 == self.painting.stages => Ok(Some(End::Stalled(stall))),
            Some(_) => {
                // On to the next stage.
                self.steps = self.painting.steps;
                Ok(None)
            }
            None if self.is_over() && self.at + 1 == self.painting.stages => {
                Ok(Some(End::Completed))
            }
            None => Ok(None),
        }
    }

    /// Whether this stage has had its steps or evaluations.
    fn is_over(&self) -> bool {
        let spent = self.painting.evaluations.is_some_and(|most| self.evaluations >= most);
        self.steps >= self.painting.steps || spent
    }

    /// The same picture in the next size.
    fn next_stage(&mut self) -> Result<()> {
        let painted = self.painted()?;
        self.at += 1;
        (self.steps, self.evaluations) = (0, 0);
        let side = self.painting.sides()[self.at];
        self.stage = Stage::new(self.losses, self.sources, &self.painting, side)?;
        let (width, height) = sides(&self.stage.content);
        let start = numbers_of(&painted.resize(width, height, Filter::Bicubic)?)?;
        self.optimiser = Optimiser::new(&self.painting.method, start)?;
        Ok(())
    }

    /// The picture and all that is told of it.
    ///
    /// # Errors
    /// Only what the tensor library refuses.
    pub fn finish(self, end: End) -> Result<Painted> {
        Ok(Painted {
            picture: self.picture()?,
            content: self.stage.content,
            styles: self.stage.styles,
            strokes: self.strokes,
            end,
        })
    }
}

fn numbers_of(picture: &Picture) -> Result<Vec<f32>> {
    Ok(picture.tensor(&Device::Cpu)?.flatten_all()?.to_vec1()?)
}
