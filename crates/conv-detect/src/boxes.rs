//! Boxes: where something is in a picture.

use serde::{Deserialize, Serialize};

/// A rectangle by its edges, in absolute pixels of the picture from its upper left corner, x to the
/// right and y down ("XYXY"). Edges lie between pixels: a box around the first pixel alone is (0,
/// 0, 1, 1), and width is right − left.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct BoundingBox {
    /// Smallest x.
    pub left: f32,
    /// Smallest y.
    pub top: f32,
    /// Largest x.
    pub right: f32,
    /// Largest y.
    pub bottom: f32,
}

impl BoundingBox {
    /// From its edges.
    pub fn new(left: f32, top: f32, right: f32, bottom: f32) -> Self {
        Self { left, top, right, bottom }
    }

    /// From COCO's `[x, y, width, height]`.
    pub fn from_xywh([x, y, width, height]: [f32; 4]) -> Self {
        Self::new(x, y, x + width, y + height)
    }

    /// As COCO's `[x, y, width, height]`.
    pub fn xywh(&self) -> [f32; 4] {
        [self.left, self.top, self.width(), self.height()]
    }

    /// Its edges: left, top, right, bottom.
    pub fn corners(&self) -> [f32; 4] {
        [self.left, self.top, self.right, self.bottom]
    }

    /// right − left.
    pub fn width(&self) -> f32 {
        self.right - self.left
    }

    /// bottom − top.
    pub fn height(&self) -> f32 {
        self.bottom - self.top
    }

    /// Square pixels.
    pub fn area(&self) -> f32 {
        self.width() * self.height()
    }

    /// x and y of its middle.
    pub fn centre(&self) -> [f32; 2] {
        [self.left + 0.5 * self.width(), self.top + 0.5 * self.height()]
    }

    /// Whether all edges are numbers and it has at least `side` pixels in width and height.
    pub fn is_at_least(&self, side: f32) -> bool {
        let is_number = self.corners().iter().all(|corner| corner.is_finite());
        is_number && self.width() >= side && self.height() >= side
    }

    /// Square pixels that both have.
    pub fn intersection(&self, other: &Self) -> f32 {
        let width = self.right.min(other.right) - self.left.max(other.left);
        let height = self.bottom.min(other.bottom) - self.top.max(other.top);
        width.max(0.0) * height.max(0.0)
    }

    /// Intersection over union, 0 to 1; NaN of two boxes without area.
    pub fn iou(&self, other: &Self) -> f32 {
        let both = self.intersection(other);
        both / (self.area() + other.area() - both)
    }

    /// The part of it within a picture.
    pub fn clipped(&self, width: f32, height: f32) -> Self {
        let within = |edge: f32, size: f32| edge.max(0.0).min(size);
        Self::new(
            within(self.left, width),
            within(self.top, height),
            within(self.right, width),
            within(self.bottom, height),
        )
    }

    /// With its x multiplied by `across` and its y by `down`: as the picture is resized.
    pub fn scaled(&self, across: f32, down: f32) -> Self {
        Self::new(self.left * across, self.top * down, self.right * across, self.bottom * down)
    }

    /// Its place in the mirrored picture, which is `width` pixels wide.
    pub fn mirrored(&self, width: f32) -> Self {
        Self { left: width - self.right, right: width - self.left, ..*self }
    }
}

/// The largest logarithm of a factor that a size is multiplied by: 1000 / 16.
const LARGEST_LOG: f32 = 4.135_166_6;

/// How boxes are written as differences from others: what the network regresses (Girshick et al.
/// 2014, appendix C), with the factors that bring the four numbers to like variances.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BoxCoder {
    /// Factors of x, y, width and height.
    pub weights: [f32; 4],
}

impl BoxCoder {
    /// For boxes from anchors.
    pub const ANCHORS: Self = Self { weights: [1.0; 4] };
    /// For boxes from proposals.
    pub const PROPOSALS: Self = Self { weights: [10.0, 10.0, 5.0, 5.0] };

    /// The four numbers that make `base` the box `target`.
    pub fn encode(&self, target: &BoundingBox, base: &BoundingBox) -> [f32; 4] {
        let ([tx, ty], [bx, by]) = (target.centre(), base.centre());
        let width = base.width();
        let height = base.height();
        let [wx, wy, ww, wh] = self.weights;
        [
            wx * (tx - bx) / width,
            wy * (ty - by) / height,
            ww * (target.width() / width).ln(),
            wh * (target.height() / height).ln(),
        ]
    }

    /// The box that the four numbers make of `base`; a side grows to 62.5 times that of `base` at
    /// most.
    pub fn decode(&self, numbers: [f32; 4], base: &BoundingBox) -> BoundingBox {
        let [x, y] = base.centre();
        let width = base.width();
        let height = base.height();
        let [dx, dy, dw, dh] = [0, 1, 2, 3].map(|at| numbers[at] / self.weights[at]);
        let x = x + dx * width;
        let y = y + dy * height;
        let half_width = 0.5 * width * dw.min(LARGEST_LOG).exp();
        let half_height = 0.5 * height * dh.min(LARGEST_LOG).exp();
        BoundingBox::new(x - half_width, y - half_height, x + half_width, y + half_height)
    }
}

/// Non-maximum suppression: goes through the boxes from the highest score down and drops those
/// whose IoU with one that was kept is above `threshold`, as `torchvision.ops.nms`. Of equal scores
/// the first comes first. Gives the places of those that stay, by falling score.
///
/// ```
/// use conv_detect::{BoundingBox, nms};
/// let boxes = [[0.0, 0.0, 4.0, 4.0], [0.0, 0.0, 4.0, 3.0], [9.0, 9.0, 10.0, 10.0]];
/// let boxes = boxes.map(|[left, top, right, bottom]| BoundingBox::new(left, top, right, bottom));
/// assert_eq!(nms(&boxes, &[0.5, 0.9, 0.1], 0.7), [1, 2]);
/// ```
pub fn nms(boxes: &[BoundingBox], scores: &[f32], threshold: f32) -> Vec<usize> {
    nms_by_class(boxes, scores, &vec![0; boxes.len()], threshold)
}

/// [`nms`] among boxes of the same class only.
pub fn nms_by_class(
    boxes: &[BoundingBox],
    scores: &[f32],
    classes: &[usize],
    threshold: f32,
) -> Vec<usize> {
    let mut order: Vec<usize> = (0..boxes.len()).collect();
    order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
    let mut kept: Vec<usize> = Vec::new();
    for at in order {
        let is_covered =
            |&by: &usize| classes[by] == classes[at] && boxes[by].iou(&boxes[at]) > threshold;
        if !kept.iter().any(is_covered) {
            kept.push(at);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_box_comes_back_from_its_differences() {
        let base = BoundingBox::new(3.0, 4.0, 13.0, 24.0);
        let target = BoundingBox::new(-2.0, 5.5, 20.0, 9.0);
        for coder in [BoxCoder::ANCHORS, BoxCoder::PROPOSALS] {
            let found = coder.decode(coder.encode(&target, &base), &base);
            for (found, expected) in found.corners().iter().zip(target.corners()) {
                assert!((found - expected).abs() < 1e-4, "{found} for {expected}");
            }
        }
        let far = BoxCoder::ANCHORS.decode([0.0, 0.0, 1e9, 1e9], &base);
        assert!((far.width() - 625.0).abs() < 0.01 && (far.height() - 1250.0).abs() < 0.01);
    }

    #[test]
    fn boxes_keep_their_place_in_other_pictures() {
        let whole = BoundingBox::new(-1.0, 2.0, 8.0, 12.0);
        assert_eq!(whole.clipped(6.0, 10.0), BoundingBox::new(0.0, 2.0, 6.0, 10.0));
        assert_eq!(whole.mirrored(10.0), BoundingBox::new(2.0, 2.0, 11.0, 12.0));
        assert_eq!(whole.mirrored(10.0).mirrored(10.0), whole);
        assert_eq!(BoundingBox::from_xywh(whole.xywh()), whole);
        assert_eq!(whole.scaled(2.0, 0.5), BoundingBox::new(-2.0, 1.0, 16.0, 6.0));
        assert!(!BoundingBox::new(0.0, 0.0, f32::NAN, 1.0).is_at_least(0.0));
    }

    #[test]
    fn torchvision_keeps_and_codes_the_same_boxes() {
        let text = include_str!("../tests/reference/boxes.json");
        let cases: serde_json::Value = serde_json::from_str(text).unwrap();
        let boxes = |value: &serde_json::Value| -> Vec<BoundingBox> {
            let corners: Vec<[f32; 4]> = serde_json::from_value(value.clone()).unwrap();
            corners.iter().map(|&[a, b, c, d]| BoundingBox::new(a, b, c, d)).collect()
        };
        for case in cases["nms"].as_array().unwrap() {
            let scores: Vec<f32> = serde_json::from_value(case["scores"].clone()).unwrap();
            let kept: Vec<usize> = serde_json::from_value(case["kept"].clone()).unwrap();
            let threshold = case["threshold"].as_f64().unwrap() as f32;
            assert_eq!(nms(&boxes(&case["boxes"]), &scores, threshold), kept, "at {threshold}");
        }
        let coder = &cases["coder"];
        let numbers =
            |name: &str| -> Vec<[f32; 4]> { serde_json::from_value(coder[name].clone()).unwrap() };
        let near = |found: [f32; 4], expected: [f32; 4]| {
            for (found, expected) in found.iter().zip(expected) {
                let close = (found - expected).abs() <= 1e-5 * expected.abs().max(1.0);
                assert!(close, "{found}, torchvision has {expected}");
            }
        };
        let bases = boxes(&coder["base"]);
        let targets = boxes(&coder["target"]);
        for (at, base) in bases.iter().enumerate() {
            near(BoxCoder::PROPOSALS.encode(&targets[at], base), numbers("encoded")[at]);
            let decoded = BoxCoder::PROPOSALS.decode(numbers("numbers")[at], base);
            near(decoded.corners(), numbers("decoded")[at]);
        }
    }

    #[test]
    fn other_classes_suppress_nothing() {
        let boxes = [BoundingBox::new(0.0, 0.0, 4.0, 4.0); 3];
        assert_eq!(nms_by_class(&boxes, &[0.1, 0.1, 0.9], &[0, 0, 1], 0.5), [2, 0]);
        // Two boxes without area have no IoU, and stay, as in torchvision.
        let none = [BoundingBox::new(1.0, 1.0, 1.0, 1.0); 2];
        assert_eq!(nms(&none, &[0.5, 0.6], 0.5), [1, 0]);
        assert!(nms(&[], &[], 0.5).is_empty());
    }
}
