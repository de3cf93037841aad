//! Translation: Gehring et al. (2017).

use anyhow::{Context, Result};
use candle_core::Device;
use conv_train::report::{Html, Report};
use conv_translate::data::TextPair;
use conv_translate::metrics::Chrf;
use conv_translate::{PairFiles, SearchConfig, Translation, Translator};
use serde::Serialize;
use std::fmt;
use std::path::Path;

/// The sentence whose attention is drawn: its verb comes last.
const DRAWN: usize = 2;
/// How many of the sample sentences are printed; the report has all.
const PRINTED: usize = 4;

/// What the model makes of the sample sentences.
#[derive(Debug, Serialize)]
pub struct Translations {
    sentences: Vec<Answer>,
    /// chrF of all of them.
    chrf: f64,
}

#[derive(Debug, Serialize)]
struct Answer {
    source: String,
    /// What a person would write.
    reference: String,
    #[serde(flatten)]
    translation: Translation,
}

/// Translates the sample sentences, compares, and adds them and the attention of one to the report.
pub fn section(data: &Path, device: &Device, report: Report) -> Result<(Translations, Report)> {
    let translator = Translator::open(&data.join("models/german-english"), device)?;
    let pairs = PairFiles::Table(data.join("samples/german-english.tsv"));
    let pairs = pairs.open()?.collect::<conv_translate::Result<Vec<_>>>()?;
    let texts: Vec<&str> = pairs.iter().map(|pair| pair.source.as_str()).collect();
    let found = translator.translate_batch(&texts, &SearchConfig::default())?;
    let answer = |(pair, found): (TextPair, Vec<Translation>)| -> Result<Answer> {
        let TextPair { source, target: reference, .. } = pair;
        let translation = found.into_iter().next().context("a translation of each sentence")?;
        Ok(Answer { source, reference, translation })
    };
    let sentences = pairs.into_iter().zip(found).map(answer).collect::<Result<Vec<_>>>()?;
    let texts = |of: fn(&Answer) -> &str| sentences.iter().map(of).collect::<Vec<_>>();
    let (hypotheses, references) = (texts(|a| &a.translation.text), texts(|a| &a.reference));
    let chrf = Chrf::default().corpus(&hypotheses, &[&references[..]])?.score;
    let columns = ["sentence", "translation", "a person's"].map(Html::text);
    let row = |answer: &Answer| {
        let Answer { source, reference, translation } = answer;
        [source, &translation.text, reference].map(|text| Html::text(text)).to_vec()
    };
    let rows: Vec<_> = sentences.iter().map(row).collect();
    let mut body = Html::table("samples", &columns, &rows).to_string();
    if let Some(Answer { source, translation, .. }) = sentences.get(DRAWN) {
        let text = Html::text(source);
        body += &format!("<p>What was read of «{text}» for each token of its translation:</p>");
        body += &translator.picture(source, translation)?;
    }
    let report = report.section("Sample translations", Html::trusted(body));
    Ok((Translations { sentences, chrf }, report))
}

impl fmt::Display for Translations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sentences, chrf } = self;
        writeln!(f, "Translations, by the convolutional network of Gehring et al. (2017)\n")?;
        for Answer { source, reference, translation } in sentences.iter().take(PRINTED) {
            let Translation { text: found, score, .. } = translation;
            writeln!(f, "  {source}\n    {found} ({score:.2})\n    a person's: {reference}")?;
        }
        write!(f, "  chrF of the {} sample sentences: {chrf:.1}", sentences.len())
    }
}
