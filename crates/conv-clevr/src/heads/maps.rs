//! One layer of many pictures.

use super::MapsOf;
use crate::{Error, Result};
use candle_core::{DType, Device, Tensor};
use conv_vision::{Features, FeaturesMadeBy};
use std::path::Path;

/// A layer of pictures by their names, as a file of [`Features`] holds it: of one layer, and of the
/// same sides for each picture.
#[derive(Debug, Clone)]
pub struct Maps {
    features: Features,
    layer: String,
    shape: [usize; 3],
}

impl Maps {
    /// Reads a file.
    ///
    /// # Errors
    /// A file that is none of features, or is damaged; more layers than one; a picture whose map is
    /// of other sides than the first's, by name.
    pub fn read(path: &Path) -> Result<Self> {
        Self::new(Features::read(path)?, &path.display().to_string())
    }

    /// Of features; `place` is what an error says they are of.
    ///
    /// # Errors
    /// As [`Maps::read`].
    pub fn new(features: Features, place: &str) -> Result<Self> {
        let wrong = |found: String, expected| Error::Empty { place: place.into(), found, expected };
        let [layer] = &features.made_by().layers[..] else {
            let found = format!("layers {}", features.made_by().layers.join(", "));
            return Err(wrong(found, "exactly one layer"));
        };
        let layer = layer.clone();
        let mut shape = None;
        for image in features.images() {
            let map = features.get(image, &layer);
            let found = map.map(Tensor::dims).unwrap_or_default();
            let &[channels, rows, columns] = found else {
                return Err(wrong(format!("{image} is {found:?}"), "channels, rows and columns"));
            };
            let first = *shape.get_or_insert([channels, rows, columns]);
            if found != first {
                let found = format!("{image} is {found:?}, the first picture {first:?}");
                return Err(wrong(found, "maps of the same sides: LAYER@COLUMNSxROWS has them"));
            }
        }
        let shape = shape.ok_or_else(|| wrong("no picture".into(), "at least one"))?;
        Ok(Self { features, layer, shape })
    }

    /// What they were made by.
    pub fn made_by(&self) -> &FeaturesMadeBy {
        self.features.made_by()
    }

    /// Channels, rows and columns.
    pub fn shape(&self) -> [usize; 3] {
        self.shape
    }

    /// How many pictures there are.
    pub fn len(&self) -> usize {
        self.features.images().len()
    }

    /// Whether there is none, which [`Maps::new`] refuses.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether a picture's map is there.
    pub fn has(&self, image: &str) -> bool {
        self.features.get(image, &self.layer).is_some()
    }

    /// The maps of some pictures, `[P, C, H, W]`.
    ///
    /// # Errors
    /// A picture without one, by name.
    pub fn of(&self, images: &[&str], device: &Device) -> Result<Tensor> {
        let map = |image: &&str| {
            let map = self.features.get(image, &self.layer).ok_or_else(|| Error::Empty {
                place: (*image).into(),
                found: "no map in the features".into(),
                expected: "one for each picture that is asked about",
            });
            Ok(map?.to_dtype(DType::F32)?)
        };
        let maps = images.iter().map(map).collect::<Result<Vec<_>>>()?;
        Ok(Tensor::stack(&maps, 0)?.to_device(device)?)
    }

    /// What a head that learns from them says of them: the channels' mean and deviation over
    /// `images`.
    ///
    /// # Errors
    /// As [`Maps::of`].
    pub fn described(&self, images: &[&str]) -> Result<MapsOf> {
        let [channels, rows, columns] = self.shape;
        let mut sums = vec![0f64; channels];
        let mut squares = vec![0f64; channels];
        for image in images {
            let values = self.of(&[image], &Device::Cpu)?.flatten_all()?.to_vec1::<f32>()?;
            for (channel, values) in values.chunks_exact(rows * columns).enumerate() {
                sums[channel] += values.iter().map(|&value| f64::from(value)).sum::<f64>();
                squares[channel] +=
                    values.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>();
            }
        }
        let count = (images.len() * rows * columns).max(1) as f64;
        let deviation = |(sum, square): (&f64, &f64)| {
            let variance = square / count - (sum / count).powi(2);
            // A channel that is always the same is left so.
            if variance > 1e-12 { variance.sqrt() as f32 } else { 1.0 }
        };
        Ok(MapsOf {
            made_by: self.made_by().clone(),
            shape: self.shape,
            mean: sums.iter().map(|sum| (sum / count) as f32).collect(),
            deviation: sums.iter().zip(&squares).map(deviation).collect(),
        })
    }
}
