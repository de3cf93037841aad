//! A trained recogniser: a model folder, opened once and shared between threads.

use crate::data::Audio;
use crate::greedy::{Letter, words};
use crate::model::{Output, Preparation, Prepared};
use crate::search::{Decoded, Guides, HotWords, decode};
use crate::{Cldnn, Config, Error, Language, Objective, Result, Word, stored};
use candle_core::{Device, Tensor};
use conv_hub::InvalidField;
use conv_nn::{Mode, softmax};
use conv_train::batch;
use serde::Serialize;
use std::path::Path;

/// What was heard in a recording.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Transcript {
    /// The words, a blank between two.
    pub text: String,
    /// Each with its place in time.
    pub words: Vec<Word>,
    /// Length of the recording, in seconds.
    pub seconds: f64,
}

/// A recording on its way to a transcript, for pictures: what the network saw, and what it made of
/// each step.
#[derive(Debug, Clone)]
pub struct Heard {
    /// Features `[F, T]`, of mean 0 and deviation 1 over the training set.
    pub features: Vec<Vec<f32>>,
    /// Probabilities of CTC's blank and the letters, `[T', V]`.
    pub posteriors: Vec<Vec<f32>>,
    /// The letters, each with its first step and the one behind its last.
    pub letters: Vec<(char, [usize; 2])>,
    /// What they say.
    pub transcript: Transcript,
    /// Frames of the features to a step.
    pub time_reduction: usize,
}

/// A speech recogniser, ready for use. `Send + Sync`: one serves many threads.
#[derive(Debug)]
pub struct Recognizer {
    model: Cldnn,
    language: Option<Language>,
    hot: Option<HotWords>,
    preparation: Preparation,
    device: Device,
}

impl Recognizer {
    /// Opens a model folder.
    ///
    /// # Errors
    /// A missing or damaged file, weights that are not finite, or a folder of another task, by
    /// name.
    pub fn open(folder: &Path, device: &Device) -> Result<Self> {
        let model = stored::open(folder, device)?;
        let language = Language::open(folder, model.config())?;
        Ok(Self { language, ..Self::new(model, device) })
    }

    /// Of a network without a language model.
    pub fn new(model: Cldnn, device: &Device) -> Self {
        let config = model.config();
        let preparation = Preparation::new(&config.front_end, config.rate);
        Self { model, language: None, hot: None, preparation, device: device.clone() }
    }

    /// The same, writing with a language model.
    #[must_use]
    pub fn with_language(self, language: Language) -> Self {
        Self { language: Some(language), ..self }
    }

    /// The same, expecting some words and phrases. Where the folder writes the words of its lexicon
    /// alone, others among them change nothing.
    ///
    /// # Errors
    /// As [`HotWords::new`].
    pub fn with_hot_words<'w>(
        self,
        phrases: impl IntoIterator<Item = &'w str>,
        boost: f64,
    ) -> Result<Self> {
        let hot = Some(HotWords::new(phrases, boost, &self.config().letters)?);
        Ok(Self { hot, ..self })
    }

    /// The same, following so many texts at a time, with a language model or without.
    ///
    /// # Errors
    /// None, too many, or more than one where CTC by itself has no use for them.
    pub fn with_beam(self, beam: usize) -> Result<Self> {
        let is_plain = self.config().objective == Objective::Ctc && self.is_greedy();
        let most = if is_plain { 1 } else { 4096 };
        let expected = if is_plain {
            "1, as CTC has without a language model and hot words"
        } else {
            "1 to 4096"
        };
        InvalidField::unless((1..=most).contains(&beam), "beam", &beam, expected)?;
        let mut language = self.language;
        if let Some(language) = &mut language {
            language.decoding.beam = beam;
        }
        Ok(Self { model: self.model.with_beam(beam), language, ..self })
    }

    /// What the network is made of.
    pub fn config(&self) -> &Config {
        self.model.config()
    }

    /// The network.
    pub fn model(&self) -> &Cldnn {
        &self.model
    }

    /// Writes down what is said, as the folder says: with its language model, by a beam, or by the
    /// best letter each time. Audio of another rate is resampled.
    ///
    /// # Errors
    /// Audio shorter than a window, with both numbers.
    pub fn transcribe(&self, audio: &Audio) -> Result<Transcript> {
        let prepared = self.prepared(THE_AUDIO, audio)?;
        let steps = self.posteriors(&[&prepared], &[THE_AUDIO])?;
        Ok(self.read(&steps[0], audio.seconds())?.transcript)
    }

    /// The same with what it came from.
    ///
    /// # Errors
    /// As [`Recognizer::transcribe`].
    pub fn hear(&self, audio: &Audio) -> Result<Heard> {
        self.heard(&self.prepared(THE_AUDIO, audio)?, audio.seconds())
    }

    /// The same of a recording that is prepared and so long.
    pub(crate) fn heard(&self, prepared: &Prepared, seconds: f64) -> Result<Heard> {
        let steps = self.posteriors(&[prepared], &[THE_AUDIO])?.swap_remove(0);
        let batch = self.preparation.batch(&[prepared], &self.device)?;
        let features = self.model.features(&batch, &Mode::Eval)?.squeeze(0)?.to_vec2()?;
        let Read { letters, shares, transcript } = self.read(&steps, seconds)?;
        let posteriors = shares.unwrap_or(steps);
        let letters = letters.iter().map(|letter| (letter.unit.letter(), letter.steps)).collect();
        let time_reduction = self.config().time_reduction();
        Ok(Heard { features, posteriors, letters, transcript, time_reduction })
    }

    pub(crate) fn device(&self) -> &Device {
        &self.device
    }

    /// Features of samples at the model's own rate, `[F]` of each frame.
    pub(crate) fn features(&self, samples: &[f32]) -> Result<Vec<Vec<f32>>> {
        let batch = self.preparation.batch(&[&self.preparation.prepare(samples)], &self.device)?;
        Ok(self.model.features(&batch, &Mode::Eval)?.squeeze(0)?.t()?.to_vec2()?)
    }

    pub(crate) fn prepared(&self, name: &str, audio: &Audio) -> Result<Prepared> {
        let Config { rate, front_end, .. } = self.config();
        let resampled;
        let samples = if audio.rate == *rate {
            &audio.samples
        } else {
            resampled = audio.clone().at_rate(*rate)?;
            &resampled.samples
        };
        let found = samples.len();
        let least = front_end.window(*rate);
        if found < least {
            return Err(Error::Short { name: name.into(), found, least, rate: *rate });
        }
        Ok(self.preparation.prepare(samples))
    }

    /// What the network makes of each utterance's steps, in the utterances' order: probabilities
    /// `[T', V]`, or of a transducer and of attention the encoder's outputs `[T', H]`.
    pub(crate) fn posteriors(
        &self,
        utterances: &[&Prepared],
        names: &[&str],
    ) -> Result<Vec<Vec<Vec<f32>>>> {
        posteriors(&self.model, &self.preparation, utterances, names, &self.device)
    }

    /// The language model, where the folder has one.
    pub fn language(&self) -> Option<&Language> {
        self.language.as_ref()
    }

    /// What is said at some steps: with the language model, where there is one.
    pub(crate) fn read(&self, steps: &[Vec<f32>], seconds: f64) -> Result<Read> {
        self.read_with(self.guides(), steps, seconds)
    }

    /// Whether it writes by what it hears alone, with neither a language model nor hot words.
    pub fn is_greedy(&self) -> bool {
        self.guides().is_none()
    }

    /// What it writes by besides what it hears.
    pub(crate) fn guides(&self) -> Guides<'_> {
        Guides { language: self.language.as_ref(), hot: self.hot.as_ref() }
    }

    /// What is said at some steps, by these guides or none.
    pub(crate) fn read_with(
        &self,
        guides: Guides,
        steps: &[Vec<f32>],
        seconds: f64,
    ) -> Result<Read> {
        let Decoded { letters, shares } = decode(&self.model, guides, steps, &self.device)?;
        let words = words(&letters, self.config());
        let text: Vec<&str> = words.iter().map(|word| word.text.as_str()).collect();
        let text = text.join(" ");
        Ok(Read { letters, shares, transcript: Transcript { text, words, seconds } })
    }
}

/// What was read of an utterance's steps.
pub(crate) struct Read {
    letters: Vec<Letter>,
    /// As a search gives them ([`Decoded`]).
    shares: Option<Vec<Vec<f32>>>,
    pub transcript: Transcript,
}

/// What audio without a name is called in errors.
const THE_AUDIO: &str = "the audio";

/// Frames in a batch at most, padding included, or one utterance.
const FRAMES_AT_ONCE: usize = 8192;

/// As [`Recognizer::posteriors`]. Utterances of like length share a batch; each result is the same
/// as alone.
pub(crate) fn posteriors(
    model: &Cldnn,
    preparation: &Preparation,
    utterances: &[&Prepared],
    names: &[&str],
    device: &Device,
) -> Result<Vec<Vec<Vec<f32>>>> {
    let lengths: Vec<usize> = utterances.iter().map(|one| one.frames).collect();
    let mut all = vec![Vec::new(); utterances.len()];
    for places in batch::by_length(&lengths, FRAMES_AT_ONCE) {
        let chosen: Vec<&Prepared> = places.iter().map(|&place| utterances[place]).collect();
        let batch = preparation.batch(&chosen, device)?;
        let logits = model.forward(&batch, &mut Mode::Eval)?;
        let shares: Tensor = match model.output() {
            Output::Ctc(_) => softmax(&logits, 2)?,
            Output::Rnnt(_) | Output::Attention(..) => logits,
        };
        for ((shares, steps), place) in
            shares.to_vec3::<f32>()?.into_iter().zip(model.steps(&batch)).zip(places)
        {
            let rows: Vec<Vec<f32>> = shares.into_iter().take(steps).collect();
            if let Some(&value) = rows.iter().flatten().find(|value| !value.is_finite()) {
                let name = names.get(place).copied().unwrap_or(THE_AUDIO).to_string();
                return Err(Error::NotFinite { value, name });
            }
            all[place] = rows;
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frontend::{FrontEnd, LogMelConfig};
    use crate::{Alphabet, Recipe, cldnn};
    use candle_core::DType;
    use conv_nn::Parameters;

    #[test]
    fn an_utterance_is_heard_the_same_alone_and_in_any_batch() -> Result<()> {
        let log_mel = || FrontEnd::LogMel(LogMelConfig::default());
        for recipe in [
            Recipe::small(log_mel()),
            Recipe::small(Recipe::raw()),
            Recipe::convolutional(log_mel()),
        ] {
            let config = recipe.network(8000, Alphabet::of(["AB"]));
            let parameters = Parameters::new(1);
            let vb = parameters.builder(DType::F32, &Device::Cpu);
            let recognizer = Recognizer::new(cldnn(&config, None, &vb)?, &Device::Cpu);
            let sound = |count: usize| -> Vec<f32> {
                (0..count).map(|t| (t as f32 * t as f32 / 9000.0).sin() * 0.2).collect()
            };
            let prepared: Vec<Prepared> = [280, 2345, 2400, 9000, 16_000]
                .map(|count| recognizer.preparation.prepare(&sound(count)))
                .into();
            let all: Vec<&Prepared> = prepared.iter().collect();
            let together = recognizer.posteriors(&all, &[])?;
            for (one, found) in prepared.iter().zip(together) {
                assert_eq!(recognizer.posteriors(&[one], &[])?, [found], "{} frames", one.frames);
            }
        }
        Ok(())
    }
}
