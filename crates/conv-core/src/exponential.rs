//! An exponential that vectorises.

use std::ops::{Mul, Sub};

/// Types whose exponential a loop computes in vectors.
pub trait Exponential: Copy + Mul<Output = Self> + Sub<Output = Self> {
    /// 1.
    const ONE: Self;

    /// eˣ to about one unit in the last place.
    fn exponential(self) -> Self;

    /// The same in fewer steps for x that is not above 40, as a row's elements minus its largest.
    fn exponential_of_shifted(self) -> Self;

    /// The logistic function, 1 / (1 + e⁻ˣ).
    fn sigmoid(self) -> Self;

    /// A gated linear unit, a · σ(b) (Dauphin et al. 2017), of this number as a and `gate` as b.
    #[inline(always)]
    fn glu(self, gate: Self) -> Self {
        self * gate.sigmoid()
    }

    /// The gradients of both in [`Exponential::glu`], from that of the result.
    #[inline(always)]
    fn glu_gradients(self, gate: Self, gradient: Self) -> [Self; 2] {
        let share = gate.sigmoid();
        [gradient * share, gradient * self * share * (Self::ONE - share)]
    }
}

/// eˣ = 2ⁿ eʳ with |r| ≤ ln 2 / 2, for x from -104, where the result is 0, to 89: eʳ, and n in the
/// low bits of a number that is [`ROUND`] without it.
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

/// 1.5·2²³: adding and taking away this rounds to an integer, which stands in the low bits in
/// between.
const ROUND: f32 = 12_582_912.0;

impl Exponential for f32 {
    const ONE: Self = 1.0;

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
    fn sigmoid(self) -> Self {
        1.0 / (1.0 + (-self).exponential())
    }

    #[inline(always)]
    fn exponential_of_shifted(self) -> Self {
        let x = if self < -104.0 { -104.0 } else { self };
        let (p, shifted) = power_and_rest(x);
        // 2ⁿ⁺⁶⁴, whose exponent is above 0 for every n, and 2⁻⁶⁴. The other bits of `shifted` leave
        // on the left.
        let power = (shifted.to_bits() << 23).wrapping_add((127 + 64) << 23);
        p * f32::from_bits(power) * f32::from_bits((127 - 64) << 23)
    }
}

impl Exponential for f64 {
    const ONE: Self = 1.0;

    #[inline(always)]
    fn exponential(self) -> Self {
        self.exp()
    }

    #[inline(always)]
    fn exponential_of_shifted(self) -> Self {
        self.exp()
    }

    #[inline(always)]
    fn sigmoid(self) -> Self {
        1.0 / (1.0 + (-self).exp())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exponential_is_right_to_two_units_in_the_last_place() {
        for i in -1_100_000..=900_000 {
            let x = i as f32 * 1e-4;
            let found = f64::from(x.exponential());
            let exact = f64::from(x).exp();
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
