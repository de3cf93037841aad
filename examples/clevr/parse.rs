//! `parse`: from questions to programs.

use crate::model::Model;
use anyhow::Result;
use candle_core::Device;
use clap::Args;
use conv_clevr::evaluate::Share;
use conv_clevr::{Parsed, Program, QuestionFile};
use serde::Serialize;
use std::fmt;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub struct Options {
    /// A question
    #[arg(long, required_unless_present = "questions")]
    question: Option<String>,
    /// Files of questions with their programs, which are compared
    #[arg(long, num_args = 1.., conflicts_with = "question")]
    questions: Vec<PathBuf>,
    #[command(flatten)]
    model: Model,
}

pub fn run(options: &Options, common: &conv_cli::Common, device: &Device) -> Result<()> {
    let parser = options.model.parser(device)?;
    if let Some(question) = &options.question {
        let Parsed { program, probability } = parser.parse(question)?;
        return conv_cli::print(
            common.json,
            &One { text: program.to_string(), program, probability },
        );
    }
    let mut exact = Share::default();
    let mut refused = 0;
    let mut wrong = Vec::new();
    for path in &options.questions {
        let questions = QuestionFile::read(path)?.questions;
        let texts: Vec<&str> =
            questions.iter().map(|question| question.question.as_str()).collect();
        for (question, parsed) in questions.iter().zip(parser.parse_all(&texts)?) {
            let Some(program) = question.program().transpose()? else { continue };
            refused += usize::from(parsed.is_err());
            let is_right = parsed.as_ref().is_ok_and(|parsed| parsed.program.is_same(&program));
            exact.add(is_right);
            if !is_right {
                let found = parsed
                    .map_or_else(|error| error.to_string(), |parsed| parsed.program.to_string());
                wrong.push(Wrong {
                    question: question.question.clone(),
                    program: program.to_string(),
                    found,
                });
            }
        }
    }
    conv_cli::print(
        common.json,
        &Counted { questions: exact.all, right: exact.right, exact: exact.value(), refused, wrong },
    )
}

#[derive(Serialize)]
struct One {
    program: Program,
    #[serde(skip)]
    text: String,
    probability: f32,
}

impl fmt::Display for One {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}  (probability {:.3})", self.text, self.probability)
    }
}

#[derive(Serialize)]
struct Counted {
    questions: usize,
    right: usize,
    exact: f64,
    refused: usize,
    wrong: Vec<Wrong>,
}

#[derive(Serialize)]
struct Wrong {
    question: String,
    program: String,
    found: String,
}

impl fmt::Display for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { questions, right, exact, refused, wrong } = self;
        write!(
            f,
            "{right} of {questions} programs exactly right ({:.3} %), {refused} refused",
            100.0 * exact
        )?;
        for Wrong { question, program, found } in wrong.iter().take(10) {
            write!(f, "\n  {question}\n    is    {program}\n    found {found}")?;
        }
        Ok(())
    }
}
