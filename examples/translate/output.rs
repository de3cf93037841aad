//! Translations as lines.

use anyhow::Result;
use conv_translate::Translation;
use serde::Serialize;
use std::fmt;

/// How they are written.
#[derive(Debug, Clone, Copy)]
pub struct Form {
    pub json: bool,
    /// Number and score before the text, since a sentence has several lines.
    pub numbered: bool,
    /// Pairs of places behind it.
    pub alignment: bool,
}

impl Form {
    /// Writes the translations of the sentence at `place`, and hands them on at once.
    pub fn print(self, place: usize, found: &[Translation]) -> Result<()> {
        let line = |translation| Line { sentence: place + 1, translation, form: self };
        found.iter().try_for_each(|translation| conv_cli::print(self.json, &line(translation)))
    }
}

#[derive(Serialize)]
struct Line<'a> {
    /// From 1.
    sentence: usize,
    #[serde(flatten)]
    translation: &'a Translation,
    #[serde(skip)]
    form: Form,
}

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Translation { text, score, alignment, .. } = self.translation;
        if self.form.numbered {
            write!(f, "{}\t{score:.4}\t", self.sentence)?;
        }
        // A line stays one line.
        f.write_str(&text.replace(char::is_control, " "))?;
        if self.form.alignment {
            f.write_str("\t")?;
            for (target, source) in alignment.iter().enumerate() {
                write!(f, "{}{source}-{target}", if target > 0 { " " } else { "" })?;
            }
        }
        Ok(())
    }
}
