//! From a picture to a scene graph: what a detector sees, where it stands, and so who lies where.

mod detector;
mod ground;
mod masks;

pub use detector::Detector;
pub use ground::{Ground, Standing};
pub use masks::{Placed, rendered};

use crate::scene::Beliefs;
use crate::{Error, Graph, Relation, Result, Traits};
use conv_vision::{Filter, Picture};
use serde::Serialize;

/// The share of a picture that is [`grey_ground`] at least. Of the 600 rendered pictures that
/// models learn from the least is 0.76; of 202 photographs of Caltech-101 one in 17 has as much.
const LEAST_GROUND: f64 = 0.6;

/// How far from the ground's middle a thing is no object of a scene's, in units of the scene:
/// objects stand within 3 of it along each side of a square, so within 4.3.
const EDGE: f64 = 5.5;

/// Columns that every picture is read with, whatever its height: the original's, of 480, become 320
/// × 213.
pub const WIDTH: usize = 320;

/// An object that was seen.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Seen {
    /// What it is like.
    #[serde(flatten)]
    pub traits: Traits,
    /// Left, top, right and bottom of what shows of it, in pixels of the picture as it is read,
    /// [`WIDTH`] wide.
    pub bounds: [f64; 4],
    /// How sure the detector is, 0 to 1.
    pub score: f64,
    /// How sure it is of each value; the likeliest are the traits.
    #[serde(skip)]
    pub beliefs: Beliefs,
}

impl Seen {
    /// Column and row of its middle.
    pub fn centre(&self) -> [f64; 2] {
        let [left, top, right, bottom] = self.bounds;
        [(left + right) / 2.0, (top + bottom) / 2.0]
    }
}

/// What finds objects in pictures. A trained detector is one; so is a file of scenes whose objects
/// are known.
pub trait See: Send + Sync {
    /// The objects of a picture that is [`WIDTH`] pixels wide.
    ///
    /// # Errors
    /// The detector's own.
    fn see(&self, picture: &Picture) -> Result<Vec<Seen>>;
}

/// A picture's scene as it was seen.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Sight {
    /// The objects; programs name them by their place here.
    pub objects: Vec<Seen>,
    /// Where each stands, right of and behind the middle of the ground, in units of the scene.
    pub places: Vec<[f64; 2]>,
    /// What follows from it.
    #[serde(skip)]
    pub graph: Graph,
}

impl Sight {
    /// The scene of a picture: it is resized to [`WIDTH`], looked at, and each object put on the
    /// ground by its box.
    ///
    /// # Errors
    /// [`Error::NoObject`] by the name `image`, where nothing is seen, or the picture is not of
    /// CLEVR's grey ground; the detector's own.
    pub fn new(see: &dyn See, ground: &Ground, picture: &Picture, image: &str) -> Result<Self> {
        let read = as_read(picture)?;
        let none = |reason| Err(Error::NoObject { image: image.into(), reason });
        let ground_share = grey_ground(&read);
        if ground_share < LEAST_GROUND {
            let percent = (100.0 * ground_share).round();
            return none(format!(
                ": {percent} % of it look like CLEVR's grey ground, expected most"
            ));
        }
        let height = read.height() as f64;
        let standing = |seen: Seen| {
            let Traits { size, shape, .. } = seen.traits;
            (seen, ground.place(&Standing { bounds: seen.bounds, height, size, shape }))
        };
        let seen = see.see(&read)?.into_iter().map(standing);
        let on_ground = |(_, [right, behind]): &(Seen, [f64; 2])| right.hypot(*behind) < EDGE;
        let (objects, places): (Vec<Seen>, Vec<[f64; 2]>) = seen.filter(on_ground).unzip();
        if objects.is_empty() {
            return none(String::new());
        }
        let graph = graph(objects.iter().map(|seen| seen.traits).collect(), &places)?;
        let beliefs = objects.iter().map(|seen| seen.beliefs).collect();
        let wrong = |reason| Error::Scene { image: image.into(), reason };
        let graph = graph.with_beliefs(beliefs).map_err(wrong)?;
        Ok(Self { objects, places, graph })
    }
}

/// The picture, [`WIDTH`] wide.
///
/// # Errors
/// Only those of resizing.
pub fn as_read(picture: &Picture) -> Result<Picture> {
    let width = picture.width();
    let height = picture.height();
    if width == WIDTH {
        return Ok(picture.clone());
    }
    let height = (height * WIDTH + width / 2) / width;
    Ok(picture.resize(WIDTH, height.clamp(1, 64 * WIDTH), Filter::Bilinear)?)
}

/// The share of a picture's pixels that are smooth and without colour, neither black nor white, as
/// the ground of every scene is.
fn grey_ground(picture: &Picture) -> f64 {
    let width = picture.width();
    let height = picture.height();
    let pixel = |x: usize, y: usize| {
        let at = (y * width + x) * 3;
        let rgb: [f64; 3] =
            std::array::from_fn(|channel| f64::from(picture.pixels()[at + channel]));
        let [low, high] =
            [rgb.iter().copied().fold(255.0, f64::min), rgb.iter().copied().fold(0.0, f64::max)];
        (rgb.iter().sum::<f64>() / 3.0, high - low)
    };
    let mut grey = 0;
    for (x, y) in (1..height).flat_map(|y| (1..width).map(move |x| (x, y))) {
        let ((here, color), (before, _), (above, _)) =
            (pixel(x, y), pixel(x - 1, y), pixel(x, y - 1));
        let is_smooth = (here - before).abs() + (here - above).abs() < 12.0;
        grey += usize::from(is_smooth && color < 24.0 && (40.0..230.0).contains(&here));
    }
    grey as f64 / ((width - 1) * (height - 1)).max(1) as f64
}

/// The graph of objects that stand at these places. A scene of CLEVR leaves at least 0.4 between
/// any two objects along each direction, so that of two estimates the sign decides: one is left of
/// the other or right of it, and behind it or in front of it.
pub(crate) fn graph(traits: Vec<Traits>, places: &[[f64; 2]]) -> Result<Graph> {
    let mut related = [const { Vec::new() }; 4];
    for (lists, relation) in related.iter_mut().zip(Relation::ALL) {
        let lies = |[from, to]: [[f64; 2]; 2]| match relation {
            Relation::Left => to[0] < from[0],
            Relation::Right => to[0] > from[0],
            Relation::Behind => to[1] > from[1],
            Relation::Front => to[1] < from[1],
        };
        let of = |from: usize| {
            let there = |&to: &usize| to != from && lies([places[from], places[to]]);
            (0..places.len()).filter(there).collect()
        };
        *lists = (0..places.len()).map(of).collect();
    }
    Graph::new(traits, related)
        .map_err(|reason| Error::Scene { image: "what was seen".into(), reason })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::{Color, Material, Shape, Size};

    #[test]
    fn each_is_left_or_right_and_behind_or_in_front() {
        let traits = Traits {
            size: Size::Small,
            color: Color::Red,
            material: Material::Metal,
            shape: Shape::Cube,
        };
        let graph = graph(vec![traits; 3], &[[0.0, 0.0], [1.0, -1.0], [-1.0, -0.1]]).unwrap();
        assert_eq!(graph.related(Relation::Right, 0), [1]);
        assert_eq!(graph.related(Relation::Left, 1), [0, 2]);
        assert_eq!(graph.related(Relation::Behind, 1), [0, 2]);
        assert_eq!(graph.related(Relation::Front, 0), [1, 2]);
    }

    #[test]
    fn a_picture_of_another_ground_is_none_of_clevrs() {
        struct Blind;
        impl See for Blind {
            fn see(&self, _: &Picture) -> Result<Vec<Seen>> {
                Ok(Vec::new())
            }
        }
        let ground = serde_json::from_str(r#"{"groups":{}}"#).unwrap();
        let look = |pixels: Vec<u8>| {
            let picture = Picture::new(320, 200, pixels).unwrap();
            Sight::new(&Blind, &ground, &picture, "x.png").unwrap_err().to_string()
        };
        assert_eq!(look(vec![120; 320 * 200 * 3]), "no CLEVR object found in x.png");
        let blue = look([90, 150, 230].repeat(320 * 200));
        assert_eq!(
            blue,
            "no CLEVR object found in x.png: 0 % of it look like CLEVR's grey ground, expected most"
        );
        let stripes =
            look((0..320 * 200).flat_map(|at| [if at % 4 < 2 { 100 } else { 140 }; 3]).collect());
        assert!(stripes.contains(": 50 % of it"), "{stripes}");
    }

    #[test]
    fn pictures_are_read_at_one_width() {
        let picture =
            |width, height| Picture::new(width, height, vec![9; width * height * 3]).unwrap();
        for (width, height, expected) in
            [(480, 320, 213), (320, 240, 240), (64, 1, 5), (3000, 1, 1)]
        {
            let read = as_read(&picture(width, height)).unwrap();
            assert_eq!((read.width(), read.height()), (WIDTH, expected));
        }
    }
}
