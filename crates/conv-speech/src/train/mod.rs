//! Training: recordings in, a recogniser out.

mod example;
mod loss;
mod start;
mod statistics;
mod task;
#[cfg(test)]
mod tests;

pub use example::LeftOut;
pub use loss::Labelled;
pub use start::Start;

use crate::data::{Recording, Recordings};
use crate::evaluate::Written;
use crate::infer::posteriors;
use crate::model::{Preparation, Prepared};
use crate::{
    Alphabet, Cldnn, Error, FeatureCache, FramesConfig, Recipe, Recognizer, Result, Surroundings,
    cldnn,
};
use candle_core::{DType, Device};
use conv_hub::{InvalidField, ModelConfig};
use conv_nn::Parameters;
use conv_nn::rng::Fingerprint;
use example::{Example, examples, fitting};
use rayon::prelude::*;
use start::warm;
use statistics::statistics;
use std::collections::BTreeMap;
use std::path::Path;

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
    start: Option<Start>,
    surroundings: Option<&'a Surroundings>,
    frames: Option<FramesConfig>,
    device: Device,
}

impl<'a> Training<'a> {
    /// Prepares the recordings and builds the network with its first values, from the model folder
    /// `start` where names and shapes agree. `dev` is measured while training goes on; it may have
    /// no recordings.
    ///
    /// # Errors
    /// A recipe out of range, recordings of two rates, audio shorter than a window, texts without
    /// letters, nothing left to train on, or a metric to watch and nothing to measure it on.
    pub fn new(
        recipe: &'a Recipe,
        train: &Recordings,
        dev: Option<&Recordings>,
        start: Option<&Path>,
        device: &Device,
    ) -> Result<Self> {
        Self::with_cache(recipe, train, dev, start, None, device)
    }

    /// The same with features that an earlier run has computed, and to be kept for later ones.
    /// Recordings that are changed anew each epoch have theirs computed each time.
    ///
    /// # Errors
    /// As [`Training::new`]; a file of the cache that cannot be written.
    pub fn with_cache(
        recipe: &'a Recipe,
        train: &Recordings,
        dev: Option<&Recordings>,
        start: Option<&Path>,
        cache: Option<&FeatureCache>,
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
        let examples = |recordings: &Recordings| examples(recordings, &config, &preparation, cache);
        let (mut train_examples, left_out) = fitting(examples(train)?, &config);
        if train_examples.is_empty() {
            let found = format!("{} recordings whose text does not fit", left_out.len());
            let expected = "some to train on: fewer strides in time";
            return Err(Error::Empty { place: train.name.clone(), found, expected });
        }
        if !recipe.changes_recordings() {
            train_examples.iter_mut().for_each(|example| example.samples = Vec::new());
        }
        let mut dev = dev.map(examples).transpose()?.unwrap_or_default();
        dev.iter_mut().for_each(|example| example.samples = Vec::new());
        let (warm, start) = start.map(|start| warm(start, &config)).transpose()?.unzip();
        let parameters = Parameters::warm(recipe.fit.seed, warm.unwrap_or_default());
        let vb = parameters.builder(DType::F32, device);
        let statistics = statistics(&train_examples, &config, &preparation, &vb, device)?;
        let model = cldnn(&config, Some(&statistics), &vb)?;
        let mut fingerprint = Fingerprint::default();
        for Example { prepared, text, .. } in train_examples.iter().chain(&dev) {
            fingerprint.bytes(text.as_bytes());
            prepared.values().for_each(|value| fingerprint.number(value.to_bits().into()));
        }
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
            start,
            surroundings: None,
            frames: None,
            device: device.clone(),
        })
    }

    /// The same, hearing recordings where the recipe's surroundings have them.
    ///
    /// # Errors
    /// A recipe that asks for noises or rooms of which there are none.
    pub fn within(self, surroundings: &'a Surroundings) -> Result<Self> {
        self.recipe.surroundings.check(Some(surroundings))?;
        Ok(Self { surroundings: Some(surroundings), ..self })
    }

    /// The same, learning which letter each frame is of, by what `aligner` says of the recordings
    /// that it was set up with, in place of texts; the classes are the letters', and CTC's blank is
    /// silence. Speeds are those of the recipe, and a frame goes with its recording's.
    ///
    /// # Errors
    /// Another objective than CTC, or other letters, or another hop than the aligner's; a recording
    /// that cannot be aligned ([`Recognizer::align`]).
    pub fn frame_by_frame(
        mut self,
        aligner: &Recognizer,
        train: &Recordings,
        dev: Option<&Recordings>,
        config: FramesConfig,
    ) -> Result<Self> {
        config.check()?;
        crate::frames::check(aligner.config(), self.model.config())?;
        let mut fingerprint = Fingerprint::default();
        fingerprint.number(self.fingerprint);
        let parts = [(&mut self.train, Some(train)), (&mut self.dev, dev)];
        for (examples, recordings) in parts {
            let recordings = recordings.map_or(&[][..], |all| &all.recordings);
            let known: BTreeMap<&str, &Recording> =
                recordings.iter().map(|one| (one.name.as_str(), one)).collect();
            examples.par_iter_mut().try_for_each(|example| -> Result<()> {
                if let Some(recording) = known.get(example.name.as_str()) {
                    example.states = aligner.states_of(recording)?;
                }
                Ok(())
            })?;
            for state in examples.iter().flat_map(|example| &example.states) {
                fingerprint.number((*state).into());
            }
        }
        self.fingerprint = fingerprint.value();
        Ok(Self { frames: Some(config), ..self })
    }

    /// The network with its present parameters.
    pub fn model(&self) -> &Cldnn {
        &self.model
    }

    /// The recogniser with its present parameters.
    pub fn recognizer(&self) -> Recognizer {
        Recognizer::new(self.model.clone(), &self.device)
    }

    /// What the network has of the one that it starts from, where it does.
    pub fn start(&self) -> Option<&Start> {
        self.start.as_ref()
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
}
