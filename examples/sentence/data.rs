//! Where labelled sentences come from: files of one's own, or Kim's sets.

use anyhow::{Context, Result, bail};
use clap::Args;
use conv_sentence::data::{KimData, KimSet};
use conv_text::data::{Column, Corpus, Dataset, Encoding, Format, ReadOptions, Separator};
use std::path::{Path, PathBuf};

/// How files are read.
#[derive(Debug, Args)]
pub struct Reading {
    /// tsv, csv, jsonl or fasttext [default: by the file's extension]
    #[arg(long)]
    format: Option<Format>,
    /// What stands between the columns, one character such as ; or the word tab [default: a tab in
    /// tsv, a comma in csv]
    #[arg(long)]
    separator: Option<Separator>,
    /// utf8 or latin1
    #[arg(long, default_value = "utf8")]
    encoding: Encoding,
    /// The column of the text: its name, or its number from 1
    #[arg(long)]
    text_column: Option<Column>,
    /// The column of the label: its name, or its number from 1
    #[arg(long)]
    label_column: Option<Column>,
}

impl Reading {
    pub fn options(&self) -> ReadOptions {
        ReadOptions {
            format: self.format,
            separator: self.separator,
            encoding: self.encoding,
            text: self.text_column.clone(),
            label: self.label_column.clone(),
        }
    }
}

impl Reading {
    /// What to say of labels such as `neg,it`, which `__label__neg,it was bad` has.
    pub fn glued(&self, path: &Path, labels: &[String]) -> Option<String> {
        let is_lines = matches!(self.options().format_of(path), Ok(Format::FastText));
        let has_mark = |label: &&String| is_lines && label.contains([',', ';', '|']);
        let (first, count) =
            (labels.iter().find(has_mark)?, labels.iter().filter(has_mark).count());
        Some(format!(
            "{count} of {} labels have a comma, semicolon or bar in them, such as {first:?}: is the blank of \
             `__label__NAME text` missing?",
            labels.len()
        ))
    }
}

/// Kim's sets.
#[derive(Debug, Args)]
pub struct Sets {
    /// Folder of the data sets, laid out as docs/datasets.md says
    #[arg(long, env = "CONVOKE_DATA")]
    sets: Option<PathBuf>,
}

impl Sets {
    /// The set that `name` names; none for a file, also for one that happens to be called as a set
    /// is.
    pub fn find(&self, name: &Path) -> Result<Option<KimData>> {
        let set = name.to_str().and_then(|name| name.parse::<KimSet>().ok());
        let (Some(set), false) = (set, name.exists()) else {
            return Ok(None);
        };
        let Some(folder) = &self.sets else {
            bail!(
                "{set} is one of Kim's sets, but neither --sets nor CONVOKE_DATA says where they are (docs/datasets.md)"
            );
        };
        Ok(Some(set.load(&folder.join("sentence")).with_context(|| format!("loading {set}"))?))
    }
}

/// What to train on.
#[derive(Debug, Args)]
pub struct Sources {
    /// A file of labelled sentences, or one of Kim's sets: mr, sst1, sst2, subj, trec, cr, mpqa
    #[arg(long)]
    data: PathBuf,
    /// Labelled sentences to choose the best weights by [default: a tenth of --data]
    #[arg(long)]
    dev: Option<PathBuf>,
    /// Labelled sentences to measure the result on
    #[arg(long)]
    test: Option<PathBuf>,
    /// Which of the ten folds of a set of Kim's is tested [default: 0]
    #[arg(long)]
    round: Option<usize>,
    #[command(flatten)]
    reading: Reading,
    #[command(flatten)]
    sets: Sets,
}

/// What was found there.
pub struct Loaded {
    pub dataset: Dataset,
    /// What to say of the labels, where a blank seems to be missing behind them.
    pub remark: Option<String>,
    /// Which set of Kim's it is, if it is one.
    pub set: Option<KimSet>,
    /// What it is called in reports and cards.
    pub name: String,
}

impl Sources {
    pub fn load(&self, seed: u64) -> Result<Loaded> {
        if let Some(data) = self.sets.find(&self.data)? {
            if self.dev.is_some() || self.test.is_some() {
                bail!("{} comes with parts of its own: --dev and --test are for files", data.set);
            }
            let round = self.round.unwrap_or(0);
            let split = data.split(round, seed)?;
            let name = match data.rounds() {
                1 => data.set.to_string(),
                rounds => format!("{}, fold {round} of {rounds} held out", data.set),
            };
            let dataset = Dataset { corpus: data.corpus, split };
            return Ok(Loaded { dataset, remark: None, set: Some(data.set), name });
        }
        if let Some(round) = self.round {
            bail!(
                "--round {round} is for Kim's sets, whose folds are numbered; {} is a file (--folds cross-validates)",
                self.data.display()
            );
        }
        let options = self.reading.options();
        let train = Corpus::read(&self.data, &options, None)?;
        let part = |path: &Option<PathBuf>| -> Result<Option<Corpus>> {
            let read = |path: &PathBuf| Corpus::read(path, &options, Some(train.labels()));
            Ok(path.as_ref().map(read).transpose()?)
        };
        let dev = part(&self.dev)?;
        let test = part(&self.test)?;
        let remark = self.reading.glued(&self.data, train.labels());
        let dataset = Dataset::join(train, dev, test, seed)?;
        Ok(Loaded { dataset, remark, set: None, name: file_name(&self.data) })
    }
}

/// A file's name without its folders: paths of one's machine do not belong into a model.
pub fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}
