//! Gauss–Legendre quadrature.

use std::f64::consts::PI;

/// Places and weights of the rule of `count` places for integrals from 0 to 1, the places rising:
/// the roots of the Legendre polynomial, found by Newton's method.
///
/// ```
/// let rule = conv_lens::attribute::gauss_legendre(3);
/// let integral: f64 = rule.iter().map(|(place, weight)| weight * place.powi(5)).sum();
/// assert!((integral - 1.0 / 6.0).abs() < 1e-15);
/// ```
pub fn gauss_legendre(count: usize) -> Vec<(f64, f64)> {
    let n = count as f64;
    let rule = |at: usize| {
        let mut x = (PI * (at as f64 + 0.75) / (n + 0.5)).cos();
        let mut slope = 1.0;
        // Newton doubles the digits each time; from this start six are enough for any count.
        for _ in 0..8 {
            let (value, derivative) = legendre(count, x);
            slope = derivative;
            x -= value / derivative;
        }
        ((1.0 - x) / 2.0, 1.0 / ((1.0 - x * x) * slope * slope))
    };
    (0..count).map(rule).collect()
}

/// The polynomial of degree `count` and its derivative, inside −1 to 1.
fn legendre(count: usize, x: f64) -> (f64, f64) {
    let (mut before, mut value) = (1.0, x);
    for k in 2..=count {
        let k = k as f64;
        (before, value) = (value, ((2.0 * k - 1.0) * x * value - (k - 1.0) * before) / k);
    }
    (value, count as f64 * (x * value - before) / (x * x - 1.0))
}
