//! Which boxes are taught which object, and which of them are drawn for a step.

use crate::BoundingBox;
use rand::Rng;
use rand::seq::SliceRandom;

/// What a box is taught.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Match {
    /// The object of this number.
    Object(usize),
    /// That there is none.
    Background,
    /// Nothing: it is too near to an object for that, and too far for this.
    Between,
}

/// When a box is taught an object.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Matcher {
    /// The IoU from which on it is.
    pub foreground: f32,
    /// The IoU below which it is background.
    pub background: f32,
    /// Whether the boxes that are nearest to an object are taught their object, however far they
    /// are.
    pub keep_nearest: bool,
}

impl Matcher {
    /// For anchors (Ren et al. 2015, section 3.1.2).
    pub const ANCHORS: Self = Self { foreground: 0.7, background: 0.3, keep_nearest: true };
    /// For proposals (He et al. 2017, section 3.1).
    pub const PROPOSALS: Self = Self { foreground: 0.5, background: 0.5, keep_nearest: false };

    /// What each of `boxes` is taught, as torchvision's `Matcher`: of several objects the one of
    /// the highest IoU, of equals the first.
    pub fn matches(&self, objects: &[BoundingBox], boxes: &[BoundingBox]) -> Vec<Match> {
        let mut nearest = vec![0f32; objects.len()];
        let mut best = Vec::with_capacity(boxes.len());
        for candidate in boxes {
            let mut own = (0, 0f32);
            for (at, object) in objects.iter().enumerate() {
                let iou = object.iou(candidate);
                if iou > own.1 {
                    own = (at, iou);
                }
                // Also NaN, of boxes without area, is not above anything.
                if iou > nearest[at] {
                    nearest[at] = iou;
                }
            }
            best.push(own);
        }
        let decide = |(candidate, (object, iou)): (&BoundingBox, (usize, f32))| {
            let is_nearest = || {
                let of = |(object, nearest): (&BoundingBox, &f32)| {
                    *nearest > 0.0 && object.iou(candidate) == *nearest
                };
                objects.iter().zip(&nearest).any(of)
            };
            match iou {
                iou if iou >= self.foreground => Match::Object(object),
                iou if iou > 0.0 && self.keep_nearest && is_nearest() => Match::Object(object),
                iou if iou < self.background => Match::Background,
                _ => Match::Between,
            }
        };
        boxes.iter().zip(best).map(decide).collect()
    }
}

/// Draws up to `count` places: at most the share `positive` of them with an object, the rest
/// background. Gives both in rising order.
pub fn draw(
    matches: &[Match],
    count: usize,
    positive: f64,
    rng: &mut impl Rng,
) -> (Vec<usize>, Vec<usize>) {
    let places = |wanted: fn(&Match) -> bool| -> Vec<usize> {
        (0..matches.len()).filter(|&at| wanted(&matches[at])).collect()
    };
    let mut some = |mut places: Vec<usize>, count: usize| {
        let (chosen, _) = places.partial_shuffle(rng, count);
        let mut chosen = chosen.to_vec();
        chosen.sort_unstable();
        chosen
    };
    let objects = places(|found| matches!(found, Match::Object(_)));
    let objects = some(objects, (count as f64 * positive) as usize);
    let background = some(places(|found| *found == Match::Background), count - objects.len());
    (objects, background)
}

#[cfg(test)]
mod tests {
    use super::*;
    use conv_nn::rng::seeded;

    fn square(left: f32, side: f32) -> BoundingBox {
        BoundingBox::new(left, 0.0, left + side, side)
    }

    #[test]
    fn boxes_are_taught_by_their_overlap() {
        let objects = [square(0.0, 10.0), square(100.0, 10.0)];
        let boxes = [square(0.0, 10.0), square(3.0, 10.0), square(106.0, 10.0), square(50.0, 10.0)];
        let expected = [Match::Object(0), Match::Between, Match::Object(1), Match::Background];
        assert_eq!(Matcher::ANCHORS.matches(&objects, &boxes), expected);
        let expected = [Match::Object(0), Match::Object(0), Match::Background, Match::Background];
        assert_eq!(Matcher::PROPOSALS.matches(&objects, &boxes), expected);
        // Without objects everything is background; an object of no width is nobody's.
        assert_eq!(Matcher::ANCHORS.matches(&[], &boxes), [Match::Background; 4]);
        let none = [BoundingBox::new(5.0, 5.0, 5.0, 5.0)];
        assert_eq!(Matcher::ANCHORS.matches(&none, &boxes), [Match::Background; 4]);
    }

    #[test]
    fn what_is_drawn_keeps_its_shares() {
        let mut matches = vec![Match::Background; 50];
        matches.extend((0..10).map(Match::Object));
        matches.extend([Match::Between; 5]);
        let mut rng = seeded(1, "draw");
        let (objects, background) = draw(&matches, 16, 0.25, &mut rng);
        assert_eq!((objects.len(), background.len()), (4, 12));
        assert!(objects.iter().all(|at| (50..60).contains(at)));
        assert!(background.iter().all(|at| *at < 50) && background.is_sorted());
        let (objects, background) = draw(&matches, 256, 0.5, &mut rng);
        assert_eq!((objects.len(), background.len()), (10, 50));
    }
}
