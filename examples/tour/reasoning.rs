//! Reasoning: CLEVR after Johnson et al. (2016).

use anyhow::{Context, Result};
use candle_core::Device;
use conv_clevr::see::Detector;
use conv_clevr::{Answered, QuestionFile, Reasoner, page};
use conv_train::report::{Html, Report};
use conv_vision::{Limits, Picture};
use serde::Serialize;
use std::fmt;
use std::path::Path;

/// Of which question the steps are printed.
const SHOWN: usize = 0;

/// Questions about the sample scene, answered by the shipped models.
#[derive(Debug, Serialize)]
pub struct Reasoning {
    answers: Vec<Row>,
    right: usize,
    /// One of them, step by step.
    shown: String,
}

#[derive(Debug, Serialize)]
struct Row {
    question: String,
    program: String,
    answer: String,
    expected: String,
}

/// Answers the questions about the sample scene, and adds them and the trace of one to the report.
pub fn section(data: &Path, device: &Device, report: Report) -> Result<(Reasoning, Report)> {
    let detector = Detector::open(&data.join("models/clevr-objects"), device)?;
    let reasoner = Reasoner::open(&data.join("models/clevr"), Box::new(detector), device)?;
    let samples = data.join("samples/reasoning");
    let picture = Picture::open(&samples.join("scene.png"), &Limits::default())?;
    let sight = reasoner.look(&picture, "scene.png")?;
    let mut answers = Vec::new();
    let mut shown = None;
    for question in QuestionFile::read(&samples.join("questions.json"))?.questions {
        let expected = question.answer.map_or_else(String::new, |answer| answer.to_string());
        let text = question.question;
        // What was seen may not have the one object that a question speaks of.
        let (program, answer) = match reasoner.answer(&text, sight.clone()) {
            Ok(answered) => {
                let said = (answered.program.to_string(), answered.answer.to_string());
                if answers.len() == SHOWN {
                    shown = Some(answered);
                }
                said
            }
            Err(error) if error.is_refusal() => (String::new(), error.to_string()),
            Err(error) => return Err(error.into()),
        };
        answers.push(Row { question: text, program, answer, expected });
    }
    let columns = ["question", "program", "answer"].map(Html::text);
    let row = |row: &Row| {
        [&row.question, &row.program, &row.answer].map(|text| Html::text(text)).to_vec()
    };
    let rows: Vec<_> = answers.iter().map(row).collect();
    let shown: Answered = shown.context("the first sample question has no answer")?;
    let body =
        format!("{}{}", Html::table("samples", &columns, &rows), page::section(&picture, &shown)?);
    let right = answers.iter().filter(|row| row.answer == row.expected).count();
    let report = report
        .metrics([("sample questions about a scene right", right as f64 / answers.len() as f64)])
        .section("Reasoning about a scene", Html::trusted(body));
    Ok((Reasoning { right, shown: shown.to_string(), answers }, report))
}

impl fmt::Display for Reasoning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Questions about a scene, after CLEVR (Johnson et al. 2016)\n")?;
        for line in self.shown.lines() {
            writeln!(f, "  {line}")?;
        }
        writeln!(f)?;
        for Row { question, answer, expected, .. } in &self.answers {
            let wrong =
                if answer == expected { String::new() } else { format!(" (wrong: {expected})") };
            writeln!(f, "  {question}  {answer}{wrong}")?;
        }
        write!(f, "  {} of {} right", self.right, self.answers.len())
    }
}
