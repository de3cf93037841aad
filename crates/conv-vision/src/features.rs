//! Layers of a network for many pictures, kept in a file: what other networks learn from.

use crate::data::{Skipped, load};
use crate::infer::TOGETHER;
use crate::network::Address;
use crate::picture::{Limits, Picture};
use crate::stored::metadata;
use crate::{Error, Pretrained, Result};
use candle_core::{DType, Device, Tensor};
use conv_hub::files::write_described;
use conv_nn::Mode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
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
    /// What the pictures went through first, such as a [`Preprocessing`](crate::Preprocessing) as
    /// JSON.
    pub preprocessing: Value,
    /// The names of a layer's last axis, of layers that have some: the colours that a detector
    /// knows.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub names: BTreeMap<String, Vec<String>>,
}

impl FeaturesMadeBy {
    /// Whether features of these are what `used` would make: network, weights and preprocessing,
    /// not which layers were kept. `path` is the file that says so.
    ///
    /// # Errors
    /// [`Error::OtherModel`] names what differs.
    pub fn check(&self, used: &Self, path: &Path) -> Result<()> {
        let [found, expected] = [self, used].map(|made_by| {
            let Self { network, weights, preprocessing, .. } = made_by;
            [network.clone(), weights.clone(), preprocessing.to_string()]
        });
        let fields = ["network", "weights", "preprocessing"].into_iter().zip(found).zip(expected);
        for ((field, found), expected) in fields {
            if found != expected {
                return Err(Error::OtherModel { path: path.into(), field, found, expected });
            }
        }
        Ok(())
    }
}

/// What computes features of pictures: a network with its weights.
pub trait FeatureSource {
    /// What goes wrong there.
    type Error: From<Error>;

    /// What features by it depend on, but for the layers.
    fn made_by(&self) -> FeaturesMadeBy;

    /// Of each picture each of these layers, `[C, H, W]` or `[C]`: the same as of the picture
    /// alone, but for the last bits.
    ///
    /// # Errors
    /// A layer that there is not.
    fn layers(
        &self,
        pictures: Vec<Picture>,
        layers: &[&str],
        device: &Device,
    ) -> Result<Vec<Vec<Tensor>>, Self::Error>;
}

impl FeatureSource for Pretrained {
    type Error = Error;

    fn made_by(&self) -> FeaturesMadeBy {
        FeaturesMadeBy {
            network: self.network.name().into(),
            layers: Vec::new(),
            weights: self.hash.clone(),
            preprocessing: json!(self.preprocessing),
            names: BTreeMap::new(),
        }
    }

    fn layers(
        &self,
        pictures: Vec<Picture>,
        layers: &[&str],
        device: &Device,
    ) -> Result<Vec<Vec<Tensor>>> {
        let network = &self.network;
        let find = |layer: &&str| network.graph().find(layer, network.name());
        let addresses: Vec<Address> = layers.iter().map(find).collect::<Result<_>>()?;
        let x = self.preprocessing.tensor(&pictures, device)?;
        let values = network.values(&x, &addresses, &mut Mode::Eval)?;
        let row = |row: usize| values.iter().map(|value| Ok(value.get(row)?)).collect();
        (0..pictures.len()).map(row).collect()
    }
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
    /// Computes `layers` of `files`, [`TOGETHER`] at a time, and keeps them as `dtype`; what is no
    /// picture is returned. A picture is called as its path below `root`. A layer is one that the
    /// source knows ([`Address`] for a [`Pretrained`]); `LAYER@COLUMNSxROWS` is its mean over the
    /// cells of a grid.
    ///
    /// # Errors
    /// A layer or grid that there is not; no picture at all.
    pub fn of<S: FeatureSource>(
        source: &S,
        (files, root): (&[PathBuf], &Path),
        layers: &[String],
        limits: &Limits,
        dtype: DType,
        device: &Device,
    ) -> Result<(Self, Vec<Skipped>), S::Error> {
        let gridded = layers.iter().map(|layer| grid(layer)).collect::<Result<Vec<_>>>()?;
        let names: Vec<&str> = gridded.iter().map(|(name, _)| *name).collect();
        let mut tensors = BTreeMap::new();
        let mut skipped = Vec::new();
        for files in files.chunks(TOGETHER) {
            let (read, failed) = load(files, limits);
            skipped.extend(failed);
            let (places, pictures): (Vec<usize>, Vec<Picture>) = read.into_iter().unzip();
            if pictures.is_empty() {
                continue;
            }
            for (place, values) in places.iter().zip(source.layers(pictures, &names, device)?) {
                let image = files[*place].strip_prefix(root).unwrap_or(&files[*place]);
                for ((layer, (_, cells)), value) in layers.iter().zip(&gridded).zip(values) {
                    // Copied, so that a batch's memory is let go.
                    let kept = || match cells {
                        Some(cells) => mean_of_cells(&value, *cells)?.to_dtype(dtype),
                        None => value.to_dtype(dtype)?.copy(),
                    };
                    let kept = kept().map_err(Error::from)?;
                    tensors.insert(key(&image.to_string_lossy(), layer), kept);
                }
            }
        }
        if tensors.is_empty() {
            let hint = skipped.first().map_or_else(String::new, |first| format!("; {first}"));
            return Err(Error::NoPictures { place: root.display().to_string(), hint }.into());
        }
        let made_by = FeaturesMadeBy { layers: layers.to_vec(), ..source.made_by() };
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

    /// Features that somebody else has computed: of pictures, by their names and layers.
    pub fn new(
        made_by: FeaturesMadeBy,
        tensors: impl IntoIterator<Item = (String, String, Tensor)>,
    ) -> Self {
        let tensors = tensors.into_iter();
        let tensors = tensors.map(|(image, layer, tensor)| (key(&image, &layer), tensor)).collect();
        Self { made_by, tensors }
    }

    /// Reads a file of features, whoever made them.
    ///
    /// # Errors
    /// A file that is none, or is damaged.
    pub fn read(path: &Path) -> Result<Self> {
        let wrong = |reason: String| Error::Features { path: path.to_path_buf(), reason };
        let tensors = conv_hub::read_safetensors(path, None)?;
        let made_by = metadata(path, MADE_BY)?
            .ok_or_else(|| wrong(format!("it has no `{MADE_BY}` in its metadata")))?;
        let made_by: FeaturesMadeBy = serde_json::from_str(&made_by)
            .map_err(|error| wrong(format!("its metadata: {error}")))?;
        let is_known = |key: &str| {
            let layer = key.rsplit_once(' ').map(|(_, layer)| layer);
            layer.is_some_and(|layer| made_by.layers.iter().any(|known| known == layer))
        };
        match tensors.keys().find(|key| !is_known(key)) {
            Some(other) => {
                let layers = made_by.layers.join(", ");
                Err(wrong(format!("tensor `{other}`, expected PICTURE LAYER of {layers}")))
            }
            None => Ok(Self { made_by, tensors }),
        }
    }

    /// Reads a file of features, which must be those of `source`.
    ///
    /// # Errors
    /// As [`Features::read`]; [`Error::OtherModel`] names what differs.
    pub fn open(path: &Path, source: &impl FeatureSource) -> Result<Self> {
        let features = Self::read(path)?;
        features.made_by.check(&source.made_by(), path)?;
        Ok(features)
    }
}

/// A layer's name, and columns and rows of the grid that it is brought to, if any.
fn grid(layer: &str) -> Result<(&str, Option<[usize; 2]>)> {
    let Some((name, sides)) = layer.rsplit_once('@') else { return Ok((layer, None)) };
    let side = |text: &str| text.parse().ok().filter(|side| (1..=1024).contains(side));
    let sides =
        sides.split_once('x').and_then(|(columns, rows)| Some([side(columns)?, side(rows)?]));
    match sides {
        Some(sides) => Ok((name, Some(sides))),
        None => Err(Error::Grid { layer: layer.into() }),
    }
}

/// The mean over each cell of a grid of `[C, H, W]`: `[C, rows, columns]`. A cell ends where the
/// next begins, within a place that both have a share of.
fn mean_of_cells(x: &Tensor, [columns, rows]: [usize; 2]) -> candle_core::Result<Tensor> {
    let (channels, height, width) = x.dims3()?;
    let shares = |from: usize, to: usize| {
        // Each cell's share of each place; rows add up to 1.
        let of = |cell: usize, place: usize| {
            let [start, end] = [cell, cell + 1].map(|edge| edge as f64 * from as f64 / to as f64);
            let shared = end.min(place as f64 + 1.0) - start.max(place as f64);
            (shared.max(0.0) / (end - start)) as f32
        };
        let values = (0..to).flat_map(|cell| (0..from).map(move |place| of(cell, place)));
        Tensor::from_vec(values.collect::<Vec<_>>(), (to, from), x.device())
    };
    let across = x.reshape((channels * height, width))?.matmul(&shares(width, columns)?.t()?)?;
    let down = shares(height, rows)?.unsqueeze(0)?.broadcast_as((channels, rows, height))?;
    down.contiguous()?.matmul(&across.reshape((channels, height, columns))?)
}

fn key(image: &str, layer: &str) -> String {
    format!("{image} {layer}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_share_what_lies_between_them() -> candle_core::Result<()> {
        let x = Tensor::new(&[[[1f32, 2.0, 6.0], [3.0, 4.0, 8.0]]], &Device::Cpu)?;
        let halves = mean_of_cells(&x, [2, 1])?.to_vec3::<f32>()?;
        // The middle column belongs to both by half.
        let expected = [(1.0 + 3.0 + 0.5 * (2.0 + 4.0)) / 3.0, (6.0 + 8.0 + 3.0) / 3.0];
        assert!((halves[0][0][0] - expected[0]).abs() < 1e-6, "{halves:?}");
        assert!((halves[0][0][1] - expected[1]).abs() < 1e-6, "{halves:?}");
        assert_eq!(mean_of_cells(&x, [3, 2])?.to_vec3::<f32>()?, x.to_vec3::<f32>()?);
        Ok(())
    }

    #[test]
    fn a_grid_is_columns_and_rows() {
        assert_eq!(grid("inception_4e").unwrap(), ("inception_4e", None));
        assert_eq!(grid("fpn.0@20x15").unwrap(), ("fpn.0", Some([20, 15])));
        for text in ["a@", "a@20", "a@0x3", "a@3x-1", "a@99999x1"] {
            let error = grid(text).unwrap_err().to_string();
            assert!(error.contains("expected a layer, or LAYER@COLUMNSxROWS"), "{error}");
        }
    }
}
