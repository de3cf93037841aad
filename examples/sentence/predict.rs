//! `predict`: a line a sentence, and the windows behind it where asked for.

use crate::input::{Dropped, Input, escaped};
use crate::model::Model;
use anyhow::{Context, Result, bail, ensure};
use candle_core::Device;
use clap::Args;
use conv_sentence::{Classifier, Evidence, Prediction};
use serde_json::{Map, Value, json};
use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::str::FromStr;

#[derive(Debug, Args)]
pub struct Options {
    #[command(flatten)]
    model: Model,
    #[command(flatten)]
    input: Input,
    /// Show the windows of words that the answer rests on, with their exact shares of its logit
    #[arg(long)]
    evidence: bool,
    /// Show the K most probable classes
    #[arg(long, value_name = "K", default_value = "1")]
    top: NonZeroUsize,
    /// Choose a class where its probability is at least this; may be given for several classes
    #[arg(long, value_name = "LABEL=P")]
    threshold: Vec<Threshold>,
}

#[derive(Debug, Clone)]
struct Threshold {
    label: String,
    least: f64,
}

impl FromStr for Threshold {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let (label, least) = text.rsplit_once('=').context("expected LABEL=PROBABILITY")?;
        let least: f64 = least.parse().with_context(|| format!("{least:?} is no number"))?;
        ensure!((0.0..=1.0).contains(&least), "{least} is no probability, expected 0 to 1");
        Ok(Self { label: label.into(), least })
    }
}

pub fn run(options: &Options, common: &conv_cli::Common, device: &Device) -> Result<()> {
    let classifier = options.model.open(device)?;
    let threshold = |Threshold { label, least }: &Threshold| Ok((classifier.class(label)?, *least));
    let thresholds: Vec<(usize, f64)> =
        options.threshold.iter().map(threshold).collect::<Result<_>>()?;
    for (at, (class, _)) in thresholds.iter().enumerate() {
        if thresholds[..at].iter().any(|(other, _)| other == class) {
            bail!("--threshold {}: given twice", classifier.labels()[*class]);
        }
    }
    let mut out = io::stdout().lock();
    let mut dropped = Dropped::default();
    let end = options.input.each(common.json, |texts| {
        dropped.count(&classifier, texts.iter().map(String::as_str));
        for (text, prediction) in texts.iter().zip(classifier.predict_batch(texts)?) {
            let decided = classifier.decide(prediction, &thresholds);
            let answer = Answer::new(&classifier, text, decided, options)?;
            if common.json {
                writeln!(out, "{}", answer.json(&classifier))?;
            } else {
                answer.print(&classifier, options.top.get(), &mut out)?;
            }
        }
        Ok(out.flush()?)
    });
    dropped.tell();
    end
}

struct Answer<'a> {
    text: &'a str,
    prediction: Prediction,
    /// The sentence's words, and what they did.
    evidence: Option<(Vec<String>, Evidence)>,
}

impl<'a> Answer<'a> {
    fn new(
        classifier: &Classifier,
        text: &'a str,
        prediction: Prediction,
        options: &Options,
    ) -> Result<Self> {
        let evidence =
            options.evidence.then(|| classifier.evidence(text, prediction.class)).transpose()?;
        Ok(Self { text, prediction, evidence })
    }

    /// `label TAB probability` for the answer and the next probable classes, then the text, on one
    /// line.
    fn print(&self, classifier: &Classifier, top: usize, out: &mut impl Write) -> io::Result<()> {
        let Prediction { class, probabilities, .. } = &self.prediction;
        let others = self.prediction.ranking().into_iter().filter(|other| other != class);
        for class in std::iter::once(*class).chain(others).take(top) {
            write!(out, "{}\t{:.4}\t", escaped(&classifier.labels()[class]), probabilities[class])?;
        }
        write!(out, "{}", escaped(self.text))?;
        match self.prediction {
            Prediction { known_words: 0, words, .. } => {
                writeln!(
                    out,
                    "\t0 of {words} words known: the answer says nothing of this sentence"
                )?;
            }
            _ => writeln!(out)?,
        }
        let Some((words, evidence)) = &self.evidence else {
            return Ok(());
        };
        writeln!(out, "  {:+.4}  logit", evidence.logit)?;
        for window in &evidence.windows {
            let maps = if window.maps == 1 { "map" } else { "maps" };
            writeln!(
                out,
                "  {:+.4}  {} ({} {maps})",
                window.share,
                escaped(&window.text(words)),
                window.maps
            )?;
        }
        writeln!(out, "  {:+.4}  bias", evidence.bias)
    }

    fn json(&self, classifier: &Classifier) -> Value {
        let Prediction { label, class, probabilities, words, known_words } = &self.prediction;
        let named =
            classifier.labels().iter().cloned().zip(probabilities.iter().map(|&p| json!(p)));
        let mut object = json!({
            "text": self.text,
            "label": label,
            "probability": probabilities[*class],
            "probabilities": named.collect::<Map<_, _>>(),
            "words": words,
            "known_words": known_words,
            "dropped_letters": classifier.dropped_letters(self.text),
        });
        if let Some((words, evidence)) = &self.evidence {
            let windows = evidence.windows.iter().map(|window| {
                json!({
                    "words": words.get(window.start..window.end).unwrap_or_default(),
                    "start": window.start,
                    "end": window.end,
                    "maps": window.maps,
                    "share": window.share,
                })
            });
            object["evidence"] = json!({
                "words": words,
                "logit": evidence.logit,
                "bias": evidence.bias,
                "windows": windows.collect::<Vec<_>>(),
            });
        }
        object
    }
}
