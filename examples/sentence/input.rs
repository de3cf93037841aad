//! Sentences to classify: from the command line, a file, or standard input as they come, at
//! constant memory.

use crate::data::Reading;
use anyhow::{Result, bail};
use clap::Args;
use conv_sentence::Classifier;
use conv_text::data::{Record, Records};
use std::io::BufReader;
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
pub struct Input {
    /// Sentences; `-` reads one a line from standard input
    texts: Vec<String>,
    /// A file of sentences, `-` for standard input; labels in it are passed over
    #[arg(long, conflicts_with = "texts")]
    file: Option<PathBuf>,
    #[command(flatten)]
    reading: Reading,
}

/// Sentences that go through the network together at most, and that wait for it.
const TOGETHER: usize = 128;

impl Input {
    /// Calls `take` with all sentences in their order, as many at a time as are there: a line that
    /// waits alone is not kept waiting for others. A line that is no sentence, since it is too long
    /// or no text, is told why in its turn, and the others go on.
    ///
    /// # Errors
    /// At the end, that there were such lines.
    pub fn each(&self, json: bool, mut take: impl FnMut(&[String]) -> Result<()>) -> Result<()> {
        if self.file.is_none() && self.texts != ["-"] {
            if self.texts.is_empty() {
                bail!(
                    "no sentence: give some in quotation marks, `-` for standard input, or --file"
                );
            }
            if self.texts.iter().any(|text| text == "-") {
                bail!("`-` among sentences: it stands alone, for standard input");
            }
            for text in self.texts.iter().filter(|text| Path::new(text).is_file()) {
                conv_cli::note(format_args!(
                    "{text} is read as a sentence, though there is such a file: --file reads it"
                ));
            }
            return take(&self.texts);
        }
        let file = self.file.clone().filter(|file| file.as_os_str() != "-");
        let options = self.reading.options();
        let open = move || {
            let records = match &file {
                Some(path) => Records::open_texts(path, &options),
                None => Records::texts(
                    Box::new(BufReader::new(std::io::stdin())),
                    "standard input",
                    &options,
                ),
            };
            // Where the reader ends with it, an error is the last item: it is told like one of a
            // line.
            let line = |record: conv_text::Result<Record>| Ok(record.map(|record| record.text));
            Ok(records?.map(line))
        };
        let mut refusals = conv_cli::Refusals::new(json);
        conv_cli::each(open, TOGETHER, |lines: Vec<conv_text::Result<String>>| {
            let mut ready = Vec::new();
            for line in lines {
                match line {
                    Ok(text) => ready.push(text),
                    Err(error) => {
                        take(&std::mem::take(&mut ready))?;
                        refusals.tell(&error.into())?;
                    }
                }
            }
            take(&ready)
        })?;
        refusals.end()
    }
}

/// Letters of sentences that a model reads nothing of.
#[derive(Debug, Default)]
pub struct Dropped {
    letters: usize,
    sentences: usize,
}

impl Dropped {
    /// Counts those of some sentences.
    pub fn count<'t>(&mut self, classifier: &Classifier, texts: impl IntoIterator<Item = &'t str>) {
        for text in texts {
            let letters = classifier.dropped_letters(text);
            if letters > 0 && self.letters == 0 {
                // At once: a service may never come to its end.
                let text = escaped(text);
                conv_cli::note(format_args!(
                    "the model reads English letters alone: others are dropped, as in {text:?}"
                ));
            }
            self.letters += letters;
            self.sentences += usize::from(letters > 0);
        }
    }

    /// Says how many there were, where there were any.
    pub fn tell(&self) {
        if let Self { letters: letters @ 1.., sentences } = self {
            conv_cli::note(format_args!("{letters} letters of {sentences} sentences were dropped"));
        }
    }
}

/// The text with line breaks, tabs and what else steers a terminal written out, such as `\n`.
pub fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        // The two separators are line breaks to some readers.
        if character.is_control() || matches!(character, '\u{2028}' | '\u{2029}') {
            escaped.extend(character.escape_default());
        } else {
            escaped.push(character);
        }
    }
    escaped
}
