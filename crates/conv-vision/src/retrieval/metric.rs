//! How far two descriptors are from each other.

use conv_hub::InvalidField;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// How far two descriptors are from each other. Smaller is nearer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Metric {
    /// 1 − the cosine of the angle between them, from 0 to 2; 1 where one of them is zero.
    #[default]
    Cosine,
    /// The length of their difference, as in Krizhevsky et al. (2012), section 6.1.
    Euclidean,
}

impl Metric {
    /// The distance of two descriptors of the same length.
    pub fn distance(self, a: &[f32], b: &[f32]) -> f32 {
        match self {
            Metric::Euclidean => sum(a, b, |a, b| (a - b) * (a - b)).sqrt(),
            Metric::Cosine => {
                let lengths = sum(a, a, |a, b| a * b).sqrt() * sum(b, b, |a, b| a * b).sqrt();
                if lengths > 0.0 { 1.0 - sum(a, b, |a, b| a * b) / lengths } else { 1.0 }
            }
        }
    }
}

/// In eight sums, which the compiler keeps in one register, and which do not depend on anything but
/// the length.
fn sum(a: &[f32], b: &[f32], term: impl Fn(f32, f32) -> f32) -> f32 {
    let (a_parts, a_rest) = a.as_chunks::<8>();
    let (b_parts, b_rest) = b.as_chunks::<8>();
    let mut sums = [0f32; 8];
    for (a, b) in a_parts.iter().zip(b_parts) {
        for ((sum, &a), &b) in sums.iter_mut().zip(a).zip(b) {
            *sum += term(a, b);
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(&a, &b)| term(a, b)).sum();
    sums.iter().sum::<f32>() + rest
}

impl FromStr for Metric {
    type Err = InvalidField;

    fn from_str(text: &str) -> Result<Self, InvalidField> {
        match text {
            "cosine" => Ok(Metric::Cosine),
            "euclidean" => Ok(Metric::Euclidean),
            _ => Err(InvalidField::name("metric", text, "cosine, euclidean")),
        }
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Metric::Cosine => "cosine",
            Metric::Euclidean => "euclidean",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zero_descriptor_is_far_from_all_and_nothing_is_not_a_number() {
        let (zero, a): (Vec<f32>, Vec<f32>) = (vec![0.0; 11], (0..11).map(|i| i as f32).collect());
        assert_eq!(Metric::Cosine.distance(&zero, &a), 1.0);
        assert_eq!(Metric::Cosine.distance(&zero, &zero), 1.0);
        assert!(Metric::Cosine.distance(&a, &a).abs() < 1e-6);
        assert_eq!(Metric::Euclidean.distance(&zero, &a), 385f32.sqrt());
    }
}
