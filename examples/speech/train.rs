//! `train`: from recordings and their texts to a model folder and a report.

use crate::data::Sets;
use crate::recipe::Flags;
use anyhow::{Result, bail};
use candle_core::Device;
use clap::Args;
use conv_cli::train::TrainFlags;
use conv_speech::data::{Manifest, Recordings};
use conv_speech::{Decoding, Language, NgramModel, Objective, Training, card, evaluate};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

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
    /// Write only words that the training texts have, by the best of all their spellings: for few words [always with yesno]
    #[arg(long)]
    lexicon: bool,
    #[command(flatten)]
    sets: Sets,
    #[command(flatten)]
    flags: Flags,
    #[command(flatten)]
    train: TrainFlags,
}

pub fn run(options: &Options, common: &conv_cli::Common, device: &Device) -> Result<()> {
    let out = options.train.run_folder()?.map(Path::to_path_buf);
    let (manifest, test) = match options.sets.find(&options.data)? {
        Some(_) if options.dev.is_some() => {
            bail!("yesno comes with parts of its own: --dev is for lists")
        }
        Some(set) => (set.train, Some(set.test)),
        None => (Manifest::read(&options.data)?, None),
    };
    let lexicon = options.lexicon || test.is_some();
    let recipe = options.flags.recipe(options.dev.is_some(), common)?;
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
    let texts = train.recordings.iter().map(|recording| recording.text.as_str());
    let words = lexicon.then(|| NgramModel::train(texts, [], 1));
    let figures = || {
        let mut recognizer = training.recognizer();
        if let Some(words) = &words {
            let language =
                Language::new(words.clone(), Decoding::LEXICON, &recognizer.config().letters)?;
            recognizer = recognizer.with_language(language);
        }
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
    let card = |metrics| card(&train.name, metrics);
    options.train.run(&training, &subtitle, figures, card, common)?;
    match (words, out) {
        (Some(words), Some(out)) => Ok(words.put_into(&out.join("model"), Decoding::LEXICON)?),
        _ => Ok(()),
    }
}
