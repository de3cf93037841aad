//! Instances drawn into their picture, as in figure 2 of He et al. (2017): a colour each, mask,
//! box, class and score.

use crate::data::{Dataset, Example, Object};
use crate::infer::{Instance, named};
use crate::{BoundingBox, Match, Result, RunLength};
use conv_vision::Picture;
use font8x8::UnicodeFonts;

/// The longer side of a drawing at least, in pixels: small pictures are enlarged, so that text on
/// them can be read.
const SIDE: usize = 1280;

/// Colours that stand apart, red, green and blue.
const COLOURS: [[u8; 3]; 10] = [
    [230, 25, 75],
    [60, 180, 75],
    [0, 130, 200],
    [245, 130, 48],
    [145, 30, 180],
    [70, 240, 240],
    [240, 50, 230],
    [255, 225, 25],
    [0, 128, 128],
    [170, 110, 40],
];

/// Of boxes that are taught background.
const GREY: [u8; 3] = [150, 150, 150];

/// The share of its colour that a mask's pixel gets.
const COVER: f32 = 0.45;

/// Something to be drawn.
struct Figure<'a> {
    bounding_box: &'a BoundingBox,
    mask: &'a RunLength,
    text: String,
}

/// A picture with its instances: of small pictures a whole number of times as large.
///
/// # Errors
/// Sides that exceed memory.
pub fn draw(picture: &Picture, instances: &[Instance]) -> Result<Picture> {
    let figures = instances.iter().map(|instance| Figure {
        bounding_box: &instance.bounding_box,
        mask: &instance.mask,
        text: caption(instance),
    });
    paint(picture, &figures.collect::<Vec<_>>())
}

/// A picture of a data set with its objects.
///
/// # Errors
/// As [`draw`].
pub fn draw_truth(picture: &Picture, data: &Dataset, example: &Example) -> Result<Picture> {
    draw_objects(picture, data, &example.objects)
}

/// A picture with some of its objects.
pub(crate) fn draw_objects(
    picture: &Picture,
    data: &Dataset,
    objects: &[Object],
) -> Result<Picture> {
    let figures = objects.iter().map(|object| {
        let words = data.attributes.iter().zip(&object.attributes);
        let words = words.filter_map(|(of, value)| Some(of.values[(*value)? as usize].as_str()));
        let text = named(words.collect(), &data.labels[object.class]);
        Figure { bounding_box: &object.bounding_box, mask: &object.mask, text }
    });
    paint(picture, &figures.collect::<Vec<_>>())
}

/// A picture with boxes, each in the colour of the object that it is taught; those that are taught
/// background are grey and below.
///
/// # Errors
/// As [`draw`].
pub fn draw_matches(picture: &Picture, boxes: &[(BoundingBox, Match)]) -> Result<Picture> {
    let scale = scale(picture);
    let mut canvas = Canvas::enlarged(picture, scale)?;
    let mut frame = |found: &BoundingBox, colour| {
        canvas.frame(&found.scaled(scale as f32, scale as f32), colour);
    };
    for (found, _) in boxes.iter().filter(|(_, matched)| *matched == Match::Background) {
        frame(found, GREY);
    }
    for (found, matched) in boxes {
        if let Match::Object(object) = matched {
            frame(found, COLOURS[object % COLOURS.len()]);
        }
    }
    Ok(Picture::new(canvas.width, canvas.height, canvas.pixels)?)
}

/// How many times as large a picture is drawn.
fn scale(picture: &Picture) -> usize {
    SIDE.div_ceil(picture.width().max(picture.height())).max(1)
}

/// What it is, and the score with one decimal, as in the paper's figures.
fn caption(instance: &Instance) -> String {
    format!("{} {:.1}", instance.name(), instance.score)
}

fn paint(picture: &Picture, figures: &[Figure]) -> Result<Picture> {
    let scale = scale(picture);
    let mut canvas = Canvas::enlarged(picture, scale)?;
    for (at, figure) in figures.iter().enumerate() {
        canvas.mask(figure.mask, scale, COLOURS[at % COLOURS.len()]);
    }
    for (at, figure) in figures.iter().enumerate() {
        let factor = scale as f32;
        canvas.frame(&figure.bounding_box.scaled(factor, factor), COLOURS[at % COLOURS.len()]);
    }
    let mut written: Vec<BoundingBox> = Vec::new();
    for (at, figure) in figures.iter().enumerate() {
        let [left, top] = [figure.bounding_box.left, figure.bounding_box.top];
        let factor = scale as f32;
        canvas.text(
            &figure.text,
            [left * factor, top * factor],
            COLOURS[at % COLOURS.len()],
            &mut written,
        );
    }
    Ok(Picture::new(canvas.width, canvas.height, canvas.pixels)?)
}

struct Canvas {
    width: usize,
    height: usize,
    pixels: Vec<u8>,
}

impl Canvas {
    fn enlarged(picture: &Picture, scale: usize) -> Result<Self> {
        let width = picture.width() * scale;
        let height = picture.height() * scale;
        let smooth = match scale {
            1 => picture.clone(),
            _ => picture.resize(width, height, conv_vision::Filter::Bicubic)?,
        };
        Ok(Self { width, height, pixels: smooth.pixels().to_vec() })
    }

    /// Mixes a pixel with a colour; nothing beyond the edges.
    fn blend(&mut self, x: usize, y: usize, colour: [u8; 3], share: f32) {
        if x < self.width && y < self.height {
            let pixel = &mut self.pixels[3 * (y * self.width + x)..][..3];
            for (value, own) in pixel.iter_mut().zip(colour) {
                *value = (f32::from(*value) * (1.0 - share) + f32::from(own) * share).round() as u8;
            }
        }
    }

    /// Covers the pixels of a mask; those at its edge wholly.
    fn mask(&mut self, mask: &RunLength, scale: usize, colour: [u8; 3]) {
        let bitmap = mask.bitmap();
        let has = |x: Option<usize>, y: Option<usize>| match (x, y) {
            (Some(x), Some(y)) => bitmap.get(x, y),
            _ => false,
        };
        let Some(tight) = bitmap.bounding_box() else { return };
        let [left, top, right, bottom] = tight.corners().map(|edge| edge as usize * scale);
        for y in top..bottom {
            for x in left..right {
                if !bitmap.get(x / scale, y / scale) {
                    continue;
                }
                let left = x.checked_sub(1);
                let above = y.checked_sub(1);
                let down = |at: Option<usize>| at.map(|at| at / scale);
                let is_within = has(down(left), Some(y / scale))
                    && has(Some((x + 1) / scale), Some(y / scale))
                    && has(Some(x / scale), down(above))
                    && has(Some(x / scale), Some((y + 1) / scale));
                self.blend(x, y, colour, if is_within { COVER } else { 1.0 });
            }
        }
    }

    /// The edges of a box, two pixels wide.
    fn frame(&mut self, found: &BoundingBox, colour: [u8; 3]) {
        let whole = found.clipped(self.width as f32, self.height as f32);
        let [left, top, right, bottom] = whole.corners().map(|edge| edge.round() as usize);
        let right = right.max(left + 2);
        let bottom = bottom.max(top + 2);
        for x in left..right {
            [top, top + 1, bottom - 2, bottom - 1]
                .into_iter()
                .for_each(|y| self.blend(x, y, colour, 1.0));
        }
        for y in top..bottom {
            [left, left + 1, right - 2, right - 1]
                .into_iter()
                .for_each(|x| self.blend(x, y, colour, 1.0));
        }
    }

    /// Text in white on its colour, above the place where there is room, and not over other text.
    fn text(
        &mut self,
        text: &str,
        [x, y]: [f32; 2],
        colour: [u8; 3],
        written: &mut Vec<BoundingBox>,
    ) {
        /// The font's eight pixels twice as high as wide, with two of margin on each side.
        const TALL: usize = 2;
        const HEIGHT: usize = 8 * TALL + 4;
        let width = text.chars().count() * 8 + 4;
        let left = (x.max(0.0) as usize).min(self.width.saturating_sub(width));
        let mut top = (y.max(0.0) as usize).saturating_sub(HEIGHT);
        let place = |top: usize| {
            let [left, top, right, bottom] =
                [left, top, left + width, top + HEIGHT].map(|v| v as f32);
            BoundingBox::new(left, top, right, bottom)
        };
        while let Some(other) = written.iter().find(|other| other.intersection(&place(top)) > 0.0) {
            let below = other.bottom as usize;
            if below + HEIGHT > self.height {
                break;
            }
            top = below;
        }
        written.push(place(top));
        for y in top..top + HEIGHT {
            (left..left + width).for_each(|x| self.blend(x, y, colour, 0.85));
        }
        for (at, character) in text.chars().enumerate() {
            let glyph = font8x8::BASIC_FONTS.get(character).unwrap_or([0x7e; 8]);
            for (row, bits) in glyph.iter().enumerate() {
                for column in (0..8).filter(|column| (bits >> column) & 1 == 1) {
                    let x = left + 2 + at * 8 + column;
                    let y = top + 2 + row * TALL;
                    (y..y + TALL).for_each(|y| self.blend(x, y, [255; 3], 1.0));
                }
            }
        }
    }
}
