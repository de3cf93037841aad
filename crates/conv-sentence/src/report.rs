//! What a run's page says of single sentences: predictions, each word coloured by what it spoke
//! for.

use crate::infer::first_maximum;
use crate::{Classifier, Evidence, KimCnn, Result, evidence};
use conv_text::data::Example;
use conv_train::report::Html;
use std::fmt::Write;

/// Mistakes shown at most, and right answers.
const SHOWN: (usize, usize) = (16, 8);

/// A sentence with its class, and what the network says of it.
pub(crate) struct Sample {
    /// Its words' numbers.
    pub ids: Vec<u32>,
    /// Its words.
    pub words: Vec<String>,
    /// The true class.
    pub class: usize,
    /// Of each class.
    pub probabilities: Vec<f64>,
}

/// A table of predictions: the worst mistakes first (those that give the truth the least
/// probability), then the surest right answers. Each word is shaded by its part in the predicted
/// class's logit.
///
/// # Errors
/// Only those of the tensor library.
pub fn samples(classifier: &Classifier, examples: &[Example]) -> Result<Html> {
    let texts: Vec<&str> = examples.iter().map(|example| example.text.as_str()).collect();
    let predictions = classifier.predict_batch(&texts)?;
    let samples = examples.iter().zip(predictions).map(|(Example { text, label }, prediction)| {
        let (ids, words) = classifier.words(text)?;
        let probabilities = prediction.probabilities;
        // A label beyond the classifier's is none of its classes.
        let class = (*label as usize).min(classifier.labels().len());
        Ok(Sample { ids, words, class, probabilities })
    });
    let unseen = "no class of the model".to_string();
    let labels = [classifier.labels(), &[unseen]].concat();
    table(classifier.model(), &labels, &samples.collect::<Result<Vec<_>>>()?)
}

/// `labels` are the classes' names, and behind them labels that are no class.
pub(crate) fn table(model: &KimCnn, labels: &[String], samples: &[Sample]) -> Result<Html> {
    // Of a label that is no class, none.
    let truth = |sample: &Sample| sample.probabilities.get(sample.class).copied().unwrap_or(0.0);
    let mut order: Vec<&Sample> = samples.iter().collect();
    order.sort_by(|a, b| truth(a).total_cmp(&truth(b)));
    let is_right = |sample: &&&Sample| first_maximum(&sample.probabilities) == sample.class;
    let mistakes = order.iter().filter(|sample| !is_right(sample)).take(SHOWN.0);
    let surest = order.iter().rev().filter(is_right).take(SHOWN.1);
    let mut rows = Vec::new();
    for Sample { ids, words, class, probabilities } in mistakes.chain(surest) {
        let predicted = first_maximum(probabilities);
        let evidence = evidence(model, ids, predicted)?;
        let said = format!("{} {:.3}", labels[predicted], probabilities[predicted]);
        rows.push(vec![
            coloured(words, &evidence),
            Html::text(&labels[*class]),
            Html::text(&said),
            sum(&evidence),
            strongest(words, &evidence),
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
