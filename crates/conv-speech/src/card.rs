//! The words of a recogniser's card that hold for any.

use conv_hub::Card;
use std::collections::BTreeMap;

/// The card of a recogniser that learnt from `data`, in the words that hold for any; each part may
/// be replaced.
pub fn card(data: &str, metrics: BTreeMap<String, f64>) -> Card {
    Card {
        title: format!("Speech recogniser from {data}"),
        purpose: "Writes down what is said in a recording.".into(),
        data: data.into(),
        terms: Card::NO_TERMS.into(),
        limits: "It knows the speakers, the words and the kind of recording that it was trained on, and one rate of samples. It writes \
                 letters of its alphabet whatever it hears, noise and other languages too."
            .into(),
        metrics,
    }
}
