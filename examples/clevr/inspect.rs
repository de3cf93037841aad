//! `inspect`: what a file of questions or scenes holds.

use anyhow::Result;
use clap::Args;
use conv_clevr::inspect::{Questions, Scenes};
use conv_clevr::{QuestionFile, SceneFile};
use std::path::PathBuf;

#[derive(Debug, Args)]
pub struct Options {
    /// A file of questions
    #[arg(long, required_unless_present = "scenes")]
    questions: Option<PathBuf>,
    /// A file of scenes
    #[arg(long, conflicts_with = "questions")]
    scenes: Option<PathBuf>,
}

pub fn run(options: &Options, common: &conv_cli::Common) -> Result<()> {
    if let Some(path) = &options.questions {
        return conv_cli::print(common.json, &Questions::of(&QuestionFile::read(path)?)?);
    }
    let path = options.scenes.clone().unwrap_or_default();
    conv_cli::print(common.json, &Scenes::of(&SceneFile::read(&path)?)?)
}
