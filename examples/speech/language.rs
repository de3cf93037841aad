//! `language`: a language model from texts, beside a recogniser or as a file.

use crate::data::{Sets, recordings};
use anyhow::{Context, Result, bail};
use candle_core::Device;
use clap::Args;
use conv_speech::data::{Part, Recordings};
use conv_speech::{Decoding, NgramModel, Recognizer};
use serde::Serialize;
use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub struct Options {
    /// A table with the column text, as for train, whose texts are learnt; or an ARPA file
    #[arg(long)]
    data: PathBuf,
    /// The model folder that is to write with it from then on
    #[arg(long)]
    model: PathBuf,
    /// Recordings to choose the weight and the bonus by, unless both are given
    #[arg(long)]
    dev: Option<PathBuf>,
    /// A dictionary: the first word of each line is known, a number in brackets behind it left out
    #[arg(long)]
    words: Option<PathBuf>,
    /// Words of a sequence
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=8))]
    order: u8,
    /// Texts that are followed at a time
    #[arg(long, default_value_t = 24)]
    beam: usize,
    /// Write words that the language model does not know, too
    #[arg(long)]
    any_words: bool,
    /// What the language model's log-probability counts
    #[arg(long)]
    weight: Option<f64>,
    /// What each word counts
    #[arg(long)]
    bonus: Option<f64>,
    #[command(flatten)]
    sets: Sets,
}

impl Options {
    pub fn run(&self, common: &conv_cli::Common, device: &Device) -> Result<()> {
        let recognizer = Recognizer::open(&self.model, device)?;
        let model = self.language_model()?;
        let lexicon = !self.any_words;
        let (decoding, dev_wer) = match (self.weight, self.bonus, &self.dev) {
            (Some(weight), Some(bonus), _) => {
                (Decoding { beam: self.beam, weight, bonus, lexicon }, None)
            }
            (.., Some(dev)) => {
                let manifest = self.sets.measured(dev, Part::Dev)?;
                let recordings = Recordings::read(&manifest, Some(recognizer.config().rate))?;
                let (chosen, wer) =
                    Decoding::choose(&recognizer, &model, &recordings, self.beam, lexicon)?;
                let weight = self.weight.unwrap_or(chosen.weight);
                let bonus = self.bonus.unwrap_or(chosen.bonus);
                (Decoding { weight, bonus, ..chosen }, Some(wer))
            }
            _ => bail!(
                "neither --weight and --bonus say what it counts, nor --dev by what to choose them"
            ),
        };
        model.put_into(&self.model, decoding)?;
        let order = model.order();
        let words = model.words().count();
        conv_cli::print(common.json, &Put { order, words, decoding, dev_wer })
    }

    fn language_model(&self) -> Result<NgramModel> {
        if self.data.extension().is_some_and(|extension| extension == "arpa" || extension == "lm") {
            return Ok(NgramModel::read(&self.data)?);
        }
        let manifest = recordings(&self.data, Part::Train)?;
        let dictionary = match &self.words {
            Some(path) => {
                std::fs::read_to_string(path).with_context(|| path.display().to_string())?
            }
            None => String::new(),
        };
        let first = |line: &'_ str| -> Option<String> {
            Some(line.split_whitespace().next()?.split('(').next()?.to_string())
        };
        let words: BTreeSet<String> =
            dictionary.lines().filter_map(first).filter(|word| !word.is_empty()).collect();
        let texts = manifest.utterances.iter().map(|utterance| utterance.text.as_str());
        Ok(NgramModel::train(texts, words.iter().map(String::as_str), self.order.into()))
    }
}

/// What was put beside the recogniser.
#[derive(Debug, Serialize)]
struct Put {
    order: usize,
    words: usize,
    decoding: Decoding,
    /// On the recordings that weight and bonus were chosen by.
    #[serde(skip_serializing_if = "Option::is_none")]
    dev_wer: Option<f64>,
}

impl fmt::Display for Put {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { order, words, decoding: Decoding { beam, weight, bonus, lexicon }, dev_wer } =
            self;
        writeln!(f, "{:<16} {words}, sequences of up to {order}", "words")?;
        let others = if *lexicon { "and no others" } else { "and others" };
        write!(
            f,
            "{:<16} weight {weight}, bonus {bonus}, beam {beam}, these words {others}",
            "decoding"
        )?;
        match dev_wer {
            Some(wer) => write!(f, "\n{:<16} {:.2} %", "dev WER", 100.0 * wer),
            None => Ok(()),
        }
    }
}
