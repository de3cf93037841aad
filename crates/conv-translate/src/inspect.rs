//! What is in a model: a folder, or a checkpoint of fairseq's.

use crate::fairseq::FairseqModel;
use crate::{Config, Result, Stored};
use conv_hub::{Inspection, ModelFolder};
use serde::Serialize;
use serde_json::{Map, Value};
use std::fmt;
use std::path::Path;

/// Of a vocabulary's tokens, so many are shown.
const SHOWN: usize = 12;

/// What a translator says of itself beside its parameters.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ModelInspection {
    /// `model folder` or `fairseq checkpoint`.
    pub kind: &'static str,
    /// The network's sizes.
    pub config: Config,
    /// Whether both languages have the same tokens.
    pub joint: bool,
    /// The source's first tokens behind the special ones.
    pub source_tokens: Vec<String>,
    /// The target's.
    pub target_tokens: Vec<String>,
}

impl ModelInspection {
    /// Looks into the folder or checkpoint at `path`.
    ///
    /// # Errors
    /// As [`Stored::open`].
    pub fn open(path: &Path) -> Result<Inspection<Self>> {
        let Stored { config, vocabularies, tensors, .. } = Stored::open(path)?;
        let tokens = |all: &[String]| all.iter().skip(4).take(SHOWN).cloned().collect();
        let kind = if path.is_file() { "fairseq checkpoint" } else { "model folder" };
        let task = Self {
            kind,
            joint: vocabularies.are_joint(),
            source_tokens: tokens(vocabularies.source.vocabulary()),
            target_tokens: tokens(vocabularies.target.vocabulary()),
            config,
        };
        if !path.is_file() {
            return Ok(Inspection::open(task, &ModelFolder::open(path)?)?);
        }
        let FairseqModel { arguments, training, .. } = FairseqModel::open(path)?;
        let languages = format!("{}-{}", arguments.source_lang, arguments.target_lang);
        let told = [("architecture", arguments.arch), ("languages", languages)];
        let told = told.map(|(name, value)| (name.to_owned(), value.into()));
        let training: Map<String, Value> = told.into_iter().chain(training).collect();
        Ok(Inspection::new(task, training, &tensors))
    }
}

impl fmt::Display for ModelInspection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let config = &self.config;
        let mut line = |name: &str, value: &dyn fmt::Display| writeln!(f, "{name:<16} {value}");
        line("kind", &self.kind)?;
        line("encoder", &config.encoder_layers)?;
        line("decoder", &config.decoder_layers)?;
        let attends =
            format!("{} of {} decoder layers", config.attention_layers(), config.attention.len());
        line("attention", &attends)?;
        let Config { encoder_embedding, output_embedding, .. } = config;
        line("embeddings", &format!("{encoder_embedding}, before the output {output_embedding}"))?;
        let shared = [
            (config.share_embeddings, "source with target"),
            (config.tie_output, "target with output"),
        ];
        let shared: Vec<&str> =
            shared.into_iter().filter_map(|(is, what)| is.then_some(what)).collect();
        line("shared tables", &if shared.is_empty() { "none".into() } else { shared.join(", ") })?;
        line("longest source", &format!("{} tokens with its end", config.longest_source()))?;
        line("longest target", &format!("{} tokens with its end", config.longest_target()))?;
        let shown = |tokens: &[String]| tokens.join(" ");
        if self.joint {
            line(
                "tokens",
                &format!("{} for both: {} …", config.source_vocabulary, shown(&self.source_tokens)),
            )?;
        } else {
            line(
                "source tokens",
                &format!("{}: {} …", config.source_vocabulary, shown(&self.source_tokens)),
            )?;
            line(
                "target tokens",
                &format!("{}: {} …", config.target_vocabulary, shown(&self.target_tokens)),
            )?;
        }
        Ok(())
    }
}
