//! A ranker's folder, read and checked.

use crate::counts::Counts;
use crate::model::{Network, network};
use crate::{Config, Result};
use candle_core::{DType, Device};
use conv_hub::{InvalidField, folder};
use conv_nn::Parameters;
use conv_text::tokenizer::Tokenizer;
use std::path::Path;

/// The file of what was counted.
pub(crate) const COUNTS: &str = "counts.json";

/// Network, words and counts of the folder at `path`, which fit each other.
pub(crate) fn open(path: &Path, device: &Device) -> Result<(Network, Tokenizer, Counts)> {
    let conv_hub::Stored { folder, config, tensors } = conv_hub::Stored::<Config>::open(path)?;
    let tokenizer = Tokenizer::load(&folder.file(folder::TOKENIZER)?)?;
    let found = config.vocabulary;
    let words = tokenizer.vocabulary().len();
    let expected = format!("{words}, the words of tokenizer.json");
    InvalidField::unless(found == words, "vocabulary", &found, &expected)?;
    let counts = Counts::read(&folder.file(COUNTS)?, words)?;
    let parameters = Parameters::frozen(tensors);
    Ok((network(&config, None, &parameters.builder(DType::F32, device))?, tokenizer, counts))
}
