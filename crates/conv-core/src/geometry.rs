//! The checked geometry of a convolution: the one thing kernels get, and all arithmetic on sizes
//! that could go wrong.
//!
//! A 1-D convolution is a 2-D one of height 1. A transposed convolution has the geometry of the
//! convolution it is the transpose of: what it calls its output is that convolution's input.

use std::ops::Range;

use crate::{Error, Result};

/// One dimension of a convolution: output position `o` and tap `k` meet at input position
/// `o * stride + k * dilation + offset`, where the input is 0 outside of its elements. For a
/// caller's convolution this lies inside the padded input for every such pair; for those that
/// kernels make of it, it need not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Axis {
    pub input: usize,
    pub kernel: usize,
    pub stride: usize,
    pub dilation: usize,
    /// Where output 0 and tap 0 meet: negative by the padding before the first element, positive
    /// where the first elements are not seen.
    pub offset: isize,
    pub output: usize,
}

/// What a caller asked for along one dimension, not yet checked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Request {
    /// The dimension's name in error texts.
    pub axis: &'static str,
    pub size: usize,
    pub kernel: usize,
    pub stride: usize,
    pub dilation: usize,
    pub padding: (usize, usize),
}

/// A whole convolution: `groups` times from `channels_in` to `channels_out` channels, those being a
/// group's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Geometry {
    pub batch: usize,
    pub groups: usize,
    pub channels_in: usize,
    pub channels_out: usize,
    pub h: Axis,
    pub w: Axis,
}

impl Axis {
    /// A convolution over `size` elements.
    pub fn convolution(op: &'static str, request: Request) -> Result<Self> {
        let kernel = request.reach(op)?;
        let input = request.padded(op)?;
        if kernel > input {
            return Err(Error::KernelTooWide { op, axis: request.axis, kernel, input });
        }
        Ok(request.axis(request.size, (input - kernel) / request.stride + 1))
    }

    /// The convolution whose transpose spreads `size` elements.
    pub fn transposed(op: &'static str, request: Request, output_padding: usize) -> Result<Self> {
        let (before, after) = request.padding;
        let kernel = request.reach(op)?;
        let limit = request.stride.max(request.dilation);
        if output_padding >= limit {
            return Err(Error::OutputPadding {
                op,
                axis: request.axis,
                found: output_padding,
                limit,
            });
        }
        if request.size == 0 {
            let what = "input size";
            return Err(Error::Zero { op, what });
        }
        let what = "output";
        let size = request.size - 1;
        let full =
            checked(op, what, &[size, request.stride, kernel, output_padding], |[a, b, c, d]| {
                a.checked_mul(b)?.checked_add(c)?.checked_add(d)
            })?;
        let cut = checked(op, "padding", &[before, after], |[a, b]| a.checked_add(b))?;
        if cut >= full {
            return Err(Error::NothingLeft { op, axis: request.axis, padding: cut, size: full });
        }
        Ok(request.axis(full - cut, request.size))
    }

    /// The output positions at which `tap` falls on an input element and not on padding.
    pub fn inside(&self, tap: usize) -> Range<usize> {
        let first = (tap * self.dilation) as isize + self.offset;
        let outputs_to =
            |place: isize| ((place - first).max(0) as usize).div_ceil(self.stride).min(self.output);
        let end = outputs_to(self.input as isize);
        outputs_to(0).min(end)..end
    }

    /// The input position where `output` and `tap` meet; beyond the input where that is padding.
    pub fn position(&self, output: usize, tap: usize) -> usize {
        (output * self.stride + tap * self.dilation).wrapping_add_signed(self.offset)
    }

    /// From where the first window begins to where the last one ends.
    pub fn span(&self) -> usize {
        (self.output - 1) * self.stride + (self.kernel - 1) * self.dilation + 1
    }

    /// Zeros needed before the first element.
    pub fn before(&self) -> usize {
        (-self.offset).max(0) as usize
    }

    /// Zeros needed after the last element for the last window.
    pub fn after(&self) -> usize {
        (self.span() as isize + self.offset - self.input as isize).max(0) as usize
    }

    /// Whether windows see elements of the input alone, from the first on.
    pub fn sees_no_padding(&self) -> bool {
        self.offset == 0 && self.span() <= self.input
    }

    /// Whether there is one window, which sees each element of the input once.
    pub fn is_whole(&self) -> bool {
        (self.output, self.dilation, self.offset, self.kernel) == (1, 1, 0, self.input)
    }

    /// The same with steps of 1 where there is no next output, or tap, to step to.
    fn simplified(self) -> Self {
        let stride = if self.output == 1 { 1 } else { self.stride };
        let dilation = if self.kernel == 1 { 1 } else { self.dilation };
        Self { stride, dilation, ..self }
    }
}

impl Request {
    /// The axis, once its padding is known to be a position.
    pub fn axis(self, input: usize, output: usize) -> Axis {
        let Self { kernel, stride, dilation, padding, .. } = self;
        Axis { input, kernel, stride, dilation, offset: -(padding.0 as isize), output }
    }

    /// The elements of the input, padding included.
    pub fn padded(&self, op: &'static str) -> Result<usize> {
        let (before, after) = self.padding;
        checked(op, "padded input", &[self.size, before, after], |[a, b, c]| {
            a.checked_add(b)?.checked_add(c)
        })
    }

    /// The elements the kernel covers, dilation included.
    pub fn reach(&self, op: &'static str) -> Result<usize> {
        for (what, value) in
            [("kernel size", self.kernel), ("stride", self.stride), ("dilation", self.dilation)]
        {
            if value == 0 {
                return Err(Error::Zero { op, what });
            }
        }
        checked(op, "dilated kernel", &[self.kernel - 1, self.dilation], |[a, b]| {
            a.checked_mul(b)?.checked_add(1)
        })
    }
}

impl Geometry {
    /// The elements of one input channel.
    pub fn pixels_in(&self) -> usize {
        self.h.input * self.w.input
    }

    /// The elements of one output channel.
    pub fn pixels_out(&self) -> usize {
        self.h.output * self.w.output
    }

    /// The places of the kernel.
    pub fn taps(&self) -> usize {
        self.h.kernel * self.w.kernel
    }

    /// Products that are summed for one output element.
    pub fn depth(&self) -> usize {
        self.channels_in * self.taps()
    }

    /// Output elements of one channel, over the batch.
    pub fn columns(&self) -> usize {
        self.batch * self.pixels_out()
    }

    /// The same as kernels like it best: without strides that lead nowhere, and a tall image of
    /// width 1 laid on its side, whose elements lie in memory just so, since they work on whole
    /// rows.
    pub fn simplified(&self) -> Self {
        let h = self.h.simplified();
        let w = self.w.simplified();
        let is_thin = w.input == 1 && w.is_whole();
        let (h, w) = if is_thin { (w, h) } else { (h, w) };
        Self { h, w, ..*self }
    }
}

fn checked<const N: usize>(
    op: &'static str,
    what: &'static str,
    sizes: &[usize; N],
    of: impl Fn([usize; N]) -> Option<usize>,
) -> Result<usize> {
    // Positions have a sign.
    let is_position = |&size: &usize| isize::try_from(size).is_ok();
    of(*sizes).filter(is_position).ok_or_else(|| overflow(op, what, sizes))
}

/// Refuses sizes whose elements, at eight bytes each, do not fit the address space.
pub(crate) fn fits(op: &'static str, what: &'static str, sizes: &[usize]) -> Result<()> {
    const LIMIT: usize = isize::MAX as usize / size_of::<f64>();
    // A zero must not hide an overflow among the others, which kernels multiply in another order.
    sizes
        .iter()
        .try_fold(1usize, |product, &size| product.checked_mul(size.max(1)))
        .filter(|&product| product <= LIMIT)
        .map(|_| ())
        .ok_or_else(|| overflow(op, what, sizes))
}

fn overflow(op: &'static str, what: &'static str, sizes: &[usize]) -> Error {
    Error::Overflow { op, what, sizes: sizes.to_vec() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(size: usize, kernel: usize) -> Request {
        Request { axis: "width", size, kernel, stride: 1, dilation: 1, padding: (0, 0) }
    }

    #[test]
    fn inside_and_position_agree_with_the_definition() -> Result<()> {
        for (size, kernel, stride, dilation, before, after) in [
            (7, 3, 2, 1, 1, 0),
            (5, 2, 3, 4, 0, 0),
            (1, 3, 1, 1, 2, 2),
            (6, 1, 4, 1, 9, 3),
            (0, 2, 1, 1, 1, 4),
        ] {
            let axis = Axis::convolution(
                "conv",
                Request { stride, dilation, padding: (before, after), ..request(size, kernel) },
            )?;
            for tap in 0..kernel {
                let expected: Vec<usize> = (0..axis.output)
                    .filter(|o| {
                        let place = o * stride + tap * dilation;
                        place >= before && place < before + size
                    })
                    .collect();
                assert_eq!(axis.inside(tap).collect::<Vec<_>>(), expected, "{axis:?}");
                for o in expected {
                    assert!(axis.position(o, tap) < size);
                }
            }
        }
        Ok(())
    }

    #[test]
    fn an_image_of_width_1_is_laid_on_its_side() -> Result<()> {
        let tall = Axis::convolution("conv", request(3000, 5))?;
        let one = Axis::convolution("conv", Request { stride: 2, dilation: 3, ..request(1, 1) })?;
        let geometry =
            |h, w| Geometry { batch: 2, groups: 1, channels_in: 3, channels_out: 1, h, w };
        assert_eq!(geometry(tall, one).simplified(), geometry(one.simplified(), tall));
        assert_eq!((one.simplified().stride, one.simplified().dilation), (1, 1));
        // Not one that padding makes wider, nor one of width 1 by its output alone.
        let padded = Axis::convolution("conv", Request { padding: (1, 1), ..request(1, 3) })?;
        for w in [padded, Axis::convolution("conv", request(3, 3))?] {
            assert_eq!(geometry(tall, w).simplified(), geometry(tall, w));
        }
        Ok(())
    }

    #[test]
    fn sizes_that_overflow_are_refused() {
        let wide = |padding, kernel, dilation| {
            let size = 4;
            Axis::convolution("conv", Request { dilation, padding, ..request(size, kernel) })
        };
        let overflows = |result| matches!(result, Err(Error::Overflow { .. }));
        assert!(overflows(wide((usize::MAX, 0), 1, 1)));
        assert!(overflows(wide((0, usize::MAX - 3), 1, 1)));
        assert!(overflows(wide((0, 0), usize::MAX, 2)));
        assert!(overflows(wide((isize::MAX as usize, 0), 1, 1)));
        let far = isize::MAX as usize - 4;
        let inside = wide((far, 0), 1, 1).map(|axis| axis.inside(0));
        assert_eq!(inside.ok(), Some(far..far + 4));
        let product = fits("conv", "output", &[0, 1, 1 << 31, 1 << 31]);
        assert!(matches!(product, Err(Error::Overflow { .. })));
        let huge = Request { stride: usize::MAX / 2, ..request(5, 3) };
        assert!(matches!(Axis::transposed("conv", huge, 0), Err(Error::Overflow { .. })));
    }
}
