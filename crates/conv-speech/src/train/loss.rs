//! What is learnt from a batch.

use super::Training;
use super::example::{Example, misfit, needed};
use crate::model::{Batch, Output, Prepared, precision};
use crate::{Result, attention};
use candle_core::{Module, Tensor};
use conv_nn::rng::seeded;
use conv_nn::{CtcConfig, Mode, Reduction, RnntConfig, ctc_loss, rnnt_loss};
use conv_train::Loss;

/// Utterances with their letters.
#[derive(Debug)]
pub struct Labelled {
    pub(super) batch: Batch,
    letters: Vec<Vec<u32>>,
}

impl Training<'_> {
    pub(super) fn batch(&self, examples: &[&Example], prepared: &[&Prepared]) -> Result<Labelled> {
        Ok(Labelled {
            batch: self.preparation.batch(prepared, &self.device)?,
            letters: examples.iter().map(|example| example.letters.clone()).collect(),
        })
    }

    /// An example as it is heard in `epoch`. One whose text would no longer fit is played at its
    /// own speed.
    pub(super) fn perturbed(&self, epoch: usize, index: usize) -> Result<Prepared> {
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
        Ok(self.preparation.prepare_warped(&samples, drawn.warp))
    }

    /// The loss a letter of some examples in evaluation; those that do not fit have none.
    pub(super) fn mean_loss(&self, examples: &[Example]) -> Result<f64> {
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

    pub(super) fn loss_of(
        &self,
        Labelled { batch, letters }: &Labelled,
        mode: &mut Mode,
    ) -> Result<Loss> {
        let mut features = self.model.features(batch, mode)?;
        if let Some(rng) = mode.rng() {
            features = self.recipe.masks.apply(&features, &batch.frames, rng)?;
        }
        let x = self.model.logits(&features, &batch.frames, mode)?;
        let steps = self.model.steps(batch);
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

fn of_ctc(logits: &Tensor, steps: &[usize], letters: &[Vec<u32>]) -> Result<Tensor> {
    let config = CtcConfig { reduction: Reduction::Sum, ..CtcConfig::default() };
    Ok(ctc_loss(logits, steps, letters, &config)?)
}
