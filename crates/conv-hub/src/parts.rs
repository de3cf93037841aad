//! Writing a model folder: the whole of it beside its place, then a rename, so that no one ever
//! sees half a model.

use std::collections::BTreeMap;
use std::path::Path;

use crate::files::{sync_folder, write_atomic, write_safetensors};
use candle_core::{DType, Tensor};
use serde_json::{Map, Value};
use tempfile::TempDir;

use crate::folder::{
    self, CARD, CONFIG, FURTHER_FILES, LABELS, MODEL_TYPE, TRAINING, WEIGHTS, check_labels,
};
use crate::names::within;
use crate::{Error, Result};

/// The parts of a model, as they are written to a folder.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use conv_hub::{ModelFolder, ModelParts};
/// # let place = tempfile::tempdir()?;
/// # let folder = place.path().join("model");
///
/// let weight = candle_core::Tensor::new(&[0.5f32, -0.5], &candle_core::Device::Cpu)?;
/// ModelParts {
///     model_type: "kim-cnn",
///     config: serde_json::from_str(r#"{"widths": [3, 4, 5]}"#)?,
///     tensors: &[("weight".to_string(), weight)].into(),
///     labels: &["negative".to_string(), "positive".to_string()],
///     card: "# Sentiment\n",
///     ..ModelParts::default()
/// }
/// .write(&folder)?;
///
/// let model = ModelFolder::open(&folder)?;
/// assert_eq!(model.labels()?, ["negative", "positive"]);
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct ModelParts<'a> {
    /// Which kind of model it is; a binary refuses a folder of another kind.
    pub model_type: &'a str,
    /// The configuration, without `model_type` and `files`.
    pub config: Map<String, Value>,
    /// The parameters by name.
    pub tensors: &'a BTreeMap<String, Tensor>,
    /// Store the f32 and f64 parameters in half precision.
    pub half: bool,
    /// The names of the classes, in the order of the model's outputs; empty: no file.
    pub labels: &'a [String],
    /// How the model was trained (data, seed, metrics, version); null: no file.
    pub training: Value,
    /// The model card, in Markdown; empty: no file.
    pub card: &'a str,
    /// Further files by name, such as the tokenizer.
    pub files: &'a [(&'a str, &'a [u8])],
}

impl Default for ModelParts<'_> {
    fn default() -> Self {
        static NO_TENSORS: BTreeMap<String, Tensor> = BTreeMap::new();
        Self {
            model_type: "",
            config: Map::new(),
            tensors: &NO_TENSORS,
            half: false,
            labels: &[],
            training: Value::Null,
            card: "",
            files: &[],
        }
    }
}

impl ModelParts<'_> {
    /// Writes the model to the folder `path`, over an older model there if there is one.
    ///
    /// All files are written and made durable in a temporary folder beside `path`, which is then
    /// renamed. An older model is moved aside first and removed last.
    ///
    /// # Errors
    /// [`Error::NotAModel`] if something at `path` is not a model folder or holds files that this
    /// would destroy; [`Error::HalfRange`] if a weight does not fit in half precision;
    /// [`Error::Labels`] and [`Error::UnsafeName`] for names that could not be read again;
    /// [`Error::Io`]. What was at `path` is then still there, or where the text says: nothing is
    /// removed before the new model is in its place.
    pub fn write(&self, path: &Path) -> Result<()> {
        check_labels(self.labels, &path.join(LABELS))?;
        folder::check_target(path)?;
        let parent = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        std::fs::create_dir_all(parent).map_err(Error::io("create", parent))?;
        let beside = tempfile::Builder::new()
            .prefix(".writing-")
            .tempdir_in(parent)
            .map_err(Error::io("write in", parent))?;
        let new = beside.path().join(NEW);
        std::fs::create_dir(&new).map_err(Error::io("create", &new))?;
        self.fill(&new)?;
        put_in_place(beside, path, |from, to| std::fs::rename(from, to))?;
        sync_folder(parent).map_err(Error::io("write in", parent))
    }

    fn fill(&self, folder: &Path) -> Result<()> {
        let mut config = Map::new();
        config.insert(MODEL_TYPE.to_string(), self.model_type.into());
        let names = self.files.iter().map(|(name, _)| *name);
        let further: Vec<&str> = names.filter(|name| !folder::FILES.contains(name)).collect();
        if !further.is_empty() {
            config.insert(FURTHER_FILES.to_string(), further.into());
        }
        let own = |field: &str| matches!(field, MODEL_TYPE | FURTHER_FILES);
        config.extend(self.config.clone().into_iter().filter(|(field, _)| !own(field)));
        put(folder, CONFIG, &pretty(&Value::Object(config)))?;
        if !self.training.is_null() {
            put(folder, TRAINING, &pretty(&self.training))?;
        }
        if !self.labels.is_empty() {
            put(folder, LABELS, format!("{}\n", self.labels.join("\n")).as_bytes())?;
        }
        if !self.card.is_empty() {
            put(folder, CARD, self.card.as_bytes())?;
        }
        for (name, bytes) in self.files {
            put(folder, self.file_name(name)?, bytes)?;
        }
        let weights = folder.join(WEIGHTS);
        if self.half {
            write_safetensors(&weights, &halved(self.tensors)?)
        } else {
            write_safetensors(&weights, self.tensors)
        }
        .map_err(Error::Write)
    }

    /// A further file may neither leave the folder nor take the place of another part.
    fn file_name<'n>(&self, name: &'n str) -> Result<&'n str> {
        let own = [CONFIG, WEIGHTS, LABELS, TRAINING, CARD];
        if own.contains(&name) || name.contains('/') {
            return Err(Error::UnsafeName {
                name: name.to_string(),
                place: "a model folder beside its own parts".to_string(),
            });
        }
        within(name, "a model folder")
    }
}

/// The new model and the older one within the temporary folder.
const NEW: &str = "new";
const OLD: &str = "old";

/// Moves the new model from `beside` to `path`; `beside` and the older model in it are removed,
/// unless the older one can neither be replaced nor moved back.
fn put_in_place(
    beside: TempDir,
    path: &Path,
    rename: impl Fn(&Path, &Path) -> std::io::Result<()>,
) -> Result<()> {
    let new = beside.path().join(NEW);
    let old = beside.path().join(OLD);
    let replaces = path.exists();
    if replaces {
        rename(path, &old).map_err(Error::io("replace", path))?;
    }
    let Err(refused) = rename(&new, path) else {
        return Ok(());
    };
    if replaces && let Err(error) = rename(&old, path) {
        let _ = beside.keep();
        return Err(Error::io("move the older model back from", &old)(error));
    }
    Err(Error::io("write", path)(refused))
}

fn put(folder: &Path, name: &str, bytes: &[u8]) -> Result<()> {
    write_atomic(&folder.join(name), bytes).map_err(Error::Write)
}

fn pretty(value: &Value) -> Vec<u8> {
    format!("{value:#}\n").into_bytes()
}

/// The parameters with f32 and f64 in half precision; a finite value must not become infinite.
fn halved(tensors: &BTreeMap<String, Tensor>) -> Result<BTreeMap<String, Tensor>> {
    let mut halved = BTreeMap::new();
    for (name, tensor) in tensors {
        if !matches!(tensor.dtype(), DType::F32 | DType::F64) {
            halved.insert(name.clone(), tensor.clone());
            continue;
        }
        let half = tensor.to_dtype(DType::F16)?;
        let before = tensor.to_dtype(DType::F32)?.flatten_all()?.to_vec1::<f32>()?;
        let after = half.to_dtype(DType::F32)?.flatten_all()?.to_vec1::<f32>()?;
        let lost = before
            .iter()
            .zip(after)
            .find(|(before, after)| before.is_finite() && !after.is_finite());
        if let Some((&value, _)) = lost {
            return Err(Error::HalfRange { tensor: name.clone(), value });
        }
        halved.insert(name.clone(), half);
    }
    Ok(halved)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;
    use std::io;

    #[test]
    fn an_older_model_that_cannot_be_moved_back_is_kept_and_named() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("model");
        for (allowed, kept) in [(0, "model"), (1, "old")] {
            std::fs::create_dir_all(&path).unwrap();
            std::fs::write(path.join(CONFIG), "mine").unwrap();
            let beside = tempfile::tempdir_in(place.path()).unwrap();
            let within = beside.path().to_path_buf();
            let left = Cell::new(allowed);
            let error = put_in_place(beside, &path, |from, to| {
                if left.get() == 0 {
                    return Err(io::Error::other("full"));
                }
                left.set(left.get() - 1);
                std::fs::rename(from, to)
            });
            let kept = if kept == OLD { within.join(OLD) } else { path.clone() };
            assert!(error.unwrap_err().to_string().contains(&kept.display().to_string()));
            assert_eq!(std::fs::read_to_string(kept.join(CONFIG)).unwrap(), "mine");
        }
    }
}
