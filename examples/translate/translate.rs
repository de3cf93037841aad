//! `translate`: sentences in, translations out, in their order.

use crate::model::Model;
use crate::search::Flags;
use anyhow::{Context, Result};
use candle_core::Device;
use clap::Args;
use conv_translate::Translator;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::PathBuf;

/// Lines that are translated together.
const LINES: usize = 64;

#[derive(Debug, Args)]
pub struct Options {
    #[command(flatten)]
    model: Model,
    /// Sentences; without any they are lines of --input or of standard input
    sentences: Vec<String>,
    /// A file with a sentence on each line
    #[arg(long)]
    input: Option<PathBuf>,
    #[command(flatten)]
    search: Flags,
}

pub fn run(options: &Options, common: &conv_cli::Common, device: &Device) -> Result<()> {
    let translator = options.model.open(device)?;
    if !options.sentences.is_empty() {
        return translate(&translator, &options.sentences, options, common.json);
    }
    let lines: Box<dyn BufRead> = match &options.input {
        Some(path) => {
            let file =
                File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
            Box::new(BufReader::new(file))
        }
        None => Box::new(io::stdin().lock()),
    };
    let mut block = Vec::new();
    for line in lines.lines() {
        block.push(line.context("reading a line")?);
        if block.len() == LINES {
            translate(&translator, &std::mem::take(&mut block), options, common.json)?;
        }
    }
    translate(&translator, &block, options, common.json)
}

fn translate(
    translator: &Translator,
    sentences: &[String],
    options: &Options,
    json: bool,
) -> Result<()> {
    for found in translator.translate_batch(sentences, &options.search.config())? {
        for translation in found {
            conv_cli::print(json, &Line(translation))?;
        }
    }
    Ok(())
}

#[derive(serde::Serialize)]
#[serde(transparent)]
struct Line(conv_translate::Translation);

impl std::fmt::Display for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.text)
    }
}
