//! Masks: which pixels are an instance's, as a bitmap and as COCO's run-lengths.

use crate::{BoundingBox, Error, Result};
use serde::{Deserialize, Serialize};

/// Pixels of a picture, row by row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bitmap {
    width: usize,
    height: usize,
    pixels: Vec<bool>,
}

impl Bitmap {
    /// Without a pixel.
    pub fn empty(width: usize, height: usize) -> Self {
        Self { width, height, pixels: vec![false; width * height] }
    }

    /// Those pixels (x, y) for which `holds`.
    pub fn new(width: usize, height: usize, holds: impl Fn(usize, usize) -> bool) -> Self {
        let pixels = (0..width * height).map(|at| holds(at % width, at / width)).collect();
        Self { width, height, pixels }
    }

    /// Columns.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Rows.
    pub fn height(&self) -> usize {
        self.height
    }

    /// Whether the pixel is one; none beyond the picture is.
    pub fn get(&self, x: usize, y: usize) -> bool {
        x < self.width && y < self.height && self.pixels[y * self.width + x]
    }

    /// Adds a pixel of the picture, or takes it away.
    pub fn set(&mut self, x: usize, y: usize, value: bool) {
        if x < self.width && y < self.height {
            self.pixels[y * self.width + x] = value;
        }
    }

    /// How many pixels.
    pub fn area(&self) -> usize {
        self.pixels.iter().filter(|pixel| **pixel).count()
    }

    /// The tight box around its pixels; none without one.
    pub fn bounding_box(&self) -> Option<BoundingBox> {
        let mut left = usize::MAX;
        let mut top = usize::MAX;
        let mut right = 0;
        let mut bottom = 0;
        for (y, row) in self.pixels.chunks_exact(self.width.max(1)).enumerate() {
            let Some(first) = row.iter().position(|pixel| *pixel) else { continue };
            let last = row.iter().rposition(|pixel| *pixel).unwrap_or(first);
            (left, right) = (left.min(first), right.max(last + 1));
            (top, bottom) = (top.min(y), y + 1);
        }
        let edges = [left, top, right, bottom].map(|edge| edge as f32);
        (right > 0).then(|| BoundingBox::new(edges[0], edges[1], edges[2], edges[3]))
    }
}

/// COCO's run-lengths: columns from the left, each from the top down, as numbers of pixels that are
/// alternately not the instance's and its own, beginning with those that are not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunLength {
    width: usize,
    height: usize,
    counts: Vec<u32>,
}

/// As JSON has it.
#[derive(Serialize, Deserialize)]
struct Coco {
    /// Rows and columns.
    size: [u64; 2],
    counts: Counts,
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Counts {
    Compressed(String),
    Plain(Vec<u64>),
}

impl Serialize for RunLength {
    /// As COCO's compressed form: `{"size": [rows, columns], "counts": "…"}`.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let size = [self.height as u64, self.width as u64];
        Coco { size, counts: Counts::Compressed(self.compressed()) }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for RunLength {
    /// Of COCO's forms, compressed or not.
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Coco { size: [height, width], counts } = Coco::deserialize(deserializer)?;
        let counts = match counts {
            Counts::Compressed(text) => decompress(&text),
            Counts::Plain(counts) => Ok(counts),
        };
        counts
            .and_then(|counts| Self::from_counts(width, height, &counts))
            .map_err(serde::de::Error::custom)
    }
}

/// The most pixels that a mask may claim: those of the largest picture that is read.
const MOST_PIXELS: u64 = 100_000_000;

impl RunLength {
    /// From the numbers of its runs; nothing is allocated for the picture that they claim.
    ///
    /// # Errors
    /// Runs that do not sum up to the picture, or a picture of more than 10⁸ pixels.
    pub fn from_counts(width: u64, height: u64, counts: &[u64]) -> Result<Self> {
        let wrong = |found: String, expected: String| Error::RunLength { found, expected };
        let pixels = width.checked_mul(height).filter(|pixels| *pixels <= MOST_PIXELS);
        let Some(pixels) = pixels else {
            let found = format!("a size of {width} × {height} pixels");
            return Err(wrong(found, format!("at most {MOST_PIXELS} in all")));
        };
        let sum = counts.iter().try_fold(0u64, |sum, &count| sum.checked_add(count));
        if sum != Some(pixels) {
            let found = sum.map_or("more than 2⁶⁴".into(), |sum| sum.to_string());
            let found = format!("runs of {found} pixels");
            return Err(wrong(found, format!("{pixels}, which is {width} × {height}")));
        }
        let counts = counts.iter().map(|&count| count as u32).collect();
        Ok(Self { width: width as usize, height: height as usize, counts }.tidy())
    }

    /// Of those pixels (x, y) for which `holds`, all of which are within `part`: (left, top, right,
    /// bottom), of the picture.
    pub(crate) fn of_part(
        (width, height): (usize, usize),
        [left, top, right, bottom]: [usize; 4],
        holds: impl Fn(usize, usize) -> bool,
    ) -> Self {
        let mut counts = Vec::new();
        let mut is_own = false;
        let mut run = 0u32;
        let mut add = |value: bool, count: usize| {
            if value != is_own && count > 0 {
                counts.push(std::mem::take(&mut run));
                is_own = value;
            }
            run += count as u32;
        };
        add(false, left * height);
        for x in left..right {
            add(false, top);
            (top..bottom).for_each(|y| add(holds(x, y), 1));
            add(false, height - bottom);
        }
        add(false, (width - right) * height);
        if run > 0 || counts.is_empty() {
            counts.push(run);
        }
        Self { width, height, counts }
    }

    /// Columns of the picture.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Rows of the picture.
    pub fn height(&self) -> usize {
        self.height
    }

    /// The runs: pixels that are not the instance's and those that are, in turn.
    pub fn counts(&self) -> &[u32] {
        &self.counts
    }

    /// How many pixels are the instance's.
    pub fn area(&self) -> usize {
        self.counts.iter().skip(1).step_by(2).map(|&count| count as usize).sum()
    }

    /// Row by row.
    pub fn bitmap(&self) -> Bitmap {
        let mut bitmap = Bitmap::empty(self.width, self.height);
        for (start, end) in self.runs() {
            for at in start..end {
                bitmap.set(at / self.height, at % self.height, true);
            }
        }
        bitmap
    }

    /// First and end of the instance's runs, in pixels column by column.
    fn runs(&self) -> impl Iterator<Item = (usize, usize)> {
        let mut at = 0;
        self.counts.chunks(2).filter_map(move |pair| {
            let start = at + pair[0] as usize;
            let end = start + pair.get(1).copied().unwrap_or(0) as usize;
            at = end;
            (end > start).then_some((start, end))
        })
    }

    /// Pixels that both have; 0 of pictures of different sizes.
    pub fn intersection(&self, other: &Self) -> usize {
        if (self.width, self.height) != (other.width, other.height) {
            return 0;
        }
        let mut ours = self.runs().peekable();
        let mut theirs = other.runs().peekable();
        let mut pixels = 0;
        while let (Some(&(a, b)), Some(&(c, d))) = (ours.peek(), theirs.peek()) {
            pixels += b.min(d).saturating_sub(a.max(c));
            if b <= d {
                ours.next()
            } else {
                theirs.next()
            };
        }
        pixels
    }

    /// Intersection over union, 0 to 1; NaN of two empty masks.
    pub fn iou(&self, other: &Self) -> f64 {
        let both = self.intersection(other) as f64;
        both / (self.area() as f64 + other.area() as f64 - both)
    }

    /// In the mirrored picture.
    #[must_use]
    pub fn mirrored(&self) -> Self {
        let bitmap = self.bitmap();
        let width = self.width;
        let whole = [0, 0, width, self.height];
        Self::of_part((width, self.height), whole, |x, y| bitmap.get(width - 1 - x, y))
    }

    /// Runs of no pixels between others joined, as pycocotools writes them.
    fn tidy(mut self) -> Self {
        let mut counts: Vec<u32> = Vec::with_capacity(self.counts.len());
        for (at, count) in self.counts.into_iter().enumerate() {
            let is_own = at % 2 == 1;
            match counts.len() % 2 == usize::from(is_own) {
                true if count > 0 || counts.is_empty() => counts.push(count),
                true => {}
                false => {
                    if let Some(last) = counts.last_mut() {
                        *last += count;
                    }
                }
            }
        }
        self.counts = counts;
        self
    }

    /// COCO's text: five bits a character, differences from the run before the last.
    pub fn compressed(&self) -> String {
        let mut text = String::new();
        for (at, &count) in self.counts.iter().enumerate() {
            let before = if at > 2 { i64::from(self.counts[at - 2]) } else { 0 };
            let mut rest = i64::from(count) - before;
            loop {
                let bits = (rest & 0x1f) as u8;
                rest >>= 5;
                let is_last = if bits & 0x10 != 0 { rest == -1 } else { rest == 0 };
                text.push(char::from(48 + bits + if is_last { 0 } else { 0x20 }));
                if is_last {
                    break;
                }
            }
        }
        text
    }
}

impl From<&Bitmap> for RunLength {
    fn from(bitmap: &Bitmap) -> Self {
        let sides = (bitmap.width, bitmap.height);
        Self::of_part(sides, [0, 0, bitmap.width, bitmap.height], |x, y| bitmap.get(x, y))
    }
}

/// The runs of COCO's text.
fn decompress(text: &str) -> Result<Vec<u64>> {
    let wrong =
        |found: String| Error::RunLength { found, expected: "COCO's compressed runs".into() };
    let (mut counts, mut value, mut shift): (Vec<u64>, i64, u32) = (Vec::new(), 0, 0);
    for byte in text.bytes() {
        if !(48..112).contains(&byte) || shift > 40 {
            return Err(wrong(format!("byte {byte} in a mask's counts")));
        }
        let bits = i64::from(byte - 48);
        value |= (bits & 0x1f) << shift;
        shift += 5;
        if bits & 0x20 != 0 {
            continue;
        }
        if bits & 0x10 != 0 {
            value |= -1 << shift;
        }
        let before = if counts.len() > 2 { counts[counts.len() - 2] } else { 0 };
        let Some(count) = before.checked_add_signed(value).filter(|count| *count <= MOST_PIXELS)
        else {
            return Err(wrong(format!("a run of {value} pixels more than {before}")));
        };
        counts.push(count);
        (value, shift) = (0, 0);
    }
    if shift > 0 {
        return Err(wrong("counts that end within a number".into()));
    }
    Ok(counts)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A mask with runs of all lengths, one across a column's end, drawn by a rule.
    fn drawn(width: usize, height: usize) -> Bitmap {
        Bitmap::new(width, height, |x, y| (x * 7 + y * y * 3 + x * y) % 11 < 4)
    }

    #[test]
    fn all_forms_come_back() -> Result<()> {
        for (width, height) in [(1, 1), (7, 5), (40, 33), (3, 200)] {
            for bitmap in [
                drawn(width, height),
                Bitmap::empty(width, height),
                Bitmap::new(width, height, |_, _| true),
            ] {
                let runs = RunLength::from(&bitmap);
                assert_eq!(runs.bitmap(), bitmap);
                assert_eq!(runs.area(), bitmap.area());
                let json = serde_json::to_string(&runs).unwrap();
                assert_eq!(serde_json::from_str::<RunLength>(&json).unwrap(), runs);
                let counts: Vec<u64> = runs.counts().iter().map(|&count| count.into()).collect();
                let plain = serde_json::json!({ "size": [height, width], "counts": counts });
                assert_eq!(serde_json::from_value::<RunLength>(plain).unwrap(), runs);
                assert_eq!(runs.mirrored().mirrored(), runs);
            }
        }
        Ok(())
    }

    #[test]
    fn compressed_runs_are_those_of_pycocotools() {
        // pycocotools.mask.encode of the same mask.
        let runs = RunLength::from(&drawn(7, 5));
        assert_eq!(runs.compressed(), "033N00O020N0O000012OO");
        let large = RunLength::from(&Bitmap::new(12, 300, |x, y| y / 150 == 1 && x % 5 < 3));
        assert_eq!(large.compressed(), "f4f4f4000hb00X]O000hb00X]O0");
    }

    #[test]
    fn intersections_count_the_pixels_that_both_have() {
        let (a, b) = (drawn(23, 17), Bitmap::new(23, 17, |x, y| x > 4 && y < 12));
        let both = Bitmap::new(23, 17, |x, y| a.get(x, y) && b.get(x, y)).area();
        let a = RunLength::from(&a);
        let b = RunLength::from(&b);
        assert_eq!(a.intersection(&b), both);
        assert!((a.iou(&a) - 1.0).abs() < 1e-12);
        assert_eq!(a.intersection(&RunLength::from(&drawn(17, 23))), 0);
    }

    #[test]
    fn the_tight_box_of_no_pixel_is_none() {
        assert_eq!(Bitmap::empty(4, 4).bounding_box(), None);
        let mut bitmap = Bitmap::empty(5, 6);
        bitmap.set(1, 2, true);
        bitmap.set(3, 4, true);
        bitmap.set(9, 9, true);
        assert_eq!(bitmap.bounding_box(), Some(BoundingBox::new(1.0, 2.0, 4.0, 5.0)));
        assert_eq!(bitmap.area(), 2);
    }

    #[test]
    fn runs_that_lie_are_refused_before_memory_is_asked_for() {
        let text = |json: &str| {
            serde_json::from_str::<RunLength>(json).err().map(|e| e.to_string()).unwrap_or_default()
        };
        assert!(text(r#"{"size":[4,4],"counts":[3,4]}"#).contains("runs of 7 pixels, expected 16"));
        assert!(text(r#"{"size":[1000000000,2],"counts":[1]}"#).contains("at most 100000000"));
        assert!(text(r#"{"size":[4,4],"counts":[18446744073709551615,17]}"#).contains("2⁶⁴"));
        assert!(text(r#"{"size":[4,4],"counts":"é"}"#).contains("byte"));
        assert!(text(r#"{"size":[4,4],"counts":"P"}"#).contains("end within a number"));
        // Runs of nothing between others are one run, as pycocotools has them.
        let runs = RunLength::from_counts(4, 1, &[1, 1, 0, 1, 1]).unwrap();
        assert_eq!(runs.counts(), [1, 2, 1]);
    }
}
