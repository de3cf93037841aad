//! `train`: from labelled sentences to a model folder and a report.

use crate::data::Sources;
use crate::folds;
use crate::recipe::Flags;
use anyhow::{Result, bail};
use candle_core::Device;
use clap::Args;
use clap::builder::RangedU64ValueParser;
use conv_cli::train::TrainFlags;
use conv_sentence::{Evaluation, Recipe, Sentences, Table, Training, WarmStart, card};
use conv_text::data::Split;
use conv_text::tokenizer::Style;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
pub struct Options {
    #[command(flatten)]
    sources: Sources,
    #[command(flatten)]
    flags: Flags,
    /// Pre-trained word vectors: word2vec .bin or .txt, or GloVe .txt
    #[arg(long, conflicts_with = "warm_start")]
    vectors: Option<PathBuf>,
    /// Start from what another model has learnt: its words' vectors, its filters, its last layer if
    /// the labels are the same
    #[arg(long)]
    warm_start: Option<String>,
    /// Cross-validate with K folds and keep no model
    #[arg(long, value_name = "K", conflicts_with_all = ["dev", "test", "out", "resume", "half", "overfit"],
          value_parser = RangedU64ValueParser::<usize>::new().range(2..=255))]
    folds: Option<usize>,
    #[command(flatten)]
    train: TrainFlags,
}

pub fn run(options: &Options, common: &conv_cli::Common, device: &Device) -> Result<()> {
    if options.folds.is_none() {
        options.train.run_folder()?;
    }
    let loaded = options.sources.load(options.flags.fit.seed(common)?)?;
    let learnt_vectors = options.vectors.is_some() || options.warm_start.is_some();
    let corpus = &loaded.dataset.corpus;
    if let Some(remark) = &loaded.remark {
        conv_cli::note(remark);
    }
    let texts = corpus.texts();
    let dropped = |at: usize| Style::Kim.dropped_letters(texts[at]);
    let foreign: usize = (0..texts.len()).map(dropped).sum();
    // What is held out decides on nothing.
    let learnt = loaded.dataset.split.train.iter().map(|&at| dropped(at as usize)).sum();
    let recipe = options.flags.recipe(loaded.set, learnt_vectors, learnt, common)?;
    let split = &loaded.dataset.split;
    let style = recipe.style;
    let segmenter = recipe.segmenter;
    let sentences = match (loaded.set, options.folds) {
        // Kim's way: words of the test part are in the vocabulary. It is his sets' alone; of folds
        // of one's own data each makes those words unknown again (`folds.rs`).
        (Some(_), _) | (None, Some(_)) => Sentences::fit(corpus, style, segmenter)?,
        (None, None) => Sentences::fit_to(&split.train, corpus, style, segmenter)?,
    };
    for (label, count) in corpus.unseen() {
        conv_cli::note(format_args!(
            "{count} held-out sentences have the label {label:?}, which training does not see: they count as errors"
        ));
    }
    if foreign > 0 && style != Style::Unicode {
        conv_cli::note(format_args!(
            "the style {} drops {foreign} letters that are not English (--style unicode keeps them)",
            serde_json::json!(style)
        ));
    }
    let all = sentences.words.len();
    let empty = sentences.words.iter().filter(|words| words.is_empty()).count();
    if empty * 10 > all && empty < all {
        let style = serde_json::json!(recipe.style);
        conv_cli::note(format_args!(
            "{empty} of {all} sentences have no word in the style {style} (--style unicode keeps any script)"
        ));
    }
    let start = options.start(&recipe, &sentences)?;
    let setup = Setup { recipe, sentences, start, device };
    if let Some(k) = options.folds {
        if let Some(set) = loaded.set {
            bail!(
                "--folds is for data of one's own; {set} has folds of its own (--round, or the program `repro`)"
            );
        }
        return folds::run(&setup, k, options.train.dry_run, common);
    }
    let training = setup.training(split)?;
    let config = training.model().config();
    let subtitle = format!("CNN-{} on {}, {} classes", config.variant, loaded.name, config.classes);
    let labels = corpus.classes();
    options.train.run(
        &training,
        &subtitle,
        || figures(&training, split),
        |metrics| card(&loaded.name, labels, metrics),
        common,
    )
}

/// Vectors for fewer of the words than this share are not likely to be meant.
const FEW: f64 = 0.05;

/// Of the dev part and of the test part, if there is one.
fn figures(training: &Training, split: &Split) -> Result<BTreeMap<String, f64>> {
    let mut figures = BTreeMap::new();
    for (part, index) in [("dev", &split.dev), ("test", &split.test)] {
        if !index.is_empty() {
            let Evaluation { accuracy, macro_f1, .. } = training.evaluation(index, 1)?;
            figures.insert(format!("{part} accuracy"), accuracy);
            figures.insert(format!("{part} macro F1"), macro_f1);
        }
    }
    Ok(figures)
}

/// What is trained, whatever it is split into.
pub struct Setup<'a> {
    pub recipe: Recipe,
    pub sentences: Sentences,
    start: WarmStart,
    device: &'a Device,
}

impl Setup<'_> {
    pub fn training<'t>(&'t self, split: &'t Split) -> Result<Training<'t>> {
        self.training_of(&self.sentences, split)
    }

    /// Of sentences that are read in another way, with the same words.
    pub fn training_of<'t>(
        &'t self,
        sentences: &'t Sentences,
        split: &'t Split,
    ) -> Result<Training<'t>> {
        let Self { recipe, start: WarmStart { table, parameters }, device, .. } = self;
        Ok(Training::new(recipe, sentences, split, table, parameters.clone(), device)?)
    }
}

/// The last two parts of a model's path, or its id on the hub.
fn end_of(model: &str) -> String {
    let parts: Vec<_> = Path::new(model).iter().map(|part| part.to_string_lossy()).collect();
    parts[parts.len().saturating_sub(2)..].join("/")
}

impl Options {
    /// How the network starts: from vectors, another model, or nothing.
    fn start(&self, recipe: &Recipe, sentences: &Sentences) -> Result<WarmStart> {
        if let Some(model) = &self.warm_start {
            let mut start =
                WarmStart::open(&conv_hub::resolve(model)?, &recipe.filters, sentences)?;
            start.table.source = Some(format!("the model {}", end_of(model)));
            return Ok(start);
        }
        let table = match (&self.vectors, recipe.variant.needs_vectors()) {
            (Some(path), true) => {
                let table = Table::read(path, sentences)?;
                if let Some(coverage) = table.coverage {
                    conv_cli::note(format_args!("{}: {coverage}", path.display()));
                    if coverage.of_tokens() < FEW {
                        conv_cli::note(
                            "hardly a word of these texts has a vector: are they of another language, or spelling?",
                        );
                    }
                }
                table
            }
            (None, false) => Table::random(recipe.dimension)?,
            (None, true) => bail!(
                "the variant {} starts from word vectors: --vectors or --warm-start",
                recipe.variant
            ),
            (Some(_), false) => {
                bail!("the variant {} draws its word vectors: leave out --vectors", recipe.variant)
            }
        };
        Ok(WarmStart { table, parameters: BTreeMap::new() })
    }
}
