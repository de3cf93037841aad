//! The ascent, step by step.

use crate::group::Group;
use crate::{Climb, Rendered, Rendering, Result, Step, Subject};
use std::time::Instant;

/// Pictures on their way, step by step. What [`Ascent::save`] writes goes on with the same bits.
///
/// ```no_run
/// # fn f(model: &conv_vision::Pretrained) -> conv_lens::Result<()> {
/// use conv_lens::{Ascent, Climb, Objective, Rendering};
/// let climbs = [Climb::new(Objective::parse("inception_4c:64", model)?, vec![1])];
/// let rendering = Rendering { steps: 2048, ..Rendering::default() };
/// let mut ascent = Ascent::new(model, &climbs, &rendering)?;
/// while let Some(taken) = ascent.step()? {
///     if taken[0].step % 256 == 255 {
///         ascent.save("unit.ascent".as_ref())?;
///     }
/// }
/// let rendered = ascent.finish()?;
/// # Ok(()) }
/// ```
pub struct Ascent<'a> {
    pub(crate) subject: &'a dyn Subject,
    pub(crate) climbs: &'a [Climb],
    pub(crate) rendering: Rendering,
    pub(crate) groups: Vec<Group<'a>>,
    /// Steps taken.
    pub(crate) step: usize,
    /// When it began, or would have, had it not been left.
    pub(crate) begun: Instant,
}

impl<'a> Ascent<'a> {
    /// At the start of all climbs.
    ///
    /// # Errors
    /// A setting out of its range; a climb without a seed.
    pub fn new(
        subject: &'a dyn Subject,
        climbs: &'a [Climb],
        rendering: &Rendering,
    ) -> Result<Self> {
        rendering.check()?;
        let mut groups = Vec::new();
        for climb in climbs {
            groups.extend(Group::of(climb, rendering)?);
        }
        let rendering = rendering.clone();
        Ok(Self { subject, climbs, rendering, groups, step: 0, begun: Instant::now() })
    }

    /// A step of all that still climb, in the order of the climbs; `None` where all steps are taken
    /// or nothing climbs any more.
    ///
    /// # Errors
    /// A picture that is too small for a layer. An objective that turns infinite is none: its
    /// picture climbs no more.
    pub fn step(&mut self) -> Result<Option<Vec<Step>>> {
        if self.step == self.rendering.steps {
            return Ok(None);
        }
        let mut taken = Vec::new();
        for group in self.groups.iter_mut().filter(|group| group.climbs()) {
            taken.extend(group.step(self.subject, &self.rendering, self.step, self.begun)?);
        }
        self.step += 1;
        Ok((!taken.is_empty()).then_some(taken))
    }

    /// What it came to; those that could go on were [stopped](crate::End::Stopped).
    ///
    /// # Errors
    /// None that a rendering can have.
    pub fn finish(self) -> Result<Vec<Rendered>> {
        let stopped = self.step < self.rendering.steps;
        let mut rendered = Vec::new();
        for group in self.groups {
            rendered.extend(group.finish(stopped)?);
        }
        Ok(rendered)
    }
}
