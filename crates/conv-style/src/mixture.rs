//! Which styles, and how much of each.

use crate::{Error, Result};
use candle_core::Tensor;

/// Parts of styles that make one whole: F̂ = Σ wₖ · Kₖ(F) (Chen et al. 2017, section 3.5).
#[derive(Debug, Clone, PartialEq)]
pub struct Mixture {
    /// Places of styles in [`Config::styles`](crate::Config::styles), each once, and their weights:
    /// above 0, with a sum of 1.
    parts: Vec<(usize, f64)>,
}

/// How much of a style there is.
#[derive(Debug, Clone)]
pub(crate) enum Share {
    /// The same at all places.
    Everywhere(f64),
    /// At each place of the features, `[1, 1, H, W]`.
    Map(Tensor),
}

/// How far from 1 the sum of the parts may be, as they are written by people.
const ROUNDING: f64 = 1e-3;

impl Mixture {
    /// One style alone.
    ///
    /// # Errors
    /// A style that is not among `styles`.
    pub fn of(style: &str, styles: &[String]) -> Result<Self> {
        Ok(Self { parts: vec![(find(style, styles)?, 1.0)] })
    }

    /// Several, as `wave=0.25,night=0.75`.
    ///
    /// # Errors
    /// A style that is not among `styles`; a part that is no number of at least 0; parts whose sum
    /// is not 1.
    pub fn parse(text: &str, styles: &[String]) -> Result<Self> {
        let wrong = |reason: String| Error::Mixture { found: text.into(), reason };
        let mut parts: Vec<(usize, f64)> = Vec::new();
        for part in text.split(',') {
            let Some((name, weight)) = part.split_once('=') else {
                return Err(wrong(format!("{part:?} is no part, expected STYLE=WEIGHT")));
            };
            let style = find(name.trim(), styles)?;
            let weight = weight.trim().parse().ok().filter(|w: &f64| w.is_finite() && *w >= 0.0);
            let Some(weight) = weight else {
                return Err(wrong(format!("{part:?} has no weight of at least 0")));
            };
            if parts.iter().any(|&(known, _)| known == style) {
                return Err(wrong(format!("{name:?} stands in it twice")));
            }
            parts.push((style, weight));
        }
        let sum: f64 = parts.iter().map(|(_, weight)| weight).sum();
        if (sum - 1.0).abs() > ROUNDING {
            return Err(wrong(format!("its parts have a sum of {sum}, expected 1")));
        }
        parts.retain(|&(_, weight)| weight > 0.0);
        Ok(Self { parts })
    }

    pub(crate) fn shares(&self) -> Vec<(usize, Share)> {
        self.parts.iter().map(|&(style, weight)| (style, Share::Everywhere(weight))).collect()
    }

    /// Places of styles and their weights.
    pub fn parts(&self) -> &[(usize, f64)] {
        &self.parts
    }
}

fn find(style: &str, styles: &[String]) -> Result<usize> {
    let unknown = || Error::NoStyle { found: style.into(), known: styles.join(", ") };
    styles.iter().position(|known| known == style).ok_or_else(unknown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_make_one_whole() {
        let styles = ["wave".to_string(), "night".into(), "scream".into()];
        let parse = |text: &str| Mixture::parse(text, &styles).map_err(|error| error.to_string());
        let half = parse("night=0.5, wave=0.5").unwrap();
        assert_eq!(half.parts(), [(1, 0.5), (0, 0.5)]);
        assert_eq!(parse("wave=1,night=0").unwrap(), Mixture::of("wave", &styles).unwrap());
        assert!(parse("wave=0.333,night=0.333,scream=0.334").is_ok());
        for (text, reason) in [
            ("wave", "the mixture \"wave\": \"wave\" is no part, expected STYLE=WEIGHT"),
            ("wave=2", "the mixture \"wave=2\": its parts have a sum of 2, expected 1"),
            ("wave=NaN", "the mixture \"wave=NaN\": \"wave=NaN\" has no weight of at least 0"),
            ("wave=0.5,wave=0.5", "the mixture \"wave=0.5,wave=0.5\": \"wave\" stands in it twice"),
            ("sea=1", "there is no style \"sea\", only wave, night, scream"),
        ] {
            assert_eq!(parse(text).unwrap_err(), reason);
        }
    }
}
