//! The words of a translator's card that hold for any.

use conv_hub::Card;
use std::collections::BTreeMap;

/// The card of a translator that learnt from `data`, in the words that hold for any; each part may
/// be replaced.
pub fn card(languages: &str, data: &str, metrics: BTreeMap<String, f64>) -> Card {
    Card {
        title: format!("Translator {languages} from {data}"),
        purpose: format!("Translates sentences, {languages}."),
        data: format!("{data}, {languages}"),
        terms: Card::NO_TERMS.into(),
        limits: "It translates one sentence at a time, of the kind that it was trained on. Names, numbers and words that it has not \
                 seen come out wrong, and it says nothing of its doubts but the score."
            .into(),
        metrics,
    }
}
