//! The training recipe: a preset's, a file's, and the flags over either.

use anyhow::{Context, Result};
use clap::Args;
use conv_cli::settings::set;
use conv_cli::train::FitFlags;
use conv_text::subwords::{Model, TextForm};
use conv_train::batch::BatchSize;
use conv_translate::{Preset, Recipe, SearchConfig, Stored, Vocabularies};
use std::path::PathBuf;

#[derive(Debug, Args)]
pub struct Flags {
    /// The paper's recipe for a network of the reference's: fconv, fconv_iwslt_de_en,
    /// fconv_wmt_en_ro, fconv_wmt_en_de or fconv_wmt_en_fr
    /// [default: one for some ten thousand pairs]
    #[arg(long, conflicts_with = "init")]
    preset: Option<Preset>,
    #[command(flatten)]
    fit: FitFlags,
    /// Go on from a trained model, with its vocabularies: a model folder or hub id, or a checkpoint
    /// of fairseq's (.pt) with its dict.LANGUAGE.txt beside it, for which the text must be tokens
    /// split as they were
    #[arg(long, value_name = "MODEL")]
    pub init: Option<String>,
    /// A tokenizer.json of your own for both languages
    #[arg(long, value_name = "FILE", conflicts_with = "init")]
    tokenizer: Option<PathBuf>,
    /// One for the source
    #[arg(long, value_name = "FILE", conflicts_with_all = ["init", "tokenizer"], requires = "target_tokenizer")]
    source_tokenizer: Option<PathBuf>,
    /// And one for the target
    #[arg(long, value_name = "FILE", requires = "source_tokenizer")]
    target_tokenizer: Option<PathBuf>,
    /// The text is ready-made tokens with blanks between them
    #[arg(long)]
    tokens: bool,
    /// Lower-case the text, as the model then does with what it translates
    #[arg(long, conflicts_with_all = ["init", "tokenizer", "source_tokenizer"])]
    lowercase: bool,
    /// How words are cut: bpe, unigram, or words for not at all
    #[arg(long, value_parser = model, conflicts_with_all = ["init", "tokenizer", "source_tokenizer"])]
    subwords: Option<Model>,
    /// Tokens of the vocabulary, or of each
    #[arg(long, conflicts_with_all = ["init", "tokenizer", "source_tokenizer"])]
    vocabulary: Option<usize>,
    /// A vocabulary of each language instead of one for both
    #[arg(long, conflicts_with_all = ["init", "tokenizer"])]
    separate: bool,
    /// Tokens of a batch, padding included
    #[arg(long, visible_alias = "max-tokens")]
    batch_tokens: Option<usize>,
    /// Probability with which an element is dropped in training
    #[arg(long)]
    dropout: Option<f64>,
    /// Share of the target that is spread over all tokens
    #[arg(long)]
    label_smoothing: Option<f64>,
    /// Translate the dev part at each evaluation, with so large a beam, for BLEU
    #[arg(long, value_name = "BEAM")]
    bleu: Option<usize>,
}

fn model(name: &str) -> Result<Model> {
    serde_json::from_value(name.into()).context("expected bpe, unigram or words")
}

impl Flags {
    /// The recipe for `model`, if training goes on from one.
    pub fn recipe(&self, model: Option<&Stored>, common: &conv_cli::Common) -> Result<Recipe> {
        let base = self.preset.map_or_else(|| Ok(Recipe::small()), Recipe::paper)?;
        let mut recipe = self.fit.over(&base, |recipe| &mut recipe.fit, common)?;
        recipe.subwords.lowercase |= self.lowercase;
        set(&mut recipe.subwords.text, self.tokens.then_some(TextForm::Tokens));
        set(&mut recipe.subwords.model, self.subwords);
        set(&mut recipe.subwords.vocabulary, self.vocabulary);
        set(&mut recipe.fit.batching.size, self.batch_tokens.map(BatchSize::Tokens));
        set(&mut recipe.dropout, self.dropout);
        set(&mut recipe.label_smoothing, self.label_smoothing);
        let search = self.bleu.map(|beam| SearchConfig { beam, ..SearchConfig::default() });
        recipe.search = search.or(recipe.search);
        if self.tokenizer.is_some() {
            recipe.joint = true;
        } else if self.separate || self.source_tokenizer.is_some() {
            recipe.joint = false;
            recipe.share_embeddings = false;
        }
        let recipe = model.map_or(recipe.clone(), |model| model.recipe(recipe));
        recipe.check()?;
        Ok(recipe)
    }

    /// The tokenizers that are given.
    pub fn tokenizers(&self) -> Result<Option<Vocabularies>> {
        Ok(match (&self.tokenizer, &self.source_tokenizer, &self.target_tokenizer) {
            (Some(joint), ..) => Some(Vocabularies::joint(joint)?),
            (_, Some(source), Some(target)) => Some(Vocabularies::load(source, target)?),
            _ => None,
        })
    }
}
