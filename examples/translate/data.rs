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

/// The files of `part` (`train`, `val`, …): of a folder those that begin so and end in the pair's languages; else a table of
/// `source<TAB>target`, or what two files have in common before their languages.
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
    let names: Vec<_> = std::fs::read_dir(data)
        .and_then(|entries| entries.map(|entry| Ok(entry?.file_name())).collect())
        .with_context(|| format!("cannot read {}", data.display()))?;
    let has = |part: &str| {
        let of_pair = |name: &str| {
            let language = name.strip_suffix(".gz").unwrap_or(name).rsplit('.').next();
            [pair.source(), pair.target()].map(Some).contains(&language)
        };
        let mut names = names.iter().filter_map(|name| name.to_str());
        names.any(|name| name.starts_with(&format!("{part}.")) && of_pair(name))
    };
    match parts.iter().find(|part| has(part)) {
        Some(part) => files(data, part, pair),
        None => bail!(
            "{}: no files of {}, expected some to watch training by",
            data.display(),
            parts.join(" or ")
        ),
    }
}
