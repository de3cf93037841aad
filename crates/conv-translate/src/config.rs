//! The network's sizes (Gehring et al. 2017, sections 3 and 4.2) and the reference's presets.

use crate::layers::attention;
use crate::{Error, Layers, Result};
use conv_hub::{InvalidField, ModelConfig};
use serde::{Deserialize, Serialize};

/// Rows of a table of positions that stand for no position: the reference counts from behind its
/// padding's number.
pub const POSITIONS_FROM: usize = 2;

/// What the network is made of; saved as `config.json` under the model type `convs2s`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Rows of the source's table of embeddings, special tokens included.
    pub source_vocabulary: usize,
    /// V: rows of the target's table of embeddings, and outputs, special tokens included.
    pub target_vocabulary: usize,
    /// Length of a source embedding, which attention compares with the target's: both are of one
    /// length.
    pub encoder_embedding: usize,
    /// The encoder's layers.
    pub encoder_layers: Layers,
    /// Length of a target embedding.
    pub decoder_embedding: usize,
    /// The decoder's layers.
    pub decoder_layers: Layers,
    /// Whether each decoder layer attends to the source.
    pub attention: Vec<bool>,
    /// Length of the vector that the output layer sees.
    pub output_embedding: usize,
    /// One table for source and target, which then share a vocabulary.
    #[serde(default)]
    pub share_embeddings: bool,
    /// The output layer's weight is the target's table (Press and Wolf 2017).
    #[serde(default)]
    pub tie_output: bool,
    /// Probability with which an element of an embedding, of a layer's input or of the last vector
    /// is dropped in training.
    pub dropout: f64,
    /// Rows of the source's table of positions. The longest source has [`POSITIONS_FROM`] less
    /// tokens, its end included.
    pub source_positions: usize,
    /// The same of the target.
    pub target_positions: usize,
}

/// The reference's named networks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Preset {
    /// 20 layers of 512 on both sides.
    Fconv,
    /// For small corpora: 4 and 3 layers of 256.
    FconvIwsltDeEn,
    /// 20 layers of 512 on both sides, with an output embedding of 512.
    FconvWmtEnRo,
    /// 15 layers of 512 to 2048 on both sides.
    FconvWmtEnDe,
    /// 15 layers of 512 to 4096 on both sides.
    FconvWmtEnFr,
}

impl Preset {
    /// All of them.
    pub const ALL: [Preset; 5] = [
        Preset::Fconv,
        Preset::FconvIwsltDeEn,
        Preset::FconvWmtEnRo,
        Preset::FconvWmtEnDe,
        Preset::FconvWmtEnFr,
    ];

    /// The reference's name.
    pub fn name(self) -> &'static str {
        match self {
            Preset::Fconv => "fconv",
            Preset::FconvIwsltDeEn => "fconv_iwslt_de_en",
            Preset::FconvWmtEnRo => "fconv_wmt_en_ro",
            Preset::FconvWmtEnDe => "fconv_wmt_en_de",
            Preset::FconvWmtEnFr => "fconv_wmt_en_fr",
        }
    }

    /// Layers of the encoder and of the decoder.
    pub fn layers(self) -> [&'static str; 2] {
        match self {
            Preset::Fconv | Preset::FconvWmtEnRo => ["[(512, 3)] * 20"; 2],
            Preset::FconvIwsltDeEn => ["[(256, 3)] * 4", "[(256, 3)] * 3"],
            Preset::FconvWmtEnDe => ["[(512, 3)] * 9 + [(1024, 3)] * 4 + [(2048, 1)] * 2"; 2],
            Preset::FconvWmtEnFr => {
                ["[(512, 3)] * 6 + [(768, 3)] * 4 + [(1024, 3)] * 3 + [(2048, 1)] + [(4096, 1)]"; 2]
            }
        }
    }

    /// Lengths of the embeddings and of the output embedding.
    fn embeddings(self) -> [usize; 2] {
        match self {
            Preset::Fconv => [512, 256],
            Preset::FconvIwsltDeEn => [256, 256],
            Preset::FconvWmtEnRo => [512, 512],
            Preset::FconvWmtEnDe | Preset::FconvWmtEnFr => [768, 512],
        }
    }

    /// The network for vocabularies of so many tokens: attention in every decoder layer, dropout
    /// 0.1, tables of 1,024 positions, as the reference has it.
    ///
    /// # Errors
    /// None.
    pub fn config(self, source_vocabulary: usize, target_vocabulary: usize) -> Result<Config> {
        let [encoder_layers, decoder_layers] = self.layers().map(str::parse::<Layers>);
        let decoder_layers = decoder_layers?;
        let [embedding, output_embedding] = self.embeddings();
        Ok(Config {
            source_vocabulary,
            target_vocabulary,
            encoder_embedding: embedding,
            encoder_layers: encoder_layers?,
            decoder_embedding: embedding,
            attention: vec![true; decoder_layers.0.len()],
            decoder_layers,
            output_embedding,
            share_embeddings: false,
            tie_output: false,
            dropout: 0.1,
            source_positions: 1024,
            target_positions: 1024,
        })
    }
}

impl std::fmt::Display for Preset {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl std::str::FromStr for Preset {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        let names = || Self::ALL.map(Self::name).join(", ");
        Self::ALL
            .into_iter()
            .find(|preset| preset.name() == name)
            .ok_or_else(|| Error::from(InvalidField::new("preset", name, names())))
    }
}

/// Numbers in a single weight, beyond any network's: 8 GiB.
const LARGEST_WEIGHT: usize = 1 << 31;

impl Config {
    /// The same with attention as `text` says: `True`, or a list for the decoder's layers.
    ///
    /// # Errors
    /// Another notation, or another number of layers.
    pub fn with_attention(self, text: &str) -> Result<Self> {
        Ok(Self { attention: attention(text, self.decoder_layers.0.len())?, ..self })
    }

    /// Decoder layers that attend.
    pub fn attention_layers(&self) -> usize {
        self.attention.iter().filter(|attends| **attends).count()
    }

    /// The most tokens of a source sentence, its end included.
    pub fn longest_source(&self) -> usize {
        self.source_positions - POSITIONS_FROM
    }

    /// The most tokens of a target sentence, its end included.
    pub fn longest_target(&self) -> usize {
        self.target_positions - POSITIONS_FROM
    }

    /// The sizes of the larger weights, by the field that they follow from.
    fn weights(&self) -> Vec<(&'static str, Vec<usize>)> {
        let source = self.encoder_embedding;
        let target = self.decoder_embedding;
        let mut weights = vec![
            ("source_vocabulary", vec![self.source_vocabulary, source]),
            ("source_positions", vec![self.source_positions, source]),
            ("target_vocabulary", vec![self.target_vocabulary, target]),
            ("target_positions", vec![self.target_positions, target]),
            ("output_embedding", vec![self.target_vocabulary, self.output_embedding]),
        ];
        for (field, layers, outside) in [
            ("encoder_layers", &self.encoder_layers, source),
            ("decoder_layers", &self.decoder_layers, target.max(self.output_embedding)),
        ] {
            let mut inputs = layers.0.first().map_or(0, |layer| layer.channels);
            for layer in &layers.0 {
                weights.push((field, vec![layer.width, inputs, layer.channels, 2]));
                weights.push((field, vec![outside, layer.channels]));
                inputs = layer.channels;
            }
        }
        weights
    }
}

impl ModelConfig for Config {
    const MODEL_TYPE: &'static str = "convs2s";

    fn check(&self) -> Result<(), InvalidField> {
        let check = InvalidField::unless;
        for (field, found, least) in [
            ("source_vocabulary", self.source_vocabulary, 4),
            ("target_vocabulary", self.target_vocabulary, 4),
            ("encoder_embedding", self.encoder_embedding, 1),
            ("output_embedding", self.output_embedding, 1),
            ("source_positions", self.source_positions, POSITIONS_FROM + 1),
            ("target_positions", self.target_positions, POSITIONS_FROM + 1),
        ] {
            let range = least..=1 << 24;
            check(range.contains(&found), field, &found, &format!("{least} to {}", 1 << 24))?;
        }
        for (field, layers) in
            [("encoder_layers", &self.encoder_layers), ("decoder_layers", &self.decoder_layers)]
        {
            check(!layers.0.is_empty(), field, &"no layer", "at least one")?;
        }
        for (field, sizes) in self.weights() {
            let product = |product: usize, size: &usize| product.checked_mul(*size);
            let elements = sizes.iter().try_fold(1, product);
            let sizes = sizes.iter().map(usize::to_string).collect::<Vec<_>>().join(" × ");
            check(
                elements.is_some_and(|elements| elements <= LARGEST_WEIGHT),
                field,
                &format_args!("a weight of {sizes} numbers"),
                &format!("at most {LARGEST_WEIGHT} in each"),
            )?;
        }
        let embedding = self.encoder_embedding;
        check(
            self.decoder_embedding == embedding,
            "decoder_embedding",
            &self.decoder_embedding,
            &format!("{embedding} as encoder_embedding, which attention compares"),
        )?;
        let said = self.attention.len();
        let layers = self.decoder_layers.0.len();
        check(
            said == layers,
            "attention",
            &format_args!("for {said} layer{}", if said == 1 { "" } else { "s" }),
            &format!("{layers}, the decoder's layers"),
        )?;
        let attends = self.attention_layers() > 0;
        check(attends, "attention", &"of no layer", "at least one decoder layer that attends")?;
        let dropout = (0.0..1.0).contains(&self.dropout);
        check(dropout, "dropout", &self.dropout, "at least 0 and less than 1")?;
        check(
            !self.share_embeddings || self.source_vocabulary == self.target_vocabulary,
            "target_vocabulary",
            &self.target_vocabulary,
            &format!("{} as source_vocabulary", self.source_vocabulary),
        )?;
        check(
            !self.tie_output || self.output_embedding == self.decoder_embedding,
            "output_embedding",
            &self.output_embedding,
            &format!("{} as decoder_embedding", self.decoder_embedding),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presets_are_the_references() -> Result<()> {
        for preset in Preset::ALL {
            assert_eq!(preset.name().parse::<Preset>()?, preset);
            let config = preset.config(100, 90)?;
            config.check()?;
            let text = serde_json::to_string(&config).expect("plain data");
            assert_eq!(serde_json::from_str::<Config>(&text).ok(), Some(config));
        }
        let layers = Preset::FconvWmtEnDe.config(4, 4)?.encoder_layers;
        assert_eq!(layers.0.len(), 15);
        assert!("fconv_de".parse::<Preset>().is_err());
        Ok(())
    }

    #[test]
    fn what_does_not_fit_is_named() -> Result<()> {
        let config = Preset::FconvIwsltDeEn.config(100, 90)?;
        let message =
            |config: Config| config.check().map_or_else(|e| e.to_string(), |()| "".into());
        for (config, expected) in [
            (Config { share_embeddings: true, ..config.clone() }, "target_vocabulary"),
            (Config { decoder_embedding: 8, ..config.clone() }, "decoder_embedding"),
            (Config { attention: vec![true], ..config.clone() }, "1 layer"),
            (config.clone().with_attention("False")?, "attention"),
            (
                Config { tie_output: true, output_embedding: 8, ..config.clone() },
                "output_embedding",
            ),
            (Config { dropout: 1.0, ..config.clone() }, "dropout"),
            (Config { source_positions: 2, ..config.clone() }, "source_positions"),
            (
                Config { encoder_layers: "[(1048576, 1048576)]".parse()?, ..config.clone() },
                "encoder_layers is a weight of 1048576 × 1048576 × 1048576 × 2 numbers",
            ),
            (
                Config { source_vocabulary: 1 << 24, encoder_embedding: 1 << 24, ..config.clone() },
                "source_vocabulary is a weight of",
            ),
            (Config { decoder_layers: Layers(Vec::new()), ..config.clone() }, "decoder_layers"),
        ] {
            assert!(message(config.clone()).contains(expected), "{}", message(config));
        }
        Ok(())
    }
}
