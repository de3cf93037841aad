//! How a translator is trained: the settings of a run, as they stand in a configuration file.

use crate::data::Cleaning;
use crate::{Config, Layers, Preset, Result, SearchConfig};
use conv_hub::{InvalidField, ModelConfig};
use conv_text::subwords::SubwordConfig;
use conv_train::batch::{BatchSize, Batching};
use conv_train::optim::{Adam, OptimizerConfig, Sgd};
use conv_train::{Decay, Direction, FitConfig, MonitoredMetric, Schedule};
use serde::{Deserialize, Serialize};

/// A training run's settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Recipe {
    /// How text becomes numbers.
    pub subwords: SubwordConfig,
    /// One vocabulary for both languages.
    pub joint: bool,
    /// Which pairs are left out.
    pub cleaning: Cleaning,
    /// The encoder's layers.
    pub encoder_layers: Layers,
    /// The decoder's layers.
    pub decoder_layers: Layers,
    /// Which decoder layers attend: `True`, or a list.
    pub attention: String,
    /// Length of the embeddings of both sides.
    pub embedding: usize,
    /// Length of the vector that the output layer sees.
    pub output_embedding: usize,
    /// One table for source and target; needs a joint vocabulary.
    pub share_embeddings: bool,
    /// The output layer's weight is the target's table.
    pub tie_output: bool,
    /// Dropout of the whole network.
    pub dropout: f64,
    /// Rows of each table of positions.
    pub positions: usize,
    /// Probability with which a merge of the byte-pair encoding is passed over where a sentence is
    /// trained on (Provilkov et al. 2020); 0 has each text cut in one way.
    pub subword_dropout: f64,
    /// How strongly two passes over a batch, each with a dropout of its own, are made to agree: the
    /// α of R-Drop (Liang et al. 2021), 5 there for translation. A step then costs two; 0 has one
    /// pass.
    #[serde(alias = "agreement")]
    pub r_drop: f64,
    /// The share of a target that is spread over all words.
    pub label_smoothing: f64,
    /// How the dev part is translated at each evaluation, for BLEU; without it only the perplexity
    /// is known.
    pub search: Option<SearchConfig>,
    /// The loop's settings.
    pub fit: FitConfig,
}

impl Default for Recipe {
    fn default() -> Self {
        Self::small()
    }
}

impl Recipe {
    /// For some ten thousand pairs: encoder and decoder of `fconv_iwslt_de_en`, one table of a
    /// joint vocabulary for source, target and output, Adam with a warm-up and a cosine, and the
    /// mean of the last weights. Found on Multi30k (docs/convs2s.md): a rate of 4e-3 is high for
    /// Adam, but what is learnt with weight normalisation bears it.
    pub fn small() -> Self {
        let [encoder_layers, decoder_layers] = layers(Preset::FconvIwsltDeEn);
        Self {
            subwords: SubwordConfig { vocabulary: 10_000, ..SubwordConfig::default() },
            joint: true,
            // What fits the positions, with its end.
            cleaning: Cleaning { longest: 1021, ..Cleaning::default() },
            encoder_layers,
            decoder_layers,
            attention: "True".into(),
            embedding: 256,
            output_embedding: 256,
            share_embeddings: true,
            tie_output: true,
            dropout: 0.3,
            positions: 1024,
            subword_dropout: 0.0,
            r_drop: 0.0,
            label_smoothing: 0.1,
            search: None,
            fit: FitConfig {
                epochs: 35,
                batching: Batching { size: BatchSize::Tokens(4000), window: 50 },
                optimizer: OptimizerConfig::Adam(Adam::default()),
                learning_rate: 4e-3,
                schedule: Schedule {
                    warmup_steps: 1000,
                    decay: Decay::Cosine { steps: None, floor: 3e-5 },
                },
                clip_norm: Some(1.0),
                monitor: None,
                average: 5,
                log_every_steps: 10,
                ..FitConfig::default()
            },
        }
    }

    /// The paper's (section 4.2): Nesterov's accelerated gradient with momentum 0.99, clipping at
    /// 0.1, a rate of 0.25 that is divided by ten whenever the perplexity of the dev part stops
    /// falling, until it is below 1e-4; 4,000 tokens a batch.
    pub fn paper(preset: Preset) -> Result<Self> {
        let [encoder_layers, decoder_layers] = layers(preset);
        let config = preset.config(4, 4)?;
        let perplexity =
            MonitoredMetric { metric: "perplexity".into(), direction: Direction::Minimize };
        Ok(Self {
            subwords: SubwordConfig { vocabulary: 40_000, ..SubwordConfig::default() },
            encoder_layers,
            decoder_layers,
            embedding: config.encoder_embedding,
            output_embedding: config.output_embedding,
            share_embeddings: false,
            tie_output: false,
            dropout: 0.1,
            fit: FitConfig {
                epochs: 100,
                optimizer: OptimizerConfig::Sgd(Sgd {
                    momentum: 0.99,
                    nesterov: true,
                    weight_decay: 0.0,
                }),
                learning_rate: 0.25,
                schedule: Schedule {
                    warmup_steps: 0,
                    decay: Decay::Plateau { factor: 0.1, patience: 0, floor: 1e-4 },
                },
                clip_norm: Some(0.1),
                monitor: Some(perplexity),
                patience: Some(6),
                average: 0,
                ..Self::small().fit
            },
            ..Self::small()
        })
    }

    /// Whether it can be trained so.
    ///
    /// # Errors
    /// The first field out of range.
    pub fn check(&self) -> Result<()> {
        let check = InvalidField::unless;
        let shares = !self.share_embeddings || self.joint;
        let found = "true without a joint vocabulary";
        check(shares, "share_embeddings", &found, "joint = true with it")?;
        for (field, found) in
            [("subword_dropout", self.subword_dropout), ("label_smoothing", self.label_smoothing)]
        {
            check((0.0..1.0).contains(&found), field, &found, "at least 0 and less than 1")?;
        }
        check((0.0..=1e3).contains(&self.r_drop), "r_drop", &self.r_drop, "0 to 1000")?;
        self.search.as_ref().map_or(Ok(()), SearchConfig::check)
    }

    /// The network for vocabularies of so many tokens.
    ///
    /// # Errors
    /// A configuration out of range.
    pub fn network(&self, [source, target]: [usize; 2]) -> Result<Config> {
        let config = Config {
            source_vocabulary: source,
            target_vocabulary: target,
            encoder_embedding: self.embedding,
            encoder_layers: self.encoder_layers.clone(),
            decoder_embedding: self.embedding,
            attention: Vec::new(),
            decoder_layers: self.decoder_layers.clone(),
            output_embedding: self.output_embedding,
            share_embeddings: self.share_embeddings,
            tie_output: self.tie_output,
            dropout: self.dropout,
            source_positions: self.positions,
            target_positions: self.positions,
        };
        let config = config.with_attention(&self.attention)?;
        config.check()?;
        Ok(config)
    }
}

fn layers(preset: Preset) -> [Layers; 2] {
    preset.layers().map(|layers| layers.parse().unwrap_or_else(|_| unreachable!("a test reads it")))
}
