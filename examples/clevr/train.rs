//! `train`: from templates of questions to a parser.

use anyhow::{Context, Result};
use candle_core::Device;
use clap::Args;
use conv_clevr::parse::{Pairs, Parser, recipe};
use conv_clevr::{Program, Templates};
use conv_cli::train::{FitFlags, TrainFlags};
use conv_hub::Card;
use conv_train::Learner;
use conv_translate::{PairFiles, Training, Vocabularies, card};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The templates that ship: 90 families as v1.0's, in wordings of this project.
pub const TEMPLATES: &str = "data/templates/clevr";

#[derive(Debug, Args)]
pub struct Options {
    /// A folder of question templates in the original's format, with synonyms.json
    #[arg(long, default_value = TEMPLATES)]
    templates: PathBuf,
    /// Questions that are drawn from them
    #[arg(long, default_value = "40000")]
    questions: usize,
    #[command(flatten)]
    fit: FitFlags,
    #[command(flatten)]
    train: TrainFlags,
}

pub fn run(options: &Options, common: &conv_cli::Common, device: &Device) -> Result<()> {
    let out = options.train.run_folder()?;
    let recipe = options.fit.over(&recipe()?, |recipe| &mut recipe.fit, common)?;
    let templates = Templates::read(&options.templates)?;
    let temporary = tempfile::tempdir()?;
    let folder = out.unwrap_or(temporary.path());
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let pairs = Pairs::draw(&templates, options.questions, recipe.fit.seed, folder)?;
    let vocabularies = Vocabularies::train(&pairs.train, &recipe)?;
    let dev = vocabularies.dev(&pairs.dev, &recipe)?;
    let (store, cleaned) =
        vocabularies.store(&pairs.train, &recipe, &folder.join("train.pairs"))?;
    conv_cli::note(format_args!("{} templates: {cleaned}", templates.len()));
    let encoders = vocabularies.encoders();
    let training = Training::new(&recipe, &store, &dev, encoders, BTreeMap::new(), device)?;
    let figures = || {
        let mut figures = BTreeMap::new();
        for (name, value) in training.evaluate()? {
            figures.insert(format!("dev {name}"), value);
        }
        let parser = Parser::new(training.frozen(device)?, &vocabularies)?;
        figures.insert("dev exact programs".into(), exact(&parser, &pairs.dev)?);
        Ok(figures)
    };
    let card = |metrics| {
        Card {
        title: "Parser of CLEVR's questions".into(),
        purpose: "Turns a question about a picture of CLEVR into the program that asks it, in prefix notation.".into(),
        limits: "It reads the wordings of its templates. Words that it has not seen are refused by name, and so are texts of known words of which \
                 it makes no program, or one that names other things than the question."
            .into(),
        ..card("question-program", "question templates", metrics)
    }
    };
    let subtitle = format!("Questions of {} templates to programs", templates.len());
    options.train.run(&training, &subtitle, figures, card, common)
}

/// The share of questions whose program is exactly the one that they were made from.
fn exact(parser: &Parser, files: &PairFiles) -> Result<f64> {
    let mut questions = Vec::new();
    let mut programs = Vec::new();
    for pair in files.open()? {
        let pair = pair?;
        let functions = pair.target.split(' ').map(str::parse).collect::<Result<Vec<_>, String>>();
        programs.push(Program::from_prefix(&functions.map_err(anyhow::Error::msg)?)?);
        questions.push(pair.source);
    }
    let parsed = parser.parse_all(&questions)?;
    let right = parsed.iter().zip(&programs).filter(|(parsed, program)| {
        parsed.as_ref().is_ok_and(|parsed| parsed.program.is_same(program))
    });
    Ok(right.count() as f64 / programs.len() as f64)
}
