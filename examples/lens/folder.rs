//! A folder of rendered pictures, in which a later run goes on.

use anyhow::{Context, Result, bail};
use conv_hub::files::write_atomic;
use conv_lens::Rendering;
use conv_vision::Pretrained;
use serde_json::json;
use std::path::Path;

/// Makes the folder, or sees that the pictures in it were rendered as these are.
pub fn claim(folder: &Path, model: &Pretrained, rendering: &Rendering) -> Result<()> {
    let settings = json!({ "weights": model.hash, "rendering": rendering });
    let settings = serde_json::to_vec_pretty(&settings)?;
    let path = folder.join("settings.json");
    let named = || path.display().to_string();
    if path.exists() {
        if std::fs::read(&path).with_context(named)? != settings {
            bail!("{}: its pictures were rendered with other settings", path.display());
        }
        return Ok(());
    }
    std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    write_atomic(&path, &settings).with_context(named)
}
