//! Polygons to masks, pixel by pixel as pycocotools rasterises them (`rleFrPoly` in its
//! `maskApi.c`): the boundary is walked at five times the resolution, and a column's runs begin and
//! end where it crosses the column's middle.

use crate::{Error, Result, RunLength};

/// Points to a pixel.
const SCALE: f64 = 5.0;

/// Points of a boundary at most: a file of a few bytes could ask for any number of them.
const LONGEST: f64 = 4_194_304.0;

/// How far a corner may lie outside of the picture, in pixels.
const OUTSIDE: f64 = 10_000.0;

impl RunLength {
    /// The pixels within a polygon, whose corners are `[x, y, x, y, …]` in pixels of a picture of
    /// so many columns and rows.
    ///
    /// ```
    /// use conv_detect::RunLength;
    /// let square = RunLength::from_polygon(&[1.0, 1.0, 4.0, 1.0, 4.0, 3.0, 1.0, 3.0], 6, 5)?;
    /// assert_eq!((square.area(), square.counts()), (6, &[6, 2, 3, 2, 3, 2, 12][..]));
    /// # Ok::<(), conv_detect::Error>(())
    /// ```
    ///
    /// # Errors
    /// Fewer than three corners, an odd number of coordinates, one that is no number or far
    /// outside, or a boundary too long for any picture.
    pub fn from_polygon(corners: &[f64], width: usize, height: usize) -> Result<Self> {
        let wrong =
            |found: String, expected: &str| Error::RunLength { found, expected: expected.into() };
        if corners.len() < 6 || !corners.len().is_multiple_of(2) {
            let found = format!("a polygon of {} coordinates", corners.len());
            return Err(wrong(found, "an even number, at least six"));
        }
        let largest = OUTSIDE + width.max(height) as f64;
        if let Some(far) = corners.iter().find(|at| !at.is_finite() || at.abs() > largest) {
            return Err(wrong(format!("a corner at {far}"), "one in or near the picture"));
        }
        let length = length(corners);
        if length > LONGEST {
            let found = format!("a boundary of {:.0} pixels", length / SCALE);
            return Err(wrong(found, &format!("at most {:.0}", LONGEST / SCALE)));
        }
        // The size is checked as that of any run-lengths.
        let pixels = (width as u64).saturating_mul(height as u64);
        Self::from_counts(width as u64, height as u64, &[pixels])?;
        let mut places = crossings(&boundary(corners), width, height);
        places.push(width * height);
        places.sort_unstable();
        let mut counts = Vec::with_capacity(places.len());
        let mut before = 0;
        for place in places {
            counts.push((place - before) as u64);
            before = place;
        }
        Self::from_counts(width as u64, height as u64, &counts)
    }

    /// The pixels that any of `masks` has; none where there is no mask. All must be of the same
    /// size.
    pub fn union(masks: &[Self]) -> Option<Self> {
        let (first, rest) = masks.split_first()?;
        let mut bitmap = first.bitmap();
        for mask in rest {
            let other = mask.bitmap();
            for y in 0..other.height() {
                (0..other.width())
                    .filter(|&x| other.get(x, y))
                    .for_each(|x| bitmap.set(x, y, true));
            }
        }
        Some(Self::from(&bitmap))
    }
}

/// How many points [`boundary`] has, about.
fn length(corners: &[f64]) -> f64 {
    let pairs = corners.chunks_exact(2);
    let next = corners.chunks_exact(2).cycle().skip(1);
    let sides = pairs.zip(next).map(|(a, b)| (a[0] - b[0]).abs().max((a[1] - b[1]).abs()));
    sides.map(|side| SCALE * side + 1.0).sum()
}

/// The boundary as points on the fine grid, each beside the one before.
fn boundary(corners: &[f64]) -> Vec<[i64; 2]> {
    // Towards zero, as C does.
    let fine: Vec<i64> = corners.iter().map(|at| (SCALE * at + 0.5) as i64).collect();
    let corners: Vec<[i64; 2]> = fine.chunks_exact(2).map(|pair| [pair[0], pair[1]]).collect();
    let mut points = Vec::new();
    for (at, &start) in corners.iter().enumerate() {
        let end = corners[(at + 1) % corners.len()];
        let dx = (end[0] - start[0]).abs();
        let dy = (end[1] - start[1]).abs();
        let is_flat = dx >= dy;
        // Along the longer side, always from the smaller end.
        let axis = usize::from(!is_flat);
        let flip = start[axis] > end[axis];
        let (low, high) = if flip { (end, start) } else { (start, end) };
        let length = dx.max(dy);
        let slope = (high[1 - axis] - low[1 - axis]) as f64 / length as f64;
        for step in 0..=length {
            let along = if flip { length - step } else { step };
            // A side of no length has no slope.
            let rise = if length == 0 { 0.0 } else { slope * along as f64 };
            let beside = (low[1 - axis] as f64 + rise + 0.5) as i64;
            points.push(if is_flat { [low[0] + along, beside] } else { [beside, low[1] + along] });
        }
    }
    points
}

/// Where the boundary crosses the middles of columns, as places column by column.
fn crossings(points: &[[i64; 2]], width: usize, height: usize) -> Vec<usize> {
    let mut places = Vec::new();
    for pair in points.windows(2) {
        let [[u0, v0], [u1, v1]] = [pair[0], pair[1]];
        if u0 == u1 {
            continue;
        }
        let x = if u1 < u0 { u1 } else { u1 - 1 };
        let x = (x as f64 + 0.5) / SCALE - 0.5;
        if x.floor() != x || x < 0.0 || x > width as f64 - 1.0 {
            continue;
        }
        let y = (v0.min(v1) as f64 + 0.5) / SCALE - 0.5;
        let y = y.clamp(0.0, height as f64).ceil();
        places.push(x as usize * height + y as usize);
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_are_those_of_pycocotools() {
        let text = include_str!("../tests/reference/polygons.json");
        let cases: Vec<serde_json::Value> = serde_json::from_str(text).unwrap();
        assert!(cases.len() > 20);
        for case in cases {
            let corners: Vec<f64> = serde_json::from_value(case["polygon"].clone()).unwrap();
            let side = |name: &str| case[name].as_u64().unwrap() as usize;
            let found = RunLength::from_polygon(&corners, side("width"), side("height")).unwrap();
            assert_eq!(found.compressed(), case["counts"].as_str().unwrap(), "{corners:?}");
        }
    }

    #[test]
    fn what_is_no_polygon_is_refused() {
        let text = |corners: &[f64]| {
            RunLength::from_polygon(corners, 9, 9).err().map(|e| e.to_string()).unwrap_or_default()
        };
        assert!(text(&[0.0, 0.0, 5.0, 5.0]).contains("a polygon of 4 coordinates"));
        assert!(text(&[0.0, 0.0, 5.0, 5.0, 1.0, 2.0, 3.0]).contains("7 coordinates"));
        assert!(text(&[0.0, 0.0, 5.0, 5.0, 1e12, 2.0]).contains("a corner at"));
        assert!(text(&[0.0, 0.0, 5.0, 5.0, f64::NAN, 2.0]).contains("a corner at NaN"));
        let zigzag: Vec<f64> =
            (0..400).flat_map(|at| [at as f64, (at % 2 * 9000) as f64]).collect();
        assert!(text(&zigzag).contains("a boundary of 36"), "{}", text(&zigzag));
    }

    #[test]
    fn parts_become_one() {
        let square = |left: f64| {
            let corners = [left, 1.0, left + 2.0, 1.0, left + 2.0, 3.0, left, 3.0];
            RunLength::from_polygon(&corners, 9, 5).unwrap()
        };
        let both = RunLength::union(&[square(1.0), square(2.0)]).unwrap();
        assert_eq!(both.area(), 6);
        assert_eq!(RunLength::union(&[]), None);
    }
}
