//! Training: recordings in, a recogniser out.

use crate::data::{Recording, Recordings, check_rate};
use crate::evaluate::Written;
use crate::frontend::{FrontEnd, raw_waveform};
use crate::infer::posteriors;
use crate::metrics::Tally;
use crate::model::{Batch, Preparation, Prepared, Statistics};
use crate::{Alphabet, Cldnn, Config, Error, Objective, Recipe, Recognizer, Result, cldnn, report};
use candle_core::{DType, Device, Tensor};
use conv_hub::{InvalidField, ModelConfig, Stored};
use conv_nn::rng::{Fingerprint, seeded};
use conv_nn::{
    CtcConfig, Mode, Parameters, Reduction, RnntConfig, VarBuilder, ctc_frames, ctc_loss, rnnt_loss,
};
use conv_train::report::Report;
use conv_train::{FitConfig, Learner, Loss, Task};
use rayon::prelude::*;
use serde_json::{Value, json};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

#[cfg(test)]
mod tests;

/// An utterance that training knows.
struct Example {
    name: String,
    prepared: Prepared,
    /// The recording, where it is changed in training.
    samples: Vec<f32>,
    text: String,
    letters: Vec<u32>,
}

/// A recording that is not trained on, since no alignment of its text fits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// The recording.
    pub name: String,
    /// U: letters of its text.
    pub letters: usize,
    /// Letters that repeat the one before, which CTC parts by a blank.
    pub repeats: usize,
    /// T': steps that the network has for it.
    pub steps: usize,
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, letters, repeats, steps } = self;
        write!(
            f,
            "{name} is left out: its text has {letters} letters and {repeats} repeats, more than the network's {steps} steps"
        )
    }
}

/// A network, its recordings and what is learnt from which: what [`conv_train::fit`] trains.
pub struct Training<'a> {
    recipe: &'a Recipe,
    parameters: Parameters,
    model: Cldnn,
    preparation: Preparation,
    train: Vec<Example>,
    dev: Vec<Example>,
    lengths: Vec<usize>,
    left_out: Vec<LeftOut>,
    fingerprint: u64,
    source: Option<String>,
    device: Device,
}

impl<'a> Training<'a> {
    /// Prepares the recordings and builds the network with its first values, from the model folder `start` where names and
    /// shapes agree. `dev` is measured while training goes on; it may have no recordings.
    ///
    /// # Errors
    /// A recipe out of range, recordings of two rates, audio shorter than a window, texts without letters, nothing left to
    /// train on, or a metric to watch and nothing to measure it on.
    pub fn new(
        recipe: &'a Recipe,
        train: &Recordings,
        dev: Option<&Recordings>,
        start: Option<&Path>,
        device: &Device,
    ) -> Result<Self> {
        recipe.check()?;
        let texts = train.recordings.iter().map(|one| one.text.as_str());
        let letters =
            if recipe.spelled_apart { Alphabet::with_spelled(texts) } else { Alphabet::of(texts) };
        let config = recipe.network(train.rate, letters);
        config.check()?;
        if recipe.fit.monitor.is_some() && dev.is_none() {
            let expected = "none, or recordings to measure it on";
            return Err(InvalidField::new("monitor", "set without a dev part", expected).into());
        }
        let preparation = Preparation::new(&config.front_end, config.rate);
        let examples = |recordings: &Recordings| examples(recordings, &config, &preparation);
        let (mut train_examples, left_out) = fitting(examples(train)?, &config);
        if train_examples.is_empty() {
            let found = format!("{} recordings whose text does not fit", left_out.len());
            let expected = "some to train on: fewer strides in time";
            return Err(Error::Empty { place: train.name.clone(), found, expected });
        }
        if recipe.perturbation.is_none() {
            train_examples.iter_mut().for_each(|example| example.samples = Vec::new());
        }
        let mut dev = dev.map(examples).transpose()?.unwrap_or_default();
        dev.iter_mut().for_each(|example| example.samples = Vec::new());
        let warm = start.map(|start| warm(start, &config)).transpose()?.unwrap_or_default();
        let parameters = Parameters::warm(recipe.fit.seed, warm);
        let vb = parameters.builder(DType::F32, device);
        let statistics = statistics(&train_examples, &config, &preparation, &vb, device)?;
        let model = cldnn(&config, Some(&statistics), &vb)?;
        let mut fingerprint = Fingerprint::default();
        for Example { prepared, text, .. } in train_examples.iter().chain(&dev) {
            fingerprint.bytes(text.as_bytes());
            prepared.values.iter().for_each(|value| fingerprint.number(value.to_bits().into()));
        }
        let end = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned());
        Ok(Self {
            recipe,
            parameters,
            model,
            preparation,
            lengths: train_examples.iter().map(|example| example.prepared.frames).collect(),
            train: train_examples,
            dev,
            left_out,
            fingerprint: fingerprint.value(),
            source: start.and_then(end),
            device: device.clone(),
        })
    }

    /// The network with its present parameters.
    pub fn model(&self) -> &Cldnn {
        &self.model
    }

    /// The recogniser with its present parameters.
    pub fn recognizer(&self) -> Recognizer {
        Recognizer::new(self.model.clone(), &self.device)
    }

    /// Recordings that are not trained on, in the order of the list.
    pub fn left_out(&self) -> &[LeftOut] {
        &self.left_out
    }

    /// What is watched: the dev part, or what is trained on where there is none.
    fn watched(&self) -> &[Example] {
        if self.dev.is_empty() { &self.train } else { &self.dev }
    }

    /// What is written of the watched part.
    fn written(&self) -> Result<Vec<Written>> {
        let watched = self.watched();
        let prepared: Vec<&Prepared> = watched.iter().map(|example| &example.prepared).collect();
        let names: Vec<&str> = watched.iter().map(|example| example.name.as_str()).collect();
        let all = posteriors(&self.model, &self.preparation, &prepared, &names, &self.device)?;
        let recognizer = self.recognizer();
        let written = watched.par_iter().zip(all).map(|(example, steps)| {
            Ok(Written {
                name: example.name.clone(),
                reference: example.text.clone(),
                hypothesis: recognizer.read(&steps, 0.0)?.transcript.text,
            })
        });
        let written: Vec<Result<Written>> = written.collect();
        written.into_iter().collect()
    }

    fn batch(&self, examples: &[&Example], prepared: &[&Prepared]) -> Result<Labelled> {
        Ok(Labelled {
            batch: self.preparation.batch(prepared, &self.device)?,
            letters: examples.iter().map(|example| example.letters.clone()).collect(),
        })
    }

    /// An example as it is heard in `epoch`. One whose text would no longer fit is played at its own speed.
    fn perturbed(&self, epoch: usize, index: usize) -> Result<Prepared> {
        let example = &self.train[index];
        let mut rng = seeded(self.recipe.fit.seed, &format!("augment {epoch} {index}"));
        let mut drawn = self.recipe.perturbation.draw(&mut rng);
        let config = self.model.config();
        let frames = config.front_end.frames(drawn.length(example.samples.len()), config.rate);
        if config.steps(frames) < needed(&example.letters, config).max(1) {
            drawn.speed = 1.0;
        }
        Ok(self.preparation.prepare_warped(&drawn.samples(&example.samples)?, drawn.warp))
    }

    /// The loss a letter of some examples in evaluation; those that do not fit have none.
    fn mean_loss(&self, examples: &[Example]) -> Result<f64> {
        let fits = |example: &&Example| misfit(example, self.model.config()).is_none();
        let fitting: Vec<&Example> = examples.iter().filter(fits).collect();
        let (mut sum, mut weight) = (0.0, 0.0);
        for some in fitting.chunks(16) {
            let prepared: Vec<&Prepared> = some.iter().map(|example| &example.prepared).collect();
            let loss = self.loss_of(&self.batch(some, &prepared)?, &mut Mode::Eval)?;
            sum += f64::from(loss.value.to_scalar::<f32>()?) * loss.weight;
            weight += loss.weight;
        }
        Ok(sum / weight.max(1.0))
    }

    fn loss_of(&self, Labelled { batch, letters }: &Labelled, mode: &mut Mode) -> Result<Loss> {
        let mut features = self.model.features(batch, mode)?;
        if let Some(rng) = mode.rng() {
            features = self.recipe.masks.apply(&features, &batch.frames, rng)?;
        }
        let x = self.model.logits(&features, &batch.frames, mode)?;
        let steps = self.model.steps(batch);
        let sum = match self.model.transducer() {
            Some(transducer) => {
                let logits = transducer.logits(&x, letters, mode)?;
                let config = RnntConfig { reduction: Reduction::Sum, ..RnntConfig::default() };
                rnnt_loss(&logits, &steps, letters, &config)?
            }
            None => {
                let config = CtcConfig { reduction: Reduction::Sum, ..CtcConfig::default() };
                ctc_loss(&x, &steps, letters, &config)?
            }
        };
        let weight = letters.iter().map(|letters| letters.len().max(1)).sum::<usize>() as f64;
        Ok(Loss { value: (sum / weight)?, weight })
    }
}

/// Utterances with their letters.
#[derive(Debug)]
pub struct Labelled {
    batch: Batch,
    letters: Vec<Vec<u32>>,
}

fn examples(
    recordings: &Recordings,
    config: &Config,
    preparation: &Preparation,
) -> Result<Vec<Example>> {
    let Config { rate, front_end, letters, .. } = config;
    let least = front_end.window(*rate);
    let example = |recording: &Recording| {
        let name = recording.name.clone();
        check_rate(&name, &recording.audio, *rate)?;
        let found = recording.audio.samples.len();
        if found < least {
            return Err(Error::Short { name, found, least, rate: *rate });
        }
        let prepared = preparation.prepare(&recording.audio.samples);
        let letters = letters.encode(&recording.text);
        let (samples, text) = (recording.audio.samples.clone(), recording.text.clone());
        Ok(Example { name, prepared, samples, text, letters })
    };
    let examples: Vec<Result<Example>> = recordings.recordings.par_iter().map(example).collect();
    examples.into_iter().collect()
}

/// The steps that a text needs at least: a transducer writes as many letters at one as it likes.
fn needed(letters: &[u32], config: &Config) -> usize {
    match config.objective {
        Objective::Ctc => ctc_frames(letters),
        Objective::Rnnt => 1,
    }
}

/// An example whose text needs more steps than there are.
fn misfit(example: &Example, config: &Config) -> Option<LeftOut> {
    let steps = config.steps(example.prepared.frames);
    let letters = example.letters.len();
    let needed = needed(&example.letters, config);
    let name = example.name.clone();
    (needed > steps).then_some(LeftOut {
        name,
        letters,
        repeats: needed.saturating_sub(letters),
        steps,
    })
}

fn fitting(examples: Vec<Example>, config: &Config) -> (Vec<Example>, Vec<LeftOut>) {
    let (mut fitting, mut left_out) = (Vec::new(), Vec::new());
    for example in examples {
        match misfit(&example, config) {
            Some(misfit) => left_out.push(misfit),
            None => fitting.push(example),
        }
    }
    (fitting, left_out)
}

/// Utterances whose features the statistics are of, at most: they change no more with others.
const MEASURED: usize = 500;

/// Mean and deviation of each feature, of the front end as it is at first.
fn statistics(
    examples: &[Example],
    config: &Config,
    preparation: &Preparation,
    vb: &VarBuilder,
    device: &Device,
) -> Result<Statistics> {
    let features = config.front_end.features();
    let raw = match &config.front_end {
        FrontEnd::Raw(raw) => Some(raw_waveform(raw, config.rate, &vb.pp("frontend"))?),
        FrontEnd::LogMel(_) => None,
    };
    let (mut sums, mut squares, mut count) = (vec![0.0; features], vec![0.0; features], 0.0);
    for example in examples.iter().take(MEASURED) {
        let batch = preparation.batch(&[&example.prepared], device)?;
        let x = match &raw {
            Some(raw) => raw.forward(&batch.inputs, conv_core::Precision::Exact)?.detach(),
            None => batch.inputs,
        };
        for (feature, row) in x.squeeze(0)?.to_vec2::<f32>()?.iter().enumerate() {
            sums[feature] += row.iter().map(|&value| f64::from(value)).sum::<f64>();
            squares[feature] += row.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>();
        }
        count += example.prepared.frames as f64;
    }
    let mean: Vec<f64> = sums.iter().map(|sum| sum / count).collect();
    // A feature that is always the same is left so.
    let deviation = squares.iter().zip(&mean).map(|(square, mean)| {
        let variance = square / count - mean * mean;
        if variance > 1e-6 { variance.sqrt() } else { 1.0 }
    });
    let tensor = |values: Vec<f64>| Tensor::new(values, device)?.to_dtype(DType::F32);
    Ok(Statistics { deviation: tensor(deviation.collect())?, mean: tensor(mean)? })
}

/// What parameters begin with whose rows are letters.
const OF_LETTERS: [&str; 3] = ["output.", "transducer.output.", "transducer.embedding."];

/// Tensors of the model at `start` that fit the network; the last layer's where the letters are the same.
fn warm(start: &Path, config: &Config) -> Result<BTreeMap<String, Tensor>> {
    let stored = Stored::<Config>::open(start)?;
    let drawn = Parameters::new(1);
    cldnn(config, None, &drawn.builder(DType::F32, &Device::Cpu))?;
    let own = drawn.tensors();
    let same_letters = stored.config.letters == config.letters;
    let fits = |name: &str, tensor: &Tensor| {
        own.get(name).is_some_and(|own| own.dims() == tensor.dims())
            && (same_letters || !OF_LETTERS.iter().any(|prefix| name.starts_with(prefix)))
    };
    Ok(stored.tensors.into_iter().filter(|(name, tensor)| fits(name, tensor)).collect())
}

impl Learner for Training<'_> {
    type Batch = Labelled;

    fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    fn lengths(&self, _: usize) -> conv_train::Result<Cow<'_, [usize]>> {
        Ok((&self.lengths).into())
    }

    fn identity(&self) -> Value {
        let mut identity = json!({
            "network": self.model.config(),
            "masks": self.recipe.masks,
            "data": format!("{:016x}", self.fingerprint),
        });
        // Checkpoints of runs without it are as they were.
        if !self.recipe.perturbation.is_none() {
            identity["perturbation"] = json!(self.recipe.perturbation);
        }
        identity
    }

    fn load(&self, epoch: Option<usize>, indexes: &[usize]) -> conv_train::Result<Labelled> {
        let examples: Vec<&Example> = indexes.iter().map(|&index| &self.train[index]).collect();
        let own = || examples.iter().map(|example| &example.prepared).collect::<Vec<_>>();
        let Some(epoch) = epoch.filter(|_| !self.recipe.perturbation.is_none()) else {
            return Ok(self.batch(&examples, &own())?);
        };
        let perturbed = indexes.iter().map(|&index| self.perturbed(epoch, index));
        let perturbed = perturbed.collect::<Result<Vec<_>>>()?;
        Ok(self.batch(&examples, &perturbed.iter().collect::<Vec<_>>())?)
    }

    fn loss(&self, batch: &Labelled, mode: &mut Mode) -> conv_train::Result<Loss> {
        Ok(self.loss_of(batch, mode)?)
    }

    fn name_of(&self, example: usize) -> String {
        self.train[example].name.clone()
    }

    /// Of the dev part; without one of what is trained on, and called so.
    fn evaluate(&self) -> conv_train::Result<BTreeMap<String, f64>> {
        let mut tally = Tally::default();
        for Written { reference, hypothesis, .. } in self.written()? {
            tally.add(&reference, &hypothesis);
        }
        let of = if self.dev.is_empty() { "training " } else { "" };
        let loss = self.mean_loss(self.watched())?;
        let figures =
            [("loss", loss), ("wer", tally.words.rate()), ("cer", tally.characters.rate())];
        Ok(figures.map(|(name, value)| (format!("{of}{name}"), value)).into())
    }
}

impl Task for Training<'_> {
    type Config = Config;
    const NETWORK: &'static str = "A network of convolutions and long short-term memory after Sainath et al. (2015), with CTC or a transducer";

    fn config(&self) -> &Config {
        self.model.config()
    }

    fn fit(&self) -> &FitConfig {
        &self.recipe.fit
    }

    fn recipe(&self) -> Value {
        json!(self.recipe)
    }

    fn examples(&self) -> BTreeMap<&'static str, usize> {
        let (train, left_out) = (self.train.len(), self.left_out.len());
        BTreeMap::from([("train", train), ("dev", self.dev.len()), ("left out", left_out)])
    }

    fn start(&self) -> Value {
        json!({ "from": self.source })
    }

    /// Samples through the filters, maps before and behind each rectifier, gates and states of the recurrent layers.
    fn activations(&self, [examples, longest]: [usize; 2]) -> usize {
        let config = self.config();
        let filtered = match &config.front_end {
            FrontEnd::Raw(raw) => {
                raw.filters * longest * config.front_end.hop(config.rate) / raw.stride
            }
            FrontEnd::LogMel(log_mel) => log_mel.filters * longest,
        };
        let (mut frames, mut features, mut maps) = (longest, config.front_end.features(), 0);
        for layer in &config.convolutions {
            frames = frames.div_ceil(layer.stride[1]);
            features = features.div_ceil(layer.stride[0]);
            maps += 3 * layer.maps * features * frames;
            features /= layer.pool;
        }
        let recurrent = 6 * config.recurrent.layers * config.recurrent.units * 2 * frames;
        examples * (filtered + maps + recurrent) * size_of::<f32>()
    }

    /// The worst utterances of the watched part.
    fn sections(&self, report: Report) -> conv_train::Result<Report> {
        let part = if self.dev.is_empty() { "training" } else { "dev" };
        let worst = report::worst(&self.written()?);
        Ok(report.section(&format!("Transcripts, {part}, the worst first"), worst))
    }
}
