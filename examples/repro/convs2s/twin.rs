//! The same network in PyTorch, `tests/reference/peers/convs2s_torch.py`: what it needs to train, and what it is timed against.

use super::{Corpus, Experiment, Plan};
use crate::memory::resident;
use anyhow::{Context, Result, bail};
use conv_train::{Event, Every, FitConfig, Learner, Run, fit};
use conv_translate::card;
use conv_translate::data::Pair;
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// Steps before the clock starts.
const WARM_UP: u64 = 5;

impl Experiment<'_> {
    /// Writes what the twin needs to take the same steps from the same weights.
    pub fn export(&self, plan: &Plan, folder: &Path) -> Result<()> {
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
        conv_train::files::write_atomic(&path, described.to_string().as_bytes())?;
        let card =
            card(&plan.pair.to_string(), "nothing: its weights are the first", BTreeMap::new());
        training.save(&folder.join("first"), &plan.pair.to_string(), &card, false)?;
        conv_cli::note(format_args!("wrote {}", folder.display()));
        Ok(())
    }

    /// Times `steps` training steps of the first epoch as [`fit`] takes them.
    pub fn speed(&self, plan: &Plan, steps: u64) -> Result<Speed> {
        let start_kib = resident("VmRSS:");
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
        let stop = AtomicBool::new(false);
        let (mut began, mut seconds, mut losses) = (Instant::now(), 0.0, Vec::new());
        let mut peak_kib = None;
        let mut observe = |event: &Event| {
            let Event::Step(step) = event else { return };
            losses.push(step.loss);
            if step.step == WARM_UP {
                began = Instant::now();
            } else if step.step == WARM_UP + steps {
                seconds = began.elapsed().as_secs_f64();
                // Before the checkpoint that stopping writes, which the twin does not have.
                peak_kib = resident("VmHWM:");
                stop.store(true, Ordering::SeqCst);
            }
        };
        let endless =
            FitConfig { evaluate_every: Every::Epochs(usize::MAX), ..training.fit().clone() };
        let run =
            Run { stop: Some(&stop), observer: Some(&mut observe), ..Run::new(folder.path()) };
        fit(&training, &endless, run)?;
        Ok(Speed {
            target_tokens_per_second: tokens as f64 / seconds,
            steps_per_second: steps as f64 / seconds,
            losses: [losses[0], losses[losses.len() - 1]],
            parameters: training.parameters().count(),
            start_kib,
            peak_kib,
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
    /// Resident memory before data and network are there, in KiB, where the system tells.
    start_kib: Option<u64>,
    /// The largest resident memory of the whole run, in KiB.
    peak_kib: Option<u64>,
}

impl fmt::Display for Speed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mib = |kib: Option<u64>| kib.map_or("?".into(), |kib| (kib / 1024).to_string());
        write!(
            f,
            "{:.0} target tokens/s, {:.2} training steps/s; {} MiB resident at start, {} at most",
            self.target_tokens_per_second,
            self.steps_per_second,
            mib(self.start_kib),
            mib(self.peak_kib)
        )
    }
}
