//! Starting from another model: what it has learnt that the new one can use.

use crate::prepare::{Sentences, Table};
use crate::stored::Stored;
use crate::{FilterBank, Result, Variant};
use candle_core::{Device, Tensor};
use std::collections::BTreeMap;
use std::path::Path;

/// First values from another model, as [`Training::new`](crate::Training::new) takes them.
#[derive(Debug, Clone)]
pub struct WarmStart {
    /// The vectors of the words that both have; other words are drawn.
    pub table: Table,
    /// The filters that are alike in both, by name, and the last layer where labels and filters are
    /// the same.
    pub parameters: BTreeMap<String, Tensor>,
}

impl WarmStart {
    /// Reads the model at `path` for a network of `filters` over `sentences`.
    ///
    /// # Errors
    /// As [`Classifier::open`](crate::Classifier::open).
    pub fn open(path: &Path, filters: &[FilterBank], sentences: &Sentences) -> Result<Self> {
        let stored = Stored::open(path)?;
        stored.network(&Device::Cpu)?;
        let Stored { config, labels, tokenizer, mut tensors } = stored;
        let table = match config.variant {
            Variant::Static => "static.weight",
            _ => "embedding.weight",
        };
        let table = Table::learnt(&tensors[table], &tokenizer, sentences)?;
        let alike =
            |at: usize| filters.get(at).is_some_and(|bank| config.filters.get(at) == Some(bank));
        let same_output = config.filters == filters && labels == sentences.labels;
        tensors.retain(|name, _| {
            match name.strip_prefix("convs.").and_then(|n| n.split_once('.')) {
                Some((number, _)) => number.parse().is_ok_and(alike),
                None => same_output && name.starts_with("fc."),
            }
        });
        Ok(Self { table, parameters: tensors })
    }
}
