//! Sentences: Kim (2014).

use anyhow::Result;
use candle_core::Device;
use conv_sentence::{Classifier, Evidence, evaluate, samples};
use conv_text::data::{Corpus, ReadOptions};
use conv_train::report::Report;
use serde::Serialize;
use std::fmt;
use std::path::Path;

/// Each with what a reader would say of it.
const SENTENCES: [(&str, &str); 4] = [
    ("A warm, funny film that never talks down to its audience.", "positive"),
    ("The cast is wonderful, but the story is a tedious mess.", "negative"),
    ("I could not wait for it to end.", "negative"),
    ("Not a single dull moment.", "positive"),
];

/// What the model says.
#[derive(Debug, Serialize)]
pub struct Sentences {
    sentences: Vec<Answer>,
    samples: u64,
    samples_right: u64,
}

#[derive(Debug, Serialize)]
struct Answer {
    text: &'static str,
    /// What a reader would say.
    truth: &'static str,
    label: String,
    probability: f64,
    words: Vec<String>,
    evidence: Evidence,
}

/// Classifies, explains, measures, and adds what it found to the report.
pub fn section(data: &Path, device: &Device, report: Report) -> Result<(Sentences, Report)> {
    let classifier = Classifier::open(&data.join("models/sentiment"), device)?;
    let answer = |(text, truth)| -> Result<Answer> {
        let prediction = classifier.predict(text)?;
        let (words, evidence) = classifier.evidence(text, prediction.class)?;
        let probability = prediction.probabilities[prediction.class];
        Ok(Answer { text, truth, label: prediction.label, probability, words, evidence })
    };
    let file = data.join("samples/sentiment.tsv");
    let corpus = Corpus::read(&file, &ReadOptions::default(), Some(classifier.labels()))?;
    let evaluation = evaluate(&classifier, &corpus, 1)?;
    let found = Sentences {
        sentences: SENTENCES.into_iter().map(answer).collect::<Result<_>>()?,
        samples: evaluation.examples,
        samples_right: (evaluation.accuracy * evaluation.examples as f64).round() as u64,
    };
    let report = report
        .metrics([("accuracy on the sample sentences", evaluation.accuracy)])
        .confusion("sample sentences", &evaluation.labels, &evaluation.confusion)
        .section("Sample sentences", samples(&classifier, corpus.examples())?);
    Ok((found, report))
}

impl fmt::Display for Sentences {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Sentences, by the convolutional network of Kim (2014)")?;
        for answer in &self.sentences {
            write!(f, "\n{answer}")?;
        }
        write!(f, "\n  {} of {} sample sentences right", self.samples_right, self.samples)
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { text, truth, label, probability, words, evidence } = self;
        let wrong = if label == truth { String::new() } else { format!(" (wrong: {truth})") };
        writeln!(f, "  {text}\n    {label} {probability:.3}{wrong}, since")?;
        for window in evidence.windows.iter().take(3) {
            writeln!(f, "    {:+.2}  {}", window.share, window.text(words))?;
        }
        let rest: f64 = evidence.windows.iter().skip(3).map(|window| window.share).sum();
        let Evidence { bias, logit, .. } = evidence;
        writeln!(f, "    {rest:+.2}  the other windows, {bias:+.2} the bias: logit {logit:+.2}")
    }
}
