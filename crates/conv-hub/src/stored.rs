//! What every model on disk has, whatever its task.

use crate::{Error, InvalidField, ModelFolder, Result, folder};
use candle_core::{DType, Tensor};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

/// The sizes of a network, as `config.json` holds them.
pub trait ModelConfig: Serialize + DeserializeOwned {
    /// What `model_type` says in `config.json`.
    const MODEL_TYPE: &'static str;

    /// Whether a network can be built from it.
    ///
    /// # Errors
    /// The first field out of its range.
    fn check(&self) -> Result<(), InvalidField>;
}

/// A model folder of one task, read and checked. The task adds its tokenizer or labels and builds
/// its network.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use conv_hub::{InvalidField, ModelConfig, ModelParts, Stored};
/// use serde::{Deserialize, Serialize};
/// # let place = tempfile::tempdir()?;
/// # let folder = place.path().join("model");
///
/// #[derive(Serialize, Deserialize)]
/// struct Config { width: usize }
/// impl ModelConfig for Config {
///     const MODEL_TYPE: &'static str = "line";
///     fn check(&self) -> Result<(), InvalidField> {
///         InvalidField::unless(self.width > 0, "width", &self.width, "at least 1")
///     }
/// }
///
/// let config = |width: usize| [("width".to_string(), width.into())].into_iter().collect();
/// ModelParts { model_type: "line", config: config(2), ..Default::default() }.write(&folder)?;
/// assert_eq!(Stored::<Config>::open(&folder)?.config.width, 2);
/// ModelParts { model_type: "line", config: config(0), ..Default::default() }.write(&folder)?;
/// assert!(Stored::<Config>::open(&folder).is_err());
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Stored<C> {
    /// The folder, for further files.
    pub folder: ModelFolder,
    /// The network's sizes.
    pub config: C,
    /// The parameters, as 32-bit floats.
    pub tensors: BTreeMap<String, Tensor>,
}

impl<C: ModelConfig> Stored<C> {
    /// Reads the folder at `path`.
    ///
    /// # Errors
    /// A missing or damaged file, a folder of another task, a field out of its range, or a
    /// parameter that is not of floats or not finite.
    pub fn open(path: &Path) -> Result<Self> {
        let folder = ModelFolder::open(path)?;
        folder.expect_type(C::MODEL_TYPE)?;
        let config: C = folder.config()?;
        config.check()?;
        let tensors = folder.tensors(Some(DType::F32))?;
        if let Some((name, tensor)) = tensors.iter().find(|(_, t)| t.dtype() != DType::F32) {
            return Err(Error::ParameterType { name: name.clone(), found: tensor.dtype() });
        }
        Ok(Self { folder, config, tensors })
    }
}

/// What `inspect` says of a model: the task's own part, how it was trained, and every parameter.
/// Its `Display` is a table for people, its serialised form one for programs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Inspection<T> {
    /// The task's own part; its `Display` is some lines of `name value`, each with its line break.
    #[serde(flatten)]
    pub task: T,
    /// How it was trained, as `training.json` has it; empty where there is none.
    pub training: Map<String, Value>,
    /// Every parameter, in name order.
    pub parameters: Vec<Parameter>,
}

/// A parameter on disk.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Parameter {
    /// Its full name.
    pub name: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// How its numbers are stored.
    pub stored_as: String,
}

impl<T> Inspection<T> {
    /// Reads what is not the task's from a model folder. Models of other makers need not say how
    /// they came about.
    ///
    /// # Errors
    /// A missing or damaged file.
    pub fn open(task: T, folder: &ModelFolder) -> Result<Self> {
        let told = folder.path().join(folder::TRAINING).exists();
        let training = if told { folder.training()? } else { Map::new() };
        Ok(Self::new(task, training, &folder.tensors(None)?))
    }

    /// Puts it together.
    pub fn new(task: T, training: Map<String, Value>, tensors: &BTreeMap<String, Tensor>) -> Self {
        let parameter = |(name, tensor): (&String, &Tensor)| Parameter {
            name: name.clone(),
            shape: tensor.dims().to_vec(),
            stored_as: tensor.dtype().as_str().into(),
        };
        Self { task, training, parameters: tensors.iter().map(parameter).collect() }
    }
}

impl<T: fmt::Display> fmt::Display for Inspection<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.task)?;
        // The recipe is long, and is there for programs.
        for (name, value) in self.training.iter().filter(|(name, _)| *name != "recipe") {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            writeln!(f, "{name:<16} {value}")?;
        }
        let width = self.parameters.iter().map(|parameter| parameter.name.len()).max().unwrap_or(0);
        let mut total = 0;
        for Parameter { name, shape, stored_as } in &self.parameters {
            let count: usize = shape.iter().product();
            total += count;
            writeln!(f, "{name:width$}  {count:>10}  {stored_as}  {shape:?}")?;
        }
        write!(f, "{:<16} {total}", "parameters")
    }
}
