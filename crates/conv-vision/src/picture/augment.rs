//! Pictures that show the same in another way, so that a network learns what does not matter.

use super::{Filter, Picture, Region};
use crate::Result;
use conv_hub::InvalidField;
use rand::Rng;
use serde::{Deserialize, Serialize};

/// How a training picture is changed each time it is shown. [`Augmentation::default`] changes
/// nothing.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Augmentation {
    /// Mirrors every second picture, left to right; not for letters, or where sides are classes.
    pub flip: bool,
    /// The smallest share of a picture's area that is cut out and resized, above 0 and at most 1
    /// (torchvision's `RandomResizedCrop` has 0.08 for photographs); 1 takes the whole picture as
    /// in evaluation.
    pub smallest_area: f64,
    /// The most that the part's aspect is changed, at least 1: 4/3 in torchvision.
    pub aspect: f64,
}

impl Default for Augmentation {
    fn default() -> Self {
        Self { flip: false, smallest_area: 1.0, aspect: 1.0 }
    }
}

impl Augmentation {
    /// The first field out of its range.
    ///
    /// # Errors
    /// It is named.
    pub fn check(&self) -> Result<(), InvalidField> {
        let is_share = self.smallest_area > 0.0 && self.smallest_area <= 1.0;
        let expected = "above 0 and at most 1";
        InvalidField::unless(is_share, "smallest_area", &self.smallest_area, expected)?;
        let is_aspect = (1.0..=10.0).contains(&self.aspect);
        InvalidField::unless(is_aspect, "aspect", &self.aspect, "1 to 10")
    }

    /// Whether a part of the picture is drawn.
    pub fn cuts(&self) -> bool {
        self.smallest_area < 1.0
    }

    /// A part of a picture of (width, height): of a random share of its area and a random aspect,
    /// at a random place; as torchvision, the largest central part of a bearable aspect where ten
    /// draws do not fit.
    pub fn part(&self, (width, height): (usize, usize), rng: &mut impl Rng) -> Region {
        let most = self.aspect.ln();
        for _ in 0..10 {
            let share = self.smallest_area + (1.0 - self.smallest_area) * rng.random::<f64>();
            let aspect = (most * (2.0 * rng.random::<f64>() - 1.0)).exp();
            let area = (width * height) as f64 * share;
            let columns = (area * aspect).sqrt().round() as usize;
            let rows = (area / aspect).sqrt().round() as usize;
            if (1..=width).contains(&columns) && (1..=height).contains(&rows) {
                let left = rng.random_range(0..=width - columns);
                let top = rng.random_range(0..=height - rows);
                return Region { left, top, width: columns, height: rows };
            }
        }
        let bound =
            |side: usize, other: usize| side.min((other as f64 * self.aspect) as usize).max(1);
        let columns = bound(width, height);
        let rows = bound(height, width);
        let left = (width - columns) / 2;
        let top = (height - rows) / 2;
        Region { left, top, width: columns, height: rows }
    }
}

impl Picture {
    /// A part of it.
    ///
    /// # Errors
    /// A part that is not within it, or empty.
    pub fn cut(&self, region: Region) -> Result<Self> {
        self.resize_region((self.width, self.height), region, Filter::Bilinear)
    }

    /// Left and right exchanged.
    #[must_use]
    pub fn mirrored(&self) -> Self {
        let rows = self.pixels.chunks_exact(3 * self.width);
        let pixels = rows.flat_map(|row| row.chunks_exact(3).rev().flatten().copied()).collect();
        Self { pixels, ..*self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use conv_nn::rng::seeded;

    /// Pixel (x, y) is (x, y, 0).
    fn picture(width: usize, height: usize) -> Picture {
        let pixels = (0..height).flat_map(|y| (0..width).flat_map(move |x| [x as u8, y as u8, 0]));
        Picture::new(width, height, pixels.collect()).unwrap()
    }

    #[test]
    fn a_part_has_the_pixels_under_it_and_a_mirror_image_the_others() {
        let region = Region { left: 2, top: 1, width: 3, height: 2 };
        let part = picture(7, 5).cut(region).unwrap();
        let expected = [[2, 1, 0], [3, 1, 0], [4, 1, 0], [2, 2, 0], [3, 2, 0], [4, 2, 0]].concat();
        assert_eq!(part.pixels(), expected);
        let mirrored = [[4, 1, 0], [3, 1, 0], [2, 1, 0], [4, 2, 0], [3, 2, 0], [2, 2, 0]].concat();
        assert_eq!(part.mirrored().pixels(), mirrored);
        assert!(picture(7, 5).cut(Region { left: 5, ..region }).is_err());
    }

    #[test]
    fn parts_are_within_the_picture_and_of_the_area_and_aspect_asked_for() {
        let augmentation = Augmentation { flip: false, smallest_area: 0.25, aspect: 4.0 / 3.0 };
        let mut places = std::collections::BTreeSet::new();
        for seed in 0..200 {
            let part = augmentation.part((80, 60), &mut seeded(seed, "part"));
            assert!(part.left + part.width <= 80 && part.top + part.height <= 60);
            let share = (part.width * part.height) as f64 / 4800.0;
            let aspect = part.width as f64 / part.height as f64;
            assert!(share > 0.24 && (0.7..1.4).contains(&aspect), "{part:?}");
            places.insert((part.left, part.top));
        }
        assert!(places.len() > 100);
        // Nothing of the whole area and a square's aspect fits a strip.
        let whole = Augmentation { smallest_area: 0.9, ..augmentation };
        let part = whole.part((90, 9), &mut seeded(1, "part"));
        assert_eq!(part, Region { left: 39, top: 0, width: 12, height: 9 });
    }
}
