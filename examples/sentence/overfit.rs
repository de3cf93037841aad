//! `train --overfit N`: a network that is set up well learns a few examples by heart.

use crate::train::Task;
use anyhow::{Result, bail};
use conv_text::data::Split;
use conv_train::{Event, Progress, Run, fit};
use std::sync::atomic::Ordering;

pub fn run(
    task: &Task,
    split: &Split,
    n: usize,
    dry_run: bool,
    common: &conv_cli::Common,
) -> Result<()> {
    let recipe = task.recipe.clone().by_heart();
    let split = Split::by_heart(&task.sentences.classes, &split.train, n);
    let training = task.training(&recipe, &split)?;
    if dry_run {
        return conv_cli::print(common.json, &training.dry_run()?);
    }
    let stop = conv_cli::stop_on_ctrl_c()?;
    let mut progress = Progress::new();
    let mut observer = |event: &Event| {
        progress.show(event);
        if let Event::Evaluation(record) = event
            && record.metrics.get("accuracy") == Some(&1.0)
        {
            stop.store(true, Ordering::SeqCst);
        }
    };
    let folder = tempfile::tempdir()?;
    let run = Run { stop: Some(stop), observer: Some(&mut observer), ..Run::new(folder.path()) };
    let outcome = fit(&training, &recipe.fit, run).map_err(|error| training.locate(error))?;
    let all = split.train.len();
    let right = (training.accuracy(&split.train)? * all as f64).round() as usize;
    let epochs = outcome.epoch;
    if right < all {
        bail!(
            "learnt {right} of {all} examples by heart in {epochs} epochs: the same text under two labels, too few filters, or a learning rate that does not suit?"
        );
    }
    let result = serde_json::json!({ "learnt": right, "of": all, "epochs": epochs });
    if common.json {
        return conv_cli::print(true, &result);
    }
    conv_cli::print(false, &format!("learnt all {all} examples by heart in {epochs} epochs"))
}
