//! A mask of 28 × 28 probabilities laid over its box in the picture.

use crate::model::MASK_SIDE;
use crate::{BoundingBox, RunLength};

/// The pixels of a picture (width, height) where the mask of `found`, in the picture's pixels, is
/// above `threshold`: as torchvision's `paste_masks_in_image`, with a border of zeros and bilinear
/// interpolation.
pub(crate) fn paste(
    mask: &[f32],
    found: &BoundingBox,
    (width, height): (usize, usize),
    threshold: f32,
) -> RunLength {
    const PADDED: usize = MASK_SIDE + 2;
    let grown = PADDED as f32 / MASK_SIDE as f32;
    let [x, y] = found.centre();
    let half_width = 0.5 * found.width() * grown;
    let half_height = 0.5 * found.height() * grown;
    // First pixel, and how many: whole pixels, towards zero.
    let axis = |centre: f32, half: f32, size: usize| {
        let first = (centre - half) as i64;
        let last = (centre + half) as i64;
        let count = (last - first + 1).max(1);
        (first, count, first.max(0) as usize, (last + 1).clamp(0, size as i64) as usize)
    };
    let (left, columns, x_first, x_end) = axis(x, half_width, width);
    let (top, rows, y_first, y_end) = axis(y, half_height, height);
    let x_first = x_first.min(x_end);
    let y_first = y_first.min(y_end);
    // Where a pixel lies between two cells of the padded mask.
    let source = |pixel: usize, first: i64, count: i64| {
        let at = (pixel as i64 - first) as f32 + 0.5;
        let at = (at * PADDED as f32 / count as f32 - 0.5).max(0.0);
        let low = (at as usize).min(PADDED - 1);
        (low, (low + 1).min(PADDED - 1), at - low as f32)
    };
    let cell = |x: usize, y: usize| {
        if (1..=MASK_SIDE).contains(&x) && (1..=MASK_SIDE).contains(&y) {
            mask[(y - 1) * MASK_SIDE + x - 1]
        } else {
            0.0
        }
    };
    let across: Vec<_> = (x_first..x_end).map(|x| source(x, left, columns)).collect();
    let down: Vec<_> = (y_first..y_end).map(|y| source(y, top, rows)).collect();
    RunLength::of_part((width, height), [x_first, y_first, x_end, y_end], |x, y| {
        let ((x0, x1, right), (y0, y1, low)) = (across[x - x_first], down[y - y_first]);
        let above = cell(x0, y0) * (1.0 - right) + cell(x1, y0) * right;
        let below = cell(x0, y1) * (1.0 - right) + cell(x1, y1) * right;
        above * (1.0 - low) + below * low > threshold
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_mask_fills_its_box() {
        let full = vec![1.0; MASK_SIDE * MASK_SIDE];
        let found = BoundingBox::new(3.0, 5.0, 17.0, 12.0);
        let pasted = paste(&full, &found, (30, 20), 0.5);
        let tight = pasted.bitmap().bounding_box().unwrap();
        // Half a cell and a pixel more on each side, as in torchvision.
        assert!(tight.iou(&found) > 0.7, "{tight:?}");
        // Beyond an edge nothing is drawn, and outside of the picture nothing at all.
        let across = paste(&full, &BoundingBox::new(-5.0, -5.0, 4.0, 40.0), (30, 20), 0.5);
        let tight = across.bitmap().bounding_box().unwrap();
        assert_eq!((tight.left, tight.top, tight.bottom), (0.0, 0.0, 20.0));
        assert_eq!(
            paste(&full, &BoundingBox::new(50.0, 50.0, 60.0, 60.0), (30, 20), 0.5).area(),
            0
        );
        assert_eq!(
            paste(&full, &BoundingBox::new(-60.0, 3.0, -50.0, 6.0), (30, 20), 0.5).area(),
            0
        );
    }

    #[test]
    fn torchvision_pastes_the_same_pixels() {
        let text = include_str!("../tests/reference/boxes.json");
        let cases: serde_json::Value = serde_json::from_str(text).unwrap();
        for case in cases["paste"].as_array().unwrap() {
            let mask: Vec<f32> = serde_json::from_value(case["mask"].clone()).unwrap();
            let [a, b, c, d]: [f32; 4] = serde_json::from_value(case["box"].clone()).unwrap();
            let rows: Vec<String> = serde_json::from_value(case["rows"].clone()).unwrap();
            let found = paste(&mask, &BoundingBox::new(a, b, c, d), (110, 80), 0.5).bitmap();
            let row =
                |y: usize| (0..110).map(|x| if found.get(x, y) { '#' } else { '.' }).collect();
            let found: Vec<String> = (0..80).map(row).collect();
            // A pixel whose value is 0.5 but for the last bit may fall either way.
            let differ = |(a, b): (&String, &String)| {
                a.bytes().zip(b.bytes()).filter(|(a, b)| a != b).count()
            };
            let differ: usize = found.iter().zip(&rows).map(differ).sum();
            assert!(differ <= 1, "{differ} pixels differ for {:?}", case["box"]);
        }
    }

    #[test]
    fn half_a_mask_fills_half() {
        let left: Vec<f32> = (0..MASK_SIDE * MASK_SIDE)
            .map(|at| if at % MASK_SIDE < 14 { 1.0 } else { 0.0 })
            .collect();
        let pasted = paste(&left, &BoundingBox::new(10.0, 10.0, 66.0, 66.0), (100, 100), 0.5);
        let area = pasted.area() as f32 / (28.0 * 56.0);
        assert!((area - 1.0).abs() < 0.06, "{area}");
    }
}
