//! The words of a classifier's card that hold for any.

use conv_hub::Card;
use std::collections::BTreeMap;

/// The card of a classifier that learnt from `data`, in the words that hold for any; each part may
/// be replaced.
pub fn card(data: &str, labels: &[String], metrics: BTreeMap<String, f64>) -> Card {
    Card {
        title: format!("Sentence classifier from {data}"),
        purpose: format!("Sorts sentences into {}.", labels.join(", ")),
        data: data.into(),
        terms: Card::NO_TERMS.into(),
        limits: "It knows the words and the kind of text that it was trained on. It sees windows of a few words, \
                 not how a text hangs together, and answers with one of its classes whatever it is given."
            .into(),
        metrics,
    }
}
