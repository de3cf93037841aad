//! The words of a head's card that hold for any.

use super::Config;
use conv_hub::Card;
use std::collections::BTreeMap;

/// The card of a head that learnt from `data`, in the words that hold for any; each part may be
/// replaced.
pub fn card(config: &Config, data: &str, metrics: BTreeMap<String, f64>) -> Card {
    let looks = match &config.maps {
        None => "It never sees the picture.".into(),
        Some(maps) => {
            let layer = maps.made_by.layers.join(", ");
            let network = &maps.made_by.network;
            format!(
                "It looks at {layer} of a {network}, whose weights `config.json` tells by their hash."
            )
        }
    };
    Card {
        title: format!("{} head for CLEVR's questions", config.architecture),
        purpose: format!("Answers a question about a picture of CLEVR without program or scene graph. {looks}"),
        data: data.into(),
        terms: Card::NO_TERMS.into(),
        limits: "It always gives one of the answers that it has learnt, also to what is no question, and never says why. Words that it has \
                 not learnt are refused by name."
            .into(),
        metrics,
    }
}
