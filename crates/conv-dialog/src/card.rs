//! The words of a ranker's card that hold for any.

use conv_hub::Card;
use std::collections::BTreeMap;

/// The card of a ranker that learnt from `data`, in the words that hold for any; each part may be
/// replaced.
pub fn card(data: &str, metrics: BTreeMap<String, f64>) -> Card {
    Card {
        title: format!("Answer ranker from {data}"),
        purpose: "Ranks candidate answers to a question about a photograph by the dialog so far. It never sees the photograph.".into(),
        data: data.into(),
        terms: Card::NO_TERMS.into(),
        limits: "It knows which answers people give to such questions, not what is in the picture. What it counted of answers \
                 (`counts.json`) is an input of the network and most of what it knows."
            .into(),
        metrics,
    }
}
