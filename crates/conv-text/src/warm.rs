//! Starting from another model: what it has learnt that the new one can use.

use crate::prepare::{Sentences, Table};
use crate::tokenizer::Tokenizer;
use crate::{Config, FilterBank, Result};
use candle_core::{DType, Tensor};
use conv_hub::{ModelFolder, folder};
use std::collections::BTreeMap;
use std::path::Path;

/// First values from another model, as [`Training::new`](crate::Training::new) takes them.
#[derive(Debug, Clone)]
pub struct WarmStart {
    /// The vectors of the words that both have; other words are drawn.
    pub table: Table,
    /// The filters that are alike in both, by name, and the last layer where labels and filters are the same.
    pub parameters: BTreeMap<String, Tensor>,
}

impl WarmStart {
    /// Reads the model at `path` for a network of `filters` over `sentences`.
    ///
    /// # Errors
    /// A folder that is damaged or of another task.
    pub fn open(path: &Path, filters: &[FilterBank], sentences: &Sentences) -> Result<Self> {
        let model = ModelFolder::open(path)?;
        model.expect_type(Config::MODEL_TYPE)?;
        let config: Config = model.config()?;
        let tokenizer = Tokenizer::load(&model.file(folder::TOKENIZER)?)?;
        let mut tensors = model.tensors(Some(DType::F32))?;
        let table = ["embedding.weight", "static.weight"];
        let table = table.iter().find_map(|&name| tensors.remove(name));
        let table = table.ok_or_else(|| crate::Error::Config {
            field: "variant",
            found: format!("{}, but without a table of word vectors", config.variant),
            expected: "embedding.weight or static.weight in the model's weights".into(),
        })?;
        let table = Table::learnt(&table, &tokenizer, sentences)?;
        let alike =
            |at: usize| filters.get(at).is_some_and(|bank| config.filters.get(at) == Some(bank));
        let same_output = config.filters == filters && model.labels()? == sentences.labels;
        tensors.retain(|name, _| {
            match name.strip_prefix("convs.").and_then(|n| n.split_once('.')) {
                Some((number, _)) => number.parse().is_ok_and(alike),
                None => same_output && name.starts_with("fc."),
            }
        });
        Ok(Self { table, parameters: tensors })
    }
}
