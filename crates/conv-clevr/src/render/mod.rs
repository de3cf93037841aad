//! Pictures of scenes by rays, in the manner of the original's renderer (Johnson et al. 2016,
//! section 3.1): rounded cubes, spheres and cylinders of rubber or metal on a grey ground, three
//! lamps of some width and a sun with soft shadows, mirror images in metal.
//!
//! A pixel is what 4 rays bring, or 16 where those or its neighbours differ. What a ray draws by
//! chance depends on the seed, the pixel and the ray's number alone, so that the same scene has the
//! same bytes for any number of threads.

mod beside;
mod camera;
mod folder;
mod light;
mod numbers;
mod shot;
mod solid;
mod surface;
mod trace;
mod vector;

pub use beside::{Beside, beside};
pub use camera::{Camera, PLACE};
pub use folder::{Filled, Folder};
pub use shot::Shot;

use crate::scene::Object;
use crate::{Error, Result, Scene, Size};
use conv_vision::Picture;
use light::Lights;
use numbers::{Numbers, RAYS};
use rayon::prelude::*;
use solid::{Ray, Solid};
use std::f64::consts::TAU;
use std::ops::RangeInclusive;
use surface::Surface;
use trace::World;
use vector::Vector;

/// Objects of a picture at most: what a mask of 8 bits can tell apart.
pub const MOST_OBJECTS: usize = 254;

/// Pixels along a picture's side: in less no object can be told.
pub const SIDES: RangeInclusive<usize> = 16..=4096;

/// How far off an object may be, in units of the scene.
pub(crate) const FAR: f64 = 1000.0;

/// Rays that every pixel has.
const FIRST: u32 = 4;

/// From which difference of two values of 0 to 1 a pixel has all its rays. Their roots are
/// compared, which is nearly as they are shown.
const DIFFERENCE: f32 = 0.02;

/// How far rays of a pixel are spread at most, in pixels.
const SPREAD: f64 = 0.75;

/// Half a side or the radius of an object, in units of the scene.
pub fn half(size: Size) -> f64 {
    match size {
        Size::Large => 0.7,
        Size::Small => 0.35,
    }
}

/// A scene that can be looked at.
#[derive(Debug, Clone)]
pub struct Stage {
    world: World,
    camera: Camera,
    place: Vector,
    /// To the right, down and forwards: by a pixel, by a pixel, and from the camera to the
    /// picture's middle.
    axes: [Vector; 3],
}

impl Stage {
    /// Objects before a camera.
    ///
    /// # Errors
    /// In words: more objects than a mask can tell apart, one whose place is no number or far off,
    /// or a shot of no camera that can be.
    pub fn new(objects: &[Object], shot: &Shot) -> Result<Self, String> {
        let Shot { camera, lamps } = shot;
        shot.check()?;
        if objects.len() > MOST_OBJECTS {
            return Err(format!("has {} objects, expected at most {MOST_OBJECTS}", objects.len()));
        }
        let mut solids = Vec::with_capacity(objects.len());
        for (at, object) in objects.iter().enumerate() {
            let turn = object.rotation.unwrap_or(0.0) % TAU;
            let mut numbers = object.coords.iter().chain([&turn]);
            if !numbers.all(|number| number.abs() < FAR) {
                let coords = object.coords;
                return Err(format!("has object {at} at {coords:?}, expected numbers below {FAR}"));
            }
            let half = half(object.size) as f32;
            let solid = Solid::new(object.shape, half, narrow(object.coords), turn as f32);
            solids.push((solid, Surface::new(object.material, object.color)));
        }
        let lights = Lights::new(&lamps.map(narrow));
        let [right, up, forward] = camera.axes();
        let focus = camera.focus() as f32;
        let axes = [narrow(right), -narrow(up), narrow(forward) * focus];
        let world = World { solids, lights };
        Ok(Self { world, camera: *camera, place: narrow(camera.place), axes })
    }

    /// A scene as it was taken, in a picture of another width if one is given; its pixel
    /// coordinates are then those of that picture.
    ///
    /// # Errors
    /// As [`Shot::of`], and what [`Stage::new`] refuses.
    pub fn of(scene: &Scene, width: Option<usize>) -> Result<(Scene, Self)> {
        let (mut scene, mut shot) = (scene.clone(), Shot::of(scene)?);
        if let Some(width) = width.filter(|width| *width != shot.camera.width) {
            shot = shot.with_width(width);
            for object in &mut scene.objects {
                object.pixel_coords = shot.camera.pixel(object.coords);
            }
            if scene.rest.contains_key("camera") {
                shot.note(&mut scene);
            }
        }
        let wrong = |reason| Error::Scene { image: scene.image_filename.clone(), reason };
        let stage = Self::new(&scene.objects, &shot).map_err(wrong)?;
        Ok((scene, stage))
    }

    /// Columns and rows.
    pub fn size(&self) -> (usize, usize) {
        (self.camera.width, self.camera.height)
    }

    /// For each pixel the number of the object that shows in its middle, from 1, or 0: row by row.
    pub fn mask(&self) -> Vec<u8> {
        let width = self.camera.width;
        let mut mask = vec![0; width * self.camera.height];
        mask.par_chunks_mut(width).enumerate().for_each(|(row, pixels)| {
            for (column, pixel) in pixels.iter_mut().enumerate() {
                let seen = self.world.solid(&self.ray(column as f64 + 0.5, row as f64 + 0.5));
                *pixel = seen.map_or(0, |at| at as u8 + 1);
            }
        });
        mask
    }

    /// The picture; `seed` moves its grain.
    ///
    /// # Errors
    /// None that a stage which exists can have.
    pub fn picture(&self, seed: u64) -> Result<Picture> {
        let (width, height) = (self.camera.width, self.camera.height);
        let mut first = vec![(Vector::default(), false); width * height];
        let all = |rows: &mut [(Vector, bool)], row: usize| {
            for (column, pixel) in rows.iter_mut().enumerate() {
                *pixel = self.pixel(seed, column, row);
            }
        };
        first.par_chunks_mut(width).enumerate().for_each(|(row, rows)| all(rows, row));
        let mut pixels = vec![0; 3 * width * height];
        pixels.par_chunks_mut(3 * width).enumerate().for_each(|(row, rows)| {
            for (column, pixel) in rows.chunks_exact_mut(3).enumerate() {
                let (sum, differs) = first[row * width + column];
                let mut light = sum * (FIRST as f32).recip();
                if differs || self.stands_out(&first, column, row) {
                    let rest = (FIRST..RAYS).map(|ray| self.sent(seed, column, row, ray));
                    light = rest.fold(sum, |a, b| a + b) * (RAYS as f32).recip();
                }
                for (byte, value) in pixel.iter_mut().zip(light.0) {
                    *byte = (255.0 * shown(value)).round() as u8;
                }
            }
        });
        Ok(Picture::new(width, height, pixels)?)
    }

    /// The sum of a pixel's first rays, and whether they differ.
    fn pixel(&self, seed: u64, column: usize, row: usize) -> (Vector, bool) {
        let mut sum = Vector::default();
        let mut low = [1f32; 3];
        let mut high = [0f32; 3];
        for ray in 0..FIRST {
            let light = self.sent(seed, column, row, ray);
            for (channel, value) in light.0.map(f32::sqrt).into_iter().enumerate() {
                (low[channel], high[channel]) = (low[channel].min(value), high[channel].max(value));
            }
            sum = sum + light;
        }
        (sum, (0..3).any(|channel| high[channel] - low[channel] > DIFFERENCE))
    }

    /// Whether a pixel differs from the one above or before it.
    fn stands_out(&self, first: &[(Vector, bool)], column: usize, row: usize) -> bool {
        let width = self.camera.width;
        let value = |at: usize| (first[at].0 * (FIRST as f32).recip()).0.map(f32::sqrt);
        let here = value(row * width + column);
        let near = [
            (column > 0).then(|| row * width + column - 1),
            (row > 0).then(|| (row - 1) * width + column),
        ];
        near.into_iter().flatten().any(|at| {
            value(at).iter().zip(here).any(|(there, here)| (there - here).abs() > DIFFERENCE)
        })
    }

    /// The light of one ray of a pixel.
    fn sent(&self, seed: u64, column: usize, row: usize, ray: u32) -> Vector {
        let mut numbers = Numbers::new(seed, row * self.camera.width + column, ray);
        let [x, y] = numbers.pair().map(|number| 0.5 + SPREAD * tent(f64::from(number)));
        let light = self.world.light(&self.ray(column as f64 + x, row as f64 + y), &mut numbers);
        // One bright ray of sixteen shall not make a pixel white: what a screen cannot show counts
        // as white.
        Vector(light.0.map(|value| value.min(1.0)))
    }

    fn ray(&self, x: f64, y: f64) -> Ray {
        let [right, down, forward] = self.axes;
        let across = (x - self.camera.width as f64 / 2.0) as f32;
        let below = (y - self.camera.height as f64 / 2.0) as f32;
        Ray { from: self.place, along: (forward + right * across + down * below).unit() }
    }
}

/// A number from 0 to 1 as one from -1 to 1 that is the likelier the nearer to 0.
fn tent(number: f64) -> f64 {
    if number < 0.5 { (2.0 * number).sqrt() - 1.0 } else { 1.0 - (2.0 - 2.0 * number).sqrt() }
}

/// Light as sRGB's curve shows it, 0 to 1.
fn shown(light: f32) -> f32 {
    let light = light.clamp(0.0, 1.0);
    if light <= 0.003_130_8 { 12.92 * light } else { 1.055 * light.powf(2.4f32.recip()) - 0.055 }
}

fn narrow(numbers: [f64; 3]) -> Vector {
    Vector(numbers.map(|number| number as f32))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::scene::tests::object;
    use crate::{Color, Material, Shape};

    const CAMERA: Camera = Camera { place: PLACE, width: 160, height: 120 };

    fn stage(objects: &[Object]) -> Stage {
        Stage::new(objects, &Shot { camera: CAMERA, lamps: [[0.0; 3]; 3] }).unwrap()
    }

    fn solid(shape: Shape, color: Color, material: Material, x: f64, y: f64) -> Object {
        Object { shape, color, material, ..object([x, y, 0.7]) }
    }

    fn picture(objects: &[Object]) -> Picture {
        stage(objects).picture(1).unwrap()
    }

    fn pixel(picture: &Picture, place: [f64; 3]) -> [i32; 3] {
        let [x, y, _] = CAMERA.project(place);
        let at = (y as usize * picture.width() + x as usize) * 3;
        [0, 1, 2].map(|channel| i32::from(picture.pixels()[at + channel]))
    }

    #[test]
    fn bytes_do_not_depend_on_threads_but_on_the_seed() {
        let stage = stage(&[
            solid(Shape::Cube, Color::Red, Material::Metal, 0.0, 0.0),
            solid(Shape::Cylinder, Color::Cyan, Material::Rubber, -1.5, 1.5),
        ]);
        let with = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| (stage.picture(7).unwrap(), stage.mask()))
        };
        let one = with(1);
        assert!(one == with(2) && one == with(4));
        assert_ne!(one.0, stage.picture(8).unwrap());
    }

    #[test]
    fn colours_shadows_and_mirrors_are_where_they_belong() {
        let (rubber, metal) = (Material::Rubber, Material::Metal);
        let empty = picture(&[]);
        let ball = |color, material| solid(Shape::Sphere, color, material, 0.0, 0.0);
        let red = picture(&[ball(Color::Red, rubber)]);
        let [r, g, b] = pixel(&red, [0.0, 0.0, 0.7]);
        assert!(r > 90 && r > 2 * g - 30 && (g - b).abs() < 12, "{r} {g} {b}");
        // The lamp beside the camera throws a shadow away from it.
        let behind = [-1.1, 0.5, 0.0];
        let light = pixel(&empty, behind)[1];
        let shadow = pixel(&red, behind)[1];
        assert!(shadow < light - 8, "{shadow} {light}");
        // Metal has highlights, and shows a neighbour's colour where it shows a dark sky or ground
        // without one.
        let brightest = |picture: &Picture| *picture.pixels().iter().max().unwrap();
        let gray = ball(Color::Gray, metal);
        assert!(brightest(&picture(std::slice::from_ref(&gray))) > 220 && brightest(&red) < 200);
        let beside = |color| {
            let cube = solid(Shape::Cube, color, rubber, 1.2, -1.4);
            let [r, _, b] = pixel(&picture(&[gray.clone(), cube]), [0.35, -0.45, 0.5]);
            r - b
        };
        assert!(
            beside(Color::Red) > beside(Color::Blue) + 20,
            "{} {}",
            beside(Color::Red),
            beside(Color::Blue)
        );
    }

    #[test]
    fn what_cannot_be_rendered_is_said_in_words() {
        let shot = |place, width| Shot {
            camera: Camera { place, width, height: 120 },
            lamps: [[0.0; 3]; 3],
        };
        let refused = |objects: &[Object], shot: &Shot| Stage::new(objects, shot).unwrap_err();
        let good = shot(PLACE, 160);
        assert!(
            refused(&vec![object([0.0; 3]); 255], &good)
                .contains("has 255 objects, expected at most 254")
        );
        for x in [f64::NAN, f64::INFINITY, 1e9] {
            assert!(refused(&[object([x, 0.0, 0.7])], &good).contains("has object 0 at ["));
        }
        assert!(refused(&[], &shot(PLACE, 1_000_000)).contains("1000000 x 120 pixels"));
        for place in [[0.0, 0.0, 5.0], [1.0, 1.0, -1.0], [f64::NAN, 1.0, 1.0]] {
            assert!(refused(&[], &shot(place, 160)).contains("expected a place above the ground"));
        }
    }
}
