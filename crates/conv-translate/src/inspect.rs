//! What is in a model: a folder, or a checkpoint of fairseq's.

use crate::fairseq::FairseqModel;
use crate::{Config, Result, Stored};
use candle_core::Tensor;
use conv_hub::{ModelFolder, folder};
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

/// Of a vocabulary's tokens, so many are shown.
const SHOWN: usize = 12;

/// A translator's contents; its `Display` is a table for people.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Inspection {
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
    /// Every parameter, in name order.
    pub parameters: Vec<Parameter>,
    /// Numbers in all parameters.
    pub count: usize,
    /// How it was trained: a folder's `training.json`, or what a checkpoint says.
    pub training: Map<String, Value>,
}

/// A parameter.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Parameter {
    /// Its full name.
    pub name: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// How its numbers are stored.
    pub stored_as: String,
}

impl Inspection {
    /// Looks into the folder or checkpoint at `path`.
    ///
    /// # Errors
    /// As [`Stored::open`].
    pub fn open(path: &Path) -> Result<Self> {
        let Stored { config, vocabularies, tensors, .. } = Stored::open(path)?;
        let (kind, tensors, training) = if path.is_file() {
            let FairseqModel { arguments, training, .. } = FairseqModel::open(path)?;
            let languages = format!("{}-{}", arguments.source_lang, arguments.target_lang);
            let told = [("architecture", arguments.arch), ("languages", languages)];
            let told = told.map(|(name, value)| (name.to_owned(), value.into()));
            ("fairseq checkpoint", tensors, told.into_iter().chain(training).collect())
        } else {
            let model = ModelFolder::open(path)?;
            // Models of other makers need not say how they came about.
            let told = path.join(folder::TRAINING).exists();
            let training = if told { model.training()? } else { Map::new() };
            ("model folder", model.tensors(None)?, training)
        };
        let tokens = |all: &[String]| all.iter().skip(4).take(SHOWN).cloned().collect();
        Ok(Self {
            kind,
            joint: vocabularies.are_joint(),
            source_tokens: tokens(vocabularies.source.vocabulary()),
            target_tokens: tokens(vocabularies.target.vocabulary()),
            count: tensors.values().map(Tensor::elem_count).sum(),
            parameters: parameters(tensors),
            config,
            training,
        })
    }
}

fn parameters(tensors: BTreeMap<String, Tensor>) -> Vec<Parameter> {
    let parameter = |(name, tensor): (String, Tensor)| Parameter {
        name,
        shape: tensor.dims().to_vec(),
        stored_as: tensor.dtype().as_str().into(),
    };
    tensors.into_iter().map(parameter).collect()
}

impl fmt::Display for Inspection {
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
        for (name, value) in self.training.iter().filter(|(name, _)| *name != "recipe") {
            line(name, &value.as_str().map_or_else(|| value.to_string(), str::to_owned))?;
        }
        let width = self.parameters.iter().map(|parameter| parameter.name.len()).max().unwrap_or(0);
        for Parameter { name, shape, stored_as } in &self.parameters {
            let count: usize = shape.iter().product();
            writeln!(f, "{name:width$}  {count:>10}  {stored_as}  {shape:?}")?;
        }
        write!(f, "{:<16} {}", "parameters", self.count)
    }
}
