//! What a painting would need, before it begins.

use super::{Method, Painting, Sources, canvas::style_at};
use crate::{LossNetwork, Result};
use serde::Serialize;
use std::fmt;

/// A painting's plan. Its `Display` is what `--dry-run` prints.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Plan {
    /// The stages, coarse to fine.
    pub stages: Vec<StagePlan>,
    /// Steps of a stage at most.
    pub steps: usize,
    /// What is held all the time: the program, the weights of the loss network. In bytes.
    pub always: usize,
    /// The most that it holds at a time, in bytes: [`Plan::always`] and the largest stage.
    pub memory: usize,
}

/// A stage of a [`Plan`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StagePlan {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// The paintings' columns and rows.
    pub styles: Vec<(usize, usize)>,
    /// What an evaluation keeps for its way back, and that way's gradients, in bytes.
    pub evaluation: usize,
    /// What the descent remembers, in bytes.
    pub descent: usize,
}

/// The program, its threads and what it keeps to work with, in bytes; measured.
const PROGRAM: usize = 25 << 20;

impl Plan {
    /// The plan of painting from `sources`. Nothing is computed.
    ///
    /// # Errors
    /// As [`Canvas::new`](super::Canvas::new), but for masks.
    pub fn new(losses: &LossNetwork, sources: &Sources, painting: &Painting) -> Result<Self> {
        painting.check()?;
        let stages = painting.sides().into_iter().map(|side| -> Result<StagePlan> {
            let content = &sources.content;
            let longer = content.width().max(content.height());
            let scaled = |length: usize| (length * side).div_ceil(longer).max(1);
            let width = scaled(content.width());
            let height = scaled(content.height());
            losses.check_size("the picture", (width, height))?;
            let styles = sources.styles.iter().map(|style| -> Result<(usize, usize)> {
                let style = style_at(&style.picture, painting, side)?;
                let sides = (style.width(), style.height());
                losses.check_size("the style", sides)?;
                Ok(sides)
            });
            let styles: Vec<_> = styles.collect::<Result<_>>()?;
            // Numbers of the picture, each of four bytes.
            let numbers = 3 * width * height * size_of::<f32>();
            let kept = match &painting.method {
                // The pairs; and the point, the direction, three gradients, and as many of a
                // search.
                Method::Lbfgs(config) => 2 * config.history.min(painting.steps) + 10,
                Method::Adam { .. } => 6,
            };
            let evaluation = losses.bytes((width, height))?;
            Ok(StagePlan { width, height, styles, evaluation, descent: numbers * kept })
        });
        let stages: Vec<StagePlan> = stages.collect::<Result<_>>()?;
        let always = PROGRAM + losses.weight_bytes()?;
        let of_stage = |stage: &StagePlan| stage.evaluation + stage.descent;
        let largest = stages.iter().map(of_stage).max().unwrap_or(0);
        Ok(Self { stages, steps: painting.steps, always, memory: always + largest })
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mib = |bytes: usize| format!("{:.0} MiB", bytes as f64 / f64::from(1 << 20));
        for (at, stage) in self.stages.iter().enumerate() {
            let StagePlan { width, height, styles, evaluation, descent } = stage;
            let sides = |(width, height): &(usize, usize)| format!("{width} × {height}");
            let styles = styles.iter().map(sides).collect::<Vec<_>>().join(", ");
            writeln!(
                f,
                "stage {}  {width} × {height} pixels, paintings {styles}, {} steps at most: {} an evaluation, {} the descent",
                at + 1,
                self.steps,
                mib(*evaluation),
                mib(*descent)
            )?;
        }
        write!(
            f,
            "memory   {} at most, {} of them the program and the loss network",
            mib(self.memory),
            mib(self.always)
        )
    }
}
