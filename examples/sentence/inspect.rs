//! `inspect`: what is in data files, in one of Kim's sets, or in a model folder.

use crate::data::{Reading, Sets};
use anyhow::{Result, bail};
use clap::Args;
use conv_hub::Vectors;
use conv_sentence::data::{KimData, KimSet};
use conv_sentence::inspect::{ModelInspection, Source, inspect};
use conv_text::data::{Corpus, Example, FileText, Format, examine};
use conv_text::embedding;
use conv_text::tokenizer::{Style, Tokenizer};
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
pub struct Options {
    /// Files (train, dev, test), one of Kim's sets, or a model folder or hub id
    #[arg(required = true)]
    data: Vec<PathBuf>,
    /// Word vectors whose coverage of the words is wanted
    #[arg(long)]
    vectors: Option<PathBuf>,
    /// How text becomes words: kim, kim-cased or unicode [default: as in training: kim, TREC's
    /// kim-cased, unicode where one's own data have letters that are not English]
    #[arg(long)]
    style: Option<Style>,
    #[command(flatten)]
    reading: Reading,
    #[command(flatten)]
    sets: Sets,
}

pub fn run(options: &Options, common: &conv_cli::Common) -> Result<()> {
    if let [model] = options.data.as_slice()
        && (model.is_dir() || hub_id(model))
    {
        let model = conv_hub::resolve(&model.to_string_lossy())?;
        return conv_cli::print(common.json, &ModelInspection::open(&model)?);
    }
    let mut parts: Vec<(String, Corpus, Option<FileText>)> = Vec::new();
    let mut of_set = None;
    for path in &options.data {
        if path.is_dir() {
            bail!("{} is a folder: a model is inspected by itself", path.display());
        }
        if let Some(data) = options.sets.find(path)? {
            of_set = Some(data.set.style());
            parts.extend(parts_of(data)?);
        } else {
            let corpus = Corpus::read(path, &options.reading.options(), None)?;
            parts.push((path.display().to_string(), corpus, Some(examine(path)?)));
        }
    }
    let texts: Vec<&str> = parts.iter().flat_map(|(_, corpus, _)| corpus.texts()).collect();
    let is_english = || texts.iter().all(|text| Style::Kim.dropped_letters(text) == 0);
    let of_text = || if is_english() { Style::Kim } else { Style::Unicode };
    let style = options.style.or(of_set).unwrap_or_else(of_text);
    let vectors = match &options.vectors {
        Some(path) => {
            let wanted = embedding::wanted(Tokenizer::fit(style, &texts)?.vocabulary());
            Some(Vectors::read(path, |word| wanted.contains(word))?)
        }
        None => None,
    };
    let known = vectors.as_ref().map(|vectors| |word: &str| vectors.get(word).is_some());
    let sources: Vec<Source> =
        parts.iter().map(|(name, corpus, file)| Source { name, corpus, file: *file }).collect();
    let known = known.as_ref().map(|known| known as &dyn Fn(&str) -> bool);
    conv_cli::print(common.json, &inspect(&sources, style, known)?)
}

/// Whether a path can only be an id on the hub, `owner/name`: nothing is there, and no data file is
/// called so.
fn hub_id(path: &Path) -> bool {
    let may_be_data = path.extension().is_some() && Format::of(path).is_ok();
    !path.exists() && path.components().count() == 2 && !may_be_data
}

/// A set's sentences in the parts in which it comes.
fn parts_of(data: KimData) -> Result<Vec<(String, Corpus, Option<FileText>)>> {
    let labels = data.corpus.labels();
    let part = |name: &str, examples: Vec<Example>| -> Result<_> {
        Ok((format!("{} {name}", data.set), Corpus::new(labels.to_vec(), examples)?, None))
    };
    if data.rounds() > 1 {
        return Ok(vec![part("all", data.sentences().to_vec())?]);
    }
    let split = data.split(0, 0)?;
    let pick = |index: &[u32]| {
        index.iter().map(|&at| data.corpus.examples()[at as usize].clone()).collect()
    };
    let learnt = if matches!(data.set, KimSet::Sst1 | KimSet::Sst2) { "phrases" } else { "train" };
    [(learnt, &split.train), ("dev", &split.dev), ("test", &split.test)]
        .into_iter()
        .map(|(name, index)| part(name, pick(index)))
        .collect()
}
