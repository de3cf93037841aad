//! Convolution row by row without unrolling: for groups of few output channels, depthwise ones above all.

use std::ops::Range;

use super::blocks::{each_chunk, split};
use super::sums::dot;
use super::unroll::{Run, runs};
use crate::element::Element;
use crate::geometry::Geometry;

/// Output elements worked on together, so that they stay in the nearest cache over all channels and taps.
const PIXELS: usize = 2048;

/// A block of output elements, and for each tap the runs it makes of them: the same in every channel.
struct Block {
    pixels: Range<usize>,
    taps: Vec<Vec<Run>>,
}

fn blocks(g: &Geometry) -> Vec<Block> {
    split(g.pixels_out(), PIXELS)
        .map(|pixels| Block {
            taps: (0..g.taps()).map(|tap| runs(g, tap, &pixels)).collect(),
            pixels,
        })
        .collect()
}

pub(super) fn forward<T: Element>(
    g: &Geometry,
    x: &[T],
    weight: &[T],
    bias: Option<&[T]>,
    y: &mut [T],
) {
    let blocks = blocks(g);
    let outputs = g.groups * g.channels_out;
    each_chunk(y, g.pixels_out(), g.work(), |i, y| {
        let (sample, output) = (i / outputs, i % outputs);
        y.fill(bias.map_or(T::zero(), |bias| bias[output]));
        for Block { pixels, taps } in &blocks {
            let y = &mut y[pixels.clone()];
            for c in 0..g.channels_in {
                let x = input(g, x, sample, output / g.channels_out, c);
                for (tap, runs) in taps.iter().enumerate() {
                    let weight = weight[(output * g.channels_in + c) * g.taps() + tap];
                    for run in runs {
                        let (y, x) = (&mut y[run.outputs(pixels)], run.inputs(x));
                        if g.w.stride == 1 {
                            y.iter_mut().zip(x).for_each(|(y, &x)| *y += weight * x);
                        } else {
                            let x = x.iter().step_by(g.w.stride);
                            y.iter_mut().zip(x).for_each(|(y, &x)| *y += weight * x);
                        }
                    }
                }
            }
        }
    });
}

pub(super) fn input_gradient<T: Element>(g: &Geometry, dy: &[T], weight: &[T], dx: &mut [T]) {
    let blocks = blocks(g);
    let inputs = g.groups * g.channels_in;
    each_chunk(dx, g.pixels_in(), g.work(), |i, dx| {
        let (sample, input) = (i / inputs, i % inputs);
        let (group, c) = (input / g.channels_in, input % g.channels_in);
        for Block { pixels, taps } in &blocks {
            for output in group * g.channels_out..(group + 1) * g.channels_out {
                let dy = &self::output(g, dy, sample, output)[pixels.clone()];
                for (tap, runs) in taps.iter().enumerate() {
                    let weight = weight[(output * g.channels_in + c) * g.taps() + tap];
                    for run in runs {
                        let (dy, dx) = (&dy[run.outputs(pixels)], &mut dx[run.input..]);
                        if g.w.stride == 1 {
                            dx.iter_mut().zip(dy).for_each(|(d, &y)| *d += weight * y);
                        } else {
                            let dx = dx.iter_mut().step_by(g.w.stride);
                            dx.zip(dy).for_each(|(d, &y)| *d += weight * y);
                        }
                    }
                }
            }
        }
    });
}

pub(super) fn weight_gradient<T: Element>(g: &Geometry, x: &[T], dy: &[T], dweight: &mut [T]) {
    let blocks = blocks(g);
    each_chunk(dweight, g.taps(), g.work(), |i, dweight| {
        let (output, c) = (i / g.channels_in, i % g.channels_in);
        for sample in 0..g.batch {
            let x = input(g, x, sample, output / g.channels_out, c);
            let dy = self::output(g, dy, sample, output);
            for Block { pixels, taps } in &blocks {
                let dy = &dy[pixels.clone()];
                for (dweight, runs) in dweight.iter_mut().zip(taps) {
                    for run in runs {
                        *dweight += dot(&dy[run.outputs(pixels)], run.inputs(x), g.w.stride);
                    }
                }
            }
        }
    });
}

/// Channel `c` of `group` of a sample of the input.
fn input<'a, T>(g: &Geometry, x: &'a [T], sample: usize, group: usize, c: usize) -> &'a [T] {
    let channel = (sample * g.groups + group) * g.channels_in + c;
    &x[channel * g.pixels_in()..][..g.pixels_in()]
}

/// Channel `channel` of a sample of the output.
fn output<'a, T>(g: &Geometry, y: &'a [T], sample: usize, channel: usize) -> &'a [T] {
    let channel = sample * g.groups * g.channels_out + channel;
    &y[channel * g.pixels_out()..][..g.pixels_out()]
}
