//! Sentences: Kim (2014).

use anyhow::Result;
use candle_core::Device;
use conv_text::data::{Corpus, ReadOptions};
use conv_text::{Classifier, Window, evaluate, samples};
use conv_train::report::Report;
use std::fmt::Write;
use std::path::Path;

const SENTENCES: [&str; 4] = [
    "A warm, funny film that never talks down to its audience.",
    "The cast is wonderful, but the story is a tedious mess.",
    "I could not wait for it to end.",
    "Not a single dull moment.",
];

/// Classifies, explains, measures, and adds what it found to the report.
pub fn section(data: &Path, device: &Device, report: Report) -> Result<Report> {
    let classifier = Classifier::open(&data.join("models/sentiment"), device)?;
    let mut text = String::from("Sentences, by the convolutional network of Kim (2014)\n");
    for sentence in SENTENCES {
        let prediction = classifier.predict(sentence)?;
        let probability = prediction.probabilities[prediction.class];
        writeln!(text, "\n  {sentence}\n    {} {probability:.3}, since", prediction.label)?;
        let (words, evidence) = classifier.evidence(sentence, prediction.class)?;
        for Window { start, end, share, .. } in evidence.windows.iter().take(3) {
            writeln!(text, "    {share:+.2}  {}", words[*start..*end].join(" "))?;
        }
        let rest: f64 = evidence.windows.iter().skip(3).map(|window| window.share).sum();
        writeln!(
            text,
            "    {rest:+.2}  the other windows, {:+.2} the bias: logit {:+.2}",
            evidence.bias, evidence.logit
        )?;
    }
    let file = data.join("samples/sentiment.tsv");
    let corpus = Corpus::read(&file, &ReadOptions::default(), Some(classifier.labels()))?;
    let evaluation = evaluate(&classifier, &corpus, 1)?;
    writeln!(
        text,
        "\n  {} of {} sample sentences right",
        (evaluation.accuracy * corpus.examples().len() as f64).round(),
        corpus.examples().len()
    )?;
    conv_cli::print(false, &text)?;
    Ok(report
        .metrics([("accuracy on the sample sentences", evaluation.accuracy)])
        .confusion(classifier.labels(), &evaluation.confusion)
        .section("Sample sentences", samples(&classifier, corpus.examples())?))
}
