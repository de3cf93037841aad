//! A model folder of this crate, read and checked: what a classifier and a warm start begin with.

use crate::{Config, KimCnn, Result, kim_cnn};
use candle_core::{DType, Device, Tensor};
use conv_hub::{InvalidField, folder};
use conv_nn::{Init, Parameters};
use conv_text::tokenizer::Tokenizer;
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
        let conv_hub::Stored { folder, config, tensors } = conv_hub::Stored::<Config>::open(path)?;
        let labels = folder.labels()?;
        let tokenizer = Tokenizer::load(&folder.file(folder::TOKENIZER)?)?;
        let check = |field, found: usize, expected: usize, file: &str| {
            InvalidField::unless(found == expected, field, &found, &format!("{expected}, {file}"))
        };
        check("classes", config.classes, labels.len(), "the lines of labels.txt")?;
        let words = tokenizer.vocabulary().len();
        check("vocabulary", config.vocabulary, words, "the words of tokenizer.json")?;
        Ok(Self { config, labels, tokenizer, tensors })
    }

    /// The network; every tensor that it takes is there and of the shape that the configuration
    /// says.
    pub(crate) fn network(&self, device: &Device) -> Result<KimCnn> {
        let parameters = Parameters::frozen(self.tensors.clone());
        kim_cnn(&self.config, Init::default(), &parameters.builder(DType::F32, device))
    }
}
