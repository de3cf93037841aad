//! From a picture to the numbers that stand for it.

use crate::infer::TOGETHER;
use crate::network::Address;
use crate::picture::{Limits, Picture};
use crate::{Error, Preprocessing, Pretrained, Result, data};
use candle_core::{DType, Device};
use conv_hub::InvalidField;
use conv_nn::Mode;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// How the places of a layer become one number a channel.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pooling {
    /// Their mean.
    #[default]
    Average,
    /// The largest.
    Maximum,
}

impl FromStr for Pooling {
    type Err = InvalidField;

    fn from_str(text: &str) -> Result<Self, InvalidField> {
        match text {
            "average" => Ok(Pooling::Average),
            "maximum" => Ok(Pooling::Maximum),
            _ => Err(InvalidField::name("pooling", text, "average, maximum")),
        }
    }
}

/// Everything that a descriptor depends on but the picture. Two descriptors can be compared where it is the same.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MadeBy {
    /// The network's name.
    pub network: String,
    /// The layer.
    pub layer: String,
    /// How its places became one.
    pub pooling: Pooling,
    /// SHA-256 of the file of weights.
    pub weights: String,
    /// What the picture went through first.
    pub preprocessing: Preprocessing,
}

/// Describes pictures by a layer of a network.
#[derive(Debug, Clone)]
pub struct Describer {
    model: Pretrained,
    address: Address,
    made_by: MadeBy,
    device: Device,
}

impl Describer {
    /// By the layer of this name, or by the last hidden one.
    ///
    /// # Errors
    /// A layer that there is not.
    pub fn new(
        model: Pretrained,
        layer: Option<&str>,
        pooling: Pooling,
        device: &Device,
    ) -> Result<Self> {
        let graph = model.network.graph();
        let name = match layer {
            Some(name) => name.to_owned(),
            None => graph.layers()[graph.embedding()].name.clone(),
        };
        let address = graph.find(&name, model.network.name())?;
        let made_by = MadeBy {
            network: model.network.name().into(),
            layer: name,
            pooling,
            weights: model.hash.clone(),
            preprocessing: model.preprocessing.clone(),
        };
        Ok(Self { model, address, made_by, device: device.clone() })
    }

    /// The network and its weights.
    pub fn model(&self) -> &Pretrained {
        &self.model
    }

    /// What its descriptors depend on.
    pub fn made_by(&self) -> &MadeBy {
        &self.made_by
    }

    /// A descriptor for each picture, all of the same length.
    ///
    /// # Errors
    /// A number that is not finite, or what the tensor library refuses.
    pub fn describe(&self, pictures: &[Picture]) -> Result<Vec<Vec<f32>>> {
        if pictures.is_empty() {
            return Ok(Vec::new());
        }
        let x = self.model.preprocessing.tensor(pictures, &self.device)?;
        let wanted = std::slice::from_ref(&self.address);
        let values = self.model.network.values(&x, wanted, &mut Mode::Eval)?.remove(0);
        let pooled = match (values.rank(), self.made_by.pooling) {
            (4, Pooling::Average) => conv_core::global_avg_pool(&values)?,
            (4, Pooling::Maximum) => conv_core::global_max_pool(&values)?,
            _ => values,
        };
        let rows = pooled.to_dtype(DType::F32)?.to_vec2::<f32>()?;
        match rows.iter().flatten().find(|value| !value.is_finite()) {
            Some(&value) => {
                Err(Error::NotFinite { value: value.into(), path: self.model.path.clone() })
            }
            None => Ok(rows),
        }
    }

    /// Describes files, some at a time, in order: each picture's path and descriptor, and what is no picture.
    ///
    /// # Errors
    /// As [`Describer::describe`].
    pub fn describe_files(
        &self,
        files: &[PathBuf],
        limits: &Limits,
        mut take: impl FnMut(&Path, Vec<f32>),
    ) -> Result<Vec<data::Skipped>> {
        let mut skipped = Vec::new();
        for files in files.chunks(TOGETHER) {
            let (read, failed) = data::load(files, limits);
            skipped.extend(failed);
            let (places, pictures): (Vec<usize>, Vec<Picture>) = read.into_iter().unzip();
            for (at, descriptor) in places.into_iter().zip(self.describe(&pictures)?) {
                take(&files[at], descriptor);
            }
        }
        Ok(skipped)
    }
}
