//! Words and answers as numbers.

use crate::parse::tokens;
use crate::{Answer, Error, Question, Result, json};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Words that a question has at most; CLEVR's longest have some 45.
const LONGEST: usize = 200;

/// The words of questions and the answers to them, in order; the number of a word is its place here
/// and one, 0 being padding.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vocabulary {
    words: Vec<String>,
    answers: Vec<Answer>,
}

impl Vocabulary {
    /// Those of questions with answers.
    ///
    /// # Errors
    /// No question with an answer.
    pub fn of(questions: &[&Question]) -> Result<Self> {
        let mut words = BTreeSet::new();
        let mut answers = BTreeSet::new();
        for question in questions.iter().filter(|question| question.answer.is_some()) {
            words.extend(tokens(&question.question));
            answers.extend(question.answer);
        }
        if answers.is_empty() {
            let place = "questions".into();
            let found = "none has an answer".into();
            return Err(Error::Empty { place, found, expected: "answers to learn from" });
        }
        Ok(Self { words: words.into_iter().collect(), answers: answers.into_iter().collect() })
    }

    /// Reads a file.
    ///
    /// # Errors
    /// A file that cannot be read, or whose words or answers are not in order.
    pub fn read(path: &Path) -> Result<Self> {
        let vocabulary: Self = json::read(path)?;
        let wrong = |field: &str| Error::Json {
            path: path.into(),
            field: format!(" {field}"),
            reason: "not in order, or one of them twice".into(),
        };
        if !vocabulary.words.is_sorted_by(|a, b| a < b) {
            return Err(wrong("words"));
        }
        if !vocabulary.answers.is_sorted_by(|a, b| a < b) {
            return Err(wrong("answers"));
        }
        Ok(vocabulary)
    }

    pub(super) fn to_json(&self) -> Vec<u8> {
        serde_json::json!(self).to_string().into_bytes()
    }

    /// Words, padding among them.
    pub fn words(&self) -> usize {
        self.words.len() + 1
    }

    /// The answers.
    pub fn answers(&self) -> &[Answer] {
        &self.answers
    }

    /// The number of an answer, if it is known.
    pub fn answer(&self, answer: Answer) -> Option<u32> {
        self.answers.binary_search(&answer).ok().map(|at| at as u32)
    }

    /// A question's words.
    ///
    /// # Errors
    /// [`Error::UnknownWords`]; [`Error::NotAQuestion`] without a word, or with more than 200.
    pub fn read_question(&self, question: &str) -> Result<Vec<u32>> {
        let tokens = tokens(question);
        if !(1..=LONGEST).contains(&tokens.len()) {
            let reason = format!("it has {} words, expected 1 to {LONGEST}", tokens.len());
            return Err(Error::NotAQuestion { reason });
        }
        let find = |word: &String| self.words.binary_search(word).map(|at| at as u32 + 1);
        let unknown = tokens.iter().filter(|word| find(word).is_err());
        let unknown: BTreeMap<&String, ()> = unknown.map(|word| (word, ())).collect();
        if !unknown.is_empty() {
            let short = |word: &&String| word.chars().take(40).collect();
            return Err(Error::UnknownWords { words: unknown.keys().take(8).map(short).collect() });
        }
        Ok(tokens.iter().filter_map(|word| find(word).ok()).collect())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn vocabulary() -> Vocabulary {
        let question = |text: &str, answer: &str| -> Question {
            let text =
                serde_json::json!({"image_filename": "a.png", "question": text, "answer": answer});
            serde_json::from_value(text).unwrap()
        };
        let asked =
            [question("Is there a cube?", "yes"), question("How many cubes are there?", "3")];
        Vocabulary::of(&asked.each_ref()).unwrap()
    }

    #[test]
    fn words_and_answers_have_the_numbers_of_their_order() {
        let vocabulary = vocabulary();
        // ? a are cube cubes how is many there
        assert_eq!(vocabulary.words(), 10);
        assert_eq!(vocabulary.read_question("Are THERE a cube").unwrap(), [3, 9, 2, 4, 1]);
        assert_eq!(vocabulary.answer(Answer::Count(3)), Some(1));
        assert_eq!(vocabulary.answer(Answer::Count(2)), None);
    }

    #[test]
    fn what_is_not_known_is_named() {
        let vocabulary = vocabulary();
        let error = |text: &str| vocabulary.read_question(text).unwrap_err().to_string();
        assert_eq!(
            error("Is there a red ball?"),
            "the question has words that are not known: ball, red"
        );
        assert!(error("").contains("0 words, expected 1 to 200"));
        assert!(error(&"a ".repeat(300)).contains("expected 1 to 200"));
        assert!(Vocabulary::of(&[]).is_err());
    }

    #[test]
    fn a_file_out_of_order_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("vocabulary.json");
        std::fs::write(&path, vocabulary().to_json()).unwrap();
        assert_eq!(Vocabulary::read(&path).unwrap(), vocabulary());
        std::fs::write(&path, r#"{"words":["b","a"],"answers":["yes"]}"#).unwrap();
        let error = Vocabulary::read(&path).unwrap_err().to_string();
        assert!(
            error.ends_with("vocabulary.json words: not in order, or one of them twice"),
            "{error}"
        );
    }
}
