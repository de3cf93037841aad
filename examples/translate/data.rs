//! Where parallel text lies.

use anyhow::{Context, Result, bail};
use clap::Args;
use conv_translate::PairFiles;
use conv_translate::data::Languages;
use std::path::{Path, PathBuf};

/// Sentences with their translations.
#[derive(Debug, Args)]
pub struct TestSet {
    /// What the two files have in common before their languages, or a table of source<TAB>target
    #[arg(long)]
    data: PathBuf,
    /// The languages, source first, as the files' names end
    #[arg(long, default_value = "de-en")]
    pair: String,
}

impl TestSet {
    pub fn files(&self) -> Result<PairFiles> {
        files(&self.data, "test", &languages(&self.pair)?)
    }
}

/// The files of `part` (`train`, `val`, …): of a folder those that begin so and end in the pair's
/// languages; else a table of `source<TAB>target`, or what two files have in common before their
/// languages.
pub fn files(data: &Path, part: &str, pair: &Languages) -> Result<PairFiles> {
    if data.is_dir() {
        return Ok(PairFiles::Two(pair.files(&data.join(part))?));
    }
    if data.is_file() {
        return Ok(PairFiles::Table(data.into()));
    }
    Ok(PairFiles::Two(pair.files(data)?))
}

/// The two languages of `de-en`.
pub fn languages(pair: &str) -> Result<Languages> {
    pair.parse().context("--pair")
}

/// The first of `parts` that the folder has.
pub fn first_part(data: &Path, parts: &[&str], pair: &Languages) -> Result<PairFiles> {
    if !data.is_dir() {
        bail!("{}: not a folder with a part held out, expected --dev beside it", data.display());
    }
    for part in parts {
        if pair.have_files(&data.join(part))? {
            return files(data, part, pair);
        }
    }
    bail!(
        "{}: no files of {}, expected some to watch training by",
        data.display(),
        parts.join(" or ")
    )
}
