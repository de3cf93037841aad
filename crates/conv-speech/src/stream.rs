//! Speech as it comes: a forward-only recogniser that writes while it listens.

use crate::data::Resampler;
use crate::greedy::{BestPath, Letter, words};
use crate::model::Output;
use crate::search::Greedy;
use crate::{Config, Error, Recognizer, Result, Unit, Word};
use candle_core::Tensor;
use conv_nn::{LstmState, Mode, softmax};

/// A recording in the making. What it writes is to the last bit what [`Recognizer::transcribe`]
/// writes of the whole without a language model, however the samples are cut; memory does not grow.
///
/// ```no_run
/// # use conv_speech::Recognizer;
/// # let recognizer = Recognizer::open("model".as_ref(), &candle_core::Device::Cpu)?;
/// # let microphone: Vec<Vec<f32>> = Vec::new();
/// let mut stream = recognizer.stream(48_000)?;
/// for samples in &microphone {
///     stream.push(samples)?.iter().for_each(|word| println!("{}", word.text));
/// }
/// stream.finish()?.iter().for_each(|word| println!("{}", word.text));
/// # Ok::<(), conv_speech::Error>(())
/// ```
#[derive(Debug)]
pub struct Stream<'a> {
    recognizer: &'a Recognizer,
    resampler: Option<Resampler>,
    /// Samples that frames to come see, and the place of the first of them.
    samples: Vec<f32>,
    start: usize,
    /// Frames that were computed.
    framed: usize,
    /// Features of the last of them, `[F]` each: those that steps to come look at.
    features: Vec<Vec<f32>>,
    /// Steps that were computed.
    stepped: usize,
    state: Option<LstmState>,
    path: Path,
}

/// What was written so far.
#[derive(Debug)]
enum Path {
    Ctc(BestPath),
    Rnnt(Greedy),
}

impl Path {
    /// Letters that have not been taken away.
    fn letters(&mut self) -> &mut Vec<Letter> {
        match self {
            Path::Ctc(path) => &mut path.letters,
            Path::Rnnt(path) => &mut path.letters,
        }
    }
}

/// Frames that are computed at a time, at most: what bounds memory where a long recording comes at
/// once.
const FRAMES_AT_ONCE: usize = 2048;

impl Recognizer {
    /// Listens to samples of `rate` Hz as they come.
    ///
    /// # Errors
    /// A network that also reads the utterance from its end, or one with attention; a rate of 0, or
    /// one more than 256 times the model's or as low.
    pub fn stream(&self, rate: u32) -> Result<Stream<'_>> {
        let config = self.config();
        if config.recurrent.layers > 0 && config.recurrent.bidirectional {
            return Err(Error::NotForward);
        }
        let path = match self.model().output() {
            Output::Ctc(_) => Path::Ctc(BestPath::default()),
            Output::Rnnt(transducer) => Path::Rnnt(Greedy::new(transducer)?),
            Output::Attention(..) => return Err(Error::Attentive),
        };
        let resampler =
            (rate != config.rate).then(|| Resampler::new(rate, config.rate)).transpose()?;
        Ok(Stream {
            recognizer: self,
            resampler,
            samples: Vec::new(),
            start: 0,
            framed: 0,
            features: Vec::new(),
            stepped: 0,
            state: None,
            path,
        })
    }
}

impl Config {
    /// How long after a sound its step is written at the earliest, in ms: the rest of the window
    /// and what the convolutions see behind it.
    pub fn look_ahead_ms(&self) -> f64 {
        let window = self.front_end.window(self.rate);
        let samples = window + self.around() * self.front_end.hop(self.rate);
        1e3 * samples as f64 / f64::from(self.rate)
    }
}

impl Stream<'_> {
    /// Takes in samples, full scale being -1 to 1, and gives the words that they finish.
    ///
    /// # Errors
    /// The network gave something else than numbers.
    pub fn push(&mut self, samples: &[f32]) -> Result<Vec<Word>> {
        self.heard(samples)?;
        let finished = self.finished();
        let letters: Vec<Letter> = self.path.letters().drain(..finished).collect();
        Ok(words(&letters, self.recognizer.config()))
    }

    /// The words that are left when no more samples come.
    ///
    /// # Errors
    /// As [`Stream::push`].
    pub fn finish(mut self) -> Result<Vec<Word>> {
        self.ended()?;
        Ok(words(self.path.letters(), self.recognizer.config()))
    }

    /// Takes in samples; of the steps that they decide the probabilities, or the encoder's outputs
    /// of a transducer.
    fn heard(&mut self, samples: &[f32]) -> Result<Vec<Vec<f32>>> {
        match &mut self.resampler {
            Some(resampler) => self.samples.extend(resampler.push(samples)?),
            None => self.samples.extend_from_slice(samples),
        }
        self.compute(false)
    }

    /// The same of the steps that are left.
    fn ended(&mut self) -> Result<Vec<Vec<f32>>> {
        if let Some(resampler) = self.resampler.take() {
            self.samples.extend(resampler.finish()?);
        }
        self.compute(true)
    }

    /// Letters at the beginning that no letter to come changes: those before the last blank or
    /// spelled letter. The last letter may yet become longer.
    fn finished(&mut self) -> usize {
        let letters = self.path.letters();
        let before = &letters[..letters.len().saturating_sub(1)];
        let ends = |letter: &Letter| {
            matches!(letter.unit, Unit::Spelled(_)) || letter.unit.letter().is_whitespace()
        };
        let spelled = letters.last().is_some_and(|last| matches!(last.unit, Unit::Spelled(_)));
        if spelled { before.len() } else { before.iter().rposition(ends).map_or(0, |at| at + 1) }
    }

    /// Computes the frames that are whole, and the steps that they decide.
    fn compute(&mut self, is_end: bool) -> Result<Vec<Vec<f32>>> {
        let config = self.recognizer.config();
        let (window, hop) =
            (config.front_end.window(config.rate), config.front_end.hop(config.rate));
        let mut steps = Vec::new();
        loop {
            let next = self.samples.get(self.framed * hop - self.start..).unwrap_or_default();
            let frames = config.front_end.frames(next.len(), config.rate);
            let taken = frames.min(FRAMES_AT_ONCE);
            if taken > 0 {
                let seen = &next[..(taken - 1) * hop + window];
                self.features.extend(self.recognizer.features(seen)?);
                self.framed += taken;
                let done = (self.framed * hop - self.start).min(self.samples.len());
                self.samples.drain(..done);
                self.start += done;
            }
            steps.extend(self.step(is_end && taken == frames)?);
            if taken == frames {
                return Ok(steps);
            }
        }
    }

    /// Computes the steps whose frames are there; at the end all.
    fn step(&mut self, is_end: bool) -> Result<Vec<Vec<f32>>> {
        let config = self.recognizer.config();
        let reduction = config.time_reduction();
        let around = config.around();
        // The frames of a step to the right of its own first one have to be there.
        let until = if is_end {
            config.steps(self.framed)
        } else {
            (self.framed.saturating_sub(around)).div_ceil(reduction)
        };
        if until <= self.stepped {
            return Ok(Vec::new());
        }
        // The features that are kept begin with a step, so that the convolutions stand as over the
        // whole.
        let first = self.framed - self.features.len();
        let skipped = self.stepped - first / reduction;
        let columns = Tensor::new(self.features.clone(), self.recognizer.device())?;
        let columns = columns.t()?.unsqueeze(0)?.contiguous()?;
        let model = self.recognizer.model();
        let x = model.convolved(&columns, &[self.features.len()], &Mode::Eval)?;
        let x = x.narrow(1, skipped, until - self.stepped)?.contiguous()?;
        let (x, state) = model.heard_around(&x, None, self.state.as_ref(), &mut Mode::Eval)?;
        let x = model.classified(&x, &Mode::Eval)?;
        let x = match &self.path {
            Path::Ctc(_) => softmax(&x, 2)?,
            Path::Rnnt(_) => x,
        };
        let x = x.squeeze(0)?;
        let rows = x.to_vec2::<f32>()?;
        for row in &rows {
            if let Some(&value) = row.iter().find(|value| !value.is_finite()) {
                return Err(Error::NotFinite { value, name: "the stream".into() });
            }
        }
        match (&mut self.path, model.output()) {
            (Path::Rnnt(path), Output::Rnnt(transducer)) => {
                path.push(transducer, &x, &config.letters)?;
            }
            (Path::Ctc(path), _) => rows.iter().for_each(|row| path.push(row, &config.letters)),
            (Path::Rnnt(_), _) => unreachable!("a path is of its own network"),
        }
        // Without it each state would remember all before it, where weights are still in training.
        let detached = |state: LstmState| LstmState { h: state.h.detach(), c: state.c.detach() };
        (self.state, self.stepped) = (state.map(detached), until);
        // What the next step sees to its left, from a step's first frame on.
        let kept = (self.stepped * reduction).saturating_sub(around.next_multiple_of(reduction));
        self.features.drain(..kept.saturating_sub(first));
        Ok(rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Audio;
    use crate::frontend::{FrontEnd, LogMelConfig};
    use crate::{Alphabet, Objective, Recipe, cldnn};
    use candle_core::{DType, Device};
    use conv_nn::Parameters;

    fn recognizer(recipe: Recipe) -> Result<Recognizer> {
        let mut config = recipe.network(8000, Alphabet::with_spelled(["AB C A"]));
        config.recurrent.bidirectional = false;
        let vb = Parameters::new(3).builder(DType::F32, &Device::Cpu);
        Ok(Recognizer::new(cldnn(&config, None, &vb)?, &Device::Cpu))
    }

    fn log_mel() -> FrontEnd {
        FrontEnd::LogMel(LogMelConfig::default())
    }

    fn sound(count: usize) -> Vec<f32> {
        (0..count)
            .map(|t| (t as f32 * t as f32 / 90_000.0).sin() * (t as f32 / 700.0).cos())
            .collect()
    }

    #[test]
    fn however_it_is_cut_a_stream_is_the_whole() -> Result<()> {
        let recipes = [
            Recipe::small(log_mel()),
            Recipe::small(Recipe::raw()),
            Recipe::convolutional(log_mel()),
            Recipe::cldnn(Recipe::both()),
            Recipe::small(log_mel()).with_objective(Objective::Rnnt),
        ];
        for recipe in recipes {
            let recognizer = recognizer(recipe)?;
            for rate in [8000, 11_025] {
                let samples = sound(9000);
                let audio = Audio { samples: samples.clone(), rate };
                let prepared = recognizer.prepared("sound", &audio)?;
                let whole = recognizer.posteriors(&[&prepared], &[])?.swap_remove(0);
                let words = recognizer.transcribe(&audio)?.words;
                assert!(!words.is_empty());
                for size in [7, 37, 800, 100_000] {
                    let mut stream = recognizer.stream(rate)?;
                    let mut steps = Vec::new();
                    for chunk in samples.chunks(size) {
                        steps.extend(stream.heard(chunk)?);
                        assert!(stream.samples.len() < 3000 && stream.features.len() < 100);
                    }
                    steps.extend(stream.ended()?);
                    assert!(steps == whole, "{size} samples at a time of {rate} Hz");

                    let mut stream = recognizer.stream(rate)?;
                    let mut found = Vec::new();
                    for chunk in samples.chunks(size) {
                        found.extend(stream.push(chunk)?);
                    }
                    found.extend(stream.finish()?);
                    assert_eq!(found, words, "{size} samples at a time of {rate} Hz");
                }
            }
        }
        Ok(())
    }

    #[test]
    fn nothing_and_less_than_a_window_are_no_words() -> Result<()> {
        let recognizer = recognizer(Recipe::small(log_mel()))?;
        for count in [0, 1, 199] {
            let mut stream = recognizer.stream(8000)?;
            assert!(stream.push(&sound(count))?.is_empty());
            assert!(stream.finish()?.is_empty());
        }
        Ok(())
    }

    #[test]
    fn a_network_that_reads_from_the_end_is_refused() -> Result<()> {
        let config = Recipe::default().network(8000, Alphabet::of(["A"]));
        let vb = Parameters::new(1).builder(DType::F32, &Device::Cpu);
        let recognizer = Recognizer::new(cldnn(&config, None, &vb)?, &Device::Cpu);
        assert!(matches!(recognizer.stream(8000), Err(Error::NotForward)));
        let attentive = Recipe::default().with_objective(Objective::Attention);
        assert!(matches!(self::recognizer(attentive)?.stream(8000), Err(Error::Attentive)));
        Ok(())
    }
}
