//! Writing a trained translator as a model folder.

use crate::data::Encoders;
use crate::tokenizer::Subwords;
use crate::{Config, Recipe, Result, Training};
use candle_core::Tensor;
use conv_hub::{Card, ModelParts, folder};
use conv_train::Learner;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::path::Path;

/// The tokenizers of a model whose languages have one each; a joint one is [`folder::TOKENIZER`].
pub(crate) const SOURCE_TOKENIZER: &str = "tokenizer.source.json";
pub(crate) const TARGET_TOKENIZER: &str = "tokenizer.target.json";

/// The card of a translator that learnt from `data`, in the words that hold for any; each part may be replaced.
pub fn card(languages: &str, data: &str, metrics: BTreeMap<String, f64>) -> Card {
    Card {
        title: format!("Translator {languages} from {data}"),
        purpose: format!("Translates sentences, {languages}."),
        data: data.into(),
        terms: Card::NO_TERMS.into(),
        limits: "It translates one sentence at a time, of the kind that it was trained on. Names, numbers and words that it has not \
                 seen come out wrong, and it says nothing of its doubts but the score."
            .into(),
        metrics,
    }
}

impl Training<'_> {
    /// Writes the network with its present parameters as a model folder, which [`Translator::open`](crate::Translator::open) reads;
    /// `half` stores them in half precision.
    ///
    /// # Errors
    /// A folder that cannot be written, or holds anything but a model.
    pub fn save(&self, folder: &Path, languages: &str, card: &Card, half: bool) -> Result<()> {
        // A tokenizer of the user's own, or of the model from which training went on, knows.
        let mut recipe = Recipe { fit: self.fit().clone(), ..self.recipe().clone() };
        recipe.subwords.lowercase = self.encoders().target.lower_cases();
        let training = json!({
            "languages": languages,
            "data": card.data,
            "pairs": self.pairs(),
            "seed": self.fit().seed,
            "start": self.start(),
            "metrics": card.metrics,
            "version": env!("CARGO_PKG_VERSION"),
            "half": half,
            "recipe": recipe,
        });
        let model = Model {
            config: self.config(),
            tensors: &self.parameters().tensors(),
            encoders: self.encoders(),
        };
        model.write(folder, training, card, half)
    }
}

/// What makes a translator.
pub(crate) struct Model<'a> {
    pub config: &'a Config,
    pub tensors: &'a BTreeMap<String, Tensor>,
    pub encoders: Encoders<'a>,
}

impl Model<'_> {
    pub fn write(&self, folder: &Path, training: Value, card: &Card, half: bool) -> Result<()> {
        let Encoders { source, target } = self.encoders;
        let [source, target] = [source, target].map(Subwords::to_json);
        let (source, target) = (source?, target?);
        let files = match source == target {
            true => vec![(folder::TOKENIZER, source.as_bytes())],
            false => {
                vec![(SOURCE_TOKENIZER, source.as_bytes()), (TARGET_TOKENIZER, target.as_bytes())]
            }
        };
        let Value::Object(config) = json!(self.config) else {
            unreachable!("a struct is an object")
        };
        let parts = ModelParts {
            model_type: Config::MODEL_TYPE,
            config: config.into_iter().collect::<Map<_, _>>(),
            tensors: self.tensors,
            half,
            training,
            card: &card.markdown("A convolutional network of Gehring et al. (2017)"),
            files: &files,
            ..ModelParts::default()
        };
        Ok(parts.write(folder)?)
    }
}
