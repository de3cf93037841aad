//! The original's camera: 35 mm before a sensor of 32 mm, above the ground, its eye on the middle
//! of it.

use crate::scene::{Object, Ordered};
use serde::{Deserialize, Serialize};
use serde_json::Number;

/// Where the camera usually is, in units of the scene.
pub const PLACE: [f64; 3] = [7.481_13, -6.507_64, 5.343_67];

/// Focal length, in widths of the picture.
const FOCUS: f64 = 35.0 / 32.0;

/// Rounds of a fit; from [`PLACE`] it has arrived after four.
const ROUNDS: usize = 12;

/// How much an error of an object's distance weighs, as against one of as many pixels of 480.
const DISTANCE: f64 = 300.0;

/// A camera at a place, which looks at the origin, and the size of its pictures.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Camera {
    /// Where it is, in units of the scene.
    pub place: [f64; 3],
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
}

impl Camera {
    /// To the right, upwards and forwards in the picture.
    pub(super) fn axes(&self) -> [[f64; 3]; 3] {
        let forward = unit(self.place.map(|value| -value));
        let right = unit([forward[1], -forward[0], 0.0]);
        let up = [
            right[1] * forward[2],
            -right[0] * forward[2],
            right[0] * forward[1] - right[1] * forward[0],
        ];
        [right, up, forward]
    }

    /// Focal length in pixels.
    pub(super) fn focus(&self) -> f64 {
        FOCUS * self.width as f64
    }

    /// Column and row of a place in the picture, in pixels from the upper left corner, and its
    /// distance along the view.
    pub fn project(&self, place: [f64; 3]) -> [f64; 3] {
        let to: [f64; 3] = std::array::from_fn(|axis| place[axis] - self.place[axis]);
        let [across, up, distance] = self.axes().map(|axis| dot(axis, to));
        let scale = self.focus() / distance;
        let width = self.width as f64;
        let height = self.height as f64;
        [width / 2.0 + across * scale, height / 2.0 - up * scale, distance]
    }

    /// The same as files have it: pixels without fractions.
    pub fn pixel(&self, place: [f64; 3]) -> [Number; 3] {
        let [column, row, distance] = self.project(place);
        let pixel = |value: f64| Number::from(value.round() as i64);
        // A distance that is no number is one of a place that `Stage::new` refuses.
        [pixel(column), pixel(row), Number::from_f64(distance).unwrap_or_else(|| 0.into())]
    }

    /// Unit vectors along the ground and the vertical, as the camera sees them, in v1.0's order.
    pub fn directions(&self) -> Ordered<[f64; 3]> {
        let [right, _, forward] = self.axes();
        let behind = unit([forward[0], forward[1], 0.0]);
        let above = [0.0, 0.0, 1.0];
        let against = |axis: [f64; 3]| axis.map(|value| 0.0 - value);
        let named = [
            ("right", right),
            ("behind", behind),
            ("above", above),
            ("below", against(above)),
            ("left", against(right)),
            ("front", against(behind)),
        ];
        Ordered(named.map(|(name, axis)| (name.to_string(), axis)).to_vec())
    }

    /// The camera that saw objects at their pixels in pictures of this size, by Gauss's and
    /// Newton's steps from [`PLACE`]; and how far off it is, in pixels (root of the mean square
    /// over columns and rows).
    ///
    /// `None` for less than one object, and where no camera above the ground is found.
    pub fn fit(objects: &[Object], (width, height): (usize, usize)) -> Option<(Self, f64)> {
        let mut camera = Self { place: PLACE, width, height };
        for _ in 0..ROUNDS {
            let mut square = [[0.0; 3]; 3];
            let mut right = [0.0; 3];
            for object in objects {
                let errors = camera.errors(object);
                let slopes = [0, 1, 2].map(|axis: usize| {
                    let mut moved = camera;
                    moved.place[axis] += 1e-5;
                    let moved = moved.errors(object);
                    [0, 1, 2].map(|at: usize| (moved[at] - errors[at]) / 1e-5)
                });
                for row in 0..3 {
                    right[row] -= dot(slopes[row], errors);
                    (0..3)
                        .for_each(|column| square[row][column] += dot(slopes[row], slopes[column]));
                }
            }
            let step = solved(square, right)?;
            (0..3).for_each(|axis| camera.place[axis] += step[axis]);
        }
        let errors = objects.iter().map(|object| camera.errors(object));
        let sum: f64 = errors.map(|[x, y, _]| x * x + y * y).sum();
        let off = (sum / (2 * objects.len()) as f64).sqrt();
        let near = camera.place.iter().all(|value| value.abs() < 100.0) && camera.place[2] > 0.5;
        (off.is_finite() && near).then_some((camera, off))
    }

    /// How far an object's pixel and distance are off.
    fn errors(&self, object: &Object) -> [f64; 3] {
        let [x, y, distance] = self.project(object.coords);
        let [column, row] = object.pixel();
        let said = object.pixel_coords[2].as_f64().unwrap_or(f64::NAN);
        [x - column, y - row, (distance - said) * DISTANCE * self.width as f64 / 480.0]
    }
}

fn dot(a: [f64; 3], b: [f64; 3]) -> f64 {
    (0..3).map(|axis| a[axis] * b[axis]).sum()
}

fn unit(axis: [f64; 3]) -> [f64; 3] {
    let length = dot(axis, axis).sqrt();
    axis.map(|value| value / length)
}

/// Three equations by Cramer's rule.
fn solved(rows: [[f64; 3]; 3], right: [f64; 3]) -> Option<[f64; 3]> {
    let determinant = |rows: [[f64; 3]; 3]| {
        let [a, b, c] = rows;
        a[0] * (b[1] * c[2] - b[2] * c[1]) - a[1] * (b[0] * c[2] - b[2] * c[0])
            + a[2] * (b[0] * c[1] - b[1] * c[0])
    };
    let whole = determinant(rows);
    let with = |axis: usize| {
        let mut rows = rows;
        (0..3).for_each(|row| rows[row][axis] = right[row]);
        determinant(rows) / whole
    };
    let solution = [0, 1, 2].map(with);
    solution.iter().all(|value| value.is_finite()).then_some(solution)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::scene::tests::object;

    fn camera(place: [f64; 3]) -> Camera {
        Camera { place, width: 480, height: 320 }
    }

    #[test]
    fn the_middle_of_the_ground_is_the_middle_of_the_picture() {
        let camera = camera([7.1, -6.9, 5.6]);
        let [x, y, distance] = camera.project([0.0; 3]);
        assert!((x - 240.0).abs() < 1e-9 && (y - 160.0).abs() < 1e-9);
        assert!((distance - dot(camera.place, camera.place).sqrt()).abs() < 1e-9);
        let directions = camera.directions();
        let axis = |name: &str| *directions.get(name).unwrap();
        for (name, opposite) in [("right", "left"), ("behind", "front"), ("above", "below")] {
            assert!((dot(axis(name), axis(opposite)) + 1.0).abs() < 1e-12);
        }
        assert!(dot(axis("right"), axis("behind")).abs() < 1e-12);
        // What is right is further right in the picture, what is behind further up, what is above
        // too.
        let seen = |name: &str| camera.project(axis(name));
        assert!(
            seen("right")[0] > x + 20.0
                && seen("behind")[1] < y - 10.0
                && seen("above")[1] < y - 20.0
        );
    }

    #[test]
    fn a_camera_is_told_from_what_it_saw() {
        let true_one = camera([7.9, -6.1, 5.0]);
        let coords = [[1.0, 2.0, 0.7], [-2.0, 0.5, 0.35], [0.3, -2.5, 0.7], [2.6, -1.0, 0.35]];
        let objects = coords.map(|coords| {
            let mut object = object(coords);
            object.pixel_coords = true_one.pixel(coords);
            object
        });
        let (found, off) = Camera::fit(&objects, (480, 320)).unwrap();
        assert!(off < 0.5, "{off}");
        for (found, expected) in found.place.iter().zip(true_one.place) {
            assert!((found - expected).abs() < 0.02, "{found} {expected}");
        }
        let (_, wrong) = Camera::fit(&objects, (320, 240)).unwrap_or((true_one, f64::INFINITY));
        assert!(wrong > 10.0, "{wrong}");
        assert_eq!(Camera::fit(&[], (480, 320)), None);
    }
}
