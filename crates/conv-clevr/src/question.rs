//! Files of questions: those of v1.0, those that the released generator writes, and test splits,
//! which hold neither answer nor program.

use crate::program::RawStep;
use crate::{Answer, Error, Program, Result, json};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::fmt;
use std::path::Path;

/// The files of the original's templates with the number of templates in each, in the order in
/// which v1.0 numbers its 90 families (dataset-gen's issue 14).
const FAMILIES: [(&str, u64); 9] = [
    ("compare_integer.json", 9),
    ("comparison.json", 16),
    ("three_hop.json", 6),
    ("single_and.json", 5),
    ("same_relate.json", 28),
    ("single_or.json", 8),
    ("one_hop.json", 6),
    ("two_hop.json", 6),
    ("zero_hop.json", 6),
];

/// A question about a picture.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Question {
    /// The picture's number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_index: Option<u64>,
    /// The part of the data set that it is of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split: Option<String>,
    /// The picture's file name.
    pub image_filename: String,
    /// Its text.
    pub question: String,
    /// What it asks, unchecked; see [`Question::program`]. Test splits have none.
    #[serde(default, skip_serializing_if = "Option::is_none", rename = "program")]
    pub steps: Option<Vec<RawStep>>,
    /// Its answer. Test splits have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Answer>,
    /// The file of the template that it was made by, where that is none of v1.0's 90. The released
    /// generator always writes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template_filename: Option<String>,
    /// The template's number: in its file, or, where no file is named, among all 90.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub question_family_index: Option<u64>,
    /// Its number in the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub question_index: Option<u64>,
}

/// Which template a question was made by.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Family {
    /// The template of this number in this file.
    Template(String, u64),
    /// Nothing is said, or a number that v1.0 does not have.
    Unknown,
}

impl Family {
    /// What a question says of it: file and number, or v1.0's number alone where there is one.
    pub(crate) fn fields(file: &str, index: u64) -> (Option<String>, u64) {
        let before = FAMILIES.iter().take_while(|(name, _)| *name != file);
        let first: u64 = before.map(|(_, count)| count).sum();
        match FAMILIES.iter().find(|(name, count)| *name == file && index < *count) {
            Some(_) => (None, first + index),
            None => (Some(file.into()), index),
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Template(file, index) => write!(f, "{} {index}", file.trim_end_matches(".json")),
            Self::Unknown => f.write_str("unknown"),
        }
    }
}

impl Question {
    /// Its program, checked; `None` where the file has none.
    ///
    /// # Errors
    /// As [`Program::new`].
    pub fn program(&self) -> Option<Result<Program>> {
        self.steps.as_deref().map(Program::new)
    }

    /// The template that it was made by: file and number are as the generator writes them; a number
    /// alone is v1.0's, of all 90.
    pub fn family(&self) -> Family {
        let Some(mut index) = self.question_family_index else { return Family::Unknown };
        if let Some(file) = &self.template_filename {
            return Family::Template(file.clone(), index);
        }
        for (file, count) in FAMILIES {
            if index < count {
                return Family::Template(file.into(), index);
            }
            index -= count;
        }
        Family::Unknown
    }
}

/// What `CLEVR_val_questions.json` holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct QuestionFile {
    /// Split, version, licence and date.
    #[serde(default)]
    pub info: Map<String, Value>,
    /// The questions.
    pub questions: Vec<Question>,
}

impl QuestionFile {
    /// Reads a file; the first question that cannot be is named with its field.
    ///
    /// # Errors
    /// A file that cannot be read, is not of this form or has no question.
    pub fn read(path: &Path) -> Result<Self> {
        let file: Self = json::read(path)?;
        if file.questions.is_empty() {
            let place = path.display().to_string();
            return Err(Error::Empty {
                place,
                found: "no question".into(),
                expected: "at least one",
            });
        }
        Ok(file)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn read(json: &str) -> Question {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn families_are_told_by_file_or_by_the_published_order() {
        assert_eq!(FAMILIES.iter().map(|(_, count)| count).sum::<u64>(), 90);
        let family = |more: &str| {
            read(&format!(r#"{{"image_filename":"a.png","question":"?"{more}}}"#))
                .family()
                .to_string()
        };
        for (more, expected) in [
            ("", "unknown"),
            (r#","question_family_index":2"#, "compare_integer 2"),
            (r#","question_family_index":39"#, "same_relate 3"),
            (r#","question_family_index":89"#, "zero_hop 5"),
            (r#","question_family_index":90"#, "unknown"),
            (r#","question_family_index":2,"template_filename":"one_hop.json""#, "one_hop 2"),
        ] {
            assert_eq!(family(more), expected, "{more}");
        }
    }

    #[test]
    fn a_family_is_written_as_it_is_read() {
        for (file, index, expected) in [
            ("compare_integer.json", 0, (None, 0)),
            ("zero_hop.json", 5, (None, 89)),
            ("zero_hop.json", 6, (Some("zero_hop.json".to_string()), 6)),
            ("own.json", 1, (Some("own.json".to_string()), 1)),
        ] {
            let fields = Family::fields(file, index);
            assert_eq!(fields, expected);
            let mut question = read(r#"{"image_filename":"a.png","question":"?"}"#);
            (question.template_filename, question.question_family_index) =
                (fields.0, Some(fields.1));
            assert_eq!(question.family(), Family::Template(file.into(), index));
        }
    }

    #[test]
    fn a_test_split_has_neither_answer_nor_program() {
        let test = read(
            r#"{"image_index":0,"split":"test","image_filename":"CLEVR_test_000000.png","question_index":0,"question":"Is there a cube?"}"#,
        );
        assert!(test.program().is_none() && test.answer.is_none());
        let full = read(
            r#"{"image_filename":"a.png","question":"?","answer":true,"program":[{"type":"scene","inputs":[]},{"type":"exist","inputs":[0]}]}"#,
        );
        assert_eq!(full.answer, Some(Answer::Bool(true)));
        assert_eq!(full.program().unwrap().unwrap().to_string(), "exist(scene)");
    }

    #[test]
    fn a_file_that_is_none_is_named_with_its_field() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("questions.json");
        for (text, expected) in [
            ("", "questions.json: EOF"),
            ("{\"questions\":[]}", "questions.json: no question, expected at least one"),
            (
                "{\"questions\":[{\"image_filename\":\"a\"}]}",
                "questions.json questions[0]: missing field `question`",
            ),
            (
                "{\"questions\":[{\"image_filename\":\"a\",\"question\":\"?\",\"answer\":\"perhaps\"}]}",
                "questions.json questions[0].answer: \"perhaps\", expected yes",
            ),
            (&"[".repeat(100_000), "questions.json [0]: invalid type"),
        ] {
            std::fs::write(&path, text).unwrap();
            let error = QuestionFile::read(&path).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}\nexpected: {expected}");
        }
    }
}
