//! From coefficients to red, green and blue, with the IJG's integers.

use super::header::{Component, Frame};
use rayon::prelude::*;
use std::num::Wrapping;

/// `None` where a component has no steps.
pub(super) fn rgb(frame: Frame) -> Option<Vec<u8>> {
    let (width, height) = (frame.width, frame.height);
    let across = frame.components.iter().map(|component| component.across).max()?;
    let down = frame.components.iter().map(|component| component.down).max()?;
    let planes: Vec<Plane> = frame
        .components
        .into_iter()
        .map(|component| {
            let scale = [across / component.across, down / component.down];
            Plane::new(component, scale)
        })
        .collect::<Option<_>>()?;
    let mut rgb = vec![0; 3 * width * height];
    let rows = rgb.par_chunks_exact_mut(3 * width).enumerate();
    rows.for_each_init(
        || vec![vec![0u8; width + 2]; planes.len()],
        |rows, (y, output)| {
            for (plane, row) in planes.iter().zip(rows.iter_mut()) {
                plane.row(y, row);
            }
            match rows.as_slice() {
                [grey] => {
                    for (pixel, &grey) in output.chunks_exact_mut(3).zip(grey) {
                        pixel.fill(grey);
                    }
                }
                [y, cb, cr] => {
                    let rows = y.iter().zip(cb).zip(cr);
                    for (pixel, ((&y, &cb), &cr)) in output.chunks_exact_mut(3).zip(rows) {
                        pixel.copy_from_slice(&colour(y, cb, cr));
                    }
                }
                _ => {}
            }
        },
    );
    Some(rgb)
}

/// `jdcolor.c`: fixed point with 16 bits; green is rounded once for both.
fn colour(y: u8, cb: u8, cr: u8) -> [u8; 3] {
    const HALF: i32 = 1 << 15;
    let y = i32::from(y);
    let cb = i32::from(cb) - 128;
    let cr = i32::from(cr) - 128;
    let red = y + ((91_881 * cr + HALF) >> 16);
    let green = y + ((-22_554 * cb - 46_802 * cr + HALF) >> 16);
    let blue = y + ((116_130 * cb + HALF) >> 16);
    [red, green, blue].map(|value| value.clamp(0, 255) as u8)
}

/// A component's samples.
struct Plane {
    samples: Vec<u8>,
    stride: usize,
    width: usize,
    height: usize,
    /// Pixels that a sample stands for, across and down: 1 or 2.
    scale: [usize; 2],
}

impl Plane {
    fn new(component: Component, scale: [usize; 2]) -> Option<Self> {
        let steps = component.steps?;
        let stride = 8 * component.stride;
        let mut samples = vec![0; component.coefficients.len() * 64];
        let blocks = component.coefficients.par_chunks_exact(component.stride);
        samples.par_chunks_exact_mut(8 * stride).zip(blocks).for_each(|(rows, blocks)| {
            for (at, block) in blocks.iter().enumerate() {
                inverse(block, &steps, &mut rows[8 * at..], stride);
            }
        });
        let Component { width, height, .. } = component;
        Some(Self { samples, stride, width, height, scale })
    }

    fn samples(&self, y: usize) -> &[u8] {
        &self.samples[y.min(self.height - 1) * self.stride..][..self.width]
    }

    /// A row of pixels, `jdsample.c`: a sample between two is three parts of the nearer and one of
    /// the other. What rounds up goes to and fro, so that a surface keeps its mean.
    fn row(&self, y: usize, row: &mut [u8]) {
        let [across, down] = self.scale;
        let near = self.samples(y / down);
        // Above the first row, and below the last, is the same again.
        let far = match y % 2 {
            0 => self.samples((y / down).saturating_sub(1)),
            _ => self.samples(y / down + 1),
        };
        match (across, down) {
            (2, 1 | 2) if self.width <= 2 => {
                for (pair, &value) in row.chunks_mut(2).zip(near) {
                    pair.fill(value);
                }
            }
            (2, 1) => widen(row, near.len(), |at| i32::from(near[at]), [1, 2], 2),
            (2, 2) => {
                let sum = |at: usize| 3 * i32::from(near[at]) + i32::from(far[at]);
                widen(row, near.len(), sum, [8, 7], 4);
            }
            (1, 2) => {
                let round = 1 + (y % 2) as u16;
                for ((value, &near), &far) in row.iter_mut().zip(near).zip(far) {
                    *value = ((3 * u16::from(near) + u16::from(far) + round) >> 2) as u8;
                }
            }
            _ => row[..near.len()].copy_from_slice(near),
        }
    }
}

/// Two of each sum: three parts of itself and one of its neighbour on that side, or four at the
/// ends; `round` before the shift by `bits`.
fn widen(row: &mut [u8], count: usize, sum: impl Fn(usize) -> i32, round: [i32; 2], bits: u32) {
    for (at, pair) in (0..count).zip(row.chunks_mut(2)) {
        let own = sum(at);
        let left = if at > 0 { sum(at - 1) } else { own };
        let right = if at + 1 < count { sum(at + 1) } else { own };
        pair[0] = ((3 * own + left + round[0]) >> bits) as u8;
        if let Some(second) = pair.get_mut(1) {
            *second = ((3 * own + right + round[1]) >> bits) as u8;
        }
    }
}

type Number = Wrapping<i32>;

/// Bits behind the point of the constants, and of what goes from columns to rows.
const BITS: usize = 13;
const BETWEEN: usize = 2;

/// The samples of a block: `jidctint.c`, the algorithm of Loeffler, Ligtenberg and Moschytz (1989),
/// first down, then across.
fn inverse(block: &[i16; 64], steps: &[u16; 64], output: &mut [u8], stride: usize) {
    // Most blocks of colours are of one value, and then all below comes to this.
    if block[1..].iter().all(|&coefficient| coefficient == 0) {
        let value = Wrapping(i32::from(block[0])) * Wrapping(i32::from(steps[0]));
        let sample = ((value << BETWEEN) + Wrapping(1 << (BETWEEN + 2))) >> (BETWEEN + 3);
        let sample = (sample.0 + 128).clamp(0, 255) as u8;
        return (0..8).for_each(|row| output[row * stride..][..8].fill(sample));
    }
    let mut values = [Wrapping(0i32); 64];
    for ((value, &coefficient), &step) in values.iter_mut().zip(block).zip(steps) {
        *value = Wrapping(i32::from(coefficient)) * Wrapping(i32::from(step));
    }
    for column in 0..8 {
        if (1..8).all(|row| values[8 * row + column].0 == 0) {
            let value = values[column] << BETWEEN;
            (0..8).for_each(|row| values[8 * row + column] = value);
            continue;
        }
        let line = one_line(std::array::from_fn(|at| values[8 * at + column]), BITS - BETWEEN);
        line.iter().enumerate().for_each(|(at, &value)| values[8 * at + column] = value);
    }
    for (row, values) in values.chunks_exact(8).enumerate() {
        let line = one_line(std::array::from_fn(|at| values[at]), BITS + BETWEEN + 3);
        let samples = output[row * stride..].iter_mut();
        samples.zip(line).for_each(|(sample, value)| *sample = (value.0 + 128).clamp(0, 255) as u8);
    }
}

/// Eight values of eight, shifted by so many bits with rounding.
fn one_line(x: [Number; 8], shift: usize) -> [Number; 8] {
    let fixed = |value: i32| Wrapping(value);
    let z1 = (x[2] + x[6]) * fixed(4433);
    let even2 = z1 - x[6] * fixed(15137);
    let even3 = z1 + x[2] * fixed(6270);
    let (even0, even1) = ((x[0] + x[4]) << BITS, (x[0] - x[4]) << BITS);
    let t10 = even0 + even3;
    let t13 = even0 - even3;
    let t11 = even1 + even2;
    let t12 = even1 - even2;

    let [z1, z2, z3, z4] = [x[7] + x[1], x[5] + x[3], x[7] + x[3], x[5] + x[1]];
    let z5 = (z3 + z4) * fixed(9633);
    let [z1, z2] = [z1 * fixed(-7373), z2 * fixed(-20995)];
    let [z3, z4] = [z3 * fixed(-16069) + z5, z4 * fixed(-3196) + z5];
    let t0 = x[7] * fixed(2446) + z1 + z3;
    let t1 = x[5] * fixed(16819) + z2 + z4;
    let t2 = x[3] * fixed(25172) + z2 + z3;
    let t3 = x[1] * fixed(12299) + z1 + z4;

    let half = Wrapping(1 << (shift - 1));
    [t10 + t3, t11 + t2, t12 + t1, t13 + t0, t13 - t0, t12 - t1, t11 - t2, t10 - t3]
        .map(|value| (value + half) >> shift)
}
