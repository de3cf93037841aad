//! VisDial v0.9 and v1.0 as published: dialogs are numbers into tables of questions and answers.

use super::json;
use crate::{Error, Result};
use serde::Deserialize;
use std::collections::HashSet;
use std::fmt;
use std::path::Path;

/// Rounds of a dialog.
pub const ROUNDS: usize = 10;
/// Answers to choose from in each round.
pub const CANDIDATES: usize = 100;

/// A VisDial file, checked: every number is one of its table.
#[derive(Debug, Clone)]
pub struct VisDial {
    /// The file.
    pub name: String,
    /// `val2018` and the like.
    pub split: String,
    /// The dialogs.
    pub dialogs: Vec<Dialog>,
    questions: Vec<String>,
    answers: Vec<String>,
}

/// A dialog about an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dialog {
    /// The image's number in COCO or VisDial.
    pub image_id: u64,
    /// What the image shows, in a sentence.
    pub caption: String,
    /// Questions and answers.
    pub rounds: Vec<Round>,
}

/// A question and what is known of its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Round {
    /// Place in the table of questions.
    pub question: u32,
    /// Place in the table of answers; of the test split's last rounds nobody says it.
    pub answer: Option<u32>,
    /// The answers to choose from; in the test split only the last round has some.
    pub candidates: Vec<u32>,
    /// Which of them is the true one.
    pub truth: Option<usize>,
}

/// What is expected of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadOptions {
    /// Candidates of each round, at least 2. The published figures are of 100.
    pub candidates: usize,
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self { candidates: CANDIDATES }
    }
}

#[derive(Deserialize)]
struct File {
    #[serde(default)]
    split: String,
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    questions: Vec<String>,
    answers: Vec<String>,
    dialogs: Vec<RawDialog>,
}

#[derive(Deserialize)]
struct RawDialog {
    image_id: Option<u64>,
    caption: Option<String>,
    dialog: Option<Vec<RawRound>>,
}

#[derive(Deserialize)]
struct RawRound {
    question: Option<u64>,
    answer: Option<u64>,
    answer_options: Option<Vec<u64>>,
    gt_index: Option<u64>,
}

/// Where something is wrong.
struct At<'a> {
    file: &'a str,
    dialog: String,
    round: Option<usize>,
}

impl At<'_> {
    fn refuse<T>(&self, reason: impl fmt::Display) -> Result<T> {
        let Self { file, dialog, round } = self;
        let file = file.to_string();
        let dialog = dialog.clone();
        Err(Error::Dialog { file, dialog, round: *round, reason: reason.to_string() })
    }

    /// The number as a place in a table.
    fn place(&self, number: u64, table: &[String], name: &str) -> Result<u32> {
        match u32::try_from(number) {
            Ok(place) if (place as usize) < table.len() => Ok(place),
            _ => {
                let last = table.len().saturating_sub(1);
                self.refuse(format_args!("{name} {number}, expected 0 to {last} as the table has"))
            }
        }
    }
}

impl VisDial {
    /// Reads and checks a file.
    ///
    /// # Errors
    /// No JSON of this kind, by its field; missing rounds, candidates or images, another number of
    /// candidates, a number out of its table, an image twice, or a true answer that is not the
    /// candidate said to be it: by dialog and round.
    pub fn read(path: &Path, options: ReadOptions) -> Result<Self> {
        let name = path.display().to_string();
        let candidates = options.candidates;
        conv_hub::InvalidField::unless(candidates > 1, "candidates", &candidates, "at least 2")?;
        let File { split, data } = json(path)?;
        let Data { questions, answers, dialogs: raw } = data;
        if raw.is_empty() {
            let place = name;
            let found = "no dialogs".into();
            return Err(Error::Empty { place, found, expected: "at least one" });
        }
        let is_test = split.starts_with("test");
        let mut dialogs = Vec::new();
        let mut images = HashSet::new();
        for (number, RawDialog { image_id, caption, dialog }) in raw.into_iter().enumerate() {
            let mut at = At { file: &name, dialog: format!("dialog {}", number + 1), round: None };
            let Some(image_id) = image_id else {
                return at.refuse("no `image_id`, expected the image's number");
            };
            at.dialog = format!("dialog {} (image {image_id})", number + 1);
            if !images.insert(image_id) {
                return at.refuse("an earlier dialog has the same image, expected each once");
            }
            let Some(caption) = caption else {
                return at.refuse("no `caption`, expected a sentence");
            };
            let raw = dialog.unwrap_or_default();
            let complete =
                if is_test { (1..=ROUNDS).contains(&raw.len()) } else { raw.len() == ROUNDS };
            if !complete {
                let expected = if is_test { "1 to 10" } else { "10" };
                return at.refuse(format_args!("{} rounds, expected {expected}", raw.len()));
            }
            let last = raw.len() - 1;
            let mut rounds = Vec::new();
            for (number, raw) in raw.into_iter().enumerate() {
                at.round = Some(number + 1);
                let asked = !is_test || number == last;
                rounds.push(round(raw, &at, [&questions, &answers], (is_test, asked), candidates)?);
            }
            dialogs.push(Dialog { image_id, caption, rounds });
        }
        Ok(Self { name, split, dialogs, questions, answers })
    }

    /// The text of a question; empty beyond the table.
    pub fn question(&self, place: u32) -> &str {
        self.questions.get(place as usize).map_or("", String::as_str)
    }

    /// The text of an answer; empty beyond the table.
    pub fn answer(&self, place: u32) -> &str {
        self.answers.get(place as usize).map_or("", String::as_str)
    }

    /// The images that the dialogs are about.
    pub fn images(&self) -> HashSet<u64> {
        self.dialogs.iter().map(|dialog| dialog.image_id).collect()
    }
}

fn round(
    raw: RawRound,
    at: &At,
    [questions, answers]: [&[String]; 2],
    (is_test, asked): (bool, bool),
    expected: usize,
) -> Result<Round> {
    let Some(question) = raw.question else {
        return at.refuse("no `question`, expected its number");
    };
    let question = at.place(question, questions, "question")?;
    let answer = raw.answer.map(|answer| at.place(answer, answers, "answer")).transpose()?;
    if answer.is_none() && !(is_test && asked) {
        return at.refuse("no `answer`, expected its number");
    }
    let raw_candidates = raw.answer_options.unwrap_or_default();
    if !asked && raw_candidates.is_empty() {
        return Ok(Round { question, answer, candidates: Vec::new(), truth: None });
    }
    if raw_candidates.len() != expected {
        return at.refuse(format_args!("{} candidates, expected {expected}", raw_candidates.len()));
    }
    let candidate = |&number: &u64| at.place(number, answers, "candidate");
    let candidates = raw_candidates.iter().map(candidate).collect::<Result<Vec<u32>>>()?;
    let truth = match raw.gt_index.map(usize::try_from) {
        None if is_test => None,
        None => return at.refuse("no `gt_index`, expected the true candidate's place"),
        Some(Ok(place)) if place < expected => Some(place),
        Some(_) => {
            let found = raw.gt_index.unwrap_or_default();
            return at.refuse(format_args!("`gt_index` {found}, expected 0 to {}", expected - 1));
        }
    };
    if let (Some(truth), Some(answer)) = (truth, answer)
        && candidates[truth] != answer
    {
        let found = candidates[truth];
        return at.refuse(format_args!(
            "candidate {truth} is answer {found}, expected {answer}, the true one"
        ));
    }
    Ok(Round { question, answer, candidates, truth })
}

/// The dialogs as text, as a person reads them.
impl fmt::Display for VisDial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {} dialogs of {}", self.name, self.dialogs.len(), self.split)?;
        for Dialog { image_id, caption, rounds } in &self.dialogs {
            write!(f, "\nimage {image_id}: {caption}")?;
            for (number, Round { question, answer, candidates, .. }) in rounds.iter().enumerate() {
                let answer = answer.map_or("(not said)", |answer| self.answer(answer));
                let question = self.question(*question).trim_end_matches('?');
                write!(
                    f,
                    "\n{:>4}. {question}? {answer}  ({} candidates)",
                    number + 1,
                    candidates.len()
                )?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}
