//! Answers that come without a program or a scene.

use super::{Evaluation, Outcome, Share, Type, by_image, empty, summary};
use crate::{Answer, Function, Program, Question, Result, Scene};

/// Compares answers to questions, as [`evaluate`](super::evaluate()) does, but nobody's fault is
/// looked for. `answers` gives those to the questions about a picture, each a text with the
/// function that its program ends in, or says that the picture is not to be asked about; `scenes`
/// find the truth by its name, where there is one.
///
/// # Errors
/// A program or a scene that contradicts itself; no question that can be compared; those of
/// `answers`.
pub fn compare<'s>(
    questions: &[Question],
    scenes: impl Fn(&str) -> Option<&'s Scene>,
    mut answers: impl FnMut(&str, &[(&str, Option<Function>)]) -> Result<Option<Vec<Result<Answer>>>>,
    seed: u64,
) -> Result<Evaluation> {
    let mut outcomes = Vec::new();
    let mut functions = Vec::new();
    let mut images = 0;
    for (image, questions) in by_image(questions)? {
        let programs = questions.iter().map(|question| question.program().transpose());
        let programs = programs.collect::<Result<Vec<_>>>()?;
        let lasts = programs.iter().map(|program| program.as_ref().map(Program::last));
        let texts = questions.iter().map(|question| question.question.as_str());
        let Some(found) = answers(image, &texts.zip(lasts.clone()).collect::<Vec<_>>())? else {
            continue;
        };
        images += 1;
        let objects = scenes(image).map(|scene| scene.graph()).transpose()?;
        let objects = objects.map(|graph| graph.len());
        functions.extend(lasts);
        for ((question, program), found) in questions.iter().zip(&programs).zip(found) {
            let Some(expected) = question.answer else { continue };
            let (found, refused) = match found {
                Ok(answer) => (Some(answer), None),
                Err(error) => (None, Some(error.to_string())),
            };
            outcomes.push(Outcome {
                image: image.into(),
                question: question.question.clone(),
                r#type: program.as_ref().map_or(Type::Unknown, |program| Type::of(program.last())),
                family: question.family(),
                steps: program.as_ref().map(|program| program.steps().len()),
                objects,
                expected,
                found,
                refused,
                fault: None,
            });
        }
    }
    if outcomes.is_empty() {
        return Err(empty("none is about a picture that is there", "questions about the pictures"));
    }
    Ok(summary(outcomes, &functions, images, Share::default(), None, seed))
}
