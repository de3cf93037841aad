//! `train`: from recordings and their texts to a model folder and a report.

use crate::data::Sets;
use crate::recipe::{Flags, Preset};
use anyhow::{Result, bail};
use candle_core::Device;
use clap::Args;
use conv_cli::train::TrainFlags;
use conv_speech::data::{Manifest, Recordings};
use conv_speech::{Objective, Training, card, evaluate};
use std::collections::BTreeMap;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub struct Options {
    /// A table with the columns path and text, paths being relative to it; or yesno, of which the first half is trained on and the second
    /// measured
    #[arg(long)]
    data: PathBuf,
    /// Recordings to choose the best weights by; without them the last ones are kept
    #[arg(long)]
    dev: Option<PathBuf>,
    /// Start from what another model has learnt, as far as names and sizes agree
    #[arg(long)]
    init: Option<String>,
    #[command(flatten)]
    sets: Sets,
    #[command(flatten)]
    flags: Flags,
    #[command(flatten)]
    train: TrainFlags,
}

pub fn run(options: &Options, common: &conv_cli::Common, device: &Device) -> Result<()> {
    if options.train.overfit.is_none() {
        options.train.run_folder()?;
    }
    let (manifest, test) = match options.sets.find(&options.data)? {
        Some(_) if options.dev.is_some() => {
            bail!("yesno comes with parts of its own: --dev is for lists")
        }
        Some(set) => (set.train, Some(set.test)),
        None => (Manifest::read(&options.data)?, None),
    };
    let usual = if test.is_some() { Preset::Convolutional } else { Preset::Small };
    let recipe = options.flags.recipe(usual, options.dev.is_some(), common)?;
    let train = Recordings::read(&manifest, None)?;
    let held_out = |manifest: &Manifest| Recordings::read(manifest, Some(train.rate));
    let dev = options.dev.as_ref().map(|path| held_out(&Manifest::read(path)?)).transpose()?;
    let test = test.as_ref().map(held_out).transpose()?;
    let start = options.init.as_ref().map(|start| conv_hub::resolve(start)).transpose()?;
    let training = Training::new(&recipe, &train, dev.as_ref(), start.as_deref(), device)?;
    for left_out in training.left_out() {
        conv_cli::note(left_out);
    }
    let config = training.model().config();
    let kind = config.front_end.name();
    let loss = match config.objective {
        Objective::Ctc => "CTC",
        Objective::Rnnt => "a transducer",
    };
    let subtitle = format!(
        "{kind} features and {loss} on {}, {} letters",
        train.name,
        config.letters.classes() - 1
    );
    let measured = [("dev", &dev), ("test", &test)];
    let figures = || {
        let recognizer = training.recognizer();
        let mut figures = BTreeMap::new();
        for (part, recordings) in measured {
            if let Some(recordings) = recordings {
                let (evaluation, _) = evaluate(&recognizer, recordings)?;
                figures.insert(format!("{part} WER"), evaluation.wer);
                figures.insert(format!("{part} CER"), evaluation.cer);
            }
        }
        Ok(figures)
    };
    options.train.run(&training, &subtitle, figures, |metrics| card(&train.name, metrics), common)
}
