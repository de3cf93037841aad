//! Unrolling: the input elements that a block of output columns sees, as a matrix of a row a tap, and back.

use std::ops::Range;

use super::blocks::Columns;
use super::matrix::Matrix;
use super::scratch::sized;
use crate::element::Element;
use crate::geometry::Geometry;

/// Neighbouring output elements and the input elements (a stride apart) that one tap pairs them with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Run {
    pub output: usize,
    pub input: usize,
    pub len: usize,
}

impl Run {
    /// The run's output elements, out of those of `pixels`.
    pub fn outputs(&self, pixels: &Range<usize>) -> Range<usize> {
        let start = self.output - pixels.start;
        start..start + self.len
    }

    /// The input from the run's first element on.
    pub fn inputs<'a, T>(&self, channel: &'a [T]) -> &'a [T] {
        &channel[self.input..]
    }
}

/// The pairs that the tap with number `tap` makes of the output elements `pixels`, those that fall on padding left out.
pub(super) fn runs(g: &Geometry, tap: usize, pixels: &Range<usize>) -> Vec<Run> {
    if g.is_pointwise() {
        return vec![Run { output: pixels.start, input: pixels.start, len: pixels.len() }];
    }
    let (kh, kw) = (tap / g.w.kernel, tap % g.w.kernel);
    let (rows, columns) = (g.h.inside(kh), g.w.inside(kw));
    let width = g.w.output;
    let first = rows.start.max(pixels.start / width);
    let last = rows.end.min(pixels.end.div_ceil(width));
    (first..last)
        .filter_map(|row| {
            let start = pixels.start.max(row * width + columns.start);
            let end = pixels.end.min(row * width + columns.end);
            (start < end).then(|| Run {
                output: start,
                input: g.h.position(row, kh) * g.w.input + g.w.position(start - row * width, kw),
                len: end - start,
            })
        })
        .collect()
}

/// A block's rows: the taps of some channels of a group.
#[derive(Debug, Clone)]
pub(super) struct Rows {
    pub group: usize,
    pub channels: Range<usize>,
}

impl Rows {
    pub fn len(&self, g: &Geometry) -> usize {
        self.channels.len() * g.taps()
    }

    /// The part of the group's weight that these rows are multiplied with: output channels times rows.
    pub fn weight<'a, T>(
        &self,
        g: &Geometry,
        weight: &'a [T],
        outputs: &Range<usize>,
    ) -> Matrix<'a, T> {
        let width = g.channels_in * g.taps();
        let start = (self.group * g.channels_out + outputs.start) * width;
        let start = start + self.channels.start * g.taps();
        Matrix::new(&weight[start..], outputs.len(), self.len(g), width)
    }

    /// Where the input channel `channel` of `sample` starts.
    pub fn channel_start(&self, g: &Geometry, sample: usize, channel: usize) -> usize {
        ((sample * g.groups + self.group) * g.channels_in + channel) * g.pixels_in()
    }
}

/// The input as `rows` times `columns`: a view of it where its elements lie so, else copied into `buffer`.
pub(super) fn unroll<'a, T: Element>(
    g: &Geometry,
    x: &'a [T],
    rows: &Rows,
    columns: &Columns,
    buffer: &'a mut Vec<T>,
) -> Matrix<'a, T> {
    let (height, width) = (rows.len(g), columns.len());
    if g.is_pointwise() && columns.samples.len() == 1 {
        let start = rows.channel_start(g, columns.samples.start, rows.channels.start);
        let x = &x[start + columns.pixels.start..];
        return Matrix::new(x, height, width, g.pixels_in());
    }
    let buffer = sized(buffer, height * width);
    if g.is_padded() {
        buffer.fill(T::zero());
    }
    let pixels = &columns.pixels;
    for tap in 0..g.taps() {
        let runs = runs(g, tap, pixels);
        for (i, channel) in rows.channels.clone().enumerate() {
            let row = &mut buffer[(i * g.taps() + tap) * width..][..width];
            let parts = row.chunks_exact_mut(pixels.len());
            for (sample, part) in columns.samples.clone().zip(parts) {
                let x = &x[rows.channel_start(g, sample, channel)..][..g.pixels_in()];
                for run in &runs {
                    let part = &mut part[run.outputs(pixels)];
                    if g.w.stride == 1 {
                        part.copy_from_slice(&run.inputs(x)[..run.len]);
                    } else {
                        let inputs = run.inputs(x).iter().step_by(g.w.stride);
                        part.iter_mut().zip(inputs).for_each(|(p, &x)| *p = x);
                    }
                }
            }
        }
    }
    Matrix::new(buffer, height, width, width)
}

/// Adds a row of unrolled gradients (one tap of one channel, the pixels of `runs`) to that channel of the input's gradient.
pub(super) fn roll_back<T: Element>(
    stride: usize,
    runs: &[Run],
    pixels: &Range<usize>,
    row: &[T],
    dx: &mut [T],
) {
    for run in runs {
        let row = &row[run.outputs(pixels)];
        let dx = &mut dx[run.input..];
        if stride == 1 {
            dx.iter_mut().zip(row).for_each(|(dx, &r)| *dx += r);
        } else {
            let dx = dx.iter_mut().step_by(stride);
            dx.zip(row).for_each(|(dx, &r)| *dx += r);
        }
    }
}

/// The gradient of a group's output channels at `columns`: a view of it, or copied into `buffer` where several samples' pixels
/// have to be brought side by side.
pub(super) fn side_by_side<'a, T: Element>(
    g: &Geometry,
    dy: &'a [T],
    group: usize,
    columns: &Columns,
    buffer: &'a mut Vec<T>,
) -> Matrix<'a, T> {
    let (height, width) = (g.channels_out, columns.len());
    let pixels = g.pixels_out();
    let start = |sample: usize| (sample * g.groups + group) * g.channels_out * pixels;
    if columns.samples.len() == 1 {
        let dy = &dy[start(columns.samples.start) + columns.pixels.start..];
        return Matrix::new(dy, height, width, pixels);
    }
    let buffer = sized(buffer, height * width);
    for (channel, row) in buffer.chunks_exact_mut(width).enumerate() {
        for (sample, part) in columns.samples.clone().zip(row.chunks_exact_mut(pixels)) {
            part.copy_from_slice(&dy[start(sample) + channel * pixels..][..pixels]);
        }
    }
    Matrix::new(buffer, height, width, width)
}
