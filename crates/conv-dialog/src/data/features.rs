//! Features of the images that dialogs are about, as `classify features` keeps them.

use super::images::number;
use crate::{Error, Result};
use candle_core::{DType, Tensor};
use conv_vision::Features;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Images that are named where their features are missing.
const NAMED: usize = 3;

/// What features of images are: a ranker that learnt from some is of use with those alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageSource {
    /// Numbers of an image.
    pub size: usize,
    /// The network that they are of.
    pub network: String,
    /// Its layer.
    pub layer: String,
    /// SHA-256 of its file of weights.
    pub weights: String,
}

/// A layer of a network for each image, by the image's number. A layer with places, `[C, H, W]`,
/// becomes its mean over them, and each image's numbers are divided by their Euclidean length, as
/// Das et al. (2017), "Visual Dialog", do.
#[derive(Debug, Clone)]
pub struct ImageFeatures {
    path: PathBuf,
    source: ImageSource,
    /// `[size]` each.
    images: HashMap<u64, Arc<[f32]>>,
}

impl ImageFeatures {
    /// Reads a file of features of pictures whose names end in their images' numbers, whatever
    /// stands before; of several layers the one that is named.
    ///
    /// # Errors
    /// A file that is none; no such layer; a name without number, two pictures of an image, numbers
    /// that are not finite or not as many as the others', by picture.
    pub fn read(path: &Path, layer: Option<&str>) -> Result<Self> {
        let features = Features::read(path)?;
        let wrong = |reason: String| Error::Features { path: path.into(), reason };
        let made_by = features.made_by();
        let layer = match (layer, &made_by.layers[..]) {
            (None, [only]) => only.clone(),
            (Some(layer), layers) if layers.iter().any(|known| known == layer) => layer.into(),
            (asked, layers) => {
                let asked = asked.map_or("no layer is named".into(), |layer| format!("no {layer}"));
                return Err(wrong(format!("{asked}, expected one of {}", layers.join(", "))));
            }
        };
        let mut images = HashMap::new();
        let mut size = None;
        for name in features.images() {
            let Some(tensor) = features.get(name, &layer) else {
                return Err(wrong(format!("{name} has no layer `{layer}`")));
            };
            let image = number(name).ok_or_else(|| {
                let expected = "expected a picture's name that ends in the image's number";
                wrong(format!("{name}: {expected}, such as COCO_val2014_000000000042.jpg"))
            })?;
            let row = row(tensor).map_err(|reason| wrong(format!("{name}: {reason}")))?;
            let expected = *size.get_or_insert(row.len());
            if row.len() != expected {
                let found = row.len();
                return Err(wrong(format!("{name} has {found} numbers, expected {expected}")));
            }
            if images.insert(image, row.into()).is_some() {
                return Err(wrong(format!("{name}: image {image} again, expected each once")));
            }
        }
        let size = size.ok_or_else(|| wrong("no picture in it".into()))?;
        let network = made_by.network.clone();
        let weights = made_by.weights.clone();
        let source = ImageSource { size, network, layer, weights };
        Ok(Self { path: path.into(), source, images })
    }

    /// What they are.
    pub fn source(&self) -> &ImageSource {
        &self.source
    }

    /// How many images have some.
    pub fn len(&self) -> usize {
        self.images.len()
    }

    /// Whether none has.
    pub fn is_empty(&self) -> bool {
        self.images.is_empty()
    }

    /// The features of an image.
    ///
    /// # Errors
    /// There are none.
    pub(crate) fn of(&self, image: u64) -> Result<Arc<[f32]>> {
        self.check([image])?;
        Ok(self.images[&image].clone())
    }

    /// Whether each of `images` has features.
    ///
    /// # Errors
    /// Some have none: how many, and the first of them.
    pub fn check(&self, images: impl IntoIterator<Item = u64>) -> Result<()> {
        let mut all = 0;
        let mut missing = Vec::new();
        for image in images {
            all += 1;
            missing.extend((!self.images.contains_key(&image)).then_some(image));
        }
        if missing.is_empty() {
            return Ok(());
        }
        let named: Vec<String> =
            missing.iter().take(NAMED).map(|image| format!("*{image:012}.jpg")).collect();
        let count = missing.len();
        let named = named.join(", ");
        let more = if count > NAMED { " and more" } else { "" };
        let reason = format!(
            "{count} of {all} images have no features here: no picture {named}{more} (nor .jpeg, \
             .png); a ranker of text alone is asked without features"
        );
        Err(Error::Features { path: self.path.clone(), reason })
    }

    /// Whether they are what a ranker learnt from.
    pub(crate) fn expect(&self, expected: &ImageSource) -> Result<()> {
        if self.source == *expected {
            return Ok(());
        }
        let said = |ImageSource { size, network, layer, weights }: &ImageSource| {
            format!("{network}, layer {layer}, {size} numbers, weights {weights}")
        };
        let found = said(&self.source);
        let expected = said(expected);
        let reason = format!("{found}, expected those that the ranker learnt from: {expected}");
        Err(Error::Features { path: self.path.clone(), reason })
    }
}

/// An image's numbers, of length 1.
fn row(tensor: &Tensor) -> Result<Vec<f32>, String> {
    let flat = match tensor.dims() {
        [_] => tensor.clone(),
        [_, _, _] => tensor.mean((1, 2)).map_err(|error| error.to_string())?,
        found => return Err(format!("shape {found:?}, expected [C] or [C, H, W]")),
    };
    let flat = flat.to_dtype(DType::F32).and_then(|flat| flat.to_vec1::<f32>());
    let mut row = flat.map_err(|error| error.to_string())?;
    if let Some(value) = row.iter().find(|value| !value.is_finite()) {
        return Err(format!("{value}, expected finite numbers"));
    }
    let length = row.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>().sqrt();
    if length > 0.0 {
        row.iter_mut().for_each(|value| *value = (f64::from(*value) / length) as f32);
    }
    Ok(row)
}
