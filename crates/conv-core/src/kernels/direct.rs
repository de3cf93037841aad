//! Convolution row by row without unrolling: for groups of few output channels, depthwise ones above all.

use super::blocks::{each_chunk, split};
use super::scratch::sized;
use super::sums::dot;
use super::unroll::{roll_back, runs};
use crate::element::Element;
use crate::geometry::Geometry;

/// Output elements worked on together, so that they stay in the nearest cache over all channels and taps.
const PIXELS: usize = 2048;

pub(super) fn forward<T: Element>(
    g: &Geometry,
    x: &[T],
    weight: &[T],
    bias: Option<&[T]>,
    y: &mut [T],
) {
    let outputs = g.groups * g.channels_out;
    each_chunk(y, g.pixels_out(), g.work(), |i, y| {
        let (sample, output) = (i / outputs, i % outputs);
        y.fill(bias.map_or(T::zero(), |bias| bias[output]));
        for pixels in split(g.pixels_out(), PIXELS) {
            let y = &mut y[pixels.clone()];
            for tap in 0..g.taps() {
                let runs = runs(g, tap, &pixels);
                for c in 0..g.channels_in {
                    let weight = weight[(output * g.channels_in + c) * g.taps() + tap];
                    let x =
                        &x[input_channel(g, sample, output / g.channels_out, c)..][..g.pixels_in()];
                    for run in &runs {
                        let y = &mut y[run.outputs(&pixels)];
                        if g.w.stride == 1 {
                            let x = &run.inputs(x)[..run.len];
                            y.iter_mut().zip(x).for_each(|(y, &x)| *y += weight * x);
                        } else {
                            let x = run.inputs(x).iter().step_by(g.w.stride);
                            y.iter_mut().zip(x).for_each(|(y, &x)| *y += weight * x);
                        }
                    }
                }
            }
        }
    });
}

pub(super) fn input_gradient<T: Element>(g: &Geometry, dy: &[T], weight: &[T], dx: &mut [T]) {
    let inputs = g.groups * g.channels_in;
    let pixels_out = g.pixels_out();
    each_chunk(dx, g.pixels_in(), g.work(), |i, dx| {
        let (sample, input) = (i / inputs, i % inputs);
        let (group, c) = (input / g.channels_in, input % g.channels_in);
        T::with_scratch(|scratch| {
            for pixels in split(pixels_out, PIXELS) {
                let row = sized(&mut scratch.product, pixels.len());
                for tap in 0..g.taps() {
                    row.fill(T::zero());
                    for o in group * g.channels_out..(group + 1) * g.channels_out {
                        let weight = weight[(o * g.channels_in + c) * g.taps() + tap];
                        let start = (sample * g.groups * g.channels_out + o) * pixels_out;
                        let dy = &dy[start + pixels.start..][..pixels.len()];
                        row.iter_mut().zip(dy).for_each(|(r, &d)| *r += weight * d);
                    }
                    roll_back(g.w.stride, &runs(g, tap, &pixels), &pixels, row, dx);
                }
            }
        });
    });
}

pub(super) fn weight_gradient<T: Element>(g: &Geometry, x: &[T], dy: &[T], dweight: &mut [T]) {
    let outputs = g.groups * g.channels_out;
    each_chunk(dweight, g.taps(), g.work(), |i, dweight| {
        let (output, c) = (i / g.channels_in, i % g.channels_in);
        for (tap, dweight) in dweight.iter_mut().enumerate() {
            for pixels in split(g.pixels_out(), PIXELS) {
                let runs = runs(g, tap, &pixels);
                for sample in 0..g.batch {
                    let start = (sample * outputs + output) * g.pixels_out() + pixels.start;
                    let dy = &dy[start..][..pixels.len()];
                    let x =
                        &x[input_channel(g, sample, output / g.channels_out, c)..][..g.pixels_in()];
                    for run in &runs {
                        *dweight += dot(&dy[run.outputs(&pixels)], run.inputs(x), g.w.stride);
                    }
                }
            }
        }
    });
}

/// Where channel `c` of `group` starts in the input.
fn input_channel(g: &Geometry, sample: usize, group: usize, c: usize) -> usize {
    ((sample * g.groups + group) * g.channels_in + c) * g.pixels_in()
}
