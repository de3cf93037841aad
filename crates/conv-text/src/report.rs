//! A training run as one HTML page: curves, figures, confusion, and sentences coloured by what spoke for the answer.

use crate::data::Example;
use crate::{Classifier, Evaluation, Evidence, Recipe, Result};
use conv_train::Record;
use conv_train::report::{Environment, Html, Report};
use std::fmt::Write;

/// What the page is made of.
#[derive(Debug)]
pub struct RunReport<'a> {
    /// What was trained on what, in a sentence.
    pub subtitle: &'a str,
    /// The run's log ([`conv_train::read_log`]).
    pub log: &'a [Record],
    /// The settings.
    pub recipe: &'a Recipe,
    /// What came of it.
    pub classifier: &'a Classifier,
    /// Its figures on held-out examples.
    pub evaluation: &'a Evaluation,
    /// Held-out examples to choose the samples from; their labels are the classifier's.
    pub examples: &'a [Example],
    /// How long training took.
    pub seconds: f64,
}

impl RunReport<'_> {
    /// Puts the page together.
    ///
    /// # Errors
    /// The drawing library fails, or the tensor library does.
    pub fn page(&self) -> Result<Report> {
        let Evaluation { accuracy, macro_f1, cross_entropy, examples, .. } = *self.evaluation;
        let config = self.classifier.model().config();
        let settings = serde_json::json!({ "network": config, "recipe": self.recipe });
        Ok(Report::new("Sentence classification", self.subtitle)
            .metrics([
                ("accuracy", accuracy),
                ("macro F1", macro_f1),
                ("cross-entropy", cross_entropy),
                ("held-out examples", examples as f64),
            ])
            .curves(self.log)?
            .confusion(self.classifier.labels(), &self.evaluation.confusion)
            .section("Sample predictions", samples(self.classifier, self.examples)?)
            .configuration(&settings)
            .environment(&Environment::collect(self.seconds)))
    }
}

/// Mistakes shown at most, and right answers.
const SHOWN: (usize, usize) = (16, 8);

/// A table of predictions: the worst mistakes first (those that give the truth the least probability), then the surest
/// right answers. Each word is shaded by its part in the predicted class's logit.
///
/// # Errors
/// Only those of the tensor library.
pub fn samples(classifier: &Classifier, examples: &[Example]) -> Result<Html> {
    let texts: Vec<&str> = examples.iter().map(|example| example.text.as_str()).collect();
    let predictions = classifier.predict_batch(&texts)?;
    let truth = |at: &usize| predictions[*at].probabilities[examples[*at].label as usize];
    let mut order: Vec<usize> = (0..examples.len()).collect();
    order.sort_by(|a, b| truth(a).total_cmp(&truth(b)));
    let right = |at: &usize| predictions[*at].class == examples[*at].label as usize;
    let mistakes = order.iter().filter(|at| !right(at)).take(SHOWN.0);
    let surest = order.iter().rev().filter(|at| right(at)).take(SHOWN.1);
    let mut rows = Vec::new();
    for &at in mistakes.chain(surest) {
        let prediction = &predictions[at];
        let (words, evidence) = classifier.evidence(&examples[at].text, prediction.class)?;
        let label = &classifier.labels()[examples[at].label as usize];
        let predicted =
            format!("{} {:.3}", prediction.label, prediction.probabilities[prediction.class]);
        rows.push(vec![
            coloured(&words, &evidence),
            Html::text(label),
            Html::text(&predicted),
            sum(&evidence),
            strongest(&words, &evidence),
        ]);
    }
    let columns = ["sentence", "true", "predicted", "logit", "strongest windows"].map(Html::text);
    let table = Html::table("samples", &columns, &rows);
    Ok(Html::trusted(format!(
        "<p class=\"note\">The worst mistakes come first, then the surest right answers. Words are shaded by what the windows over \
         them add to the logit of the predicted class: {} for it, {} against it. Words without a shade had no influence.</p>{table}",
        shaded("green", "", 0.5),
        shaded("red", "", -0.5),
    )))
}

/// The words, each shaded by its share; the strongest of a sentence has the full shade.
pub fn coloured(words: &[String], evidence: &Evidence) -> Html {
    if words.is_empty() {
        return Html::trusted("<em>no words</em>".into());
    }
    let shares = evidence.by_word(words.len());
    let largest = shares.iter().fold(0.0f64, |largest, share| largest.max(share.abs()));
    let spans = words.iter().zip(shares).map(|(word, share)| {
        let strength = if largest > 0.0 { share / largest } else { 0.0 };
        shaded(word, &format!("{share:+.3}"), 0.6 * strength)
    });
    Html::trusted(spans.collect::<Vec<_>>().join(" "))
}

fn shaded(word: &str, title: &str, strength: f64) -> String {
    let word = Html::text(word);
    if strength.abs() < 0.005 {
        return word.to_string();
    }
    let colour = if strength > 0.0 { "--right" } else { "--wrong" };
    format!(
        "<span style=\"background:rgba(var({colour}),{:.2});padding:.1em .2em;border-radius:3px\" title=\"{title}\">{word}</span>",
        strength.abs()
    )
}

/// The logit as the sum it is: what spoke for the class, what against, and the bias.
fn sum(evidence: &Evidence) -> Html {
    let part = |sign: f64| -> f64 {
        evidence.windows.iter().map(|window| window.share).filter(|share| share * sign > 0.0).sum()
    };
    let Evidence { logit, bias, .. } = evidence;
    Html::text(&format!("{logit:+.2} = {:+.2} {:+.2} {bias:+.2} (bias)", part(1.0), part(-1.0)))
}

fn strongest(words: &[String], evidence: &Evidence) -> Html {
    let mut lines = String::new();
    for window in evidence.windows.iter().filter(|window| window.share != 0.0).take(3) {
        let text = Html::text(&window.text(words));
        let _ = write!(lines, "<div>{:+.2} {text}</div>", window.share);
    }
    Html::trusted(lines)
}
