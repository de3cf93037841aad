//! The words of a classifier's card that hold for any.

use conv_hub::Card;
use std::collections::BTreeMap;

/// The card of a classifier that learnt from `data`, in the words that hold for any; each part may
/// be replaced.
pub fn card(data: &str, labels: &[String], metrics: BTreeMap<String, f64>) -> Card {
    let named = labels.iter().take(12).map(String::as_str).collect::<Vec<_>>().join(", ");
    let more =
        if labels.len() > 12 { format!(" and {} more", labels.len() - 12) } else { "".into() };
    Card {
        title: format!("Image classifier from {data}"),
        purpose: format!("Sorts pictures into {} classes: {named}{more}.", labels.len()),
        data: data.into(),
        terms: Card::NO_TERMS.into(),
        limits: "It knows the kind of pictures that it was trained on, and answers with one of its classes whatever it is shown."
            .into(),
        metrics,
    }
}
