//! From a picture to the numbers that stand for it.

use super::Views;
use super::expand::{add, normalise};
use crate::infer::TOGETHER;
use crate::network::{Address, Operation};
use crate::picture::{Limits, Picture};
use crate::{Error, Preprocessing, Pretrained, Result, data};
use candle_core::{DType, Device, Tensor};
use conv_hub::InvalidField;
use conv_nn::Mode;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::fmt;
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
    /// The generalised mean with p = 3, between the two: (mean of x³)^⅓ of what is above 0
    /// (Radenović et al. 2019, equation 3).
    Gem,
}

impl FromStr for Pooling {
    type Err = InvalidField;

    fn from_str(text: &str) -> Result<Self, InvalidField> {
        match text {
            "average" => Ok(Pooling::Average),
            "maximum" => Ok(Pooling::Maximum),
            "gem" => Ok(Pooling::Gem),
            _ => Err(InvalidField::name("pooling", text, "average, maximum, gem")),
        }
    }
}

impl fmt::Display for Pooling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Pooling::Average => "average",
            Pooling::Maximum => "maximum",
            Pooling::Gem => "generalised mean",
        })
    }
}

impl Pooling {
    /// `[B, C, H, W]` → `[B, C]`.
    fn of(self, values: &Tensor) -> Result<Tensor> {
        Ok(match self {
            Pooling::Average => conv_core::global_avg_pool(values)?,
            Pooling::Maximum => conv_core::global_max_pool(values)?,
            Pooling::Gem => {
                let cubes = values.maximum(0.0)?.powf(3.0)?;
                conv_core::global_avg_pool(&cubes)?.powf(1.0 / 3.0)?
            }
        })
    }
}

/// Everything that a descriptor depends on but the picture. Two descriptors can be compared where
/// it is the same.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MadeBy {
    /// The network's name.
    pub network: String,
    /// The layer.
    pub layer: String,
    /// How its places became one.
    pub pooling: Pooling,
    /// What of the picture the network saw.
    #[serde(default, skip_serializing_if = "Views::is_plain")]
    pub views: Views,
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
    /// By the layer of this name, or by the last hidden one. Where that is the mean over places and
    /// another pooling is asked for, by the layer that it is the mean of.
    ///
    /// # Errors
    /// A layer that there is not.
    pub fn new(
        mut model: Pretrained,
        layer: Option<&str>,
        pooling: Pooling,
        device: &Device,
    ) -> Result<Self> {
        let graph = model.network.graph();
        let name = match layer {
            Some(name) => name.to_owned(),
            None => graph.layers()[graph.embedding()].name.clone(),
        };
        let mut address = graph.find(&name, model.network.name())?;
        // Unless what is asked for is what a batch norm reads.
        let folded = model.network.clone().folded()?;
        if let Ok(found) = folded.graph().find(&name, folded.name()) {
            (address, model.network) = (found, folded);
        }
        let layer = &model.network.graph().layers()[address.layer];
        if matches!(layer.operation, Operation::GlobalAverage) && pooling != Pooling::Average {
            address.layer = layer.inputs[0];
        }
        let made_by = MadeBy {
            network: model.network.name().into(),
            layer: name,
            pooling,
            views: Views::default(),
            weights: model.hash.clone(),
            preprocessing: model.preprocessing.clone(),
        };
        Ok(Self { model, address, made_by, device: device.clone() })
    }

    /// By the mean over other views of a picture than the classifier's.
    ///
    /// # Errors
    /// A field out of its range.
    pub fn with_views(mut self, views: Views) -> Result<Self> {
        views.check()?;
        self.made_by.views = views;
        Ok(self)
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
    /// A number that is not finite; views that the network cannot take, as a fully connected layer
    /// only takes one size; or what the tensor library refuses.
    pub fn describe(&self, pictures: &[Picture]) -> Result<Vec<Vec<f32>>> {
        if pictures.is_empty() {
            return Ok(Vec::new());
        }
        let views = &self.made_by.views;
        let preprocessing = &self.made_by.preprocessing;
        let rows = if views.is_plain() {
            self.rows(&preprocessing.tensor(pictures, &self.device)?)?
        } else {
            let seen = pictures.par_iter().map(|picture| views.of(picture, preprocessing));
            let seen: Vec<Vec<Vec<Picture>>> = seen.collect::<Result<_>>()?;
            seen.iter().map(|views| self.joined(views)).collect::<Result<_>>()?
        };
        match rows.iter().flatten().find(|value| !value.is_finite()) {
            Some(&value) => {
                Err(Error::NotFinite { value: value.into(), path: self.model.path.clone() })
            }
            None => Ok(rows),
        }
    }

    /// The mean of the descriptors of several views, each of a length of 1.
    fn joined(&self, views: &[Vec<Picture>]) -> Result<Vec<f32>> {
        let mut sum = Vec::new();
        for same in views {
            let sides = (same[0].width(), same[0].height());
            let same: Vec<&Picture> = same.iter().collect();
            let x = self.made_by.preprocessing.normalise(&same, sides, &self.device)?;
            for mut row in self.rows(&x)? {
                normalise(&mut row);
                if sum.is_empty() {
                    sum = vec![0.0; row.len()];
                }
                add(&mut sum, &row, 1.0);
            }
        }
        normalise(&mut sum);
        Ok(sum)
    }

    /// A row a picture of `[B, 3, H, W]`.
    fn rows(&self, x: &Tensor) -> Result<Vec<Vec<f32>>> {
        let wanted = std::slice::from_ref(&self.address);
        let values = self.model.network.values(x, wanted, &mut Mode::Eval)?.remove(0);
        let pooled = if values.rank() == 4 { self.made_by.pooling.of(&values)? } else { values };
        Ok(pooled.to_dtype(DType::F32)?.to_vec2()?)
    }

    /// Describes files, some at a time, in order: each picture's path and descriptor, and what is
    /// no picture.
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
