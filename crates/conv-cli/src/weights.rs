//! Published weights, which lie where the user has put them.

use anyhow::{Context, Result};
use std::path::{Path, PathBuf};

/// Where Caffe's GoogLeNet lies below the folder that CONVOKE_DATA names.
pub const GOOGLENET: &str = "vision/weights/googlenet-bvlc.safetensors";

/// The weights, called `what` in the error, that `flag` has `given`, else those that are `known` to
/// lie below the folder that CONVOKE_DATA names.
///
/// # Errors
/// Neither is there; docs/datasets.md says what goes where.
pub fn weights(what: &str, given: Option<&Path>, flag: &str, known: &str) -> Result<PathBuf> {
    if let Some(path) = given {
        return Ok(path.to_path_buf());
    }
    let data = std::env::var_os("CONVOKE_DATA").with_context(|| {
        format!(
            "no {what}: name a model folder or a .safetensors file by {flag}, or set CONVOKE_DATA (docs/datasets.md)"
        )
    })?;
    Ok(PathBuf::from(data).join(known))
}
