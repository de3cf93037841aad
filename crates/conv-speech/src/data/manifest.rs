//! Lists of recordings with what is said in them.

use crate::{Error, Result};
use conv_hub::text::{Encoding, Lines, Place};
use std::path::{Path, PathBuf};

/// One recording of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Utterance {
    /// Its file.
    pub path: PathBuf,
    /// Who speaks, where the list says so.
    pub speaker: Option<String>,
    /// Where it begins and ends in the file, in seconds; the file's own bounds where the list says nothing.
    pub span: Span,
    /// What is said.
    pub text: String,
    /// The line of the list, where it is one.
    pub at: Option<Place>,
}

/// A part of a recording, in seconds.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Span {
    /// Where it begins; at the beginning where nothing is said.
    pub start: Option<f64>,
    /// Where it ends; at the end where nothing is said.
    pub end: Option<f64>,
}

/// A list of recordings.
#[derive(Debug, Clone, PartialEq)]
pub struct Manifest {
    /// What it is called in errors and cards: its file's name.
    pub name: String,
    /// The recordings, in the list's order.
    pub utterances: Vec<Utterance>,
}

impl Manifest {
    /// Reads a table with tabs between its columns, whose first line names them: `path`, `text`, and `speaker`, `start` and `end` (the
    /// seconds between which it lies in its file) if they are there, in any order; others are left alone. A path is relative to the table's
    /// own folder. Blank lines are stepped over, and blanks around a text and between its words are made one.
    ///
    /// # Errors
    /// A file that cannot be read, a column that is missing, a line with fewer fields than the header, a start or an end that is no time, a
    /// list of nothing.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let file = folder.path().join("train.tsv");
    /// std::fs::write(&file, "speaker\tpath\ttext\tseconds\nanna\tclips/1.wav\tYES  NO\t1.5\n")?;
    /// let manifest = conv_speech::data::Manifest::read(&file)?;
    /// let first = &manifest.utterances[0];
    /// assert_eq!((first.text.as_str(), first.speaker.as_deref()), ("YES NO", Some("anna")));
    /// assert_eq!(first.path, folder.path().join("clips/1.wav"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn read(path: &Path) -> Result<Self> {
        let folder = path.parent().unwrap_or(Path::new(""));
        let mut lines = Lines::open(path, Encoding::Utf8)?
            .filter(|line| !matches!(line, Ok((_, text)) if text.trim().is_empty()));
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        let empty = |found: &str| Error::Empty {
            place: path.display().to_string(),
            found: found.into(),
            expected: "a line of column names and a line a recording",
        };
        let (at, header) = lines.next().ok_or_else(|| empty("nothing in it"))??;
        let names: Vec<&str> = header.split('\t').map(str::trim).collect();
        let find = |name: &str| names.iter().position(|found| *found == name);
        let column = |name: &'static str| {
            let missing =
                || Error::Column { at: at.clone(), name, found: format!("{:?}", names.join(", ")) };
            find(name).ok_or_else(missing)
        };
        let (paths, texts, speakers) = (column("path")?, column("text")?, find("speaker"));
        let (starts, ends) = (find("start"), find("end"));
        let mut utterances = Vec::new();
        for line in lines {
            let (at, line) = line?;
            let fields: Vec<&str> = line.split('\t').collect();
            if fields.len() < names.len() {
                return Err(Error::Fields { at, found: fields.len(), expected: names.len() });
            }
            let span = span(starts.map(|at| fields[at]), ends.map(|at| fields[at]));
            let span = span.map_err(|found| Error::Span { at: at.clone(), found })?;
            utterances.push(Utterance {
                span,
                path: folder.join(fields[paths].trim()),
                speaker: speakers.map(|column| fields[column].trim().to_string()),
                text: fields[texts].split_whitespace().collect::<Vec<_>>().join(" "),
                at: Some(at),
            });
        }
        if utterances.is_empty() {
            return Err(empty("column names and no recording"));
        }
        Ok(Self { name, utterances })
    }
}

/// A span as a line says it, a field of nothing saying nothing; or what does not make one.
fn span(start: Option<&str>, end: Option<&str>) -> std::result::Result<Span, String> {
    let seconds = |field: Option<&str>| match field.map(str::trim) {
        None | Some("") => Ok(None),
        Some(text) => match text.parse::<f64>() {
            Ok(seconds) if seconds.is_finite() && seconds >= 0.0 => Ok(Some(seconds)),
            _ => Err(format!("{text:?}")),
        },
    };
    let span = Span { start: seconds(start)?, end: seconds(end)? };
    match (span.start.unwrap_or(0.0), span.end) {
        (start, Some(end)) if start >= end => Err(format!("{start} to {end}")),
        _ => Ok(span),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(text: &str) -> Result<String, Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("list.tsv");
        std::fs::write(&file, text)?;
        let error = Manifest::read(&file).err().map(|error| error.to_string()).unwrap_or_default();
        Ok(error.replace(&folder.path().display().to_string(), "HERE"))
    }

    #[test]
    fn what_is_missing_is_named_with_its_line() -> Result<(), Box<dyn std::error::Error>> {
        for (text, expected) in [
            (
                "",
                "HERE/list.tsv: nothing in it, expected a line of column names and a line a recording",
            ),
            (
                "path\ttext\n\n",
                "HERE/list.tsv: column names and no recording, expected a line of column names and a line a recording",
            ),
            (
                "path\tsentence\na.wav\tYES\n",
                "HERE/list.tsv line 1: no column `text`, found \"path, sentence\"",
            ),
            (
                "path\ttext\na.wav\tYES\nb.wav\n",
                "HERE/list.tsv line 3: 1 fields, expected 2 as in the header",
            ),
            (
                "path\ttext\tend\na.wav\tYES\t2,5\n",
                "HERE/list.tsv line 2: found \"2,5\", expected a start before an end, in seconds",
            ),
            (
                "path\ttext\tstart\tend\na.wav\tYES\t3\t2.5\n",
                "HERE/list.tsv line 2: found 3 to 2.5, expected a start before an end, in seconds",
            ),
        ] {
            assert_eq!(message(text)?, expected);
        }
        Ok(())
    }
}
