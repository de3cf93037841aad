//! The same network in PyTorch, `tests/reference/peers/convs2s_torch.py`: what it needs to train,
//! and what it is timed against.

use super::{ConvS2s, Corpus, Plan};
use crate::speed::{Memory, WARM_UP, train};
use anyhow::{Context, Result, bail};
use conv_train::{Learner, Task, task};
use conv_translate::card;
use conv_translate::data::Pair;
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

impl ConvS2s<'_> {
    /// Writes what the twin needs to take the same steps from the same weights.
    pub fn export_plan(&self, plan: &Plan, folder: &Path) -> Result<()> {
        let recipe = plan.recipe();
        let corpus = Corpus::read(self, &plan.pair, &recipe, folder)?;
        let training = corpus.training(&recipe, self.device)?;
        let fit = training.fit();
        let batches = fit.batching.epoch(&training.lengths(0)?, fit.seed, 0);
        let batch = |places: Vec<usize>| {
            let pairs = places.into_iter().map(|place| Ok(numbers(&training.pair(0, place)?)));
            pairs.collect::<Result<Vec<Value>>>()
        };
        let loss = training.evaluate()?;
        let described = json!({
            "network": training.config(),
            "label_smoothing": recipe.label_smoothing,
            "fit": fit,
            "batches": batches.iter().map(batch).collect::<Result<Vec<_>>>()?,
            "val": corpus.dev.pairs.iter().map(numbers).collect::<Vec<_>>(),
            // Of the first weights, so that it shows whether both have one network.
            "val_loss": loss.get("loss").context("a loss of val")?,
        });
        let path = folder.join("training.json");
        conv_hub::files::write_atomic(&path, described.to_string().as_bytes())?;
        let card =
            card(&plan.pair.to_string(), "nothing: its weights are the first", BTreeMap::new());
        task::save(&training, &folder.join("first"), &card, false)?;
        conv_cli::note(format_args!("wrote {}", folder.display()));
        Ok(())
    }

    /// Times `steps` training steps of the first epoch as [`fit`] takes them.
    pub fn time(&self, plan: &Plan, steps: u64) -> Result<Speed> {
        let mut memory = Memory::now();
        let recipe = plan.recipe();
        let folder = tempfile::tempdir()?;
        let corpus = Corpus::read(self, &plan.pair, &recipe, folder.path())?;
        let training = corpus.training(&recipe, self.device)?;
        let batches = {
            let fit = training.fit();
            fit.batching.epoch(&training.lengths(0)?, fit.seed, 0)
        };
        let most = (batches.len() as u64).saturating_sub(WARM_UP);
        if !(1..=most).contains(&steps) {
            bail!("--speed is {steps}, expected 1 to {most}, the steps of an epoch that are timed");
        }
        let mut tokens = 0;
        for batch in batches.iter().skip(WARM_UP as usize).take(steps as usize) {
            for place in batch {
                tokens += training.pair(0, place)?.target.len() + 1;
            }
        }
        let (seconds, losses) = train(&training, training.fit(), steps, &mut memory)?;
        Ok(Speed {
            target_tokens_per_second: tokens as f64 / seconds,
            steps_per_second: steps as f64 / seconds,
            losses: [losses[0], losses[losses.len() - 1]],
            parameters: training.parameters().count(),
            memory,
        })
    }
}

fn numbers(pair: &Pair) -> Value {
    json!([pair.source, pair.target])
}

/// How fast a program trains, and what memory it takes; the twin prints the same.
#[derive(Debug, Serialize)]
pub struct Speed {
    target_tokens_per_second: f64,
    steps_per_second: f64,
    /// Of the first step and of the last.
    losses: [f64; 2],
    parameters: usize,
    /// First looked at before data and network are there.
    #[serde(flatten)]
    memory: Memory,
}

impl fmt::Display for Speed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { target_tokens_per_second, steps_per_second, memory, .. } = self;
        write!(
            f,
            "{target_tokens_per_second:.0} target tokens/s, {steps_per_second:.2} training steps/s; {memory}"
        )
    }
}
