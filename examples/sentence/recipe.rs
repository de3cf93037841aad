//! The training recipe: the paper's, a file's, and the flags over either.

use anyhow::{Context, Result};
use clap::Args;
use conv_cli::settings;
use conv_text::data::KimSet;
use conv_text::tokenizer::Style;
use conv_text::{FilterBank, Recipe, Segmenter, Variant};
use conv_train::batch::BatchSize;
use std::path::PathBuf;
use toml::Table;

#[derive(Debug, Args)]
pub struct Flags {
    /// Settings as TOML over the paper's; the flags below go over them
    #[arg(long)]
    config: Option<PathBuf>,
    /// rand, static, nonstatic or multichannel [default: rand, with --vectors nonstatic]
    #[arg(long)]
    variant: Option<Variant>,
    /// Filters as WIDTHxMAPS, such as 3x100,4x100,5x100
    #[arg(long, value_delimiter = ',')]
    filters: Vec<FilterBank>,
    /// Length of a word vector where no vectors are read
    #[arg(long)]
    dimension: Option<usize>,
    /// Passes over the training data at most
    #[arg(long)]
    epochs: Option<usize>,
    /// Sentences a batch
    #[arg(long)]
    batch_size: Option<usize>,
    #[arg(long)]
    learning_rate: Option<f64>,
    /// Probability with which a feature is dropped in training
    #[arg(long)]
    dropout: Option<f64>,
    /// Share of the target that is spread over all classes
    #[arg(long)]
    label_smoothing: Option<f64>,
    /// Weigh rare classes more
    #[arg(long)]
    balanced: bool,
    /// How text becomes words: kim (ASCII alone), kim-cased or unicode (any script) [default: kim, with --segmenter
    /// unicode]
    #[arg(long)]
    style: Option<Style>,
    /// Cuts text without blanks between words first: jieba (Chinese)
    #[arg(long)]
    segmenter: Option<Segmenter>,
}

impl Flags {
    pub fn recipe(&self, set: Option<KimSet>, vectors: bool, seed: u64) -> Result<Recipe> {
        let paper = Recipe {
            style: set.map(KimSet::style).unwrap_or_default(),
            ..Recipe::kim(if vectors { Variant::NonStatic } else { Variant::Rand })
        };
        let (mut recipe, styled) = match &self.config {
            Some(path) => {
                let read = std::fs::read_to_string(path).map_err(anyhow::Error::from);
                read.and_then(|text| {
                    let file: Table = text.parse()?;
                    // Before the file is over the paper's settings, which name one too.
                    let styled = file.contains_key("style");
                    Ok((settings::over(&paper, file)?, styled))
                })
                .with_context(|| path.display().to_string())?
            }
            None => (paper, false),
        };
        recipe.fit.seed = seed;
        recipe.balanced |= self.balanced;
        if !self.filters.is_empty() {
            recipe.filters.clone_from(&self.filters);
        }
        recipe.segmenter = self.segmenter.or(recipe.segmenter);
        // The paper's style would drop every word that a segmenter finds.
        if recipe.segmenter.is_some() && !styled {
            recipe.style = Style::Unicode;
        }
        settings::set(&mut recipe.variant, self.variant);
        settings::set(&mut recipe.dimension, self.dimension);
        settings::set(&mut recipe.fit.epochs, self.epochs);
        settings::set(&mut recipe.fit.batching.size, self.batch_size.map(BatchSize::Examples));
        settings::set(&mut recipe.fit.learning_rate, self.learning_rate);
        settings::set(&mut recipe.dropout, self.dropout);
        settings::set(&mut recipe.label_smoothing, self.label_smoothing);
        settings::set(&mut recipe.style, self.style);
        Ok(recipe)
    }
}
