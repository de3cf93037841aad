//! Whose colours a painted picture has (Gatys, Bethge, Hertzmann and Shechtman 2016, "Preserving
//! Color in Neural Artistic Style Transfer").

use crate::Result;
use conv_vision::Picture;
use serde::{Deserialize, Serialize};

/// Whose colours a painted picture has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Colours {
    /// The paintings'.
    #[default]
    Style,
    /// The photograph's: of what was painted only the luminance is kept (section 4).
    Luminance,
    /// The photograph's: the paintings first get the mean and the covariance of its colours
    /// (section 3).
    Histogram,
}

/// ITU-R BT.601: luminance, and blue and red as they differ from it.
fn to_luminance([r, g, b]: [f64; 3]) -> [f64; 3] {
    let y = 0.299 * r + 0.587 * g + 0.114 * b;
    [y, (b - y) / 1.772, (r - y) / 1.402]
}

fn from_luminance([y, blue, red]: [f64; 3]) -> [f64; 3] {
    let r = y + 1.402 * red;
    let b = y + 1.772 * blue;
    [r, (y - 0.299 * r - 0.114 * b) / 0.587, b]
}

fn byte(value: f64) -> u8 {
    value.round().clamp(0.0, 255.0) as u8
}

fn colours(picture: &Picture) -> impl Iterator<Item = [f64; 3]> {
    picture.pixels().chunks_exact(3).map(|pixel| [0, 1, 2].map(|at| f64::from(pixel[at])))
}

fn picture_of(like: &Picture, colours: impl Iterator<Item = [f64; 3]>) -> Result<Picture> {
    let pixels = colours.flat_map(|colour| colour.map(byte)).collect();
    Ok(Picture::new(like.width(), like.height(), pixels)?)
}

/// The luminance of `painted` with the colours of `photograph`, which has its size.
pub(super) fn with_colours_of(photograph: &Picture, painted: &Picture) -> Result<Picture> {
    let join = |(painted, photograph): ([f64; 3], [f64; 3])| {
        let ([y, ..], [_, blue, red]) = (to_luminance(painted), to_luminance(photograph));
        from_luminance([y, blue, red])
    };
    picture_of(painted, colours(painted).zip(colours(photograph)).map(join))
}

/// `style` with the mean and the covariance of the colours of `photograph`: x ← L_p L_s⁻¹ (x − μ_s)
/// + μ_p, where L Lᵀ are the covariances (equations 2 and 3 with the Cholesky decomposition).
pub(super) fn matched(style: &Picture, photograph: &Picture) -> Result<Picture> {
    let of_style = Moments::of(style);
    let of_photograph = Moments::of(photograph);
    let of_pixel = |colour: [f64; 3]| {
        let x = [0, 1, 2].map(|at| colour[at] - of_style.mean[at]);
        // L_s u = x, from the first row on.
        let mut u = [0.0; 3];
        for row in 0..3 {
            let known: f64 = (0..row).map(|at| of_style.root[row][at] * u[at]).sum();
            u[row] = (x[row] - known) / of_style.root[row][row];
        }
        [0, 1, 2].map(|row| {
            let sum: f64 = (0..=row).map(|at| of_photograph.root[row][at] * u[at]).sum();
            sum + of_photograph.mean[row]
        })
    };
    picture_of(style, colours(style).map(of_pixel))
}

/// The mean of a picture's colours, and a root of their covariance: the lower triangle L of L Lᵀ.
struct Moments {
    mean: [f64; 3],
    root: [[f64; 3]; 3],
}

/// What each variance is raised by, in grey levels squared, so that a picture of one colour has a
/// root.
const LEAST: f64 = 1e-2;

impl Moments {
    fn of(picture: &Picture) -> Self {
        let count = (picture.width() * picture.height()) as f64;
        let mut mean = [0.0; 3];
        for colour in colours(picture) {
            (0..3).for_each(|at| mean[at] += colour[at] / count);
        }
        let mut covariance = [[0.0; 3]; 3];
        for colour in colours(picture) {
            for row in 0..3 {
                for at in 0..=row {
                    covariance[row][at] +=
                        (colour[row] - mean[row]) * (colour[at] - mean[at]) / count;
                }
            }
        }
        let mut root = [[0.0f64; 3]; 3];
        for row in 0..3 {
            for at in 0..=row {
                let known: f64 = (0..at).map(|k| root[row][k] * root[at][k]).sum();
                root[row][at] = if row == at {
                    (covariance[row][row] + LEAST - known).max(LEAST).sqrt()
                } else {
                    (covariance[row][at] - known) / root[at][at]
                };
            }
        }
        Self { mean, root }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(of: impl Fn(usize) -> [u8; 3]) -> Picture {
        Picture::new(20, 15, (0..300).flat_map(of).collect()).unwrap()
    }

    #[test]
    fn the_luminance_is_the_paintings_and_the_colour_the_photographs() {
        let photograph = picture(|at| [120, (at % 90) as u8 + 60, 110]);
        let painted = picture(|at| [(at % 100) as u8 + 80; 3]);
        let found = with_colours_of(&photograph, &painted).unwrap();
        for ((found, painted), photograph) in
            colours(&found).zip(colours(&painted)).zip(colours(&photograph))
        {
            let [y, blue, red] = to_luminance(found);
            let [_, expected_blue, expected_red] = to_luminance(photograph);
            // Each colour was rounded.
            assert!((y - painted[0]).abs() < 1.0);
            assert!((blue - expected_blue).abs() < 1.0 && (red - expected_red).abs() < 1.0);
        }
        // Of grey nothing is left but itself.
        assert_eq!(with_colours_of(&painted, &painted).unwrap(), painted);
    }

    #[test]
    fn a_matched_painting_has_the_photographs_mean_and_covariance() {
        let photograph = picture(|at| {
            let a = at * 7 % 31;
            let b = at * 11 % 43;
            let c = at * 5 % 17;
            [100 + a + b, 90 + b, 80 + a + c].map(|value| value as u8)
        });
        let style = picture(|at| {
            let a = at * 3 % 61;
            let b = at * 13 % 37;
            let c = at * 19 % 29;
            [60 + a, 70 + b + c, 90 + a + c].map(|value| value as u8)
        });
        let found = Moments::of(&matched(&style, &photograph).unwrap());
        let expected = Moments::of(&photograph);
        for row in 0..3 {
            assert!((found.mean[row] - expected.mean[row]).abs() < 0.2);
            for at in 0..=row {
                let found = found.root[row][at];
                let expected = expected.root[row][at];
                assert!((found - expected).abs() < 0.3, "{row} {at}: {found} is not {expected}");
            }
        }
    }

    #[test]
    fn one_colour_becomes_the_mean() {
        let photograph = picture(|at| [(at % 9) as u8 + 100, 50, 7]);
        let found = matched(&picture(|_| [9, 200, 30]), &photograph).unwrap();
        assert!(found.pixels().chunks(3).all(|pixel| pixel == [104, 50, 7]));
    }
}
