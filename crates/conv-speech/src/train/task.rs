//! A run of training, as the loop and its folder take it.

use super::example::Example;
use super::{Labelled, Start, Training};
use crate::evaluate::Written;
use crate::metrics::Tally;
use crate::{Config, Objective, Result, filters, filters_picture, report};
use conv_nn::{Mode, Parameters};
use conv_train::report::Report;
use conv_train::{FitConfig, Learner, Loss, Task};
use serde_json::{Value, json};
use std::borrow::Cow;
use std::collections::BTreeMap;

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
        // Checkpoints of runs without these are as they were.
        if self.config().objective == Objective::Attention {
            identity["label_smoothing"] = json!(self.recipe.label_smoothing);
        }
        if let Some(frames) = self.frames {
            identity["frames"] = json!(frames);
        }
        if !self.recipe.perturbation.is_none() {
            identity["perturbation"] = json!(self.recipe.perturbation);
        }
        if let (false, Some(all)) = (self.recipe.surroundings.is_none(), self.surroundings) {
            identity["surroundings"] = json!(self.recipe.surroundings);
            identity["sounds"] = json!(format!("{:016x}", all.fingerprint()));
        }
        identity
    }

    fn load(&self, epoch: Option<usize>, indexes: &[usize]) -> conv_train::Result<Labelled> {
        let examples: Vec<&Example> = indexes.iter().map(|&index| &self.train[index]).collect();
        let own = || examples.iter().map(|example| (&example.prepared, 1.0)).collect::<Vec<_>>();
        let Some(epoch) = epoch.filter(|_| self.recipe.changes_recordings()) else {
            return Ok(self.batch(&examples, &own())?);
        };
        let perturbed = indexes.iter().map(|&index| self.perturbed(epoch, index));
        let perturbed = perturbed.collect::<Result<Vec<_>>>()?;
        let perturbed: Vec<_> = perturbed.iter().map(|(one, speed)| (one, *speed)).collect();
        Ok(self.batch(&examples, &perturbed)?)
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
        let mut figures: BTreeMap<String, f64> =
            figures.map(|(name, value)| (format!("{of}{name}"), value)).into();
        if let Some(frames) = self.frames {
            let error = self.frame_error(self.watched(), frames)?;
            figures.insert(format!("{of}frame error"), error);
        }
        Ok(figures)
    }
}

impl Task for Training<'_> {
    type Config = Config;
    const NETWORK: &'static str = "A network of convolutions and long short-term memory after Sainath et al. (2015), with CTC, a transducer or attention";

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
        let train = self.train.len();
        let left_out = self.left_out.len();
        BTreeMap::from([("train", train), ("dev", self.dev.len()), ("left out", left_out)])
    }

    fn start(&self) -> Value {
        match &self.start {
            Some(Start { from, taken, drawn, unused }) => {
                json!({ "from": from, "taken": taken, "drawn": drawn, "unused": unused })
            }
            None => json!({ "from": null }),
        }
    }

    /// Samples through the filters, maps before and behind each rectifier, gates and states of the
    /// recurrent layers.
    fn activations(&self, [examples, longest]: [usize; 2]) -> usize {
        let config = self.config();
        let of_log_mel = config.front_end.log_mel().map_or(0, |log_mel| log_mel.filters * longest);
        let of_raw = config.front_end.raw().map_or(0, |raw| {
            raw.filters * longest * config.front_end.hop(config.rate) / raw.stride
        });
        let filtered = of_log_mel + of_raw;
        let (mut frames, mut features, mut maps) =
            (longest, config.front_end.features() / config.front_end.maps(), 0);
        for layer in &config.convolutions {
            frames = frames.div_ceil(layer.stride[1]);
            features = features.div_ceil(layer.stride[0]);
            maps += 3 * layer.maps * features * frames;
            features /= layer.pool;
        }
        frames = frames.div_ceil(config.stack);
        let recurrent = 6 * config.recurrent.layers * config.recurrent.units * 2 * frames;
        let recurrent = recurrent + 2 * config.dense.iter().sum::<usize>() * frames;
        examples * (filtered + maps + recurrent) * size_of::<f32>()
    }

    /// The worst utterances of the watched part, some of them drawn, and the filters where they are
    /// learnt.
    fn sections(&self, report: Report) -> conv_train::Result<Report> {
        let part = if self.dev.is_empty() { "training" } else { "dev" };
        let written = self.written()?;
        let worst = report::worst(&written);
        let mut report = report.section(&format!("Transcripts, {part}, the worst first"), worst);
        let config = self.config();
        let recognizer = self.recognizer();
        let mut drawn = Vec::new();
        for place in report::worst_places(&written) {
            let prepared = &self.watched()[place].prepared;
            let hop = config.front_end.hop(config.rate) as f64 / f64::from(config.rate);
            let heard = recognizer.heard(prepared, prepared.frames as f64 * hop)?;
            drawn.push((&written[place], heard));
        }
        report = report.section("The worst as they were heard", report::pictures(&drawn));
        Ok(match filters(&self.model)? {
            Some(heard) => {
                report.section("Filters over the waveform", filters_picture(&heard, config.rate))
            }
            None => report,
        })
    }
}
