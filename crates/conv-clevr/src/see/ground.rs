//! Where an object stands, told from its box. The camera hardly moves between CLEVR's pictures, so
//! that box, size and shape say it: for each size and shape a polynomial of second degree, fitted
//! on rendered scenes.

use super::WIDTH;
use crate::{Error, Result, Shape, Size, json};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// Terms of a polynomial of second degree in a box's four numbers.
const TERMS: usize = 15;

/// Times that a fit weighs its examples anew.
const ROUNDS: usize = 10;

/// An error, in units of the scene, beyond which an example pulls no harder: boxes of half-hidden
/// objects lie.
const PULL: f64 = 0.1;

/// What a place is told from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Standing {
    /// Left, top, right and bottom, in pixels of a picture that is [`WIDTH`] wide.
    pub bounds: [f64; 4],
    /// The picture's rows.
    pub height: f64,
    /// The object's size.
    pub size: Size,
    /// The object's shape.
    pub shape: Shape,
}

impl Standing {
    fn group(&self) -> String {
        format!("{} {}", self.size, self.shape)
    }

    /// The middle, width and height of the box, in half widths of the picture from its middle, and
    /// their products.
    fn terms(&self) -> [f64; TERMS] {
        let half = WIDTH as f64 / 2.0;
        let [left, top, right, bottom] = self.bounds;
        let numbers = [
            (left + right) / 2.0 - half,
            (top + bottom - self.height) / 2.0,
            right - left,
            bottom - top,
        ]
        .map(|number| number / half);
        let mut terms = [1.0; TERMS];
        let mut at = 1;
        for (i, first) in numbers.iter().enumerate() {
            terms[at] = *first;
            at += 1;
            for second in &numbers[i..] {
                terms[at] = first * second;
                at += 1;
            }
        }
        terms
    }
}

/// How boxes stand on the ground.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ground {
    /// By size and shape: the factors of the terms for right and for behind.
    groups: BTreeMap<String, [[f64; TERMS]; 2]>,
}

impl Ground {
    /// Fits boxes to places: how far right of the ground's middle and how far behind it they are,
    /// in units of the scene, as the camera sees it. Each group is solved by least squares whose
    /// outliers count less from round to round.
    ///
    /// # Errors
    /// A size and shape with fewer than 30 examples, by name, or examples without finite numbers.
    pub fn fit(examples: &[(Standing, [f64; 2])]) -> Result<Self> {
        let mut groups = BTreeMap::new();
        for size in Size::ALL {
            for shape in Shape::ALL {
                let name = format!("{size} {shape}");
                let those = examples.iter().filter(|(standing, _)| standing.group() == name);
                let those: Vec<_> = those.map(|(box_, place)| (box_.terms(), *place)).collect();
                let few = || Error::Empty {
                    place: format!("boxes of a {name}"),
                    found: those.len().to_string(),
                    expected: "at least 30 of different places",
                };
                if those.len() < 2 * TERMS {
                    return Err(few());
                }
                let factors = [0, 1].map(|axis| {
                    let axis: Vec<_> =
                        those.iter().map(|(terms, place)| (*terms, place[axis])).collect();
                    fit(&axis)
                });
                let [Some(right), Some(behind)] = factors else { return Err(few()) };
                groups.insert(name, [right, behind]);
            }
        }
        Ok(Self { groups })
    }

    /// Reads a fit.
    ///
    /// # Errors
    /// A file that cannot be read, or lacks a size and shape.
    pub fn read(path: &Path) -> Result<Self> {
        let ground: Self = json::read(path)?;
        for (size, shape) in Size::ALL.iter().flat_map(|s| Shape::ALL.iter().map(move |h| (s, h))) {
            if !ground.groups.contains_key(&format!("{size} {shape}")) {
                let field = " groups".into();
                let reason = format!("no `{size} {shape}`");
                return Err(Error::Json { path: path.into(), field, reason });
            }
        }
        Ok(ground)
    }

    /// Writes it.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        json::write(path, self)
    }

    /// How far right of the ground's middle and how far behind it an object stands, in units of the
    /// scene.
    pub fn place(&self, standing: &Standing) -> [f64; 2] {
        let terms = standing.terms();
        let value = |factors: &[f64; TERMS]| factors.iter().zip(&terms).map(|(a, b)| a * b).sum();
        self.groups
            .get(&standing.group())
            .map_or([f64::NAN; 2], |factors| factors.each_ref().map(value))
    }
}

/// The factors of the least sum of errors, of which those beyond [`PULL`] count as such and not as
/// squares (Huber's).
fn fit(examples: &[([f64; TERMS], f64)]) -> Option<[f64; TERMS]> {
    let mut weights = vec![1.0; examples.len()];
    let mut factors = [0.0; TERMS];
    for _ in 0..ROUNDS {
        let mut matrix = [[0.0; TERMS]; TERMS];
        let mut right = [0.0; TERMS];
        for ((terms, target), weight) in examples.iter().zip(&weights) {
            for (row, a) in terms.iter().enumerate() {
                right[row] += weight * a * target;
                for (column, b) in terms.iter().enumerate() {
                    matrix[row][column] += weight * a * b;
                }
            }
        }
        // Width and height of a sphere's box are nearly one number.
        (0..TERMS).for_each(|at| matrix[at][at] += 1e-3);
        factors = solve(matrix, right)?;
        for ((terms, target), weight) in examples.iter().zip(&mut weights) {
            let value: f64 = factors.iter().zip(terms).map(|(a, b)| a * b).sum();
            *weight = (PULL / (value - target).abs().max(1e-9)).min(1.0);
        }
    }
    Some(factors)
}

/// Gauss's elimination with the largest pivot; `None` without a finite solution.
fn solve(mut matrix: [[f64; TERMS]; TERMS], mut right: [f64; TERMS]) -> Option<[f64; TERMS]> {
    for column in 0..TERMS {
        let size = |row: &usize| matrix[*row][column].abs();
        let pivot = (column..TERMS).max_by(|a, b| size(a).total_cmp(&size(b)))?;
        matrix.swap(column, pivot);
        right.swap(column, pivot);
        let row = matrix[column];
        for below in column + 1..TERMS {
            let factor = matrix[below][column] / row[column];
            (column..TERMS).for_each(|at| matrix[below][at] -= factor * row[at]);
            right[below] -= factor * right[column];
        }
    }
    for row in (0..TERMS).rev() {
        let known: f64 = (row + 1..TERMS).map(|at| matrix[row][at] * right[at]).sum();
        right[row] = (right[row] - known) / matrix[row][row];
    }
    right.iter().all(|value| value.is_finite()).then_some(right)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use rand::Rng;

    /// Boxes of a made-up camera, a few of them cut in half.
    fn examples() -> Vec<(Standing, [f64; 2])> {
        let mut rng = conv_nn::rng::seeded(1, "boxes");
        let mut examples = Vec::new();
        for at in 0..1200 {
            let size = Size::ALL[at % 2];
            let shape = Shape::ALL[at % 3];
            let place = [rng.random_range(-2.0..2.0), rng.random_range(-2.0..2.0)];
            let near = 1.0 / (12.0 + place[1]);
            let side = if size == Size::Large { 200.0 } else { 100.0 } * near;
            let [x, y] = [160.0 + 400.0 * place[0] * near, 120.0 + 300.0 * near - 30.0];
            let cut = if at % 20 == 0 { 0.5 } else { 1.0 };
            let bounds = [x - side, y - side, x - side + 2.0 * side * cut, y + side];
            examples.push((Standing { bounds, height: 240.0, size, shape }, place));
        }
        examples
    }

    #[test]
    fn places_come_back_though_some_boxes_lie() {
        let examples = examples();
        let ground = Ground::fit(&examples).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ground.json");
        ground.write(&path).unwrap();
        let ground = Ground::read(&path).unwrap();
        let mut sum = 0.0;
        for (standing, place) in
            examples.iter().enumerate().filter(|(at, _)| at % 20 != 0).map(|(_, e)| e)
        {
            let found = ground.place(standing);
            let error = (found[0] - place[0]).hypot(found[1] - place[1]);
            // Perspective is no polynomial: far off the middle the fit is off too.
            assert!(error < 0.35, "{found:?} {place:?}");
            sum += error;
        }
        assert!(sum / 1140.0 < 0.1, "{sum}");
    }

    #[test]
    fn too_few_boxes_and_missing_groups_are_named() {
        let error = Ground::fit(&examples()[..100]).unwrap_err().to_string();
        assert!(error.starts_with("boxes of a small ") && error.contains("at least 30"), "{error}");
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ground.json");
        std::fs::write(&path, "{\"groups\":{}}").unwrap();
        let error = Ground::read(&path).unwrap_err().to_string();
        assert!(error.contains("ground.json groups: no `small cube`"), "{error}");
    }
}
