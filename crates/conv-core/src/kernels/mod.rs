//! The CPU kernels of a convolution: plain functions over slices and a [`Geometry`], the one place that knows how they work.
//!
//! | kernel | for | how |
//! |---|---|---|
//! | [`product`] | the general case | implicit GEMM over gathered columns |
//! | [`winograd`] | 3, 4 or 5 taps an axis, stride 1, many channels | products of fewer multiplications |
//! | [`direct`] | groups of few output channels | row by row |
//! | [`inner`] | windows that are the whole input | inner products |
//! | [`phases`] | the input's gradient, transposed convolution | convolutions of the gradient, by any of the above |
//! | [`spread`] | the same of an input much larger than the output | one product, added up where it belongs |
//! | [`sparse`] | both gradients where the output's is nearly all zero | rows of channels for what is not |
//! | [`weight`] | the weight's gradient | products of taps and turned gradients |
//!
//! Most read the input padded and split by the stride's phases ([`plan`]); matrix products are summed in a [`tile`] of vector
//! registers. Work is cut into blocks whose sizes follow from the geometry alone, and sums are taken in a fixed order, so results
//! do not depend on the number of threads. `reference` says in a few lines what all of them compute.

mod bias;
mod blocks;
mod direct;
mod gate;
mod inner;
mod kept;
mod phases;
mod plan;
mod product;
mod rectifier;
#[cfg(test)]
mod reference;
mod scratch;
mod shared;
mod sparse;
mod spread;
mod sums;
#[cfg(test)]
mod tests;
mod tile;
mod weight;
mod winograd;

pub(crate) use bias::bias_gradient;
pub(crate) use blocks::is_shared;
pub(crate) use rectifier::rectify_gradient;
pub(crate) use scratch::{Done, HasScratch, NoRoom, take, written};

use crate::element::Element;
use crate::geometry::Geometry;
use plan::Plan;

/// Output channels of a group below which packing its weight costs more than it saves.
const FEW_CHANNELS: usize = 4;

/// What is done to a sum before it is stored.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Finish<'a, T> {
    /// Added, one for each output channel.
    pub bias: Option<&'a [T]>,
    /// Negative ones become 0.
    pub rectify: bool,
    /// Those of the output channels' first half, a, and second half, b, become a · σ(b). For [`forward`] of one group, not rectified.
    pub gate: bool,
    /// Only what computes each sum as it is defined (no Winograd).
    pub exact: bool,
    /// The packed weight is kept for the next call.
    pub keep: bool,
}

impl<T: Element> Finish<'_, T> {
    /// A channel's elements that are sums of nothing.
    fn of_nothing(&self, channel: usize) -> T {
        let bias = self.bias.map_or(T::zero(), |bias| bias[channel]);
        if self.rectify && bias < T::zero() { T::zero() } else { bias }
    }
}

/// A weight as a kernel is to read it, which may be turned around: where its first element lies, and from one group, output
/// channel, input channel, row and column to the next.
#[derive(Debug, Clone, Copy)]
struct Weight<'a, T> {
    elements: &'a [T],
    start: usize,
    group: usize,
    output: usize,
    input: usize,
    row: isize,
    column: isize,
    /// Half the output channels where a kernel is to take them from both halves by turns, so that it holds what gates each other at
    /// once; else 0.
    half: usize,
}

impl<T: Element> Weight<'_, T> {
    /// Where the first input channel of an output channel's kernel lies.
    fn kernel(&self, group: usize, output: usize) -> usize {
        let channel = if self.half > 0 { output / 2 + output % 2 * self.half } else { output };
        self.start + group * self.group + channel * self.output
    }

    /// Whether a kernel's elements lie side by side, channel by channel.
    fn is_in_order(&self, plan: &Plan) -> bool {
        let taps = plan.taps();
        self.input == taps && (taps == 1 || (self.row, self.column) == (plan.w.taps as isize, 1))
    }

    /// The same of [`PANEL`](tile::PANEL) output channels, of which there may be fewer.
    fn kernels(&self, group: usize, first: usize) -> [usize; tile::PANEL] {
        let mut kernels = [0; tile::PANEL];
        for (i, kernel) in kernels.iter_mut().enumerate() {
            *kernel = self.kernel(group, first + i);
        }
        kernels
    }

    /// An element by group, output channel and input channel in it, row and column.
    fn at(&self, group: usize, output: usize, input: usize, row: usize, column: usize) -> T {
        let channel = self.kernel(group, output) + input * self.input;
        let tap = row as isize * self.row + column as isize * self.column;
        self.elements[channel.wrapping_add_signed(tap)]
    }
}

/// The convolution `y` of `x` with `weight`.
pub(crate) fn forward<T: Element>(
    g: &Geometry,
    x: &[T],
    weight: &[T],
    finish: Finish<'_, T>,
    y: &mut [T],
) -> Done {
    let plan = Plan::from(&g.with_long_rows());
    let weight = Weight {
        elements: weight,
        start: 0,
        group: plan.channels_out * plan.depth(),
        output: plan.depth(),
        input: plan.taps(),
        row: plan.w.taps as isize,
        column: 1,
        half: if finish.gate { plan.channels_out / 2 } else { 0 },
    };
    match finish.bias.filter(|_| finish.gate) {
        None => convolve(&plan, x, weight, finish, y),
        Some(bias) => {
            let (a, b) = bias.split_at(weight.half);
            let by_turns: Vec<_> = a.iter().zip(b).flat_map(|(&a, &b)| [a, b]).collect();
            convolve(&plan, x, weight, Finish { bias: Some(&by_turns), ..finish }, y)
        }
    }
}

/// The gradient `dx` with respect to the input, finished as if it were an output.
pub(crate) fn input_gradient<T: Element>(
    g: &Geometry,
    dy: &[T],
    weight: &[T],
    finish: Finish<'_, T>,
    dx: &mut [T],
) -> Done {
    let plan = Plan::from(&g.with_long_rows());
    if sparse::suits(&plan, dy) {
        sparse::input_gradient(&plan, dy, weight, finish, dx)
    } else if spread::suits(&plan) {
        spread::input_gradient(&plan, dy, weight, finish, dx)
    } else {
        phases::input_gradient(&plan, dy, weight, finish, dx)
    }
}

/// The gradient `dweight` with respect to the weight.
pub(crate) fn weight_gradient<T: Element>(
    g: &Geometry,
    x: &[T],
    dy: &[T],
    dweight: &mut [T],
) -> Done {
    let plan = Plan::from(&g.with_long_rows());
    if plan.columns() == 0 {
        dweight.fill(T::zero());
        Ok(())
    } else if sparse::suits(&plan, dy) {
        sparse::weight_gradient(&plan, x, dy, dweight)
    } else if plan.channels_out < FEW_CHANNELS {
        direct::weight_gradient(&plan, x, dy, dweight)
    } else {
        weight::gradient(&plan, x, dy, dweight)
    }
}

/// The convolution of `plan` by the kernel that suits it.
fn convolve<T: Element>(
    plan: &Plan,
    x: &[T],
    weight: Weight<'_, T>,
    finish: Finish<'_, T>,
    y: &mut [T],
) -> Done {
    if plan.columns() == 0 {
        Ok(())
    } else if inner::suits(plan, &weight, finish.exact) {
        inner::convolve(plan, x, weight, finish, y)
    } else if plan.channels_out < FEW_CHANNELS && !finish.gate {
        direct::convolve(plan, x, weight, finish, y)
    } else if let Some(turns) = winograd::turns::<T>(plan).filter(|_| !finish.exact) {
        winograd::convolve(plan, turns, x, weight, finish, y)
    } else {
        product::convolve(plan, x, weight, finish, y)
    }
}
