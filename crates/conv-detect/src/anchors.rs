//! Anchors: the boxes that proposals start from (Ren et al. 2015, section 3.1.1; one size a level
//! as in Lin et al. 2017, section 4.1).

use crate::BoundingBox;
use conv_hub::InvalidField;
use serde::{Deserialize, Serialize};

/// One size of box on each level of the pyramid, in some aspects.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Anchors {
    /// Sides of the squares on the levels of strides 4, 8, 16 and 32, in pixels of what the network
    /// sees. A fifth is that of a level of every second pixel of the coarsest, which proposals
    /// alone are made on (Lin et al. 2017, section 4.1).
    pub sizes: Vec<f32>,
    /// Height over width; the area stays the square's.
    pub aspects: Vec<f32>,
}

impl Default for Anchors {
    /// For objects of 10 to 180 pixels.
    fn default() -> Self {
        Self { sizes: vec![16.0, 32.0, 64.0, 128.0], aspects: vec![0.5, 1.0, 2.0] }
    }
}

impl Anchors {
    pub(crate) fn check(&self) -> Result<(), InvalidField> {
        let is_side = |side: &f32| side.is_finite() && (1.0..=1e4).contains(side);
        let sizes = format!("{:?}", self.sizes);
        let aspects = format!("{:?}", self.aspects);
        let are_sides = (4..=5).contains(&self.sizes.len()) && self.sizes.iter().all(is_side);
        let expected = "4 or 5 numbers of 1 to 10000 pixels";
        InvalidField::unless(are_sides, "anchors.sizes", &sizes, expected)?;
        let is_aspect = |aspect: &f32| aspect.is_finite() && (0.01..=100.0).contains(aspect);
        let are_aspects =
            (1..=16).contains(&self.aspects.len()) && self.aspects.iter().all(is_aspect);
        let expected = "1 to 16 numbers of 0.01 to 100";
        InvalidField::unless(are_aspects, "anchors.aspects", &aspects, expected)
    }

    /// The anchors of level `level`, whose map has so many rows and columns and a pixel every
    /// `stride` (down, across) of the picture: row by row, at each pixel all aspects, as
    /// torchvision's `AnchorGenerator` has them. They may reach beyond the picture.
    pub fn of_level(
        &self,
        level: usize,
        [rows, columns]: [usize; 2],
        [down, across]: [usize; 2],
    ) -> Vec<BoundingBox> {
        let size = self.sizes[level];
        let around = |aspect: &f32| {
            let root = aspect.sqrt();
            let edge = |side: f32| (side / 2.0).round_ties_even();
            let half_width = edge(size / root);
            let half_height = edge(size * root);
            [-half_width, -half_height, half_width, half_height]
        };
        let around: Vec<[f32; 4]> = self.aspects.iter().map(around).collect();
        let mut anchors = Vec::with_capacity(rows * columns * around.len());
        for row in 0..rows {
            for column in 0..columns {
                let x = (column * across) as f32;
                let y = (row * down) as f32;
                anchors.extend(around.iter().map(|[left, top, right, bottom]| {
                    BoundingBox::new(x + left, y + top, x + right, y + bottom)
                }));
            }
        }
        anchors
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_torchvisions() {
        // AnchorGenerator(((16,),), ((0.5, 1.0, 2.0),)) on a map of 2 × 2 with stride 4.
        let found = Anchors::default().of_level(0, [2, 2], [4, 4]);
        let corners: Vec<[f32; 4]> = found.iter().map(BoundingBox::corners).collect();
        assert_eq!(corners.len(), 12);
        let first = [[-11.0, -6.0, 11.0, 6.0], [-8.0, -8.0, 8.0, 8.0], [-6.0, -11.0, 6.0, 11.0]];
        assert_eq!(corners[..3], first);
        assert_eq!(corners[5], [-2.0, -11.0, 10.0, 11.0]);
        assert_eq!(corners[6], [-11.0, -2.0, 11.0, 10.0]);
    }
}
