//! Lists of recordings with what is said in them.

use crate::{Error, Result};
use conv_hub::text::{Encoding, Lines, Place};
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// One recording of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Utterance {
    /// Its file.
    pub path: PathBuf,
    /// Who speaks, where the list says so.
    pub speaker: Option<String>,
    /// Where it begins and ends in the file, in seconds; the file's own bounds where the list says
    /// nothing.
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
    /// Reads a list, whose paths are relative to its own folder. Blanks around a text and between
    /// its words are made one; blank lines are stepped over.
    ///
    /// - A table with tabs between its columns, whose first line names them: `path`, `text`, and `speaker`, `start` and `end` (the seconds
    ///   between which it lies in its file) if they are there, in any order; others are left alone.
    /// - The same of Common Voice, told by its column `client_id`: `sentence` is the text, and paths are those in `clips/`.
    /// - With the ending `.jsonl` or `.ndjson` an object a line, with the same keys.
    ///
    /// # Errors
    /// A file that cannot be read, a column or key that is missing, a line with fewer fields than
    /// the header, a start or an end that is no time, a list of nothing.
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
        let lines = Lines::open(path, Encoding::Utf8)?
            .filter(|line| !matches!(line, Ok((_, text)) if text.trim().is_empty()));
        let folder = path.parent().unwrap_or(Path::new(""));
        let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or("");
        let (utterances, expected) = match ending {
            "jsonl" | "ndjson" => (json_lines(lines, folder)?, "an object a recording"),
            _ => (table(lines, folder)?, "a line of column names and a line a recording"),
        };
        if utterances.is_empty() {
            let place = path.display().to_string();
            let found = "no recording".into();
            return Err(Error::Empty { place, found, expected });
        }
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        Ok(Self { name, utterances })
    }
}

/// A line of a file with its place.
type Line = conv_hub::Result<(Place, String)>;

fn table(mut lines: impl Iterator<Item = Line>, folder: &Path) -> Result<Vec<Utterance>> {
    let Some(header) = lines.next() else { return Ok(Vec::new()) };
    let (at, header) = header?;
    let names: Vec<&str> = header.split('\t').map(str::trim).collect();
    let find = |name: &str| names.iter().position(|found| *found == name);
    let column = |name: &'static str| {
        let missing =
            || Error::Column { at: at.clone(), name, found: format!("{:?}", names.join(", ")) };
        find(name).ok_or_else(missing)
    };
    let (folder, text, speaker) = match find("client_id") {
        Some(_) => (folder.join("clips"), "sentence", "client_id"),
        None => (folder.to_path_buf(), "text", "speaker"),
    };
    let paths = column("path")?;
    let texts = column(text)?;
    let speakers = find(speaker);
    let starts = find("start");
    let ends = find("end");
    let utterance = |line: Line| {
        let (at, line) = line?;
        let fields: Vec<&str> = line.split('\t').collect();
        if fields.len() < names.len() {
            return Err(Error::Fields { at, found: fields.len(), expected: names.len() });
        }
        let seconds = |column: Option<usize>| match column.map(|column| fields[column].trim()) {
            None | Some("") => Ok(None),
            Some(text) => {
                let found = || Error::Span { at: at.clone(), found: format!("{text:?}") };
                text.parse::<f64>().map(Some).map_err(|_| found())
            }
        };
        Ok(Utterance {
            span: Span::checked(seconds(starts)?, seconds(ends)?, &at)?,
            path: folder.join(fields[paths].trim()),
            speaker: speakers.map(|column| fields[column].trim().to_string()),
            text: words(fields[texts]),
            at: Some(at),
        })
    };
    lines.map(utterance).collect()
}

/// What an object of a line says.
#[derive(Deserialize)]
struct Object {
    path: PathBuf,
    text: String,
    speaker: Option<String>,
    start: Option<f64>,
    end: Option<f64>,
}

fn json_lines(lines: impl Iterator<Item = Line>, folder: &Path) -> Result<Vec<Utterance>> {
    let utterance = |line: Line| {
        let (at, line) = line?;
        let Object { path, text, speaker, start, end } = match serde_json::from_str(&line) {
            Ok(object) => object,
            Err(error) => {
                let expected = "an object with `path` and `text`, and `speaker`, `start` and `end` if they are known";
                return Err(Error::Line { at, found: format!("none ({error})"), expected });
            }
        };
        let span = Span::checked(start, end, &at)?;
        Ok(Utterance { path: folder.join(path), speaker, span, text: words(&text), at: Some(at) })
    };
    lines.map(utterance).collect()
}

/// A text with one blank between its words.
pub(super) fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

impl Span {
    /// As a line says it.
    fn checked(start: Option<f64>, end: Option<f64>, at: &Place) -> Result<Self> {
        let bad = |found| Error::Span { at: at.clone(), found };
        let is_none = |seconds: &f64| !seconds.is_finite() || *seconds < 0.0;
        if let Some(seconds) = [start, end].into_iter().flatten().find(is_none) {
            return Err(bad(seconds.to_string()));
        }
        match (start.unwrap_or(0.0), end) {
            (start, Some(end)) if start >= end => Err(bad(format!("{start} to {end}"))),
            _ => Ok(Self { start, end }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(name: &str, text: &str) -> Result<String, Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join(name);
        std::fs::write(&file, text)?;
        let error = Manifest::read(&file).err().map(|error| error.to_string()).unwrap_or_default();
        Ok(error.replace(&folder.path().display().to_string(), "HERE"))
    }

    #[test]
    fn what_is_missing_is_named_with_its_line() -> Result<(), Box<dyn std::error::Error>> {
        for (text, expected) in [
            (
                "",
                "HERE/list.tsv: no recording, expected a line of column names and a line a recording",
            ),
            (
                "path\ttext\n\n",
                "HERE/list.tsv: no recording, expected a line of column names and a line a recording",
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
            assert_eq!(message("list.tsv", text)?, expected);
        }
        let object = "expected an object with `path` and `text`, and `speaker`, `start` and `end` if they are known";
        for (text, expected) in [
            ("\n", "HERE/list.jsonl: no recording, expected an object a recording".to_string()),
            (
                "{\"path\":\"a.wav\",\"text\":\"A\"}\n\n{\"path\":\"b.wav\"}\n",
                format!(
                    "HERE/list.jsonl line 3: found none (missing field `text` at line 1 column 16), {object}"
                ),
            ),
            (
                "[1]",
                format!(
                    "HERE/list.jsonl line 1: found none (invalid type: integer `1`, expected path string at line 1 column 2), {object}"
                ),
            ),
            (
                "{\"path\":\"a.wav\",\"text\":\"A\",\"start\":-1}",
                "HERE/list.jsonl line 1: found -1, expected a start before an end, in seconds"
                    .into(),
            ),
        ] {
            assert_eq!(message("list.jsonl", text)?, expected);
        }
        Ok(())
    }

    #[test]
    fn objects_and_tables_say_the_same() -> Result<(), Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).map(|()| path)
        };
        let mut table = Manifest::read(&file(
            "list.tsv",
            "path\tspeaker\ttext\tstart\tend\na.wav\tanna\tYES  NO\t\t1.5\nb.wav\tben\tNO\t0.5\t\n",
        )?)?;
        let objects = Manifest::read(&file(
            "list.jsonl",
            "{\"text\": \" YES NO\", \"path\": \"a.wav\", \"speaker\": \"anna\", \"end\": 1.5, \"duration\": 3}\n\
             {\"path\": \"b.wav\", \"speaker\": \"ben\", \"text\": \"NO\", \"start\": 0.5, \"end\": null}\n",
        )?)?;
        for (table, object) in table.utterances.iter_mut().zip(&objects.utterances) {
            assert_ne!(table.at, object.at);
            table.at.clone_from(&object.at);
        }
        assert_eq!(table.utterances, objects.utterances);

        let of_common_voice =
            "client_id\tpath\tsentence\tup_votes\nf00\tcv_1.mp3\tHallo, Welt.\t2\n";
        let manifest = Manifest::read(&file("dev.tsv", of_common_voice)?)?;
        let Utterance { path, speaker, text, .. } = &manifest.utterances[0];
        assert_eq!(*path, folder.path().join("clips/cv_1.mp3"));
        assert_eq!((speaker.as_deref(), text.as_str()), (Some("f00"), "Hallo, Welt."));
        Ok(())
    }

    proptest::proptest! {
        /// Whatever is there, it is a list or an error that names the file.
        #[test]
        fn hostile_lists_are_read_or_named(
            bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200),
            head in 0usize..4,
        ) {
            let heads: [&[u8]; 4] =
                [b"", b"path\ttext\tstart\tend\n", b"client_id\tpath\tsentence\n", b"{\"path\":"];
            let folder = tempfile::tempdir().map_err(Error::io(Path::new("a folder"))).map_err(|error| {
                proptest::test_runner::TestCaseError::fail(error.to_string())
            })?;
            for name in ["list.tsv", "list.jsonl"] {
                let file = folder.path().join(name);
                let whole = [heads[head], &bytes].concat();
                proptest::prop_assert!(std::fs::write(&file, whole).is_ok());
                match Manifest::read(&file) {
                    Ok(manifest) => proptest::prop_assert!(!manifest.utterances.is_empty()),
                    Err(error) => proptest::prop_assert!(error.to_string().contains(name), "{}", error),
                }
            }
        }
    }
}
