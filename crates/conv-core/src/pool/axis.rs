//! What pooling asks of an axis beyond a convolution: a last window over the end, and what each
//! window sees.

use std::ops::Range;

use crate::geometry::{Axis, Request};
use crate::{Error, Result};

impl Axis {
    /// The windows of a pooling. In ceil mode, elements that the last whole window leaves over get
    /// one of their own; so do all of an input that a whole window covers and more, by less than a
    /// stride.
    pub fn pooling(op: &'static str, request: Request, ceil_mode: bool) -> Result<Self> {
        let reach = request.reach(op)?;
        let padded = request.padded(op)?;
        if ceil_mode && padded < reach && reach - padded < request.stride {
            return Ok(request.axis(request.size, 1));
        }
        let mut axis = Self::convolution(op, request)?;
        // PyTorch's rule: the window must not begin in the padding after the end.
        let starts_inside = || {
            let start = axis.output.checked_mul(axis.stride);
            start.is_some_and(|start| start < axis.before() + axis.input)
        };
        if ceil_mode && (padded - reach) % axis.stride > 0 && starts_inside() {
            axis.output += 1;
        }
        Ok(axis)
    }

    /// Refuses a geometry in which some window sees padding only: it has neither a maximum nor a
    /// mean.
    pub fn check_windows(&self, op: &'static str, name: &'static str) -> Result<()> {
        // Windows that end before the input or begin behind it are the first or the last ones. One
        // that steps over the input has a dilation larger than it, and where a window steps to in
        // it repeats after as many windows at most as it has elements.
        let first = if self.dilation > self.input { self.input.saturating_add(1) } else { 1 };
        let mut windows = (0..self.output.min(first)).chain([self.output - 1]);
        match windows.find(|&window| self.taps(window).is_empty()) {
            None => Ok(()),
            Some(window) => Err(Error::EmptyWindow { op, axis: name, window, input: self.input }),
        }
    }

    /// The taps of a window that fall on input elements.
    pub fn taps(&self, window: usize) -> Range<usize> {
        let start = window * self.stride;
        let end = (self.before() + self.input)
            .saturating_sub(start)
            .div_ceil(self.dilation)
            .min(self.kernel);
        self.before().saturating_sub(start).div_ceil(self.dilation).min(end)..end
    }

    /// The taps of a window that fall on input elements or on padding, of which there are `after`
    /// behind the end.
    pub fn padded_taps(&self, window: usize, after: usize) -> usize {
        let left = self.before() + self.input + after - window * self.stride;
        left.div_ceil(self.dilation).min(self.kernel)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every geometry over few elements: a window without an element is found, also where few of
    /// them are looked at.
    #[test]
    fn no_window_without_an_element_is_overlooked() {
        let mut refused = 0;
        for size in 0..6 {
            for (kernel, stride, dilation) in
                (1..4).flat_map(|k| (1..5).flat_map(move |s| (1..9).map(move |d| (k, s, d))))
            {
                for padding in (0..9).flat_map(|before| (0..9).map(move |after| (before, after))) {
                    let request = Request { axis: "time", size, kernel, stride, dilation, padding };
                    let Ok(axis) = Axis::pooling("pool", request, true) else { continue };
                    let empty = (0..axis.output).any(|window| axis.taps(window).is_empty());
                    assert_eq!(axis.check_windows("pool", "time").is_err(), empty, "{axis:?}");
                    refused += usize::from(empty && dilation > size);
                }
            }
        }
        assert!(refused > 100, "{refused}");
    }
}
