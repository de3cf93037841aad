//! The model card.

use std::collections::BTreeMap;
use std::fmt::Write;

/// A model card, part by part: what the model is for, what it learnt from, how well it does.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Card {
    /// The model's name.
    pub title: String,
    /// What it is for.
    pub purpose: String,
    /// What it learnt from.
    pub data: String,
    /// Under which terms that data is.
    pub terms: String,
    /// What it should not be trusted with.
    pub limits: String,
    /// How well it does, by the name of the figure.
    pub metrics: BTreeMap<String, f64>,
}

impl Card {
    /// What stands under [`Card::terms`] where nobody has said.
    pub const NO_TERMS: &'static str =
        "Not stated: those of the data hold, find out before passing the model on.";

    /// The card of a model that is `network`, such as "A convolutional network of Kim (2014)".
    ///
    /// ```
    /// let card = conv_hub::Card { title: "Greetings".into(), ..Default::default() };
    /// assert!(card.markdown("A small network").starts_with("# Greetings\n"));
    /// ```
    pub fn markdown(&self, network: &str) -> String {
        let Self { title, purpose, data, terms, limits, metrics } = self;
        let figures = metrics.iter().fold(String::new(), |mut figures, (name, value)| {
            let _ = writeln!(figures, "| {name} | {value:.4} |");
            figures
        });
        format!(
            "# {title}\n\n{purpose} {network}, trained with Convoke.\n\n## Data\n\n{data}\n\n## Terms\n\n{terms}\n\n\
             ## Figures\n\n| figure | value |\n|---|---|\n{figures}\n## Limits\n\n{limits}\n"
        )
    }
}
