//! Sentences to classify: from the command line, a file, or standard input as they come, at constant memory.

use crate::data::Reading;
use anyhow::{Result, bail};
use clap::Args;
use conv_text::data::Records;
use std::io::BufReader;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, sync_channel};

#[derive(Debug, Args)]
pub struct Input {
    /// Sentences; `-` reads one a line from standard input
    texts: Vec<String>,
    /// A file of sentences; labels in it are passed over
    #[arg(long, conflicts_with = "texts")]
    file: Option<PathBuf>,
    #[command(flatten)]
    reading: Reading,
}

/// Sentences that go through the network together at most, and that wait for it.
const TOGETHER: usize = 128;

impl Input {
    /// Calls `take` with all sentences in their order, as many at a time as are there: a line that waits alone is not
    /// kept waiting for others.
    pub fn each(&self, mut take: impl FnMut(&[String]) -> Result<()>) -> Result<()> {
        if self.file.is_none() && self.texts != ["-"] {
            if self.texts.is_empty() {
                bail!(
                    "no sentence: give some in quotation marks, `-` for standard input, or --file"
                );
            }
            return take(&self.texts);
        }
        let texts = self.read();
        while let Ok(first) = texts.recv() {
            let more = texts.try_iter().take(TOGETHER - 1);
            let mut texts = Vec::new();
            for text in std::iter::once(first).chain(more) {
                match text {
                    Ok(text) => texts.push(text),
                    // What came before a bad line is still answered.
                    Err(error) => {
                        take(&texts)?;
                        return Err(error.into());
                    }
                }
            }
            take(&texts)?;
        }
        Ok(())
    }

    /// Reads on a thread of its own, ahead by [`TOGETHER`] sentences at most.
    fn read(&self) -> Receiver<conv_text::Result<String>> {
        let (sender, receiver) = sync_channel(TOGETHER);
        let (file, options) = (self.file.clone(), self.reading.options());
        std::thread::spawn(move || {
            let records = match &file {
                Some(path) => Records::open_texts(path, &options),
                None => Records::texts(
                    Box::new(BufReader::new(std::io::stdin())),
                    "standard input",
                    &options,
                ),
            };
            match records {
                // Nobody listens any more once the other side has failed.
                Ok(records) => records
                    .map(|record| Ok(record?.text))
                    .try_for_each(|text| sender.send(text))
                    .unwrap_or_default(),
                Err(error) => sender.send(Err(error)).unwrap_or_default(),
            }
        });
        receiver
    }
}
