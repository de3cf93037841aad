//! `transcribe`: a line a file.

use crate::model::Model;
use anyhow::{Context, Result, bail};
use candle_core::Device;
use clap::Args;
use conv_speech::data::Audio;
use conv_speech::{Recognizer, Transcript};
use serde::Serialize;
use std::fmt;
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
pub struct Options {
    #[command(flatten)]
    model: Model,
    /// WAV files
    #[arg(required = true)]
    files: Vec<PathBuf>,
}

impl Options {
    /// A file that cannot be written down does not keep the others from it; in the end it is an error.
    pub fn run(&self, common: &conv_cli::Common, device: &Device) -> Result<()> {
        let recognizer = self.model.open(device)?;
        let mut failed = 0;
        for path in &self.files {
            match transcript(&recognizer, path) {
                Ok(transcript) => conv_cli::print(common.json, &Line { path, transcript })?,
                Err(error) => {
                    failed += 1;
                    conv_cli::note(conv_cli::one_line(&error));
                }
            }
        }
        if failed > 0 {
            bail!("{failed} of {} files are not written down", self.files.len());
        }
        Ok(())
    }
}

fn transcript(recognizer: &Recognizer, path: &Path) -> Result<Transcript> {
    let audio = Audio::read(path)?;
    recognizer.transcribe(&audio).with_context(|| path.display().to_string())
}

/// What was heard in a file.
#[derive(Debug, Serialize)]
struct Line<'a> {
    path: &'a Path,
    #[serde(flatten)]
    transcript: Transcript,
}

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\t{}", self.path.display(), self.transcript.text)
    }
}
