//! What is in a model folder.

use crate::config::{ConvolutionConfig, RecurrentConfig};
use crate::{AttentionConfig, Config, Decoding, Objective, Result};
use conv_hub::{Inspection, ModelConfig, ModelFolder};
use serde::Serialize;
use std::fmt;
use std::path::Path;

/// What a recogniser says of itself beside its parameters.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ModelInspection {
    /// The network's sizes.
    pub config: Config,
    /// Frames of the front end to a step of the network.
    pub time_reduction: usize,
    /// The shortest audio that it takes, in ms.
    pub shortest_ms: f64,
    /// How long after a sound it is written at the earliest, in ms; nothing where the network hears
    /// an utterance from its end too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub look_ahead_ms: Option<f64>,
}

impl ModelInspection {
    /// Looks into the folder at `path`.
    ///
    /// # Errors
    /// A missing or damaged file, a folder of another task, or a size out of its range, by name.
    pub fn open(path: &Path) -> Result<Inspection<Self>> {
        let folder = ModelFolder::open(path)?;
        folder.expect_type(Config::MODEL_TYPE)?;
        let config: Config = folder.config()?;
        config.check()?;
        let window = config.front_end.window(config.rate);
        let is_forward = (config.recurrent.layers == 0 || !config.recurrent.bidirectional)
            && config.objective != Objective::Attention;
        let task = Self {
            look_ahead_ms: is_forward.then(|| config.look_ahead_ms()),
            time_reduction: config.time_reduction(),
            shortest_ms: 1e3 * window as f64 / f64::from(config.rate),
            config,
        };
        Ok(Inspection::open(task, &folder)?)
    }
}

impl fmt::Display for ModelInspection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Config { rate, front_end, convolutions, recurrent, letters, .. } = &self.config;
        let kind = front_end.name();
        writeln!(f, "{:<16} {kind}, {} filters at {rate} Hz", "front end", front_end.features())?;
        let convolutions = convolutions.iter().map(|layer| {
            let ConvolutionConfig { maps, kernel: [height, width], .. } = layer;
            format!("{maps} of {height}x{width}")
        });
        let convolutions: Vec<String> = convolutions.collect();
        writeln!(f, "{:<16} {}", "convolutions", convolutions.join(", "))?;
        let RecurrentConfig { layers, units, bidirectional, .. } = recurrent;
        let directions = if *bidirectional { "in both directions" } else { "forward" };
        match layers {
            0 => writeln!(f, "{:<16} none", "recurrent")?,
            _ => writeln!(f, "{:<16} {layers} of {units} units, {directions}", "recurrent")?,
        }
        let dense: Vec<String> = self.config.dense.iter().map(usize::to_string).collect();
        if !dense.is_empty() {
            writeln!(f, "{:<16} {} units", "dense", dense.join(", "))?;
        }
        let decoder = match (&self.config.transducer, &self.config.attention) {
            (Some(sizes), _) => format!(", {} units over the letters", sizes.units),
            (_, Some(AttentionConfig { units, filters, ctc_weight, .. })) => {
                let by = if *filters > 0 { "content and place" } else { "content" };
                format!(" by {by}, {units} units over the letters, CTC counting {ctc_weight}")
            }
            (None, None) => String::new(),
        };
        writeln!(f, "{:<16} {}{decoder}", "loss", self.config.objective)?;
        if self.config.beam > 1 {
            writeln!(f, "{:<16} {}", "beam", self.config.beam)?;
        }
        writeln!(f, "{:<16} {} frames a step", "time reduction", self.time_reduction)?;
        writeln!(f, "{:<16} {:.0} ms", "shortest audio", self.shortest_ms)?;
        if let Some(ms) = self.look_ahead_ms {
            writeln!(f, "{:<16} {ms:.0} ms", "look-ahead")?;
        }
        writeln!(f, "{:<16} {:?}", "letters", letters.letters())?;
        if !letters.spelled().is_empty() {
            writeln!(f, "{:<16} {:?}", "spelled letters", letters.spelled())?;
        }
        match &self.config.decoding {
            Some(Decoding { beam, weight, bonus, lexicon }) => writeln!(
                f,
                "{:<16} weight {weight}, bonus {bonus}, beam {beam}{}",
                "language model",
                if *lexicon { ", its words alone" } else { "" }
            ),
            None => Ok(()),
        }
    }
}
