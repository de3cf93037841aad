//! `train`: from recordings and their texts to a model folder and a report.

use crate::data::{Sets, recordings};
use crate::recipe::Flags;
use crate::surroundings::Elsewhere;
use anyhow::{Result, bail};
use candle_core::Device;
use clap::Args;
use conv_cli::train::TrainFlags;
use conv_speech::data::{Manifest, Part, Recordings};
use conv_speech::{
    Decoding, FeatureCache, FramesConfig, Language, NgramModel, Pronunciations, Recognizer,
    Training, card, evaluate,
};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
pub struct Options {
    /// A table with the columns path and text (.tsv) or an object a line (.jsonl), paths being
    /// relative to it; a folder laid out as AN4, LibriSpeech, Common Voice, Speech Commands or
    /// FSDD, of which the train part is taken; or yesno, of which the first half is trained on and
    /// the second measured
    #[arg(long)]
    data: PathBuf,
    /// Recordings to choose the best weights by, of a folder the dev part; without them the last
    /// ones are kept
    #[arg(long)]
    dev: Option<PathBuf>,
    /// Start from what another model has learnt, as far as names and sizes agree
    #[arg(long)]
    init: Option<String>,
    /// Write only words that the training texts have, by the best of all their spellings: for few
    /// words [always with yesno]
    #[arg(long)]
    lexicon: bool,
    /// A pronouncing dictionary: write phones in place of letters
    #[arg(long, value_name = "FILE")]
    phones: Option<PathBuf>,
    /// Learn which letter or phone each frame is of, as this model with CTC aligns the texts; for
    /// --loss ctc
    #[arg(long, value_name = "MODEL")]
    frames_of: Option<String>,
    /// Frames after one at which its letter is written [default: 5]
    #[arg(long, requires = "frames_of")]
    delay: Option<usize>,
    /// Keep log-mel features there for later runs: what has changed is computed anew
    #[arg(long, value_name = "FOLDER")]
    cache: Option<PathBuf>,
    #[command(flatten)]
    sets: Sets,
    #[command(flatten)]
    surroundings: Elsewhere,
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
        None => (recordings(&options.data, Part::Train)?, None),
    };
    let lexicon = options.lexicon || test.is_some();
    let mut recipe = options.flags.recipe(options.dev.is_some(), common)?;
    options.surroundings.set(&mut recipe.surroundings, 0.5);
    let phones = options.phones.as_ref().map(|path| Pronunciations::read(path)).transpose()?;
    let said = |recordings: Recordings| {
        anyhow::Ok(match &phones {
            Some(phones) => phones.of(recordings)?,
            None => recordings,
        })
    };
    if phones.is_some() {
        recipe.spelled_apart = false;
    }
    if let (Some(monitor), true) = (&mut recipe.fit.monitor, options.frames_of.is_some()) {
        monitor.metric = "frame error".into();
    }
    let train = said(Recordings::read(&manifest, None)?)?;
    let held_out = |manifest: &Manifest| said(Recordings::read(manifest, Some(train.rate))?);
    let dev = options.dev.as_ref();
    let dev = dev.map(|path| held_out(&recordings(path, Part::Dev)?)).transpose()?;
    let test = test.as_ref().map(held_out).transpose()?;
    let start = options.init.as_ref().map(|start| conv_hub::resolve(start)).transpose()?;
    let surroundings = options.surroundings.read(train.rate, recipe.fit.seed)?;
    let cache = options.cache.as_ref().map(|path| FeatureCache::open(path)).transpose()?;
    let dev_list = dev.as_ref();
    let kept = cache.as_ref();
    let training = Training::with_cache(&recipe, &train, dev_list, start.as_deref(), kept, device)?;
    if let Some(cache) = &cache {
        conv_cli::note(cache);
    }
    let mut training = training.within(&surroundings)?;
    if let Some(aligner) = &options.frames_of {
        let aligner = Recognizer::open(&conv_hub::resolve(aligner)?, device)?;
        let usual = FramesConfig::default();
        let frames = FramesConfig { delay: options.delay.unwrap_or(usual.delay) };
        training = training.frame_by_frame(&aligner, &train, dev_list, frames)?;
    }
    for left_out in training.left_out() {
        conv_cli::note(left_out);
    }
    if let Some(start) = training.start() {
        conv_cli::note(start);
    }
    let config = training.model().config();
    let kind = config.front_end.name();
    let subtitle = format!(
        "{kind} features and {} on {}, {} letters",
        config.objective,
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
