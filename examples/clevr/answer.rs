//! `answer`: a question's answer, or those of a file, as test splits are handed in.

use crate::eval_head;
use crate::features::Network;
use crate::model::Models;
use anyhow::{Context, Result, bail};
use candle_core::Device;
use clap::Args;
use conv_clevr::heads::Likely;
use conv_clevr::see::Sight;
use conv_clevr::{Answer, Question, QuestionFile, Reasoner, page};
use conv_vision::{Limits, Picture};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
pub struct Options {
    /// A picture
    #[arg(long, required_unless_present = "images", requires = "question")]
    image: Option<PathBuf>,
    /// A question about it
    #[arg(long, requires = "image")]
    question: Option<String>,
    /// A folder of pictures, for a file of questions; those about other pictures are left out
    #[arg(long, conflicts_with = "image", requires = "questions")]
    images: Option<PathBuf>,
    /// The questions; each answer is a line
    #[arg(long, requires = "images")]
    questions: Option<PathBuf>,
    /// Where the picture with what each step selected goes, as HTML
    #[arg(long, conflicts_with = "images")]
    page: Option<PathBuf>,
    /// A head's model folder, or the name of one that ships, in the place of parser and executor;
    /// the page shows where it looked
    #[arg(long, conflicts_with = "images")]
    head: Option<String>,
    /// A classifier's weights, where the head looks at one of its layers and not at the detector's
    #[arg(long, requires = "head")]
    network: Option<String>,
    #[command(flatten)]
    models: Models,
}

pub fn run(options: &Options, common: &conv_cli::Common, device: &Device) -> Result<()> {
    if let Some(head) = &options.head {
        return by_head(head, options, common, device);
    }
    let reasoner = options.models.open(device)?;
    if let (Some(folder), Some(questions)) = (&options.images, &options.questions) {
        return all(&reasoner, folder, &QuestionFile::read(questions)?.questions, common);
    }
    let image = options.image.as_deref().unwrap_or(Path::new(""));
    let question = options.question.as_deref().unwrap_or_default();
    // A text that is no question is told before the picture is looked at.
    reasoner.parser().parse(question)?;
    let picture = Picture::open(image, &Limits::default())?;
    let sight = reasoner.look(&picture, &image.display().to_string())?;
    let answered = reasoner.answer(question, sight)?;
    if let Some(target) = &options.page {
        let html = page::html("How it was answered", &picture, &answered)?;
        write(target, &html, "the trace on the picture")?;
    }
    conv_cli::print(common.json, &answered)
}

/// The answer of a head.
fn by_head(
    head: &str,
    options: &Options,
    common: &conv_cli::Common,
    device: &Device,
) -> Result<()> {
    let Options { image, question, page, network, models, .. } = options;
    let image = image.as_deref().unwrap_or(Path::new(""));
    let question = question.as_deref();
    let question = question.unwrap_or_default();
    let head = eval_head::open(head, device)?;
    let picture = Picture::open(image, &Limits::default())?;
    let network = Network { detector: models.detector.clone(), network: network.clone() };
    let map = eval_head::map(&head, image, &network, device)?;
    let likely = head.answers(&[(question, None)], map.as_ref())?.pop();
    let likely = likely.context("the head gives no answer")??;
    if let Some(target) = page {
        let Some(maps) = head.looked(question, map.as_ref())? else {
            bail!("--page: {} does not attend to places", head.config().architecture);
        };
        let section = page::looked(&picture, question, &likely, &maps)?;
        let html = conv_vision::page::page("Where it looked", &section.to_string());
        write(target, &html, "where it looked")?;
    }
    conv_cli::print(common.json, &OfHead { question, likely })
}

fn write(target: &Path, html: &str, what: &str) -> Result<()> {
    if let Some(folder) = target.parent() {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("creating {}", folder.display()))?;
    }
    std::fs::write(target, html).with_context(|| format!("writing {}", target.display()))?;
    conv_cli::note(format_args!("{what}: {}", target.display()));
    Ok(())
}

#[derive(Serialize)]
struct OfHead<'a> {
    question: &'a str,
    #[serde(flatten)]
    likely: Likely,
}

impl fmt::Display for OfHead<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { question, likely: Likely { answer, probability } } = self;
        write!(f, "question  {question}\nanswer    {answer}  {:.0} %", 100.0 * probability)
    }
}

/// Answers the questions of a file about the pictures of a folder, each a line.
fn all(
    reasoner: &Reasoner,
    folder: &Path,
    questions: &[Question],
    common: &conv_cli::Common,
) -> Result<()> {
    let mut by_image: BTreeMap<&str, Vec<&Question>> = BTreeMap::new();
    for question in questions {
        by_image.entry(&question.image_filename).or_default().push(question);
    }
    let (mut answered, mut refused) = (0, 0);
    for (name, questions) in by_image {
        let path = folder.join(name);
        if !path.is_file() {
            continue;
        }
        let sight = match Picture::open(&path, &Limits::default()) {
            Ok(picture) => reasoner.look(&picture, name),
            Err(error) => Err(error.into()),
        };
        for question in questions {
            let answer = answer(reasoner, &question.question, &sight);
            refused += usize::from(answer.is_err());
            answered += 1;
            let (answer, reason) = match answer {
                Ok(answer) => (Some(answer), None),
                Err(reason) => (None, Some(reason)),
            };
            let Question { question_index, question, .. } = question;
            conv_cli::print(
                common.json,
                &Line {
                    question_index: *question_index,
                    image: name,
                    question,
                    answer,
                    refused: reason,
                },
            )?;
        }
    }
    if answered == 0 {
        anyhow::bail!(
            "none of {} questions is about a picture of {}",
            questions.len(),
            folder.display()
        );
    }
    conv_cli::note(format_args!(
        "{answered} of {} questions are about pictures of {}; {refused} refused",
        questions.len(),
        folder.display()
    ));
    Ok(())
}

fn answer(
    reasoner: &Reasoner,
    question: &str,
    sight: &conv_clevr::Result<Sight>,
) -> Result<Answer, String> {
    let sight = sight.as_ref().map_err(ToString::to_string)?;
    let answered = reasoner.answer(question, sight.clone());
    answered.map(|answered| answered.answer).map_err(|error| error.to_string())
}

#[derive(Serialize)]
struct Line<'a> {
    question_index: Option<u64>,
    image: &'a str,
    question: &'a str,
    answer: Option<Answer>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<String>,
}

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { image, question, answer, refused, .. } = self;
        match (answer, refused) {
            (Some(answer), _) => write!(f, "{image}  {question}  {answer}"),
            (None, reason) => {
                write!(f, "{image}  {question}  refused: {}", reason.as_deref().unwrap_or_default())
            }
        }
    }
}
