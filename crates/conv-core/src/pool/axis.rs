//! What pooling asks of an axis beyond a convolution: a last window over the end, and what each window sees.

use std::ops::Range;

use crate::geometry::{Axis, Request};
use crate::{Error, Result};

impl Axis {
    /// The windows of a pooling. In ceil mode, elements that the last whole window leaves over get one of their own.
    pub fn pooling(op: &'static str, request: Request, ceil_mode: bool) -> Result<Self> {
        let (before, after) = request.padding;
        let mut axis = Self::convolution(op, request)?;
        if ceil_mode {
            let reach = (axis.kernel - 1) * axis.dilation + 1;
            let left_over = (before + axis.input + after - reach) % axis.stride;
            // PyTorch's rule: the window must not begin in the padding after the end.
            let starts_inside = || {
                axis.output
                    .checked_mul(axis.stride)
                    .is_some_and(|start| start < before + axis.input)
            };
            if left_over > 0 && starts_inside() {
                axis.output += 1;
            }
        }
        Ok(axis)
    }

    /// Refuses a geometry in which some window sees padding only: it has neither a maximum nor a mean.
    pub fn check_windows(&self, op: &'static str, name: &'static str) -> Result<()> {
        match (0..self.output).find(|&window| self.taps(window).is_empty()) {
            None => Ok(()),
            Some(window) => Err(Error::EmptyWindow { op, axis: name, window, input: self.input }),
        }
    }

    /// The taps of a window that fall on input elements.
    pub fn taps(&self, window: usize) -> Range<usize> {
        let start = window * self.stride;
        let end = (self.before + self.input)
            .saturating_sub(start)
            .div_ceil(self.dilation)
            .min(self.kernel);
        self.before.saturating_sub(start).div_ceil(self.dilation).min(end)..end
    }

    /// The taps of a window that fall on input elements or on padding, of which there are `after` behind the end.
    pub fn padded_taps(&self, window: usize, after: usize) -> usize {
        let left = self.before + self.input + after - window * self.stride;
        left.div_ceil(self.dilation).min(self.kernel)
    }
}
