//! The training recipe: the paper's, a file's, and the flags over either.

use anyhow::{Context, Result};
use clap::Args;
use conv_text::data::KimSet;
use conv_text::tokenizer::Style;
use conv_text::{FilterBank, Recipe, Segmenter, Variant};
use conv_train::batch::BatchSize;
use std::path::PathBuf;
use toml::{Table, Value};

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
                read.and_then(|text| file_over(&paper, &text))
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
        over(&mut recipe.variant, self.variant);
        over(&mut recipe.dimension, self.dimension);
        over(&mut recipe.fit.epochs, self.epochs);
        over(&mut recipe.fit.batching.size, self.batch_size.map(BatchSize::Examples));
        over(&mut recipe.fit.learning_rate, self.learning_rate);
        over(&mut recipe.dropout, self.dropout);
        over(&mut recipe.label_smoothing, self.label_smoothing);
        over(&mut recipe.style, self.style);
        Ok(recipe)
    }
}

/// What the file says, and of the loop's settings under `[fit]` too, over `base`: a file that only sets the learning rate
/// keeps the paper's max-norm and early stopping. And whether it names a style.
fn file_over(base: &Recipe, text: &str) -> Result<(Recipe, bool)> {
    let mut settings = Table::try_from(base)?;
    let file: Table = text.parse()?;
    let styled = file.contains_key("style");
    for (name, value) in file {
        match (settings.get_mut(&name), value) {
            (Some(Value::Table(base)), Value::Table(file)) => base.extend(file),
            (_, value) => drop(settings.insert(name, value)),
        }
    }
    Ok((settings.try_into()?, styled))
}

fn over<T>(setting: &mut T, flag: Option<T>) {
    if let Some(value) = flag {
        *setting = value;
    }
}
