//! How the parser is trained: on questions that templates make, whatever scenes there are.

use super::tokens;
use crate::{Error, Result, Templates};
use conv_nn::rng::seeded;
use conv_text::subwords::{Model, SubwordConfig, TextForm};
use conv_train::batch::{BatchSize, Batching};
use conv_train::{Decay, Direction, FitConfig, MonitoredMetric, Schedule};
use conv_translate::data::Cleaning;
use conv_translate::{PairFiles, Recipe};
use std::collections::HashSet;
use std::fmt::Write;
use std::path::Path;

/// A small ConvS2S from words to functions: 96 channels; the encoder sees 7 words around each, the
/// decoder the last 17 functions.
///
/// # Errors
/// None.
pub fn recipe() -> Result<Recipe> {
    let subwords = SubwordConfig {
        model: Model::Words,
        text: TextForm::Tokens,
        vocabulary: 1000,
        ..SubwordConfig::default()
    };
    let perplexity =
        MonitoredMetric { metric: "perplexity".into(), direction: Direction::Minimize };
    Ok(Recipe {
        subwords,
        joint: false,
        share_embeddings: false,
        tie_output: false,
        // A question of three hops has more words than functions, one of `greater_than` less.
        cleaning: Cleaning { longest: 120, ..Cleaning::default() },
        encoder_layers: "[(96, 3)] * 3".parse()?,
        decoder_layers: "[(96, 5)] * 4".parse()?,
        embedding: 96,
        output_embedding: 96,
        dropout: 0.1,
        positions: 128,
        label_smoothing: 0.0,
        fit: FitConfig {
            epochs: 6,
            batching: Batching { size: BatchSize::Tokens(2000), window: 50 },
            learning_rate: 3e-3,
            schedule: Schedule {
                warmup_steps: 300,
                decay: Decay::Cosine { steps: None, floor: 3e-5 },
            },
            monitor: Some(perplexity),
            average: 0,
            ..Recipe::small().fit
        },
        ..Recipe::small()
    })
}

/// Questions and programs on disk, as conv-translate reads them.
#[derive(Debug, Clone)]
pub struct Pairs {
    /// What is trained on.
    pub train: PairFiles,
    /// What training is watched by: no question of it is trained on.
    pub dev: PairFiles,
    /// How many are trained on.
    pub count: usize,
}

impl Pairs {
    /// Draws `count` questions to train on and a twentieth as many to watch by, all templates
    /// equally often, and writes them into a folder as tables of words and functions.
    ///
    /// # Errors
    /// A template that makes no program, or a folder that cannot be written.
    pub fn draw(templates: &Templates, count: usize, seed: u64, folder: &Path) -> Result<Self> {
        let mut held_out = HashSet::new();
        let dev =
            table(templates, count.div_ceil(20), &mut seeded(seed, "dev questions"), |text| {
                held_out.insert(text.to_string());
                true
            })?;
        let mut kept = 0;
        let train = table(templates, count, &mut seeded(seed, "train questions"), |text| {
            let keeps = !held_out.contains(text);
            kept += usize::from(keeps);
            keeps
        })?;
        let write = |name: &str, table: String| {
            let path = folder.join(name);
            conv_hub::files::write_atomic(&path, table.as_bytes()).map_err(Error::Write)?;
            Ok::<_, Error>(PairFiles::Table(path))
        };
        let train = write("train.tsv", train)?;
        let dev = write("dev.tsv", dev)?;
        Ok(Self { train, dev, count: kept })
    }
}

/// `count` questions, a line each, of those that `keep` wants.
fn table(
    templates: &Templates,
    count: usize,
    rng: &mut impl rand::Rng,
    mut keep: impl FnMut(&str) -> bool,
) -> Result<String> {
    let mut table = String::new();
    for at in 0..count {
        let drawn = templates.draw(at % templates.len(), rng)?;
        let question = tokens(&drawn.question).join(" ");
        if keep(&question) {
            let functions: Vec<_> =
                drawn.program.prefix()?.iter().map(ToString::to_string).collect();
            let _ = writeln!(table, "{question}\t{}", functions.join(" "));
        }
    }
    Ok(table)
}
