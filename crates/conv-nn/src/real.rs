//! Arithmetic of the kernels that vectorises: sums in a fixed order, maxima, and an exponential.

use candle_core::WithDType;
use num_traits::Float;

/// An element type that the kernels compute in.
pub(crate) trait Real: WithDType + Float + Default {
    /// eˣ to about one unit in the last place.
    fn exponential(self) -> Self;

    /// The same in fewer steps for x that is not above 40, as a row's elements minus its largest.
    fn exponential_of_shifted(self) -> Self;
}

/// eˣ = 2ⁿ eʳ with |r| ≤ ln 2 / 2, for x from -104, where the result is 0, to 89: eʳ, and n in the low bits of a number that is
/// [`ROUND`] without it.
#[inline(always)]
fn power_and_rest(x: f32) -> (f32, f32) {
    // ln 2 in two parts, the first short enough that its product with n is exact.
    const LN_2: (f32, f32) = (0.693_359_4, -2.121_944_4e-4);
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = (x - n * LN_2.0) - n * LN_2.1;
    // The minimax polynomial of the Cephes library's expf.
    let p = 1.987_569_1e-4 * r + 1.398_199_9e-3;
    let p = (p * r + 8.333_452e-3) * r + 4.166_579_6e-2;
    let p = (p * r + 0.166_666_66) * r + 0.5;
    (p * (r * r) + r + 1.0, shifted)
}

/// 1.5·2²³: adding and taking away this rounds to an integer, which stands in the low bits in between.
const ROUND: f32 = 12_582_912.0;

impl Real for f32 {
    // The C library's is a call an element; this one is inlined, so that a loop of it runs in
    // vectors, and gives the same bits on every system.
    #[inline(always)]
    fn exponential(self) -> Self {
        // Where the result is 0 and ∞. NaN passes by both.
        let x = if self < -104.0 { -104.0 } else { self };
        let x = if x > 89.0 { 89.0 } else { x };
        let (p, shifted) = power_and_rest(x);
        // 2ⁿ in two factors: n reaches from -150 to 128, beyond the exponents of f32.
        let n = (shifted.to_bits() as i32).wrapping_sub(ROUND.to_bits() as i32);
        let half = n >> 1;
        let power = |n: i32| f32::from_bits((n.wrapping_add(127) << 23) as u32);
        p * power(half) * power(n.wrapping_sub(half))
    }

    #[inline(always)]
    fn exponential_of_shifted(self) -> Self {
        let x = if self < -104.0 { -104.0 } else { self };
        let (p, shifted) = power_and_rest(x);
        // 2ⁿ⁺⁶⁴, whose exponent is above 0 for every n, and 2⁻⁶⁴. The other bits of `shifted` leave on the left.
        let power = (shifted.to_bits() << 23).wrapping_add((127 + 64) << 23);
        p * f32::from_bits(power) * f32::from_bits((127 - 64) << 23)
    }
}

impl Real for f64 {
    #[inline(always)]
    fn exponential(self) -> Self {
        self.exp()
    }

    #[inline(always)]
    fn exponential_of_shifted(self) -> Self {
        self.exp()
    }
}

/// A register of the widest instruction set in f32: with more the compiler keeps them in memory.
const LANES: usize = 16;
/// Two of them, where the work between hides that.
const WIDE: usize = 2 * LANES;

/// Σ f over slices of one length, in interleaved partial sums: the order is always the same.
#[inline(always)]
pub(crate) fn sum<T: Real, const N: usize>(slices: [&[T]; N], f: impl Fn([T; N]) -> T) -> T {
    let len = slices[0].len();
    // Blocks of a length that the compiler knows: a check of bounds between two lanes would keep it from making them a vector.
    let mut blocks = [&[][..]; N];
    for (blocks, slice) in blocks.iter_mut().zip(slices) {
        *blocks = &slice.as_chunks::<WIDE>().0[..len / WIDE];
    }
    // Two registers, so that not every addition waits for the one before; as one array they would lie in memory.
    let (mut even, mut odd) = ([T::zero(); LANES], [T::zero(); LANES]);
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

    #[test]
    fn the_exponential_is_right_to_two_units_in_the_last_place() {
        for i in -1_100_000..=900_000 {
            let x = i as f32 * 1e-4;
            let (found, exact) = (f64::from(x.exponential()), f64::from(x).exp());
            if exact > f64::from(f32::MAX) {
                assert_eq!(found, f64::INFINITY, "exp({x})");
                continue;
            }
            // Below the normal numbers the last place is 2⁻¹⁴⁹.
            let unit = (exact * 2f64.powi(-23)).max(2f64.powi(-149));
            assert!((found - exact).abs() <= 2.0 * unit, "exp({x}) = {found}, not {exact}");
            let shifted = f64::from(x.exponential_of_shifted());
            assert!(x > 40.0 || shifted == found, "exp({x}) = {shifted}, not {found}");
        }
        assert_eq!(0f32.exponential(), 1.0);
        assert_eq!(f32::NEG_INFINITY.exponential(), 0.0);
        assert_eq!(f32::INFINITY.exponential(), f32::INFINITY);
        for bits in [f32::NAN.to_bits(), 0x7f80_0001, 0xffff_ffff] {
            assert!(f32::from_bits(bits).exponential().is_nan());
            assert!(f32::from_bits(bits).exponential_of_shifted().is_nan());
        }
        assert_eq!(f32::NEG_INFINITY.exponential_of_shifted(), 0.0);
    }
}
