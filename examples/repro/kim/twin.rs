//! The same network in PyTorch, `tests/reference/peers/kim_torch.py`: what it needs to train, and what it is timed against.

use super::recipes::PAPER;
use super::{Experiment, SPLITS};
use crate::memory::resident;
use anyhow::{Context, Result};
use conv_text::data::KimSet;
use conv_text::{Training, Variant};
use conv_train::{Event, Every, FitConfig, Learner, Run, fit};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// The name that the twin's cells have instead of a recipe's.
pub const RECIPE: &str = "kim-torch";

/// Steps before the clock starts.
const WARM_UP: u64 = 5;

impl Experiment<'_> {
    /// Writes what the twin needs to train the same network on the same words and splits from the same vectors.
    pub fn export(&self, sets: &[KimSet], variants: &[Variant], folder: &Path) -> Result<()> {
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
        conv_train::files::write_atomic(&folder.join("set.json"), set.to_string().as_bytes())?;
        let name = if variant == Variant::Static { "static.weight" } else { "embedding.weight" };
        let weight =
            training.parameters().tensors().remove(name).context("a table of word vectors")?;
        let first = BTreeMap::from([("embedding.weight".to_string(), weight)]);
        Ok(conv_train::files::write_safetensors(&folder.join("table.safetensors"), &first)?)
    }

    /// Times `steps` training steps of the first round as [`fit`] takes them, and prediction of its training sentences.
    pub fn speed(&self, set: KimSet, variant: Variant, steps: u64) -> Result<Speed> {
        let (data, sentences) = self.load(set)?;
        let table = self.table_of(variant, &sentences)?;
        let recipe = PAPER.of(variant, set);
        let split = data.split(0, SPLITS)?;
        let training =
            Training::new(&recipe, &sentences, &split, &table, BTreeMap::new(), self.device)?;
        let start_kib = resident("VmRSS:");
        let stop = AtomicBool::new(false);
        let (mut began, mut seconds) = (Instant::now(), 0.0);
        let mut observe = |event: &Event| match event {
            Event::Step(step) if step.step == WARM_UP => began = Instant::now(),
            Event::Step(step) if step.step == WARM_UP + steps => {
                seconds = began.elapsed().as_secs_f64();
                stop.store(true, Ordering::SeqCst);
            }
            _ => (),
        };
        let folder = tempfile::tempdir()?;
        let endless = FitConfig {
            epochs: usize::MAX,
            evaluate_every: Every::Epochs(usize::MAX),
            monitor: None,
            patience: None,
            ..recipe.fit.clone()
        };
        let run =
            Run { stop: Some(&stop), observer: Some(&mut observe), ..Run::new(folder.path()) };
        fit(&training, &endless, run)?;
        training.accuracy(&split.train[..split.train.len().min(500)])?;
        let predicting = Instant::now();
        training.accuracy(&split.train)?;
        Ok(Speed {
            steps_per_second: steps as f64 / seconds,
            sentences_per_second: split.train.len() as f64 / predicting.elapsed().as_secs_f64(),
            start_kib,
            peak_kib: resident("VmHWM:"),
        })
    }
}

/// How fast a program trains and predicts, and what memory it takes; the twin prints the same.
#[derive(Debug, Serialize)]
pub struct Speed {
    steps_per_second: f64,
    sentences_per_second: f64,
    /// Resident memory with data, vectors and network loaded, in KiB, where the system tells.
    start_kib: Option<u64>,
    /// The largest resident memory of the whole run, in KiB.
    peak_kib: Option<u64>,
}

impl fmt::Display for Speed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mib = |kib: Option<u64>| kib.map_or("?".into(), |kib| (kib / 1024).to_string());
        write!(
            f,
            "{:.1} training steps/s, {:.0} sentences/s predicted; {} MiB resident at start, {} at most",
            self.steps_per_second,
            self.sentences_per_second,
            mib(self.start_kib),
            mib(self.peak_kib)
        )
    }
}
