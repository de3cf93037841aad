//! A model folder: everything one trained model is, in files that other programs read too.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use candle_core::{DType, Tensor};
use serde::de::DeserializeOwned;

use crate::weights::not_finite;
use crate::{Error, Result, read_safetensors};

/// The model's type and configuration.
pub const CONFIG: &str = "config.json";
/// The model's parameters.
pub const WEIGHTS: &str = "model.safetensors";
/// How text becomes numbers, in the form of the `tokenizers` crate.
pub const TOKENIZER: &str = "tokenizer.json";
/// The names of the classes, one a line, in the order of the model's outputs.
pub const LABELS: &str = "labels.txt";
/// How the model was trained: data, seed, metrics, version.
pub const TRAINING: &str = "training.json";
/// What the model is for, its data and their terms, its figures, its limits.
pub const CARD: &str = "README.md";

/// The files that a model folder may hold without more being said.
pub(crate) const FILES: [&str; 6] = [CONFIG, WEIGHTS, TOKENIZER, LABELS, TRAINING, CARD];

/// The field of [`CONFIG`] that says which kind of model the folder holds.
pub(crate) const MODEL_TYPE: &str = "model_type";
/// The field of [`CONFIG`] that names the files beyond [`FILES`] that belong to the model.
pub(crate) const FURTHER_FILES: &str = "files";

/// The most that is read of a text file, in bytes; a tokenizer's vocabulary of a million words
/// fits.
const LONGEST_TEXT: u64 = 256 << 20;

/// A model on disk, opened by reading its `config.json`; the other files are read when they are
/// asked for.
///
/// ```no_run
/// # fn main() -> conv_hub::Result<()> {
/// # #[derive(serde::Deserialize)] struct Config { classes: usize }
/// let model = conv_hub::ModelFolder::open("data/models/sentiment".as_ref())?;
/// model.expect_type("kim-cnn")?;
/// let config: Config = model.config()?;
/// let labels = model.labels()?;
/// let tensors = model.tensors(Some(candle_core::DType::F32))?;
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct ModelFolder {
    path: PathBuf,
    model_type: String,
    config: serde_json::Map<String, serde_json::Value>,
    further_files: Vec<String>,
}

impl ModelFolder {
    /// Opens the folder at `path`.
    ///
    /// # Errors
    /// [`Error::MissingFile`] without a `config.json`, [`Error::Json`] where it names no
    /// `model_type`.
    pub fn open(path: &Path) -> Result<Self> {
        let file = existing(path, CONFIG)?;
        let mut config: serde_json::Map<String, serde_json::Value> = json(&file)?;
        let model_type = match config.remove(MODEL_TYPE) {
            Some(serde_json::Value::String(model_type)) => model_type,
            other => {
                let found = if other.is_some() { "is not a string" } else { "is missing" };
                return Err(Error::Json {
                    path: file,
                    field: MODEL_TYPE.to_string(),
                    reason: format!("{found}, expected the type of the model as a string"),
                });
            }
        };
        let further_files = match config.remove(FURTHER_FILES) {
            None => Vec::new(),
            Some(names) => serde_json::from_value(names).map_err(|error| Error::Json {
                path: file,
                field: FURTHER_FILES.to_string(),
                reason: error.to_string(),
            })?,
        };
        Ok(Self { path: path.to_path_buf(), model_type, config, further_files })
    }

    /// Where the model is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Which kind of model it is.
    pub fn model_type(&self) -> &str {
        &self.model_type
    }

    /// Refuses a model of another task.
    ///
    /// # Errors
    /// [`Error::ModelType`] names the folder and both types.
    pub fn expect_type(&self, expected: &str) -> Result<()> {
        if self.model_type == expected {
            return Ok(());
        }
        Err(Error::ModelType {
            folder: self.path.clone(),
            found: self.model_type.clone(),
            expected: expected.to_string(),
        })
    }

    /// The configuration, without `model_type` and `files`.
    ///
    /// # Errors
    /// [`Error::Json`] names the field that is missing, unknown or of another kind.
    pub fn config<T: DeserializeOwned>(&self) -> Result<T> {
        serde_path_to_error::deserialize(serde_json::Value::Object(self.config.clone()))
            .map_err(|error| field_error(&self.path.join(CONFIG), error))
    }

    /// The parameters by name, on the CPU; `floats` converts those of a floating-point type.
    ///
    /// # Errors
    /// As [`read_safetensors`]; [`Error::NotFinite`] for a parameter that is no number;
    /// [`Error::MissingFile`] without the file.
    pub fn tensors(&self, floats: Option<DType>) -> Result<BTreeMap<String, Tensor>> {
        let path = self.file(WEIGHTS)?;
        let tensors = read_safetensors(&path, floats)?;
        for (tensor, values) in &tensors {
            if let Some(value) = not_finite(values)? {
                return Err(Error::NotFinite { path, tensor: tensor.clone(), value });
            }
        }
        Ok(tensors)
    }

    /// The names of the classes, in the order of the model's outputs.
    ///
    /// # Errors
    /// [`Error::Labels`] for an empty or repeated line; [`Error::MissingFile`] without the file.
    pub fn labels(&self) -> Result<Vec<String>> {
        let path = self.file(LABELS)?;
        let labels: Vec<String> = text(&path)?.lines().map(str::to_string).collect();
        check_labels(&labels, &path)?;
        Ok(labels)
    }

    /// How the model was trained.
    ///
    /// # Errors
    /// [`Error::Json`] names the field; [`Error::MissingFile`] without the file.
    pub fn training<T: DeserializeOwned>(&self) -> Result<T> {
        json(&self.file(TRAINING)?)
    }

    /// The path of one of the folder's files, such as [`TOKENIZER`].
    ///
    /// # Errors
    /// [`Error::MissingFile`] if it is not there.
    pub fn file(&self, name: &str) -> Result<PathBuf> {
        existing(&self.path, name)
    }
}

/// Whether a model may be written to `path`, to know it before training: what is there must be a
/// model, and nothing but a model, since it is going to be removed.
///
/// # Errors
/// [`Error::NotAModel`] names what is in the way.
pub fn check_target(path: &Path) -> Result<()> {
    let refuse = |reason: String| Error::NotAModel { folder: path.to_path_buf(), reason };
    if !path.exists() {
        return Ok(());
    }
    if !path.is_dir() {
        return Err(refuse("it is not a folder".to_string()));
    }
    let mut names = Vec::new();
    for entry in std::fs::read_dir(path).map_err(Error::io("read", path))? {
        let entry = entry.map_err(Error::io("read", path))?;
        names.push(entry.file_name().to_string_lossy().into_owned());
    }
    if names.is_empty() {
        return Ok(());
    }
    names.sort_unstable();
    let lost = |name: &String| refuse(format!("it also holds `{name}`, which would be lost"));
    let model = match ModelFolder::open(path) {
        Ok(model) => model,
        Err(error @ Error::Io { .. }) => return Err(error),
        Err(error) => {
            let unknown = names.iter().find(|name| !FILES.contains(&name.as_str()));
            return Err(unknown.map_or_else(|| refuse(error.to_string()), lost));
        }
    };
    let is_part =
        |name: &String| FILES.contains(&name.as_str()) || model.further_files.contains(name);
    match names.iter().find(|name| !is_part(name) || !path.join(name).is_file()) {
        Some(name) => Err(lost(name)),
        None => Ok(()),
    }
}

fn existing(folder: &Path, name: &str) -> Result<PathBuf> {
    let path = folder.join(name);
    if path.is_file() {
        return Ok(path);
    }
    Err(Error::MissingFile {
        folder: folder.to_path_buf(),
        file: name.to_string(),
        purpose: match name {
            CONFIG => "the model's type and configuration",
            WEIGHTS => "the model's parameters",
            TOKENIZER => "how text becomes numbers",
            LABELS => "the names of the classes",
            TRAINING => "how the model was trained",
            CARD => "what the model is for",
            _ => "a part of this model",
        },
    })
}

fn json<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let text = text(path)?;
    let mut parser = serde_json::Deserializer::from_str(&text);
    let value =
        serde_path_to_error::deserialize(&mut parser).map_err(|error| field_error(path, error))?;
    parser.end().map_err(|error| Error::Json {
        path: path.to_path_buf(),
        field: String::new(),
        reason: error.to_string(),
    })?;
    Ok(value)
}

fn field_error(path: &Path, error: serde_path_to_error::Error<serde_json::Error>) -> Error {
    let field = error.path().to_string();
    Error::Json {
        path: path.to_path_buf(),
        // What the library says of the whole, and of what it cannot place.
        field: if matches!(&*field, "." | "?") { String::new() } else { field },
        reason: error.into_inner().to_string(),
    }
}

/// The text of a file of a model folder, such as [`TOKENIZER`].
///
/// # Errors
/// [`Error::TooLarge`] for more bytes than any such file has, [`Error::Encoding`], [`Error::Io`].
pub fn text(path: &Path) -> Result<String> {
    let file = File::open(path).map_err(Error::io("open", path))?;
    let found = file.metadata().map_err(Error::io("read", path))?.len();
    if found > LONGEST_TEXT {
        return Err(Error::TooLarge { path: path.to_path_buf(), found, limit: LONGEST_TEXT });
    }
    let mut bytes = Vec::new();
    file.take(LONGEST_TEXT).read_to_end(&mut bytes).map_err(Error::io("read", path))?;
    String::from_utf8(bytes).map_err(|error| Error::Encoding {
        path: path.to_path_buf(),
        offset: error.utf8_error().valid_up_to(),
    })
}

/// One name a line, none of them empty, none twice: what both the reader and the writer ask for.
pub(crate) fn check_labels(labels: &[String], path: &Path) -> Result<()> {
    let mut first = BTreeMap::new();
    for (index, label) in labels.iter().enumerate() {
        let line = index + 1;
        let reason = if label.trim().is_empty() {
            "is empty, expected the name of a class".to_string()
        } else if label.contains(['\n', '\r']) {
            format!("{label:?} has a line break in it")
        } else if let Some(before) = first.insert(label, line) {
            format!("`{label}` is already on line {before}")
        } else {
            continue;
        };
        return Err(Error::Labels { path: path.to_path_buf(), line, reason });
    }
    Ok(())
}
