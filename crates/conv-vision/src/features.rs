//! Layers of a network for many pictures, kept in a file: what other networks learn from.

use crate::data::{Skipped, load};
use crate::infer::TOGETHER;
use crate::network::Address;
use crate::picture::{Limits, Picture};
use crate::stored::metadata;
use crate::{Error, Preprocessing, Pretrained, Result};
use candle_core::{Device, Tensor};
use conv_hub::files::write_described;
use conv_nn::Mode;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

/// The entry of the file's metadata.
const MADE_BY: &str = "features";

/// What features depend on but the pictures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeaturesMadeBy {
    /// The network's name.
    pub network: String,
    /// The layers, as they were asked for.
    pub layers: Vec<String>,
    /// SHA-256 of the file of weights.
    pub weights: String,
    /// What the pictures went through first.
    pub preprocessing: Preprocessing,
}

/// Layers of a network for pictures, by their names. On disk a safetensors file with a tensor
/// `IMAGE LAYER` for each, `[C, H, W]` or `[C]`, where IMAGE is the picture's path, and in the
/// metadata under `features` what they depend on, as JSON.
#[derive(Debug, Clone)]
pub struct Features {
    made_by: FeaturesMadeBy,
    tensors: BTreeMap<String, Tensor>,
}

impl Features {
    /// Computes `layers` ([`Address`]) of `files`, [`TOGETHER`] at a time; what is no picture is
    /// returned. A picture is called as its path below `root`.
    ///
    /// # Errors
    /// A layer that there is not; no picture at all.
    pub fn of(
        model: &Pretrained,
        files: &[PathBuf],
        root: &Path,
        layers: &[String],
        limits: &Limits,
        device: &Device,
    ) -> Result<(Self, Vec<Skipped>)> {
        let network = &model.network;
        let find = |layer: &String| network.graph().find(layer, network.name());
        let addresses: Vec<Address> = layers.iter().map(find).collect::<Result<_>>()?;
        let (mut tensors, mut skipped) = (BTreeMap::new(), Vec::new());
        for files in files.chunks(TOGETHER) {
            let (read, failed) = load(files, limits);
            skipped.extend(failed);
            let (places, pictures): (Vec<usize>, Vec<Picture>) = read.into_iter().unzip();
            if pictures.is_empty() {
                continue;
            }
            let x = model.preprocessing.tensor(&pictures, device)?;
            let values = network.values(&x, &addresses, &mut Mode::Eval)?;
            for (layer, value) in layers.iter().zip(values) {
                for (row, place) in places.iter().enumerate() {
                    let image = files[*place].strip_prefix(root).unwrap_or(&files[*place]);
                    // Copied, so that a batch's memory is let go.
                    tensors.insert(key(&image.to_string_lossy(), layer), value.get(row)?.copy()?);
                }
            }
        }
        if tensors.is_empty() {
            let hint = skipped.first().map_or_else(String::new, |first| format!("; {first}"));
            return Err(Error::NoPictures { place: root.display().to_string(), hint });
        }
        let made_by = FeaturesMadeBy {
            network: network.name().into(),
            layers: layers.to_vec(),
            weights: model.hash.clone(),
            preprocessing: model.preprocessing.clone(),
        };
        Ok((Self { made_by, tensors }, skipped))
    }

    /// What they depend on.
    pub fn made_by(&self) -> &FeaturesMadeBy {
        &self.made_by
    }

    /// The pictures' names, in order.
    pub fn images(&self) -> Vec<&str> {
        let mut images: Vec<&str> =
            self.tensors.keys().filter_map(|key| Some(key.rsplit_once(' ')?.0)).collect();
        images.dedup();
        images
    }

    /// A layer of a picture, `[C, H, W]` or `[C]`.
    pub fn get(&self, image: &str, layer: &str) -> Option<&Tensor> {
        self.tensors.get(&key(image, layer))
    }

    /// Writes the file whole or not at all.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn write(&self, path: &Path) -> Result<()> {
        let made_by = serde_json::to_string(&self.made_by).map_err(std::io::Error::other);
        let metadata = HashMap::from([(MADE_BY.to_owned(), made_by.map_err(Error::Write)?)]);
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new("."));
        write_described(path, folder, &self.tensors, Some(metadata)).map_err(Error::Write)
    }

    /// Reads a file of features, which must be those of `model`.
    ///
    /// # Errors
    /// A file that is none, or is damaged; [`Error::OtherModel`] names what differs.
    pub fn open(path: &Path, model: &Pretrained) -> Result<Self> {
        let wrong = |reason: String| Error::Features { path: path.to_path_buf(), reason };
        let tensors = conv_hub::read_safetensors(path, None)?;
        let made_by = metadata(path, MADE_BY)?
            .ok_or_else(|| wrong(format!("it has no `{MADE_BY}` in its metadata")))?;
        let made_by: FeaturesMadeBy = serde_json::from_str(&made_by)
            .map_err(|error| wrong(format!("its metadata: {error}")))?;
        let (found, used) = (&made_by, model);
        let fields = [
            ("network", found.network.clone(), used.network.name().to_owned()),
            ("weights", found.weights.clone(), used.hash.clone()),
            ("preprocessing", found.preprocessing.to_string(), used.preprocessing.to_string()),
        ];
        match fields.into_iter().find(|(_, found, expected)| found != expected) {
            None => Ok(Self { made_by, tensors }),
            Some((field, found, expected)) => {
                Err(Error::OtherModel { path: path.to_path_buf(), field, found, expected })
            }
        }
    }
}

fn key(image: &str, layer: &str) -> String {
    format!("{image} {layer}")
}
