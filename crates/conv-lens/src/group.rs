//! Pictures on their way.

use crate::render::{Climb, End, Frame, Rendered, Rendering, Step, square};
use crate::{Image, Objective, Part, Result, Subject};
use candle_core::{DType, Tensor};
use conv_hub::InvalidField;
use conv_train::optim::{Adam, Optimizer, OptimizerConfig};
use std::time::Instant;

/// A picture on its way.
pub(crate) struct Climber {
    pub(crate) seed: u64,
    pub(crate) image: Image,
    pub(crate) optimizer: Optimizer,
    pub(crate) frames: Vec<Frame>,
    pub(crate) steps: Vec<Step>,
}

/// The pictures that are worth what they are together: where one of them cannot go on, none does.
pub(crate) struct Group<'a> {
    objective: &'a Objective,
    pub(crate) climbers: Vec<Climber>,
    /// Steps that moved it.
    pub(crate) step: usize,
    pub(crate) end: Option<End>,
}

impl<'a> Group<'a> {
    /// The groups of a climb: where its pictures are not kept apart, each is a group of its own, so
    /// that its bits are those that it would have alone.
    pub(crate) fn of(climb: &'a Climb, rendering: &Rendering) -> Result<Vec<Self>> {
        InvalidField::unless(!climb.seeds.is_empty(), "seeds", &0, "at least 1")?;
        let parts = climb.objective.parts();
        let together = parts.iter().any(|part| matches!(part, Part::Diversity(_)));
        let size = if together { climb.seeds.len() } else { 1 };
        climb.seeds.chunks(size).map(|seeds| Self::new(climb, seeds, rendering)).collect()
    }

    fn new(climb: &'a Climb, seeds: &[u64], rendering: &Rendering) -> Result<Self> {
        let &Rendering { size, parameters, colours, .. } = rendering;
        let climber = |&seed: &u64| -> Result<Climber> {
            let image = match &climb.start {
                Some(start) => Image::of_picture(parameters, colours, &square(start, size)?)?,
                None => Image::new(parameters, colours, (size, size), seed)?,
            };
            Ok(Climber {
                seed,
                image,
                optimizer: Optimizer::new(OptimizerConfig::Adam(Adam::default()))?,
                frames: Vec::new(),
                steps: Vec::new(),
            })
        };
        let climbers = seeds.iter().map(climber).collect::<Result<_>>()?;
        Ok(Self { objective: &climb.objective, climbers, step: 0, end: None })
    }

    pub(crate) fn climbs(&self) -> bool {
        self.end.is_none()
    }

    /// What it came to; `stopped` where it was not to go on.
    pub(crate) fn finish(self, stopped: bool) -> Result<Vec<Rendered>> {
        let end = match (self.end, stopped) {
            (Some(end), _) => end,
            (None, true) => End::Stopped,
            (None, false) => End::Completed,
        };
        let step = self.step;
        let finish = |mut climber: Climber| {
            climber.frames.push(Frame { step, picture: climber.image.picture()? });
            Ok(Rendered { frames: climber.frames, steps: climber.steps, end })
        };
        self.climbers.into_iter().map(finish).collect()
    }

    /// Moves its pictures a step, and says what they were worth before it; nothing where they
    /// cannot go on.
    pub(crate) fn step(
        &mut self,
        subject: &dyn Subject,
        rendering: &Rendering,
        step: usize,
        begun: Instant,
    ) -> Result<Vec<Step>> {
        let mut pixels = Vec::new();
        let mut seen = Vec::new();
        for climber in &mut self.climbers {
            if rendering.keep.contains(&step) {
                climber.frames.push(Frame { step, picture: climber.image.picture()? });
            }
            let picture = climber.image.pixels()?;
            seen.push(rendering.transformation.apply(&picture, climber.seed, step)?);
            pixels.push(picture);
        }
        let x = subject.read(&Tensor::cat(&seen, 0)?)?;
        let redirected = step < rendering.redirected;
        let value = self.objective.value(subject, redirected, &x, &Tensor::cat(&pixels, 0)?)?;
        let seconds = begun.elapsed().as_secs_f64();
        let values = value.to_dtype(DType::F64)?.to_vec1::<f64>()?;
        // Optimisers descend.
        let gradients = value.sum_all()?.neg()?.backward()?;
        let norm = |climber: &Climber| {
            conv_train::clip::global_norm(climber.image.parameters(), &gradients)
        };
        let norms: Vec<f64> = self.climbers.iter().map(norm).collect::<conv_train::Result<_>>()?;
        if values.iter().chain(&norms).any(|number| !number.is_finite()) {
            self.end = Some(End::NotFinite { step });
            return Ok(Vec::new());
        }
        let taken: Vec<Step> =
            values.iter().map(|&objective| Step { step, objective, seconds }).collect();
        for (climber, &present) in self.climbers.iter_mut().zip(&taken) {
            climber.steps.push(present);
        }
        if norms.iter().all(|&norm| norm == 0.0) && step + 1 == rendering.redirected.max(1) {
            self.end = Some(End::NoGradient { step });
            return Ok(taken);
        }
        for climber in &mut self.climbers {
            let rate = rendering.learning_rate;
            climber.optimizer.step(climber.image.parameters(), &gradients, rate)?;
        }
        self.step = step + 1;
        Ok(taken)
    }
}
