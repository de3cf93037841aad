//! What the experiments on speech do alike: their recordings, a training run within its time, and
//! what is kept of it.

use crate::experiment::data_folder;
use crate::speed::{WARM_UP, train};
use anyhow::{Context, Result, bail};
use candle_core::Device;
use conv_speech::data::{Manifest, Part, Recordings, recordings_of};
use conv_speech::{Evaluation, Recipe, Recognizer, Training, card, evaluate};
use conv_train::metrics::{Estimate, bootstrap};
use conv_train::{End, Event, Learner, Progress, Run, fit};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Instant;

/// Recordings to learn from, and those that all is chosen by and measured on.
pub struct Data {
    pub train: Recordings,
    pub dev: Recordings,
}

impl Data {
    /// AN4; or for a small version sequences of three digits of FSDD, those of dev being of takes
    /// that are not learnt from. The official test part of neither is looked at.
    pub fn read(folder: &Option<PathBuf>, quick: bool) -> Result<Self> {
        let folder = data_folder(folder, "a recogniser")?.join("speech");
        if !quick {
            let read = |name: &str, rate| -> Result<Recordings> {
                Ok(Recordings::read(&Manifest::read(&folder.join("an4").join(name))?, rate)?)
            };
            let train = read("train.tsv", None)?;
            let dev = read("dev.tsv", Some(train.rate))?;
            return Ok(Self { train, dev });
        }
        let all = Recordings::read(&recordings_of(&folder.join("fsdd"), Part::Train)?, None)?;
        let take = |name: &str| -> Option<usize> {
            let name = name.split(" (").next()?.strip_suffix(".wav")?;
            name.rsplit('_').next()?.parse().ok()
        };
        let (dev, train): (Vec<_>, Vec<_>) = all
            .recordings
            .into_iter()
            .partition(|one| take(&one.name).is_some_and(|take| take < FIRST_TAKE));
        let digits = |recordings: Vec<_>, name: &str, count: usize| {
            let name = format!("FSDD {name}");
            Recordings { name, rate: all.rate, recordings }.connected(count, DIGITS, 1)
        };
        Ok(Self { train: digits(train, "train", 240)?, dev: digits(dev, "dev", 60)? })
    }
}

/// Takes below it, from the official training part's first on, are dev's.
const FIRST_TAKE: usize = 10;
/// Digits of a sequence.
const DIGITS: usize = 3;

/// A run that is to be made.
pub struct Plan {
    pub recipe: Recipe,
    /// The model folder that it starts from.
    pub start: Option<PathBuf>,
    /// Its own folder, with checkpoints and then `model`.
    pub folder: PathBuf,
    /// Thread-minutes of training at most, by the pace of some steps before it: what the epochs are
    /// cut to.
    pub minutes: f64,
    pub threads: usize,
    pub again: bool,
    pub stop: Option<&'static AtomicBool>,
}

/// What came of a run, on dev.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    pub parameters: usize,
    pub epochs: usize,
    pub steps: u64,
    /// Thread-minutes of training, others on the machine slowing it included.
    pub minutes: f64,
    pub threads: usize,
    pub wer: f64,
    pub cer: f64,
    /// Seconds of writing dev down to a second of it, on these threads.
    pub real_time: f64,
    /// Word errors and words of each speaker.
    pub speakers: BTreeMap<String, [u64; 2]>,
    /// The name of the recordings.
    pub data: String,
    pub version: String,
    /// The commit that ran it.
    pub commit: String,
}

/// Steps whose pace is taken.
const PACE: u64 = 10;

/// Trains, or goes on with what was begun.
pub fn run(plan: &Plan, data: &Data, device: &Device) -> Result<(Figures, Recognizer)> {
    let folder = &plan.folder;
    if plan.again && folder.exists() {
        std::fs::remove_dir_all(folder).with_context(|| folder.display().to_string())?;
    }
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let mut recipe = plan.recipe.clone();
    recipe.fit.epochs = epochs(plan, data, device)?;
    let training = training(&recipe, plan, data, device)?;
    for left_out in training.left_out() {
        conv_cli::note(left_out);
    }
    let mut progress = Progress::new();
    let mut observer = |event: &Event| progress.show(event);
    let run =
        Run { resume: true, stop: plan.stop, observer: Some(&mut observer), ..Run::new(folder) };
    let outcome = fit(&training, &recipe.fit, run)?;
    if outcome.end == End::Interrupted {
        bail!("stopped; the same command goes on with this run");
    }
    let recognizer = training.recognizer();
    let began = Instant::now();
    let (found, _) = evaluate(&recognizer, &data.dev)?;
    let real_time = began.elapsed().as_secs_f64() / data.dev.seconds();
    let metrics = [("dev WER".to_string(), found.wer), ("dev CER".to_string(), found.cer)];
    let card = card(&data.train.name, metrics.into());
    conv_train::task::save(&training, &folder.join("model"), &card, false)?;
    let figures = Figures {
        parameters: training.parameters().count(),
        epochs: recipe.fit.epochs,
        steps: outcome.step,
        minutes: outcome.seconds / 60.0 * plan.threads as f64,
        threads: plan.threads,
        wer: found.wer,
        cer: found.cer,
        real_time,
        speakers: speakers(&found),
        data: data.train.name.clone(),
        version: env!("CARGO_PKG_VERSION").into(),
        commit: crate::experiment::commit(),
    };
    Ok((figures, recognizer))
}

fn training<'a>(
    recipe: &'a Recipe,
    plan: &Plan,
    data: &Data,
    device: &Device,
) -> Result<Training<'a>> {
    Ok(Training::new(recipe, &data.train, Some(&data.dev), plan.start.as_deref(), device)?)
}

/// The epochs of a run: its recipe's, or fewer where these would take too long. Once known they
/// stay, so that a run that was stopped goes on as it was laid out.
fn epochs(plan: &Plan, data: &Data, device: &Device) -> Result<usize> {
    let kept = plan.folder.join("epochs");
    if let Ok(text) = std::fs::read_to_string(&kept) {
        return text.trim().parse().with_context(|| kept.display().to_string());
    }
    let training = training(&plan.recipe, plan, data, device)?;
    let config = &plan.recipe.fit;
    let lengths = training.lengths(0)?;
    let batches = config.batching.epoch(&lengths, config.seed, 0).iter().count();
    let (seconds, _) = train(&training, config, PACE, &mut crate::speed::Memory::now())?;
    let an_epoch = seconds / PACE as f64 * batches as f64 * plan.threads as f64 / 60.0;
    let fitting = (plan.minutes / an_epoch) as usize;
    let epochs = config.epochs.min(fitting.max(1));
    conv_cli::note(format_args!(
        "{:.1} thread-minutes an epoch, told by {PACE} steps after {WARM_UP}: {epochs} of {} epochs",
        an_epoch, config.epochs
    ));
    conv_hub::files::write_atomic(&kept, format!("{epochs}\n").as_bytes())?;
    Ok(epochs)
}

/// Word errors and words of each speaker.
pub fn speakers(found: &Evaluation) -> BTreeMap<String, [u64; 2]> {
    let of = found.speakers.iter();
    of.map(|(name, rates)| (name.clone(), [rates.words.count(), rates.words.reference])).collect()
}

/// How many more words are wrong by `a` than by `b`, as a share of all, with its 95 % interval from
/// speakers drawn anew: each speaker's errors by both are a pair. Nothing where the speakers are
/// not the same.
pub fn difference(
    a: &BTreeMap<String, [u64; 2]>,
    b: &BTreeMap<String, [u64; 2]>,
) -> Option<Estimate> {
    let pair = |(name, [errors, words]): (&String, &[u64; 2])| {
        let [others, same] = b.get(name)?;
        (words == same).then_some((*errors as f64 - *others as f64, *words as f64))
    };
    let pairs: Option<Vec<_>> = a.iter().map(pair).collect();
    let pairs = pairs.filter(|pairs| pairs.len() > 1 && a.len() == b.len())?;
    Some(bootstrap(&pairs, 1))
}

/// A difference as it is printed, in points.
pub fn points(Estimate { mean, low, high }: Estimate) -> String {
    format!("{:+.1} ({:+.1} to {:+.1})", 100.0 * mean, 100.0 * low, 100.0 * high)
}

/// A folder's name for a run.
pub fn name(parts: &[&dyn std::fmt::Display]) -> String {
    parts.iter().map(|part| part.to_string()).collect::<Vec<_>>().join("-")
}

/// The model that a run of `folder` has left.
pub fn model_of(folder: &Path) -> Result<PathBuf> {
    let model = folder.join("model");
    if !model.is_dir() {
        bail!(
            "{} is not there: this run starts from what CTC has learnt; --losses ctc --again makes it",
            model.display()
        );
    }
    Ok(model)
}
