//! What a file of weights holds, layer by layer.

use crate::network::{Architecture, LayerReport};
use crate::{Preprocessing, Pretrained, Result};
use conv_hub::{ModelFolder, folder};
use serde::Serialize;
use serde_json::{Map, Value};
use std::fmt;
use std::path::PathBuf;

/// What `inspect` prints of weights.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Inspection {
    /// The network.
    pub architecture: Architecture,
    /// The file or the model folder.
    #[serde(serialize_with = "crate::data::lossy")]
    pub path: PathBuf,
    /// SHA-256 of the file of weights.
    pub hash: String,
    /// What a picture goes through first.
    pub preprocessing: Preprocessing,
    /// The layer whose values stand for a picture in retrieval unless another is asked for.
    pub embedding: String,
    /// How it was trained, as a model folder's `training.json` has it; empty where nobody has said.
    pub training: Map<String, Value>,
    /// All parameters.
    pub parameters: u64,
    /// Products and sums for one picture.
    pub multiply_adds: u64,
    /// The layers in their order.
    pub layers: Vec<LayerReport>,
}

impl Inspection {
    /// Of a network at the size that its preprocessing gives.
    ///
    /// # Errors
    /// A size that the network cannot take; a `training.json` that cannot be read.
    pub fn new(model: &Pretrained) -> Result<Self> {
        let graph = model.network.graph();
        let side = model.preprocessing.crop;
        let layers = graph.report(&[3, side, side])?;
        let told = model.path.join(folder::TRAINING).exists();
        let training = if told { ModelFolder::open(&model.path)?.training()? } else { Map::new() };
        Ok(Self {
            architecture: model.architecture,
            path: model.path.clone(),
            hash: model.hash.clone(),
            preprocessing: model.preprocessing.clone(),
            training,
            embedding: graph.layers()[graph.embedding()].name.clone(),
            parameters: layers.iter().map(|layer| layer.parameters).sum(),
            multiply_adds: layers.iter().map(|layer| layer.multiply_adds).sum(),
            layers,
        })
    }
}

impl fmt::Display for Inspection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "network          {}", self.architecture.name())?;
        writeln!(f, "file             {}", self.path.display())?;
        writeln!(f, "SHA-256          {}", self.hash)?;
        writeln!(f, "preprocessing    {}", self.preprocessing)?;
        writeln!(f, "embedding        {}", self.embedding)?;
        // The recipe is long, and is there for programs.
        for (name, value) in self.training.iter().filter(|(name, _)| *name != "recipe") {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            writeln!(f, "{name:<16} {value}")?;
        }
        writeln!(f, "parameters       {}", self.parameters)?;
        writeln!(f, "multiply-adds    {:.1} million", self.multiply_adds as f64 / 1e6)?;
        writeln!(f)?;
        let width = self.layers.iter().map(|layer| layer.layer.len()).max().unwrap_or(0);
        writeln!(
            f,
            "{:width$}  {:16} {:>14} {:>7} {:>6} {:>11} {:>14}",
            "layer", "operation", "output", "sees", "every", "parameters", "multiply-adds"
        )?;
        for (at, layer) in self.layers.iter().enumerate() {
            let output: Vec<String> = layer.output.iter().map(ToString::to_string).collect();
            let (sees, every) = match layer.receptive_field {
                Some(field) => (field.size.to_string(), field.stride.to_string()),
                None => ("all".into(), String::new()),
            };
            write!(
                f,
                "{:width$}  {:16} {:>14} {sees:>7} {every:>6} {:>11} {:>14}",
                layer.layer,
                layer.operation,
                output.join(" × "),
                layer.parameters,
                layer.multiply_adds,
            )?;
            if at + 1 < self.layers.len() {
                writeln!(f)?;
            }
        }
        Ok(())
    }
}
