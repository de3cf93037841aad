//! `eval`: how well a translator does on a test set.

use crate::data::TestSet;
use crate::model::Model;
use crate::search::Flags;
use anyhow::{Context, Result, ensure};
use candle_core::Device;
use clap::Args;
use conv_translate::metrics::{Bleu, Chrf, Tokenization};
use serde::Serialize;
use std::fmt;
use std::time::Instant;

#[derive(Debug, Args)]
pub struct Options {
    #[command(flatten)]
    model: Model,
    #[command(flatten)]
    test: TestSet,
    /// What a word is: 13a for running text, none for ready-made tokens
    #[arg(long, default_value = "13a")]
    tokenize: Tokenization,
    /// Compare in lower case
    #[arg(long)]
    lowercase: bool,
    #[command(flatten)]
    search: Flags,
}

pub fn run(options: &Options, common: &conv_cli::Common, device: &Device) -> Result<()> {
    let config = options.search.config(None, common.seed())?;
    let files = options.test.files()?;
    let translator = options.model.open(device)?;
    let (mut sources, mut references) = (Vec::new(), Vec::new());
    for pair in files.open()? {
        let pair = pair?;
        sources.push(pair.source);
        references.push(translator.reference(&pair.target));
    }
    ensure!(!sources.is_empty(), "{files}: no pairs, expected some to measure by");
    let begin = Instant::now();
    let found = translator.translate_batch(&sources, &config);
    let found = found.with_context(|| files.to_string())?;
    let seconds = begin.elapsed().as_secs_f64();
    let best = |found: &Vec<conv_translate::Translation>| {
        found.first().map(|best| best.text.clone()).unwrap_or_default()
    };
    let hypotheses: Vec<String> = found.iter().map(best).collect();
    let bleu =
        Bleu { tokenization: options.tokenize, lowercase: options.lowercase, ..Bleu::default() };
    let chrf = Chrf { lowercase: options.lowercase, ..Chrf::default() };
    let (bleu, chrf) =
        (bleu.corpus(&hypotheses, &[&references])?, chrf.corpus(&hypotheses, &[&references])?);
    let scores = Scores {
        bleu: bleu.score,
        chrf: chrf.score,
        lines: [format!("{bleu:.2}"), format!("{chrf:.2}")],
        sentences: sources.len(),
        seconds,
    };
    conv_cli::print(common.json, &scores)
}

/// What a test set came to.
#[derive(Debug, Serialize)]
struct Scores {
    bleu: f64,
    chrf: f64,
    lines: [String; 2],
    sentences: usize,
    seconds: f64,
}

impl fmt::Display for Scores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lines.iter().try_for_each(|line| writeln!(f, "{line}"))?;
        write!(f, "{} sentences in {:.1} s", self.sentences, self.seconds)
    }
}
