//! `answer`: what a model with the generative decoder says by itself.

use anyhow::{Context, Result};
use candle_core::Device;
use clap::Args;
use conv_dialog::data::{CANDIDATES, ReadOptions, VisDial};
use conv_dialog::{Answer, AnswerRanker, Beam, Question};
use serde::Serialize;
use std::fmt;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub struct Options {
    /// A model folder that `train --decoder generative` made, or an id on the hub
    #[arg(long)]
    model: String,
    /// What the image shows
    #[arg(long, conflicts_with = "data", requires = "question")]
    caption: Option<String>,
    /// The question
    #[arg(long, required_unless_present = "data", requires = "caption")]
    question: Option<String>,
    /// A question before it with its answer; once for each round
    #[arg(long, num_args = 2, value_names = ["QUESTION", "ANSWER"], requires = "question")]
    said: Vec<String>,
    /// A VisDial file, one of whose dialogs is answered round by round, with the true answers
    /// before
    #[arg(long, requires = "image")]
    data: Option<PathBuf>,
    /// The image of that dialog; with --caption that of the question, for a model that sees images
    #[arg(long)]
    image: Option<u64>,
    /// Candidates of each round of the file
    #[arg(long, default_value_t = CANDIDATES)]
    candidates: usize,
    /// Beginnings that are followed side by side, and answers that are printed
    #[arg(long, default_value_t = Beam::default().width)]
    beam: usize,
    /// The most words of an answer
    #[arg(long, default_value_t = Beam::default().longest)]
    longest: usize,
    #[command(flatten)]
    images: super::images::Images,
}

#[derive(Debug, Serialize)]
struct Answered {
    caption: String,
    rounds: Vec<Round>,
}

#[derive(Debug, Serialize)]
struct Round {
    question: String,
    answers: Vec<Answer>,
    /// The person's, where it is known.
    truth: Option<String>,
}

/// A question, its true answer, and how many rounds were said before it.
type Asked = (String, Option<String>, usize);

impl Options {
    pub fn run(&self, common: &conv_cli::Common, device: &Device) -> Result<()> {
        let ranker = AnswerRanker::open(&conv_hub::resolve(&self.model)?, device)?;
        let ranker = self.images.shown_to(ranker)?;
        let (caption, said, rounds) = self.dialog()?;
        let history: Vec<[&str; 2]> =
            said.iter().map(|[question, answer]| [&question[..], &answer[..]]).collect();
        let beam = Beam { width: self.beam, longest: self.longest };
        let mut answered = Vec::new();
        for (question, truth, before) in rounds {
            let image = self.image;
            let asked =
                Question { caption: &caption, history: &history[..before], text: &question, image };
            let answers = ranker.answers(&asked, beam)?;
            answered.push(Round { question, answers, truth });
        }
        conv_cli::print(common.json, &Answered { caption, rounds: answered })
    }

    /// The caption, what was said, and what is asked.
    fn dialog(&self) -> Result<(String, Vec<[String; 2]>, Vec<Asked>)> {
        let (Some(path), Some(image)) = (&self.data, self.image) else {
            let pair = |pair: &[String]| [pair[0].clone(), pair[1].clone()];
            let said: Vec<[String; 2]> = self.said.chunks_exact(2).map(pair).collect();
            let text = |text: &Option<String>| text.clone().unwrap_or_default();
            let asked = (text(&self.question), None, said.len());
            return Ok((text(&self.caption), said, vec![asked]));
        };
        let data = VisDial::read(path, ReadOptions { candidates: self.candidates })?;
        let dialog = data.dialogs.iter().find(|dialog| dialog.image_id == image);
        let dialog = dialog.with_context(|| {
            format!("--image {image}: no dialog of {} is about it", path.display())
        })?;
        let mut said = Vec::new();
        let mut rounds = Vec::new();
        for round in &dialog.rounds {
            let question = data.question(round.question).to_string();
            let truth = round.answer.map(|answer| data.answer(answer).to_string());
            rounds.push((question.clone(), truth.clone(), said.len()));
            said.push([question, truth.unwrap_or_default()]);
        }
        Ok((dialog.caption.clone(), said, rounds))
    }
}

impl fmt::Display for Answered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.caption)?;
        for Round { question, answers, truth } in &self.rounds {
            write!(f, "\n\n{question}")?;
            if let Some(truth) = truth {
                write!(f, "  (a person: {truth})")?;
            }
            for Answer { text, log_likelihood } in answers {
                write!(f, "\n  {log_likelihood:7.2}  {text}")?;
            }
        }
        Ok(())
    }
}
