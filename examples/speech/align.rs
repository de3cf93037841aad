//! `align`: where the words of known texts are in their recordings.

use crate::data::Sets;
use crate::model::Model;
use anyhow::{Result, bail};
use candle_core::Device;
use clap::Args;
use conv_speech::data::{Audio, Part, Recording, Recordings};
use conv_speech::{Recognizer, Word};
use serde::Serialize;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub struct Options {
    #[command(flatten)]
    model: Model,
    /// A recording whose text is --text
    #[arg(required_unless_present = "data", requires = "text", conflicts_with = "data")]
    file: Option<PathBuf>,
    /// What is said in the recording
    #[arg(long, requires = "file")]
    text: Option<String>,
    /// Recordings with their texts, as for eval
    #[arg(long)]
    data: Option<PathBuf>,
    #[command(flatten)]
    sets: Sets,
}

/// A recording with its words.
#[derive(Debug, Serialize)]
struct Line<'a> {
    path: &'a str,
    text: &'a str,
    words: Vec<Word>,
}

impl Options {
    /// A line a recording with --json, else a line a word under a line of column names. What cannot
    /// be aligned does not keep the others from it; in the end it is an error.
    pub fn run(&self, common: &conv_cli::Common, device: &Device) -> Result<()> {
        let recognizer = self.model.open(device)?;
        let recordings = self.recordings(recognizer.config().rate)?;
        if !common.json {
            conv_cli::print(false, &"path\tstart\tend\tword\tconfidence")?;
        }
        let mut failed = 0;
        for recording in &recordings {
            match words(&recognizer, recording) {
                Ok(words) => print(recording, words, common.json)?,
                Err(error) => {
                    failed += 1;
                    conv_cli::note(conv_cli::one_line(&error));
                }
            }
        }
        if failed > 0 {
            bail!("{failed} of {} recordings are not aligned", recordings.len());
        }
        Ok(())
    }

    fn recordings(&self, rate: u32) -> Result<Vec<Recording>> {
        if let Some(data) = &self.data {
            let manifest = self.sets.measured(data, Part::Test)?;
            return Ok(Recordings::read(&manifest, Some(rate))?.recordings);
        }
        let (Some(file), Some(text)) = (&self.file, &self.text) else {
            bail!("neither a recording with --text nor --data");
        };
        let name = file.display().to_string();
        let text = text.clone();
        Ok(vec![Recording { name, audio: Audio::read(file)?, text, speaker: None }])
    }
}

fn words(recognizer: &Recognizer, recording: &Recording) -> Result<Vec<Word>> {
    let Recording { name, audio, text, .. } = recording;
    Ok(recognizer.align(name, audio, text)?)
}

fn print(recording: &Recording, words: Vec<Word>, json: bool) -> Result<()> {
    // The line of a list is for errors.
    let path = recording.name.split(" (").next().unwrap_or(&recording.name);
    if json {
        let line = serde_json::to_string(&Line { path, text: &recording.text, words })?;
        return conv_cli::print(false, &line);
    }
    for Word { text, start, end, confidence } in words {
        conv_cli::print(false, &format!("{path}\t{start:.3}\t{end:.3}\t{text}\t{confidence:.3}"))?;
    }
    Ok(())
}
