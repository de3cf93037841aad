//! `questions`: questions, programs and answers about given scenes.

use crate::train::TEMPLATES;
use anyhow::{Context, Result};
use clap::Args;
use conv_clevr::{QuestionFile, SceneFile, Templates};
use serde::Serialize;
use std::fmt;
use std::path::PathBuf;
use std::time::Instant;

#[derive(Debug, Args)]
pub struct Options {
    /// A file of scenes
    #[arg(long)]
    scenes: PathBuf,
    /// A folder of question templates in the original's format, with synonyms.json
    #[arg(long, default_value = TEMPLATES)]
    templates: PathBuf,
    /// Questions a picture, each of another template
    #[arg(long, default_value = "10")]
    per_picture: usize,
    /// The file that is written, in CLEVR's format
    #[arg(long)]
    out: PathBuf,
}

pub fn run(options: &Options, common: &conv_cli::Common) -> Result<()> {
    let SceneFile { info, scenes } = SceneFile::read(&options.scenes)?;
    let templates = Templates::read(&options.templates)?;
    let begun = Instant::now();
    let questions = templates.about(&scenes, options.per_picture, common.seed())?;
    let seconds = begun.elapsed().as_secs_f64();
    let made = Made {
        questions: questions.len(),
        scenes: scenes.len(),
        per_second: questions.len() as f64 / seconds,
    };
    let text = serde_json::to_vec(&QuestionFile { info, questions })?;
    conv_hub::files::write_atomic(&options.out, &text).context("questions")?;
    conv_cli::print(common.json, &made)
}

#[derive(Serialize)]
struct Made {
    questions: usize,
    scenes: usize,
    per_second: f64,
}

impl fmt::Display for Made {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { questions, scenes, per_second } = self;
        write!(f, "{questions} questions about {scenes} scenes, {per_second:.0} a second")
    }
}
