//! Files of JSON, read without being held as text, and written whole or not at all.

use crate::{Error, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

/// Reads a file; memory is bounded by its bytes, and nesting by the reader's own limit of 128.
pub(crate) fn read<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let file = File::open(path).map_err(Error::io(path))?;
    let mut reader = serde_json::Deserializer::from_reader(BufReader::with_capacity(1 << 16, file));
    let wrong = |field: String, reason: String| Error::Json { path: path.into(), field, reason };
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let field = error.path().to_string();
        let field = if matches!(&*field, "." | "?") { String::new() } else { format!(" {field}") };
        wrong(field, error.into_inner().to_string())
    })?;
    reader.end().map_err(|error| wrong(String::new(), error.to_string()))?;
    Ok(value)
}

/// Writes a value without blanks.
pub(crate) fn write(path: &Path, value: &impl Serialize) -> Result<()> {
    let text = serde_json::to_vec(value).map_err(|error| Error::Json {
        path: path.into(),
        field: String::new(),
        reason: error.to_string(),
    })?;
    conv_hub::files::write_atomic(path, &text).map_err(Error::Write)
}
