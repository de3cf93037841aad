//! A whole model of fairseq's: its checkpoint, and the dictionaries beside it.

use super::Arguments;
use super::history::history;
use crate::config::Config;
use crate::{Dictionary, Error, Result};
use candle_core::{DType, Tensor};
use conv_hub::Checkpoint;
use conv_hub::ModelConfig;
use conv_nn::{direction_lengths, weight_norm};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::Path;

/// From this version of the decoder on its convolutions' weights are normalised for each output
/// channel, as in the paper; before, by mistake, for each tap.
const NORMED_BY_CHANNEL: f32 = 2.0;

/// What [`convs2s`](crate::convs2s) is built from.
#[derive(Debug, Clone)]
pub struct FairseqModel {
    /// What the network is made of.
    pub config: Config,
    /// Its parameters by name.
    pub tensors: BTreeMap<String, Tensor>,
    /// The words that it reads.
    pub source: Dictionary,
    /// The words that it writes.
    pub target: Dictionary,
    /// What fairseq was told.
    pub arguments: Arguments,
    /// How it was trained, as far as the checkpoint says it, by the names of fairseq's command
    /// line.
    pub training: Map<String, Value>,
}

impl FairseqModel {
    /// Opens a checkpoint with `dict.SRC.txt` and `dict.TGT.txt` in its folder, where SRC and TGT
    /// are the languages that it names.
    ///
    /// # Errors
    /// A file that is missing, damaged or of another network, or a dictionary that does not fit it,
    /// by name.
    pub fn open(path: &Path) -> Result<Self> {
        let mut checkpoint = Checkpoint::open(path)?;
        let arguments = Arguments::read(checkpoint.root(), path)?;
        let training = history(checkpoint.root());
        let dictionary = |language: &str| {
            if language.contains(['/', '\\']) {
                return Err(Error::FairseqArgument {
                    file: path.display().to_string(),
                    field: "source_lang or target_lang",
                    found: format!("{language:?}"),
                    expected: "the name of a language",
                });
            }
            let file = path.with_file_name(format!("dict.{language}.txt"));
            Ok((Dictionary::read(&file)?, file))
        };
        let (source, of_source) = dictionary(&arguments.source_lang)?;
        let (target, of_target) = dictionary(&arguments.target_lang)?;
        let mut tensors = checkpoint.tensors()?;
        for (side, table, found, file) in [
            ("source", "encoder.embed_tokens.weight", source.size(), of_source),
            ("target", "decoder.embed_tokens.weight", target.size(), of_target),
        ] {
            let rows = tensors.get(table).and_then(|table| table.dims().first().copied());
            if let Some(expected) = rows.filter(|rows| *rows != found) {
                let file = file.display().to_string();
                return Err(Error::Vocabulary { file, side, found, expected });
            }
        }
        let config = config(&arguments, [&source, &target])?;
        let version = match tensors.remove("decoder.version") {
            Some(version) => version.flatten_all()?.to_dtype(DType::F32)?.to_vec1::<f32>()?,
            None => Vec::new(),
        };
        if version.first().is_none_or(|version| *version < NORMED_BY_CHANNEL) {
            renorm(&mut tensors, config.decoder_layers.0.len())?;
        }
        if config.tie_output {
            tensors.remove("decoder.fc3.weight");
        }
        Ok(Self { config, tensors, source, target, arguments, training })
    }
}

fn config(arguments: &Arguments, [source, target]: [&Dictionary; 2]) -> Result<Config> {
    let config = Config {
        source_vocabulary: source.size(),
        target_vocabulary: target.size(),
        encoder_embedding: arguments.encoder_embed_dim,
        encoder_layers: arguments.encoder_layers.parse()?,
        decoder_embedding: arguments.decoder_embed_dim,
        decoder_layers: arguments.decoder_layers.parse()?,
        attention: Vec::new(),
        output_embedding: arguments.decoder_out_embed_dim,
        share_embeddings: false,
        tie_output: arguments.share_input_output_embed,
        dropout: arguments.dropout,
        source_positions: arguments.max_source_positions,
        target_positions: arguments.max_target_positions,
    };
    let config = config.with_attention(&arguments.decoder_attention)?;
    config.check()?;
    Ok(config)
}

/// The same weights of the decoder's convolutions, normalised for each output channel instead of
/// each tap.
fn renorm(tensors: &mut BTreeMap<String, Tensor>, layers: usize) -> Result<()> {
    for layer in 0..layers {
        let [direction, length] =
            ["weight_v", "weight_g"].map(|name| format!("decoder.convolutions.{layer}.{name}"));
        // What is missing is named where the network is built.
        let (Some(v), Some(g)) = (tensors.get(&direction), tensors.get(&length)) else { continue };
        if v.rank() != 3 || g.elem_count() != v.dims()[0] {
            continue;
        }
        let weight = weight_norm(v, g)?;
        let lengths = direction_lengths(&weight.permute((2, 1, 0))?.contiguous()?)?;
        let lengths = lengths.permute((2, 1, 0))?.contiguous()?;
        tensors.insert(direction, weight);
        tensors.insert(length, lengths);
    }
    Ok(())
}
