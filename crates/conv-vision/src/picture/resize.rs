//! Resizing with antialiasing, to the bit as Pillow has it: the weights of a filter that is as wide
//! as an output pixel, in fixed point, first along the rows, then along the columns, rounded to 8
//! bits between the two.

use super::Picture;
use crate::{Error, Result};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// How a resized pixel is made of those under it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Filter {
    /// A triangle.
    #[default]
    Bilinear,
    /// Keys's cubic with a = −1/2.
    Bicubic,
}

impl Filter {
    /// How far it reaches to each side, in output pixels (in input pixels where the picture grows).
    fn support(self) -> f64 {
        match self {
            Filter::Bilinear => 1.0,
            Filter::Bicubic => 2.0,
        }
    }

    fn weight(self, distance: f64) -> f64 {
        let x = distance.abs();
        const A: f64 = -0.5;
        match self {
            Filter::Bilinear if x < 1.0 => 1.0 - x,
            Filter::Bicubic if x < 1.0 => ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0,
            Filter::Bicubic if x < 2.0 => (((x - 5.0) * x + 8.0) * x - 4.0) * A,
            _ => 0.0,
        }
    }
}

/// A part of a picture, in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Region {
    /// The first column.
    pub left: usize,
    /// The first row.
    pub top: usize,
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
}

impl Picture {
    /// The whole picture with other sides.
    ///
    /// # Errors
    /// A side of 0, or sides that exceed memory.
    pub fn resize(&self, width: usize, height: usize, filter: Filter) -> Result<Self> {
        self.resize_region((width, height), Region { left: 0, top: 0, width, height }, filter)
    }

    /// The part `region` of the picture resized to (width, height): the same bytes as if the whole
    /// had been resized and then cut, but only what is asked for is computed.
    ///
    /// # Errors
    /// A side of 0, sides that exceed memory, or a region that is not within the resized picture.
    pub fn resize_region(
        &self,
        (width, height): (usize, usize),
        region: Region,
        filter: Filter,
    ) -> Result<Self> {
        let Region { left, top, width: columns, height: rows } = region;
        let within = |first: usize, size: usize, whole: usize| {
            size > 0 && first.checked_add(size).is_some_and(|end| end <= whole)
        };
        let fits = columns.checked_mul(rows).is_some_and(|n| n <= isize::MAX as usize / 3);
        if !within(left, columns, width) || !within(top, rows, height) || !fits {
            return Err(Error::Region { width, height, region });
        }
        let across = weights(self.width, width, left, columns, filter);
        let down = weights(self.height, height, top, rows, filter);
        // Only the rows that the columns' filter reaches.
        let first = down.iter().map(|taps| taps.first).min().unwrap_or(0);
        let end = down.iter().map(|taps| taps.first + taps.weights.len()).max().unwrap_or(first);
        let mut between = vec![0; 3 * columns * (end - first)];
        between.par_chunks_mut(3 * columns).enumerate().for_each(|(row, output)| {
            let input = &self.pixels[3 * self.width * (first + row)..][..3 * self.width];
            filter_row(input, &across, output);
        });
        let mut pixels = vec![0; 3 * columns * rows];
        pixels.par_chunks_mut(3 * columns).zip(&down).for_each(|(output, taps)| {
            filter_columns(&between[3 * columns * (taps.first - first)..], taps, output);
        });
        Ok(Self { width: columns, height: rows, pixels })
    }
}

/// The input elements that make one output element, and their weights in fixed point.
struct Taps {
    first: usize,
    weights: Vec<i32>,
}

/// Bits behind the point: 8 of the pixel and 2 for sums beyond the range leave 22 of 32.
const BITS: u32 = 22;

/// For the outputs `from .. from + count` of an axis of `input` elements resized to `output`.
fn weights(input: usize, output: usize, from: usize, count: usize, filter: Filter) -> Vec<Taps> {
    let scale = input as f64 / output as f64;
    let stretch = scale.max(1.0);
    let support = filter.support() * stretch;
    let taps = |index: usize| {
        let center = (index as f64 + 0.5) * scale;
        let first = (center - support + 0.5).max(0.0) as usize;
        let end = ((center + support + 0.5) as usize).min(input);
        let weight = |at: usize| filter.weight((at as f64 - center + 0.5) / stretch);
        let weights: Vec<f64> = (first..end).map(weight).collect();
        let sum: f64 = weights.iter().sum();
        let fixed = |weight: &f64| (weight / sum * f64::from(1 << BITS)).round() as i32;
        Taps { first, weights: weights.iter().map(fixed).collect() }
    };
    (from..from + count).map(taps).collect()
}

fn filter_row(input: &[u8], taps: &[Taps], output: &mut [u8]) {
    for (pixel, taps) in output.chunks_exact_mut(3).zip(taps) {
        let mut sums = [1 << (BITS - 1); 3];
        for (pixel, &weight) in input[3 * taps.first..].chunks_exact(3).zip(&taps.weights) {
            for (sum, &value) in sums.iter_mut().zip(pixel) {
                *sum += i32::from(value) * weight;
            }
        }
        for (value, sum) in pixel.iter_mut().zip(sums) {
            *value = to_byte(sum);
        }
    }
}

fn filter_columns(input: &[u8], taps: &Taps, output: &mut [u8]) {
    let width = output.len();
    let mut sums = vec![1 << (BITS - 1); width];
    for (row, &weight) in input.chunks_exact(width).zip(&taps.weights) {
        for (sum, &value) in sums.iter_mut().zip(row) {
            *sum += i32::from(value) * weight;
        }
    }
    for (value, sum) in output.iter_mut().zip(sums) {
        *value = to_byte(sum);
    }
}

fn to_byte(sum: i32) -> u8 {
    (sum >> BITS).clamp(0, 255) as u8
}
