//! The words of a detector's card that hold for any.

use conv_hub::Card;
use std::collections::BTreeMap;

/// The card of a detector that learnt from `data`, in the words that hold for any; each part may be
/// replaced.
pub fn card(data: &str, labels: &[String], metrics: BTreeMap<String, f64>) -> Card {
    let named = labels.iter().take(12).map(String::as_str).collect::<Vec<_>>().join(", ");
    let more =
        if labels.len() > 12 { format!(" and {} more", labels.len() - 12) } else { "".into() };
    Card {
        title: format!("Instance segmentation from {data}"),
        purpose: format!("Finds things on pictures, with box, mask and class: {named}{more}."),
        data: data.into(),
        terms: Card::NO_TERMS.into(),
        limits: "It knows the kind of pictures and the sizes of things that it was trained on, and finds nothing else on any other."
            .into(),
        metrics,
    }
}
