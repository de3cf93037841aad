//! `eval`: how well a classifier does on labelled sentences.

use crate::data::{Reading, Sets};
use crate::input::Dropped;
use crate::model::Model;
use anyhow::{Result, bail};
use candle_core::Device;
use clap::Args;
use conv_sentence::data::KimData;
use conv_sentence::{best_threshold, evaluate};
use conv_text::data::{Corpus, Example};
use std::num::NonZeroUsize;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub struct Options {
    #[command(flatten)]
    model: Model,
    /// A file of labelled sentences, or one of Kim's sets, of which the test part (or all, where it
    /// has none) is taken
    #[arg(long)]
    data: PathBuf,
    /// k of P@k and R@k
    #[arg(long, default_value = "1")]
    k: NonZeroUsize,
    /// Find the probability from which on this class is best chosen (by F1) instead
    #[arg(long, value_name = "LABEL")]
    threshold_for: Option<String>,
    #[command(flatten)]
    reading: Reading,
    #[command(flatten)]
    sets: Sets,
}

pub fn run(options: &Options, common: &conv_cli::Common, device: &Device) -> Result<()> {
    let classifier = options.model.open(device)?;
    let classes = classifier.labels().len();
    if options.k.get() > classes {
        bail!("--k {}: the model has {classes} classes", options.k);
    }
    let corpus = match options.sets.find(&options.data)? {
        Some(data) => test_part(data)?,
        None => Corpus::read(&options.data, &options.reading.options(), Some(classifier.labels()))?,
    };
    if let Some(remark) = options.reading.glued(&options.data, corpus.labels()) {
        conv_cli::note(remark);
    }
    let mut dropped = Dropped::default();
    dropped.count(&classifier, corpus.texts());
    dropped.tell();
    for (label, count) in corpus.unseen() {
        conv_cli::note(format_args!(
            "{count} sentences have the label {label:?}, which the model does not know: they count as errors"
        ));
    }
    match &options.threshold_for {
        Some(label) => conv_cli::print(common.json, &best_threshold(&classifier, &corpus, label)?),
        None => conv_cli::print(common.json, &evaluate(&classifier, &corpus, options.k.get())?),
    }
}

fn test_part(data: KimData) -> Result<Corpus> {
    if data.rounds() > 1 {
        return Ok(data.corpus);
    }
    let test = data.split(0, 0)?.test;
    let examples: Vec<Example> =
        test.iter().map(|&index| data.corpus.examples()[index as usize].clone()).collect();
    Ok(Corpus::new(data.corpus.labels().to_vec(), examples)?)
}
