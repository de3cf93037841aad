//! A language model beside a network: how much it is to count, and where it is kept.

use super::{Decoding, FILE, Language, NgramModel};
use crate::data::Recordings;
use crate::evaluate::{posteriors, tally, written};
use crate::search::Guides;
use crate::{Config, Recognizer, Result};
use conv_hub::{ModelConfig, ModelFolder, ModelParts, folder};
use serde_json::{Value, json};
use std::path::Path;

/// Weights and bonuses that are tried.
const WEIGHTS: [f64; 7] = [0.2, 0.4, 0.6, 0.8, 1.0, 1.3, 1.6];
const BONUSES: [f64; 5] = [-1.0, 0.0, 1.0, 2.0, 3.0];

impl Decoding {
    /// The weight and the bonus with the lowest word error rate on recordings to choose by, over a
    /// grid; and that rate. Of equal ones it is the one with the fewest character errors, then the
    /// first.
    ///
    /// # Errors
    /// Audio shorter than a window, by name; a beam out of its range.
    pub fn choose(
        recognizer: &Recognizer,
        model: &NgramModel,
        recordings: &Recordings,
        beam: usize,
        lexicon: bool,
    ) -> Result<(Self, f64)> {
        let posteriors = posteriors(recognizer, recordings)?;
        let mut best = None;
        for weight in WEIGHTS {
            for bonus in BONUSES {
                let decoding = Self { beam, weight, bonus, lexicon };
                let language =
                    Language::new(model.clone(), decoding, &recognizer.config().letters)?;
                let guides = Guides { language: Some(&language), ..recognizer.guides() };
                let found = tally(&written(recognizer, guides, recordings, &posteriors)?);
                let errors = (found.words.count(), found.characters.count());
                if best.as_ref().is_none_or(|(_, least, _)| errors < *least) {
                    best = Some((decoding, errors, found.words.rate()));
                }
            }
        }
        let (decoding, _, rate) = best.unwrap_or_else(|| unreachable!("the grid has places"));
        Ok((decoding, rate))
    }
}

impl NgramModel {
    /// Puts the model into a recogniser's folder, in place of the one that is there: from then on
    /// the folder writes with it.
    ///
    /// # Errors
    /// A folder of another task, or one that cannot be read or written; a setting out of its range.
    pub fn put_into(&self, path: &Path, decoding: Decoding) -> Result<()> {
        let stored = ModelFolder::open(path)?;
        stored.expect_type(Config::MODEL_TYPE)?;
        let config = Config { decoding: Some(decoding), ..stored.config()? };
        config.check()?;
        let has = |name: &str| path.join(name).exists();
        let card = if has(folder::CARD) {
            folder::text(&stored.file(folder::CARD)?)?
        } else {
            String::new()
        };
        let training = if has(folder::TRAINING) { stored.training()? } else { Value::Null };
        let Value::Object(config) = json!(config) else { unreachable!("a struct is an object") };
        let arpa = self.to_arpa();
        let tensors = stored.tensors(None)?;
        let parts = ModelParts {
            model_type: Config::MODEL_TYPE,
            config,
            tensors: &tensors,
            training,
            card: &card,
            files: &[(FILE, arpa.as_bytes())],
            ..ModelParts::default()
        };
        Ok(parts.write(path)?)
    }
}
