//! Writing a trained classifier as a model folder, with its card: what it is for, what it learnt from, how well it does.

use crate::{Config, Recipe, Result, Training};
use conv_hub::{Card, ModelParts, folder};
use conv_train::Learner;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::path::Path;

/// The card of a classifier that learnt from `data`, in the words that hold for any; each part may be replaced.
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

impl Training<'_> {
    /// Writes the network with its present parameters as a model folder, which [`Classifier::open`](crate::Classifier::open)
    /// reads; `half` stores them in half precision.
    ///
    /// # Errors
    /// A folder that cannot be written, or holds anything but a model.
    pub fn save(&self, folder: &Path, card: &Card, half: bool) -> Result<()> {
        let tokenizer = self.sentences.tokenizer.to_json()?;
        let recipe = Recipe { dimension: self.model().config().dimension, ..self.recipe.clone() };
        let parts = ModelParts {
            model_type: Config::MODEL_TYPE,
            config: object(json!(self.model().config())),
            tensors: &self.parameters().tensors(),
            half,
            labels: &self.sentences.labels,
            training: json!({
                "data": card.data,
                "examples": {
                    "train": self.split.train.len(),
                    "dev": self.split.dev.len(),
                    "test": self.split.test.len(),
                },
                "seed": self.recipe.fit.seed,
                "metrics": card.metrics,
                "version": env!("CARGO_PKG_VERSION"),
                "start": { "from": self.source, "coverage": self.coverage },
                "half": half,
                "recipe": recipe,
            }),
            card: &card.markdown("A convolutional network of Kim (2014)"),
            files: &[(folder::TOKENIZER, tokenizer.as_bytes())],
        };
        Ok(parts.write(folder)?)
    }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}
