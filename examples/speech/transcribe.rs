//! `transcribe`: a line a file, captions, or words as they are said.

use crate::model::Model;
use anyhow::{Context, Result, bail};
use candle_core::Device;
use clap::{Args, ValueEnum};
use conv_speech::data::{Audio, Samples, find};
use conv_speech::{Recognizer, Transcript, Word, srt, vtt};
use serde::Serialize;
use std::fmt;
use std::io::{Read, Write, stdin, stdout};
use std::path::{Path, PathBuf};
use std::time::Instant;

#[derive(Debug, Args)]
pub struct Options {
    #[command(flatten)]
    model: Model,
    /// Recordings, folders of them, or - for standard input
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// What is written; JSON is --json
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Standard input is samples alone, of 16 bits and one channel, so many a second
    #[arg(long, value_name = "HZ", value_parser = clap::value_parser!(u32).range(1..))]
    pcm: Option<u32>,
    /// Put a file of captions for each recording there
    #[arg(long)]
    out: Option<PathBuf>,
}

/// The forms of a transcript.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A line a file
    Text,
    /// Captions as SubRip
    Srt,
    /// Captions as WebVTT
    Vtt,
}

impl Options {
    /// A file that cannot be written down does not keep the others from it; in the end it is an
    /// error.
    pub fn run(&self, common: &conv_cli::Common, device: &Device) -> Result<()> {
        let recognizer = self.model.open(device)?;
        let input = Path::new("-");
        if self.files == [input] {
            return self.listen(&recognizer, common);
        }
        if self.files.iter().any(|path| path == input) {
            bail!("- is standard input, which is written down alone");
        }
        let files = find(&self.files)?;
        if self.format != Format::Text && self.out.is_none() && files.len() > 1 {
            bail!(
                "--out names the folder for the captions of {} files, which is missing",
                files.len()
            );
        }
        let began = Instant::now();
        let (mut failed, mut seconds) = (0, 0.0);
        for path in &files {
            match transcript(&recognizer, path) {
                Ok(transcript) => {
                    seconds += transcript.seconds;
                    self.write(path, transcript, common)?;
                }
                Err(error) => {
                    failed += 1;
                    conv_cli::note(conv_cli::one_line(&error));
                }
            }
        }
        if files.len() > 1 && seconds > 0.0 {
            let taken = began.elapsed().as_secs_f64();
            let factor = taken / seconds;
            conv_cli::note(format!(
                "{seconds:.1} s of sound in {taken:.1} s, real-time factor {factor:.3}"
            ));
        }
        if failed > 0 {
            bail!("{failed} of {} files are not written down", files.len());
        }
        Ok(())
    }

    fn write(&self, path: &Path, transcript: Transcript, common: &conv_cli::Common) -> Result<()> {
        let (text, extension) = match self.format {
            Format::Text => return conv_cli::print(common.json, &Line { path, transcript }),
            Format::Srt => (srt(&transcript.words), "srt"),
            Format::Vtt => (vtt(&transcript.words), "vtt"),
        };
        let Some(folder) = &self.out else {
            stdout().write_all(text.as_bytes())?;
            return Ok(());
        };
        std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        let name = path.file_name().context("a recording has a name")?;
        let file = folder.join(name).with_extension(extension);
        Ok(conv_hub::files::write_atomic(&file, text.as_bytes())?)
    }

    /// Words of standard input: as they are said, if the network reads forward only and nothing
    /// else says what to write; else at the end.
    fn listen(&self, recognizer: &Recognizer, common: &conv_cli::Common) -> Result<()> {
        let mut samples = match self.pcm {
            Some(rate) => Samples::pcm(Box::new(stdin().lock()) as Box<dyn Read>, rate),
            None => Samples::wav(Box::new(stdin().lock()) as Box<dyn Read>)?,
        };
        let rate = samples.rate();
        let is_greedy = recognizer.is_greedy() && recognizer.config().beam == 1;
        let stream = if is_greedy { recognizer.stream(rate).ok() } else { None };
        let path = Path::new("-");
        let Some(mut stream) = stream else {
            let mut audio = Audio { samples: Vec::new(), rate };
            while let Some(some) = samples.next_samples()? {
                audio.samples.extend(some);
            }
            let transcript = recognizer.transcribe(&audio).context("standard input")?;
            return self.write(path, transcript, common);
        };
        let mut words: Vec<Word> = Vec::new();
        let mut count = 0;
        while let Some(some) = samples.next_samples()? {
            count += some.len();
            let new = stream.push(&some)?;
            self.show(&new, common)?;
            words.extend(new);
        }
        let least = recognizer.config().front_end.window(rate);
        if count < least {
            let name = "standard input".into();
            return Err(conv_speech::Error::Short { name, found: count, least, rate }.into());
        }
        let new = stream.finish()?;
        self.show(&new, common)?;
        words.extend(new);
        match (self.format, common.json) {
            (Format::Text, false) => writeln!(stdout())?,
            (Format::Text, true) => {}
            _ => {
                let text =
                    words.iter().map(|word| word.text.as_str()).collect::<Vec<_>>().join(" ");
                let seconds = count as f64 / f64::from(rate);
                self.write(path, Transcript { text, words, seconds }, common)?;
            }
        }
        Ok(())
    }

    /// New words of a stream: with --json a line each.
    fn show(&self, words: &[Word], common: &conv_cli::Common) -> Result<()> {
        if self.format != Format::Text {
            return Ok(());
        }
        let mut out = stdout().lock();
        for word in words {
            if common.json {
                writeln!(out, "{}", serde_json::to_string(word)?)?
            } else {
                write!(out, "{} ", word.text)?
            }
        }
        Ok(out.flush()?)
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
