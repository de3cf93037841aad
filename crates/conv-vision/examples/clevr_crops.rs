//! Objects cut out of CLEVR scenes with masks, a folder a class: what the shipped model
//! `clevr-crops` learnt from.
//!
//!     cargo run --release --example clevr_crops -- "$CONVOKE_DATA/clevr/rendered" runs/crops
//!
//! SCENES holds `scenes.json`, `images/` and `masks/`, whose pixels are an object's number in its
//! scene, from 1, or 0. Scenes whose index leaves 4 when divided by 5 go to OUT/test, all others to
//! OUT/train.

use conv_vision::{Filter, Limits, Picture, Region};
use serde::Deserialize;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

/// Sides of a crop, in pixels.
const SIDE: usize = 48;

/// What a square is larger than its object, as a share of the object's longer side on each side.
const MARGIN: f64 = 0.15;

#[derive(Deserialize)]
struct Scenes {
    scenes: Vec<Scene>,
}

#[derive(Deserialize)]
struct Scene {
    image_index: usize,
    image_filename: String,
    objects: Vec<Object>,
}

#[derive(Deserialize)]
struct Object {
    shape: String,
    material: String,
    color: String,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let (Some(scenes), Some(out)) = (arguments.next(), arguments.next()) else {
        return Err("expected the folder of the scenes, and a folder for the crops".into());
    };
    let text = fs::read_to_string(scenes.join("scenes.json"))?;
    for scene in serde_json::from_str::<Scenes>(&text)?.scenes {
        crops(&scene, &scenes, &out)?;
    }
    Ok(())
}

fn crops(scene: &Scene, scenes: &Path, out: &Path) -> Result<(), Box<dyn Error>> {
    let open = |folder: &str| {
        let path = scenes.join(folder).join(&scene.image_filename);
        Picture::open(&path, &Limits::default())
    };
    let image = open("images")?;
    let mask = open("masks")?;
    let part = if scene.image_index % 5 == 4 { "test" } else { "train" };
    for (at, Object { shape, material, color }) in scene.objects.iter().enumerate() {
        let Some(square) = square(&mask, at + 1) else { continue };
        let crop = image.cut(square)?.resize(SIDE, SIDE, Filter::Bilinear)?;
        let folder = out.join(part).join(format!("{color}-{material}-{shape}"));
        fs::create_dir_all(&folder)?;
        let name = format!("{:04}-{at}.png", scene.image_index);
        fs::write(folder.join(name), crop.to_png()?)?;
    }
    Ok(())
}

/// A square around what is seen of the object with this number, moved to lie within the picture.
fn square(mask: &Picture, number: usize) -> Option<Region> {
    let width = mask.width();
    let height = mask.height();
    let pixels = mask.pixels().chunks_exact(3).enumerate();
    let seen: Vec<[usize; 2]> = pixels
        .filter(|(_, pixel)| usize::from(pixel[0]) == number)
        .map(|(at, _)| [at % width, at / width])
        .collect();
    let range = |axis: usize| {
        let places = seen.iter().map(|place| place[axis]);
        Some((places.clone().min()?, places.max()? + 1))
    };
    let ((left, right), (top, bottom)) = (range(0)?, range(1)?);
    let longer = (right - left).max(bottom - top);
    let side = ((longer as f64 * (1.0 + 2.0 * MARGIN)).round() as usize).min(width).min(height);
    let first = |from: usize, to: usize, whole: usize| {
        ((from + to) / 2).saturating_sub(side / 2).min(whole - side)
    };
    let left = first(left, right, width);
    let top = first(top, bottom, height);
    Some(Region { left, top, width: side, height: side })
}
