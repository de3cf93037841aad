//! A model folder of this crate, read and checked: what a classifier and a warm start begin with.

use crate::tokenizer::Tokenizer;
use crate::{Config, Error, KimCnn, Result, kim_cnn};
use candle_core::{DType, Device, Tensor};
use conv_hub::{ModelFolder, folder};
use conv_nn::{Init, Parameters};
use std::collections::BTreeMap;
use std::path::Path;

/// The parts of a model that fit each other.
pub(crate) struct Stored {
    pub(crate) config: Config,
    pub(crate) labels: Vec<String>,
    pub(crate) tokenizer: Tokenizer,
    pub(crate) tensors: BTreeMap<String, Tensor>,
}

impl Stored {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let model = ModelFolder::open(path)?;
        model.expect_type(Config::MODEL_TYPE)?;
        let config: Config = model.config()?;
        let labels = model.labels()?;
        if labels.len() != config.classes {
            return Err(Error::Config {
                field: "classes",
                found: config.classes.to_string(),
                expected: format!("{}, the lines of labels.txt", labels.len()),
            });
        }
        let tokenizer = Tokenizer::load(&model.file(folder::TOKENIZER)?)?;
        let words = tokenizer.vocabulary().len();
        if words != config.vocabulary {
            return Err(Error::Config {
                field: "vocabulary",
                found: config.vocabulary.to_string(),
                expected: format!("{words}, the words of tokenizer.json"),
            });
        }
        let tensors = model.tensors(Some(DType::F32))?;
        if let Some((name, tensor)) = tensors.iter().find(|(_, t)| t.dtype() != DType::F32) {
            return Err(Error::ParameterKind { name: name.clone(), dtype: tensor.dtype() });
        }
        Ok(Self { config, labels, tokenizer, tensors })
    }

    /// The network; every tensor that it takes is there and of the shape that the configuration says.
    pub(crate) fn network(&self, device: &Device) -> Result<KimCnn> {
        let parameters = Parameters::frozen(self.tensors.clone());
        kim_cnn(&self.config, Init::default(), &parameters.builder(DType::F32, device))
    }
}
