//! What is learnt from a batch.

use super::Training;
use super::example::{Example, misfit, needed};
use crate::infer::posteriors;
use crate::model::{Batch, Output, Prepared, precision};
use crate::{FramesConfig, Result, attention};
use candle_core::{Module, Tensor};
use conv_nn::rng::seeded;
use conv_nn::{
    CrossEntropyConfig, CtcConfig, Mode, Reduction, RnntConfig, cross_entropy, ctc_loss, rnnt_loss,
};
use conv_train::Loss;

/// Utterances with their letters.
#[derive(Debug)]
pub struct Labelled {
    pub(super) batch: Batch,
    letters: Vec<Vec<u32>>,
    /// Of each step its class, where it is trained by frames.
    states: Option<Vec<Vec<u32>>>,
}

impl Training<'_> {
    /// Examples as they are prepared, each being played so many times as fast as it is.
    pub(super) fn batch(
        &self,
        examples: &[&Example],
        prepared: &[(&Prepared, f64)],
    ) -> Result<Labelled> {
        let config = self.model.config();
        let all: Vec<&Prepared> = prepared.iter().map(|(one, _)| *one).collect();
        let states = self.frames.map(|frames| {
            let of = |(example, (one, speed)): (&&Example, &(&Prepared, f64))| {
                let steps = config.steps(one.frames);
                frames.targets(&example.states, steps, config.time_reduction(), *speed)
            };
            examples.iter().zip(prepared).map(of).collect()
        });
        Ok(Labelled {
            batch: self.preparation.batch(&all, &self.device)?,
            letters: examples.iter().map(|example| example.letters.clone()).collect(),
            states,
        })
    }

    /// An example as it is heard in `epoch`. One whose text would no longer fit is played at its
    /// own speed. With it the speed.
    pub(super) fn perturbed(&self, epoch: usize, index: usize) -> Result<(Prepared, f64)> {
        let example = &self.train[index];
        let mut rng = seeded(self.recipe.fit.seed, &format!("augment {epoch} {index}"));
        let mut drawn = self.recipe.perturbation.draw(&mut rng);
        let config = self.model.config();
        let frames = config.front_end.frames(drawn.length(example.samples.len()), config.rate);
        if config.steps(frames) < needed(&example.letters, config).max(1) {
            drawn.speed = 1.0;
        }
        let mut samples = drawn.samples(&example.samples)?;
        let surroundings = &self.recipe.surroundings;
        if !surroundings.is_none() {
            surroundings.check(self.surroundings)?;
            let mut rng = seeded(self.recipe.fit.seed, &format!("surroundings {epoch} {index}"));
            let all = self.surroundings.map(|all| all.heard(surroundings, &samples, &mut rng));
            samples = all.unwrap_or(samples);
        }
        Ok((self.preparation.prepare_warped(&samples, drawn.warp), drawn.speed))
    }

    /// The share of the steps of some examples at which another class than their frame's is the
    /// likeliest.
    pub(super) fn frame_error(&self, examples: &[Example], frames: FramesConfig) -> Result<f64> {
        let config = self.model.config();
        let prepared: Vec<&Prepared> = examples.iter().map(|example| &example.prepared).collect();
        let names: Vec<&str> = examples.iter().map(|example| example.name.as_str()).collect();
        let all = posteriors(&self.model, &self.preparation, &prepared, &names, &self.device)?;
        let (mut wrong, mut count) = (0, 0);
        for (example, steps) in examples.iter().zip(all) {
            let targets =
                frames.targets(&example.states, steps.len(), config.time_reduction(), 1.0);
            for (row, target) in steps.iter().zip(targets) {
                let better = |best: usize, at: usize| if row[at] > row[best] { at } else { best };
                wrong += usize::from((1..row.len()).fold(0, better) != target as usize);
                count += 1;
            }
        }
        Ok(wrong as f64 / count.max(1) as f64)
    }

    /// The loss a letter of some examples in evaluation; those that do not fit have none.
    pub(super) fn mean_loss(&self, examples: &[Example]) -> Result<f64> {
        let fits = |example: &&Example| misfit(example, self.model.config()).is_none();
        let fitting: Vec<&Example> = examples.iter().filter(fits).collect();
        let (mut sum, mut weight) = (0.0, 0.0);
        for some in fitting.chunks(16) {
            let prepared: Vec<(&Prepared, f64)> =
                some.iter().map(|example| (&example.prepared, 1.0)).collect();
            let loss = self.loss_of(&self.batch(some, &prepared)?, &mut Mode::Eval)?;
            sum += f64::from(loss.value.to_scalar::<f32>()?) * loss.weight;
            weight += loss.weight;
        }
        Ok(sum / weight.max(1.0))
    }

    pub(super) fn loss_of(
        &self,
        Labelled { batch, letters, states }: &Labelled,
        mode: &mut Mode,
    ) -> Result<Loss> {
        let mut features = self.model.features(batch, mode)?;
        if let Some(rng) = mode.rng() {
            features = self.recipe.masks.apply(&features, &batch.frames, rng)?;
        }
        let x = self.model.logits(&features, &batch.frames, mode)?;
        let steps = self.model.steps(batch);
        if let Some(states) = states {
            return of_frames(&x, states);
        }
        let sum = match self.model.output() {
            Output::Rnnt(transducer) => {
                let logits = transducer.logits(&x, letters, mode)?;
                let config = RnntConfig { reduction: Reduction::Sum, ..RnntConfig::default() };
                rnnt_loss(&logits, &steps, letters, &config)?
            }
            Output::Attention(decoder, head) => {
                let smoothing =
                    if mode.rng().is_some() { self.recipe.label_smoothing } else { 0.0 };
                let logits = decoder.logits(&x, &steps, letters, mode)?;
                let loss = attention::loss(&logits, letters, smoothing)?;
                match head {
                    Some(head) => {
                        let logits = head.at(precision(mode)).forward(&x)?;
                        let weight = self.recipe.attention.ctc_weight;
                        let of_ctc = of_ctc(&logits, &steps, letters)?;
                        ((loss * (1.0 - weight))? + (of_ctc * weight)?)?
                    }
                    None => loss,
                }
            }
            Output::Ctc(_) => of_ctc(&x, &steps, letters)?,
        };
        let weight = letters.iter().map(|letters| letters.len().max(1)).sum::<usize>() as f64;
        Ok(Loss { value: (sum / weight)?, weight })
    }
}

/// The cross-entropy of each step's class, of logits `[B, T', V]`.
fn of_frames(logits: &Tensor, states: &[Vec<u32>]) -> Result<Loss> {
    let (batch, longest, classes) = logits.dims3()?;
    let padded = |row: &Vec<u32>| {
        row.iter().copied().chain(std::iter::repeat(u32::MAX)).take(longest).collect::<Vec<_>>()
    };
    let targets: Vec<u32> = states.iter().flat_map(padded).collect();
    let targets = Tensor::from_vec(targets, batch * longest, logits.device())?;
    let config = CrossEntropyConfig {
        ignore_index: Some(u32::MAX),
        reduction: Reduction::Sum,
        ..CrossEntropyConfig::default()
    };
    let sum = cross_entropy(&logits.reshape((batch * longest, classes))?, &targets, &config)?;
    let weight = states.iter().map(Vec::len).sum::<usize>().max(1) as f64;
    Ok(Loss { value: (sum / weight)?, weight })
}

fn of_ctc(logits: &Tensor, steps: &[usize], letters: &[Vec<u32>]) -> Result<Tensor> {
    let config = CtcConfig { reduction: Reduction::Sum, ..CtcConfig::default() };
    Ok(ctc_loss(logits, steps, letters, &config)?)
}
