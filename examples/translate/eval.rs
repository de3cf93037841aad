//! `eval`: how well a translator does on a test set.

use crate::data::TestSet;
use crate::model::Model;
use crate::search::Flags;
use crate::translate::is_of_one;
use anyhow::{Context, Result, ensure};
use candle_core::Device;
use clap::Args;
use conv_translate::Sentence;
use conv_translate::metrics::{Bleu, Chrf, Tokenization};
use serde::Serialize;
use std::collections::BTreeMap;
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
    let mut sentences = Vec::new();
    let mut references = Vec::new();
    let (mut left_out, mut not_translated) = (0, 0);
    for pair in files.open()?.go_on() {
        match pair {
            Ok(pair) => {
                sentences.push(Sentence::new(pair.line as usize - 1, pair.source));
                references.push(translator.reference(&pair.target));
            }
            Err(error) if error.is_of_one() => {
                left_out += 1;
                conv_cli::note(format_args!("left out: {error}"));
            }
            Err(error) => return Err(error.into()),
        }
    }
    ensure!(!sentences.is_empty(), "{files}: no pairs, expected some to measure by");
    let begin = Instant::now();
    let mut best = BTreeMap::new();
    let mut answer = |some: &[Sentence]| {
        for (sentence, found) in some.iter().zip(translator.translate_sentences(some, &config)?) {
            best.insert(sentence.place, found.into_iter().next().map(|best| best.text));
        }
        Ok(())
    };
    let mut refuse = |_: &Sentence, error: &anyhow::Error| {
        not_translated += 1;
        conv_cli::note(format_args!("not translated: {}", conv_cli::one_line(error)));
        Ok(())
    };
    conv_cli::apart(&sentences, is_of_one, &mut answer, &mut refuse)
        .with_context(|| files.to_string())?;
    let seconds = begin.elapsed().as_secs_f64();
    let hypothesis =
        |sentence: &Sentence| best.remove(&sentence.place).flatten().unwrap_or_default();
    let hypotheses: Vec<String> = sentences.iter().map(hypothesis).collect();
    let bleu =
        Bleu { tokenization: options.tokenize, lowercase: options.lowercase, ..Bleu::default() };
    let chrf = Chrf { lowercase: options.lowercase, ..Chrf::default() };
    let (bleu, chrf) =
        (bleu.corpus(&hypotheses, &[&references])?, chrf.corpus(&hypotheses, &[&references])?);
    let scores = Scores {
        bleu: bleu.score,
        chrf: chrf.score,
        lines: [format!("{bleu:.2}"), format!("{chrf:.2}")],
        sentences: sentences.len(),
        not_translated,
        left_out,
        seconds,
    };
    conv_cli::print(common.json, &scores)?;
    ensure!(
        left_out + not_translated == 0,
        "{files}: {not_translated} sentences were not translated and count as blank, {left_out} lines were left out"
    );
    Ok(())
}

/// What a test set came to.
#[derive(Debug, Serialize)]
struct Scores {
    bleu: f64,
    chrf: f64,
    lines: [String; 2],
    sentences: usize,
    /// Sentences that have no translation and count as blank.
    not_translated: usize,
    /// Lines that are no pair.
    left_out: usize,
    seconds: f64,
}

impl fmt::Display for Scores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lines.iter().try_for_each(|line| writeln!(f, "{line}"))?;
        write!(f, "{} sentences in {:.1} s", self.sentences, self.seconds)
    }
}
