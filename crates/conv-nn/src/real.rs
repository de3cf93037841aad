//! Arithmetic of the kernels that vectorises: sums in a fixed order, and maxima.

use candle_core::WithDType;
use conv_core::cpu::{Exponential, PanelElement};
use num_traits::Float;

/// An element type that the kernels compute in.
pub(crate) trait Real: WithDType + Float + Default + Exponential + PanelElement {}

impl Real for f32 {}
impl Real for f64 {}

/// A register of the widest instruction set in f32: with more the compiler keeps them in memory.
const LANES: usize = 16;
/// Two of them, where the work between hides that.
const WIDE: usize = 2 * LANES;

/// Elements that are summed in `T`; sums of more of them are added in f64, lest many small numbers
/// are lost in a large sum.
const SUMMED: usize = 1 << 14;

/// Σ f over slices of one length, in interleaved partial sums: the order is always the same.
#[inline(always)]
pub(crate) fn sum<T: Real, const N: usize>(slices: [&[T]; N], f: impl Fn([T; N]) -> T) -> T {
    let len = slices[0].len();
    let mut total = 0.0;
    for start in (0..len).step_by(SUMMED) {
        let end = len.min(start + SUMMED);
        let some = slices.map(
            #[inline(always)]
            |slice| &slice[start..end],
        );
        total += sum_of_few(some, &f).to_f64();
    }
    T::from_f64(total)
}

#[inline(always)]
fn sum_of_few<T: Real, const N: usize>(slices: [&[T]; N], f: impl Fn([T; N]) -> T) -> T {
    let len = slices[0].len();
    // Blocks of a length that the compiler knows: a check of bounds between two lanes would keep it
    // from making them a vector.
    let mut blocks = [&[][..]; N];
    for (blocks, slice) in blocks.iter_mut().zip(slices) {
        *blocks = &slice.as_chunks::<WIDE>().0[..len / WIDE];
    }
    // Two registers, so that not every addition waits for the one before; as one array they would
    // lie in memory.
    let mut even = [T::zero(); LANES];
    let mut odd = [T::zero(); LANES];
    for i in 0..len / WIDE {
        for lane in 0..LANES {
            even[lane] += f(blocks.map(
                #[inline(always)]
                |blocks| blocks[i][lane],
            ));
        }
        for lane in 0..LANES {
            odd[lane] += f(blocks.map(
                #[inline(always)]
                |blocks| blocks[i][LANES + lane],
            ));
        }
    }
    for i in len - len % WIDE..len {
        even[i % LANES] += f(slices.map(
            #[inline(always)]
            |slice| slice[i],
        ));
    }
    for (even, odd) in even.iter_mut().zip(odd) {
        *even += odd;
    }
    folded(
        &mut even,
        #[inline(always)]
        |a, b| a + b,
    )
}

/// The fold of all lanes, half by half: one after the other each would wait for the one before.
#[inline(always)]
fn folded<T: Real, const N: usize>(lanes: &mut [T; N], f: impl Fn(T, T) -> T) -> T {
    let mut half = N / 2;
    while half > 0 {
        for i in 0..half {
            lanes[i] = f(lanes[i], lanes[i + half]);
        }
        half /= 2;
    }
    lanes[0]
}

/// exp(xᵢ - shift) of each element into `y`, and their sum, where none is above the shift.
#[inline(always)]
pub(crate) fn exponentials<T: Real>(x: &[T], shift: T, y: &mut [T]) -> T {
    let mut lanes = [T::zero(); WIDE];
    let mut x = x.chunks_exact(WIDE);
    let mut y = y.chunks_exact_mut(WIDE);
    for (x, y) in (&mut x).zip(&mut y) {
        for lane in 0..WIDE {
            y[lane] = (x[lane] - shift).exponential_of_shifted();
            lanes[lane] += y[lane];
        }
    }
    for ((&x, y), lane) in x.remainder().iter().zip(y.into_remainder()).zip(&mut lanes) {
        *y = (x - shift).exponential_of_shifted();
        *lane += *y;
    }
    folded(
        &mut lanes,
        #[inline(always)]
        |a, b| a + b,
    )
}

/// The largest element; -∞ of none, NaN where one is.
#[inline(always)]
pub(crate) fn maximum<T: Real>(x: &[T]) -> T {
    #[inline(always)]
    fn larger<T: Real>(a: T, b: T) -> T {
        if (b > a) | b.is_nan() { b } else { a }
    }
    let mut lanes = [T::neg_infinity(); WIDE];
    let chunks = x.chunks_exact(WIDE);
    let rest = chunks.remainder();
    for chunk in chunks {
        for (lane, x) in lanes.iter_mut().zip(chunk) {
            *lane = larger(*lane, *x);
        }
    }
    for (lane, x) in lanes.iter_mut().zip(rest) {
        *lane = larger(*lane, *x);
    }
    folded(&mut lanes, larger)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_sum_is_as_exact_as_a_short_one() {
        let (len, each) = (3_000_001, 1000.1f32);
        let (found, expected) = (sum([&vec![each; len]], |[x]| x), len as f64 * f64::from(each));
        assert!((f64::from(found) / expected - 1.0).abs() < 2e-5, "{found}, expected {expected}");
    }

    #[test]
    fn sums_and_maxima_reach_every_element() {
        for len in [0usize, 1, 15, 16, 17, 100] {
            let x: Vec<f64> = (0..len).map(|i| i as f64).collect();
            let expected = (len * len.saturating_sub(1)) as f64;
            assert_eq!(sum([&x, &x], |[a, b]| a + b), expected);
            for largest in 0..len {
                let mut x = x.clone();
                x[largest] = 1000.0;
                assert_eq!(maximum(&x), 1000.0);
                x[largest] = f64::NAN;
                assert!(maximum(&x).is_nan());
            }
        }
        assert_eq!(maximum::<f32>(&[]), f32::NEG_INFINITY);
    }
}
