//! The same network in PyTorch, `tests/reference/peers/kim_torch.py`: what it needs to train, and
//! what it is timed against.

use super::recipes::PAPER;
use super::{Kim, SPLITS};
use crate::speed::{Memory, train};
use anyhow::{Context, Result};
use conv_sentence::data::KimSet;
use conv_sentence::{Training, Variant};
use conv_train::Learner;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::time::Instant;

/// The name that the twin's cells have instead of a recipe's.
pub const RECIPE: &str = "kim-torch";

impl Kim<'_> {
    /// Writes what the twin needs to train the same network on the same words and splits from the
    /// same vectors.
    pub fn export_sets(&self, sets: &[KimSet], variants: &[Variant], folder: &Path) -> Result<()> {
        for (&set, &variant) in sets.iter().flat_map(|s| variants.iter().map(move |v| (s, v))) {
            let folder = folder.join(format!("{}_{variant}", set.name()));
            self.export_set(set, variant, &folder)?;
            conv_cli::note(format_args!("wrote {}", folder.display()));
        }
        Ok(())
    }

    fn export_set(&self, set: KimSet, variant: Variant, folder: &Path) -> Result<()> {
        let (data, sentences) = self.load(set)?;
        let table = self.table_of(variant, &sentences)?;
        let recipe = PAPER.of(variant, set);
        let splits: Vec<_> =
            (0..data.rounds()).map(|round| data.split(round, SPLITS)).collect::<Result<_, _>>()?;
        let training =
            Training::new(&recipe, &sentences, &splits[0], &table, BTreeMap::new(), self.device)?;
        std::fs::create_dir_all(folder)?;
        let set = serde_json::json!({
            "set": set.name(),
            "variant": variant.name(),
            "network": training.model().config(),
            "fit": recipe.fit,
            "sentences": sentences.words,
            "labels": sentences.classes,
            "folds": splits.iter().map(|split| serde_json::json!({
                "train": split.train, "dev": split.dev, "test": split.test,
            })).collect::<Vec<_>>(),
        });
        conv_hub::files::write_atomic(&folder.join("set.json"), set.to_string().as_bytes())?;
        let name = if variant == Variant::Static { "static.weight" } else { "embedding.weight" };
        let weight =
            training.parameters().tensors().remove(name).context("a table of word vectors")?;
        let first = BTreeMap::from([("embedding.weight".to_string(), weight)]);
        Ok(conv_hub::files::write_safetensors(&folder.join("table.safetensors"), &first)?)
    }

    /// Times `steps` training steps of the first round as [`fit`] takes them, and prediction of its
    /// training sentences.
    pub fn time(&self, set: KimSet, variant: Variant, steps: u64) -> Result<Speed> {
        let (data, sentences) = self.load(set)?;
        let table = self.table_of(variant, &sentences)?;
        let recipe = PAPER.of(variant, set);
        let split = data.split(0, SPLITS)?;
        let training =
            Training::new(&recipe, &sentences, &split, &table, BTreeMap::new(), self.device)?;
        let mut memory = Memory::now();
        let (seconds, _) = train(&training, &recipe.fit, steps, &mut memory)?;
        training.accuracy(&split.train[..split.train.len().min(500)])?;
        let predicting = Instant::now();
        training.accuracy(&split.train)?;
        let sentences_per_second = split.train.len() as f64 / predicting.elapsed().as_secs_f64();
        memory.look();
        Ok(Speed { steps_per_second: steps as f64 / seconds, sentences_per_second, memory })
    }
}

/// How fast a program trains and predicts, and what memory it takes; the twin prints the same.
#[derive(Debug, Serialize)]
pub struct Speed {
    steps_per_second: f64,
    sentences_per_second: f64,
    /// First looked at with data, vectors and network loaded.
    #[serde(flatten)]
    memory: Memory,
}

impl fmt::Display for Speed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { steps_per_second, sentences_per_second, memory } = self;
        write!(
            f,
            "{steps_per_second:.1} training steps/s, {sentences_per_second:.0} sentences/s predicted; {memory}"
        )
    }
}
