//! How a picture was taken: what a scene of our own says, and what the pixels of another's tell.

use super::{Camera, FAR, SIDES};
use crate::{Error, Result, Scene};
use serde_json::json;

/// Sizes of pictures whose scenes do not say how they were taken: the original's, and three
/// quarters of a VGA picture's side.
const SIZES: [(usize, usize); 2] = [(480, 320), (320, 240)];

/// A camera, and how far the lamps beside, opposite and left of it are moved from where they hang,
/// in units of the scene.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shot {
    /// The camera.
    pub camera: Camera,
    /// By lamp, then by axis.
    pub lamps: [[f64; 3]; 3],
}

impl Shot {
    /// How a scene was taken: as it says itself, or else by the camera that fits its pixel
    /// coordinates, with the lamps where they hang.
    ///
    /// # Errors
    /// [`Error::Scene`], where no camera fits or what it says of it is out of range.
    pub fn of(scene: &Scene) -> Result<Self> {
        let wrong = |reason| Error::Scene { image: scene.image_filename.clone(), reason };
        let field = |name: &str| scene.rest.get(name).cloned();
        let Some(camera) = field("camera") else {
            let fits = SIZES.iter().filter_map(|size| Camera::fit(&scene.objects, *size));
            let (camera, _) = fits.min_by(|(_, a), (_, b)| a.total_cmp(b)).ok_or_else(|| {
                wrong("has pixel coordinates that no camera above the ground sees".into())
            })?;
            return Ok(Self { camera, lamps: Default::default() });
        };
        let bad =
            |name, error: serde_json::Error| wrong(format!("has a {name} that is none: {error}"));
        let camera = serde_json::from_value(camera).map_err(|error| bad("camera", error))?;
        let lamps = field("lamps").map(serde_json::from_value).transpose();
        let lamps = lamps.map_err(|error| bad("list of lamps", error))?.unwrap_or_default();
        let shot = Self { camera, lamps };
        shot.check().map_err(wrong)?;
        Ok(shot)
    }

    /// Has a scene say how it was taken.
    pub fn note(&self, scene: &mut Scene) {
        scene.rest.insert("camera".into(), json!(self.camera));
        scene.rest.insert("lamps".into(), json!(self.lamps));
    }

    /// In words, what is out of range.
    pub(super) fn check(&self) -> Result<(), String> {
        let Camera { place, width, height } = self.camera;
        if !SIDES.contains(&width) || !SIDES.contains(&height) {
            let least = SIDES.start();
            let most = SIDES.end();
            return Err(format!(
                "is of {width} x {height} pixels, expected {least} to {most} a side"
            ));
        }
        let mut numbers = place.iter().chain(self.lamps.as_flattened());
        let is_beside = place[0].hypot(place[1]) > 0.01;
        if !numbers.all(|number| number.abs() < FAR) || place[2] <= 0.0 || !is_beside {
            return Err(format!("has its camera at {place:?}, expected a place above the ground"));
        }
        Ok(())
    }

    /// The same with a picture of another width, and a height in proportion.
    pub fn with_width(&self, width: usize) -> Self {
        let Camera { place, width: before, height } = self.camera;
        let height = (height * width + before / 2) / before;
        Self { camera: Camera { place, width, height: height.max(1) }, ..*self }
    }
}
