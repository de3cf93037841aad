//! Convolution as matrix products over the unrolled input, block by block.

use super::blocks::{self, Columns};
use super::matrix::multiply;
use super::scratch::{Scratch, sized};
use super::shared::Shared;
use super::unroll::{Rows, roll_back, runs, side_by_side, unroll};
use crate::element::Element;
use crate::geometry::Geometry;

/// Output channels below which a part of them is not worth unrolling the input for once more.
const FEWEST_OUTPUTS: usize = 32;

pub(super) fn forward<T: Element>(
    g: &Geometry,
    x: &[T],
    weight: &[T],
    bias: Option<&[T]>,
    y: &mut [T],
) {
    let columns = Columns::all(g);
    let output_parts = blocks::worth(g.groups * columns.len(), g.channels_out / FEWEST_OUTPUTS);
    let outputs: Vec<_> = blocks::parts(g.channels_out, output_parts).collect();
    let y = Shared::new(y);
    let tasks = columns.len() * g.groups * outputs.len();
    blocks::each(tasks, g.work(), |task| {
        let outputs = &outputs[task % outputs.len()];
        let group = task / output_parts % g.groups;
        let columns = &columns[task / output_parts / g.groups];
        let width = columns.len();
        T::with_scratch(|scratch| {
            let product = sized(&mut scratch.product, outputs.len() * width);
            for (i, channels) in blocks::input_channels(g).enumerate() {
                let rows = Rows { group, channels };
                let unrolled = unroll(g, x, &rows, columns, &mut scratch.columns);
                multiply(product, i > 0, rows.weight(g, weight, outputs), unrolled);
            }
            for (output, row) in outputs.clone().zip(product.chunks_exact(width)) {
                let channel = group * g.channels_out + output;
                let bias = bias.map_or(T::zero(), |bias| bias[channel]);
                let parts = row.chunks_exact(columns.pixels.len());
                for (sample, part) in columns.samples.clone().zip(parts) {
                    let channel = sample * g.groups * g.channels_out + channel;
                    let start = channel * g.pixels_out() + columns.pixels.start;
                    // SAFETY: tasks differ in output channel or in column, so no two write the same element.
                    #[allow(unsafe_code)]
                    let y = unsafe { y.part(start, part.len()) };
                    y.iter_mut().zip(part).for_each(|(y, &p)| *y = p + bias);
                }
            }
        });
    });
}

pub(super) fn input_gradient<T: Element>(g: &Geometry, dy: &[T], weight: &[T], dx: &mut [T]) {
    let channel_blocks: Vec<_> = blocks::input_channels(g).collect();
    // All columns of a sample belong to one task: neighbouring windows add to the same elements.
    let mut samples: Vec<Vec<Columns>> = Vec::new();
    for columns in Columns::all(g) {
        match samples.last_mut() {
            Some(same) if same[0].samples == columns.samples => same.push(columns),
            _ => samples.push(vec![columns]),
        }
    }
    let dx = Shared::new(dx);
    let tasks = samples.len() * g.groups * channel_blocks.len();
    blocks::each(tasks, g.work(), |task| {
        let channels = channel_blocks[task % channel_blocks.len()].clone();
        let group = task / channel_blocks.len() % g.groups;
        let rows = Rows { group, channels };
        for columns in &samples[task / channel_blocks.len() / g.groups] {
            let width = columns.len();
            let pixels = &columns.pixels;
            T::with_scratch(|scratch| {
                let Scratch { gathered, product, .. } = scratch;
                let dy = side_by_side(g, dy, group, columns, gathered);
                let product = sized(product, rows.len(g) * width);
                let weight = rows.weight(g, weight, &(0..g.channels_out));
                multiply(product, false, weight.transposed(), dy);
                for tap in 0..g.taps() {
                    let runs = runs(g, tap, pixels);
                    for (i, channel) in rows.channels.clone().enumerate() {
                        let row = &product[(i * g.taps() + tap) * width..][..width];
                        let parts = row.chunks_exact(pixels.len());
                        for (sample, part) in columns.samples.clone().zip(parts) {
                            let start = rows.channel_start(g, sample, channel);
                            // SAFETY: tasks differ in sample, group or input channel, so no two write the same element.
                            #[allow(unsafe_code)]
                            let dx = unsafe { dx.part(start, g.pixels_in()) };
                            roll_back(g.w.stride, &runs, pixels, part, dx);
                        }
                    }
                }
            });
        }
    });
}

pub(super) fn weight_gradient<T: Element>(g: &Geometry, x: &[T], dy: &[T], dweight: &mut [T]) {
    let columns = Columns::all(g);
    let channel_blocks: Vec<_> = blocks::input_channels(g).collect();
    // Few channel blocks are not enough tasks: columns are shared out too, each part's sum kept apart until all are there.
    let column_parts = blocks::worth(g.groups * channel_blocks.len(), columns.len());
    let shares: Vec<_> = blocks::parts(columns.len(), column_parts).collect();
    let whole = g.channels_in * g.taps();
    let partial_len = dweight.len();
    let mut partial = vec![T::zero(); partial_len * column_parts];
    let shared = Shared::new(&mut partial);
    let tasks = column_parts * g.groups * channel_blocks.len();
    blocks::each(tasks, g.work(), |task| {
        let channels = channel_blocks[task % channel_blocks.len()].clone();
        let group = task / channel_blocks.len() % g.groups;
        let share = task / channel_blocks.len() / g.groups;
        let rows = Rows { group, channels };
        let height = rows.len(g);
        T::with_scratch(|scratch| {
            let Scratch { columns: unrolled, gathered, product } = scratch;
            let product = sized(product, g.channels_out * height);
            product.fill(T::zero());
            for columns in &columns[shares[share].clone()] {
                let dy = side_by_side(g, dy, group, columns, gathered);
                let unrolled = unroll(g, x, &rows, columns, unrolled);
                multiply(product, true, dy, unrolled.transposed());
            }
            for (output, row) in product.chunks_exact(height).enumerate() {
                let channel = group * g.channels_out + output;
                let start = channel * whole + rows.channels.start * g.taps();
                // SAFETY: tasks differ in share, group or input channel, so no two write the same element.
                #[allow(unsafe_code)]
                let part = unsafe { shared.part(share * partial_len + start, height) };
                part.copy_from_slice(row);
            }
        });
    });
    for partial in partial.chunks_exact(partial_len) {
        dweight.iter_mut().zip(partial).for_each(|(d, &p)| *d += p);
    }
}
