//! A model on disk, read and checked: what a translator and fine-tuning begin with.

use crate::data::Encoders;
use crate::fairseq::FairseqModel;
use crate::{Config, ConvS2s, Error, Recipe, Result, Vocabularies, convs2s};
use candle_core::{DType, Device, Tensor};
use conv_hub::folder;
use conv_nn::Parameters;
use conv_text::subwords::TextForm;
use std::collections::BTreeMap;
use std::path::Path;

/// The tokenizers of a model whose languages have one each; a joint one is [`folder::TOKENIZER`].
const SOURCE_TOKENIZER: &str = "tokenizer.source.json";
const TARGET_TOKENIZER: &str = "tokenizer.target.json";

/// What a model folder has besides, by name.
pub(crate) fn files(encoders: Encoders) -> Result<Vec<(&'static str, Vec<u8>)>> {
    let source = encoders.source.to_json()?.into_bytes();
    let target = encoders.target.to_json()?.into_bytes();
    Ok(if source == target {
        vec![(folder::TOKENIZER, source)]
    } else {
        vec![(SOURCE_TOKENIZER, source), (TARGET_TOKENIZER, target)]
    })
}

/// The parts of a translator, which fit each other.
#[derive(Debug, Clone)]
pub struct Stored {
    /// What the network is made of.
    pub config: Config,
    /// Its parameters by name, as 32-bit floats.
    pub tensors: BTreeMap<String, Tensor>,
    /// How text becomes numbers.
    pub vocabularies: Vocabularies,
    /// The end of its path, to name it by.
    pub name: String,
}

impl Stored {
    /// Reads a model folder, or a checkpoint of fairseq's with its dictionaries beside it
    /// ([`FairseqModel`]), whose vocabularies are ready-made tokens with blanks between them.
    ///
    /// # Errors
    /// A missing or damaged file, a folder of another task, or a vocabulary that does not fit the
    /// network, by name.
    pub fn open(path: &Path) -> Result<Self> {
        let parts: Vec<_> = path.iter().map(|part| part.to_string_lossy()).collect();
        let name = parts[parts.len().saturating_sub(2)..].join("/");
        if path.is_file() {
            let FairseqModel { config, tensors, source, target, .. } = FairseqModel::open(path)?;
            // A joint dictionary is in memory once.
            let of_source = source.subwords()?;
            let of_target = if target == source { of_source.clone() } else { target.subwords()? };
            let vocabularies = Vocabularies { source: of_source, target: of_target };
            return Ok(Self { config, tensors, vocabularies, name });
        }
        let conv_hub::Stored { config, tensors, .. } = conv_hub::Stored::<Config>::open(path)?;
        let joint = path.join(folder::TOKENIZER);
        let vocabularies = match joint.try_exists() {
            Ok(true) => fitting(Vocabularies::joint(&joint)?, [joint.as_path(); 2], &config)?,
            _ => {
                let [source, target] =
                    [SOURCE_TOKENIZER, TARGET_TOKENIZER].map(|name| path.join(name));
                fitting(Vocabularies::load(&source, &target)?, [&source, &target], &config)?
            }
        };
        Ok(Self { config, tensors, vocabularies, name })
    }

    /// The network; every parameter that it takes is there and of the shape that the configuration
    /// says.
    ///
    /// # Errors
    /// One that is not, by name.
    pub fn network(&self, device: &Device) -> Result<ConvS2s> {
        network(&self.config, Parameters::frozen(self.tensors.clone()), &self.name, device)
    }

    /// [`Stored::network`] and the vocabularies; each parameter is given up as the network takes
    /// it, so that memory holds none twice.
    ///
    /// # Errors
    /// As there.
    pub fn into_network(self, device: &Device) -> Result<(ConvS2s, Vocabularies)> {
        let parameters = Parameters::frozen_once(self.tensors);
        Ok((network(&self.config, parameters, &self.name, device)?, self.vocabularies))
    }

    /// The same recipe for this network: its sizes are the model's.
    pub fn recipe(&self, recipe: Recipe) -> Recipe {
        let Config { encoder_layers, decoder_layers, attention, .. } = &self.config;
        let attends = |attends: &bool| if *attends { "True" } else { "False" };
        let mut subwords = recipe.subwords;
        if self.vocabularies.target.has_whole_tokens() {
            subwords.text = TextForm::Tokens;
        }
        let attention = attention.iter().map(attends).collect::<Vec<_>>().join(", ");
        Recipe {
            subwords,
            joint: self.vocabularies.are_joint(),
            encoder_layers: encoder_layers.clone(),
            decoder_layers: decoder_layers.clone(),
            attention: format!("[{attention}]"),
            embedding: self.config.encoder_embedding,
            output_embedding: self.config.output_embedding,
            share_embeddings: self.config.share_embeddings,
            tie_output: self.config.tie_output,
            positions: self.config.source_positions.min(self.config.target_positions),
            ..recipe
        }
    }
}

/// The network of these parameters, which are of a model of this name.
fn network(
    config: &Config,
    parameters: Parameters,
    model: &str,
    device: &Device,
) -> Result<ConvS2s> {
    convs2s(config, &parameters.builder(DType::F32, device))
        .map_err(|error| Error::Network { model: model.into(), source: Box::new(error) })
}

/// The vocabularies, if they are the network's.
fn fitting(vocabularies: Vocabularies, files: [&Path; 2], config: &Config) -> Result<Vocabularies> {
    vocabularies.check(files.map(|file| file.display().to_string()), config)?;
    Ok(vocabularies)
}
