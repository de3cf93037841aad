//! A scene of one's own: drawn, rendered, asked about and answered, after CLEVR (Johnson et al.
//! 2016).

use anyhow::{Context, Result};
use candle_core::Device;
use conv_clevr::sample::{Sampled, Sampler};
use conv_clevr::see::{Detector, Ground, Sight};
use conv_clevr::{Answered, Templates, page};
use conv_train::report::{Html, Report};
use serde::Serialize;
use std::fmt;
use std::path::Path;
use std::time::Instant;

/// Questions that are asked.
const ASKED: usize = 6;

/// A scene that was made, and what was seen of it.
#[derive(Debug, Serialize)]
pub struct Made {
    objects: usize,
    found: usize,
    /// Seconds of drawing the scene and rendering it.
    seconds: f64,
    answers: Vec<Row>,
    right: usize,
    /// One answer, step by step.
    shown: String,
}

#[derive(Debug, Serialize)]
struct Row {
    question: String,
    /// By the question's program on what the detector saw.
    answer: String,
    /// By the same on the scene as it was drawn.
    expected: String,
}

/// Draws and renders a scene, asks about it, answers by what the detector sees of it, and adds that
/// to the report.
pub fn section(data: &Path, device: &Device, report: Report) -> Result<(Made, Report)> {
    let begun = Instant::now();
    let Sampled { scene, stage } = Sampler::default().scene(0)?;
    let picture = stage.picture(scene.image_index)?;
    let seconds = begun.elapsed().as_secs_f64();
    let detector = Detector::open(&data.join("models/clevr-objects"), device)?;
    let ground = Ground::read(&data.join("models/clevr").join(conv_clevr::reason::GROUND))?;
    let sight = Sight::new(&detector, &ground, &picture, &scene.image_filename)?;
    let templates = Templates::read(&data.join("templates/clevr"))?;
    let mut answers = Vec::new();
    let mut shown = None;
    for question in templates.about(std::slice::from_ref(&scene), ASKED, 1)? {
        let program = question.program().transpose()?.context("a question without a program")?;
        let expected = question.answer.map_or_else(String::new, |answer| answer.to_string());
        let text = question.question;
        // What was seen may not have the one object that a question speaks of.
        let answer = match program.execute(&sight.graph) {
            Ok(execution) => {
                shown = shown.or(Some(Answered {
                    question: text.clone(),
                    answer: execution.answer,
                    program,
                    probability: 1.0,
                    outputs: execution.outputs,
                    sight: sight.clone(),
                }));
                execution.answer.to_string()
            }
            Err(error) if error.is_refusal() => error.to_string(),
            Err(error) => return Err(error.into()),
        };
        answers.push(Row { question: text, answer, expected });
    }
    let columns = ["question", "by what was seen", "by the scene"].map(Html::text);
    let cells = |row: &Row| {
        [&row.question, &row.answer, &row.expected].map(|text| Html::text(text)).to_vec()
    };
    let rows: Vec<_> = answers.iter().map(cells).collect();
    let shown = shown.context("no question about the scene has an answer")?;
    let body =
        format!("{}{}", Html::table("samples", &columns, &rows), page::section(&picture, &shown)?);
    let right = answers.iter().filter(|row| row.answer == row.expected).count();
    let report = report
        .metrics([(
            "questions about a scene of one's own right",
            right as f64 / answers.len() as f64,
        )])
        .section("A scene that was drawn and rendered", Html::trusted(body));
    let objects = scene.objects.len();
    let found = sight.objects.len();
    Ok((Made { objects, found, seconds, answers, right, shown: shown.to_string() }, report))
}

impl fmt::Display for Made {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { objects, found, seconds, answers, right, shown } = self;
        writeln!(
            f,
            "A scene drawn and rendered in {seconds:.1} s, after CLEVR (Johnson et al. 2016)\n"
        )?;
        for line in shown.lines() {
            writeln!(f, "  {line}")?;
        }
        writeln!(f)?;
        for Row { question, answer, expected } in answers {
            let wrong =
                if answer == expected { String::new() } else { format!(" (wrong: {expected})") };
            writeln!(f, "  {question}  {answer}{wrong}")?;
        }
        write!(f, "  {found} of {objects} objects seen, {right} of {} answers right", answers.len())
    }
}
