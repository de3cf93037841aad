//! Files of dialogs: VisDial as published, its dense annotations, and dialogs as plain text.

mod dense;
mod features;
mod images;
mod text;
mod visdial;

pub use dense::Dense;
pub use features::{ImageFeatures, ImageSource};
pub use images::Pictures;
pub use text::{TextDialog, read_text, without_images};
pub use visdial::{CANDIDATES, Dialog, ROUNDS, ReadOptions, Round, VisDial};

use crate::{Error, Result};
use serde::de::DeserializeOwned;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

/// Reads a JSON file as it streams by; what is kept of it is bounded by its bytes.
pub(crate) fn json<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let file = BufReader::new(File::open(path).map_err(Error::io(path))?);
    let mut json = serde_json::Deserializer::from_reader(file);
    let value = serde_path_to_error::deserialize(&mut json);
    let value = value.map_err(|error| (error.path().to_string(), error.into_inner()));
    let refuse = |reason| Error::Json { path: path.into(), reason };
    let value = value.map_err(|(field, error)| match field.as_str() {
        "." => refuse(error.to_string()),
        field => refuse(format!("field `{field}`: {error}")),
    })?;
    json.end().map_err(|error| refuse(error.to_string()))?;
    Ok(value)
}
