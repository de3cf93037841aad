//! The words of a StyleBank's card that hold for any.

use conv_hub::Card;
use std::collections::BTreeMap;

/// The card of a StyleBank of `styles` that learnt from the photographs in `data`, in the words
/// that hold for any; each part may be replaced.
pub fn card(data: &str, styles: &[String], metrics: BTreeMap<String, f64>) -> Card {
    let named = styles.join(", ");
    Card {
        title: format!("StyleBank of {named}"),
        purpose: format!("Paints photographs in the manner of {} paintings, {named}, and of mixtures of them.", styles.len()),
        data: format!("Photographs: {data}. Paintings: {named}."),
        terms: Card::NO_TERMS.into(),
        limits: "It knows pictures of about the size that it was trained on: much larger ones get finer strokes. Brightness and colours are \
                 those of the painting. The loss network was trained on photographs, and so is blind to what matters in many styles."
            .into(),
        metrics,
    }
}
