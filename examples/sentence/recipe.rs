//! The training recipe: the paper's, a file's, and the flags over either.

use anyhow::Result;
use clap::Args;
use conv_cli::settings;
use conv_cli::train::FitFlags;
use conv_sentence::data::KimSet;
use conv_sentence::{FilterBank, Recipe, Variant};
use conv_text::Segmenter;
use conv_text::tokenizer::Style;
use conv_train::batch::BatchSize;

#[derive(Debug, Args)]
pub struct Flags {
    #[command(flatten)]
    pub fit: FitFlags,
    /// rand, static, nonstatic or multichannel [default: rand, with --vectors nonstatic]
    #[arg(long)]
    variant: Option<Variant>,
    /// Filters as WIDTHxMAPS, such as 3x100,4x100,5x100
    #[arg(long, value_delimiter = ',')]
    filters: Vec<FilterBank>,
    /// Length of a word vector where no vectors are read
    #[arg(long)]
    dimension: Option<usize>,
    /// Sentences a batch
    #[arg(long)]
    batch_size: Option<usize>,
    /// Probability with which a feature is dropped in training
    #[arg(long)]
    dropout: Option<f64>,
    /// Share of the target that is spread over all classes
    #[arg(long)]
    label_smoothing: Option<f64>,
    /// Weigh rare classes more
    #[arg(long)]
    balanced: bool,
    /// How text becomes words: kim (ASCII alone), kim-cased or unicode (any script) [default: kim,
    /// and unicode with
    /// --segmenter or where one's own data have letters that are not English]
    #[arg(long)]
    style: Option<Style>,
    /// Cuts text without blanks between words first: jieba (Chinese)
    #[arg(long)]
    segmenter: Option<Segmenter>,
}

impl Flags {
    /// The recipe for a set of Kim's or data of one's own, which have so many `foreign` letters to
    /// learn from.
    pub fn recipe(
        &self,
        set: Option<KimSet>,
        vectors: bool,
        foreign: usize,
        common: &conv_cli::Common,
    ) -> Result<Recipe> {
        let paper = Recipe {
            style: set.map(KimSet::style).unwrap_or_default(),
            ..Recipe::kim(if vectors { Variant::NonStatic } else { Variant::Rand })
        };
        let mut recipe = self.fit.over(&paper, |recipe| &mut recipe.fit, common)?;
        let is_styled = self.fit.file()?.contains_key("style");
        recipe.balanced |= self.balanced;
        if !self.filters.is_empty() {
            recipe.filters.clone_from(&self.filters);
        }
        recipe.segmenter = self.segmenter.or(recipe.segmenter);
        // The paper's style would drop every word that a segmenter finds, and letters that are not
        // English.
        if !is_styled && (recipe.segmenter.is_some() || set.is_none() && foreign > 0) {
            recipe.style = Style::Unicode;
        }
        settings::set(&mut recipe.variant, self.variant);
        settings::set(&mut recipe.dimension, self.dimension);
        settings::set(&mut recipe.fit.batching.size, self.batch_size.map(BatchSize::Examples));
        settings::set(&mut recipe.dropout, self.dropout);
        settings::set(&mut recipe.label_smoothing, self.label_smoothing);
        settings::set(&mut recipe.style, self.style);
        Ok(recipe)
    }
}
