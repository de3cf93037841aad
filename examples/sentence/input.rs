//! Sentences to classify: from the command line, a file, or standard input as they come, at constant memory.

use crate::data::Reading;
use anyhow::{Result, bail};
use clap::Args;
use conv_text::data::Records;
use std::io::BufReader;
use std::path::PathBuf;

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
        let (file, options) = (self.file.clone(), self.reading.options());
        let open = move || {
            let records = match &file {
                Some(path) => Records::open_texts(path, &options),
                None => Records::texts(
                    Box::new(BufReader::new(std::io::stdin())),
                    "standard input",
                    &options,
                ),
            };
            Ok(records?.map(|record| Ok(record?.text)))
        };
        conv_cli::each(open, TOGETHER, |texts| take(&texts))
    }
}
