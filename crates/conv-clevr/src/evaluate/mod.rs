//! How often answers are right, by type, with intervals, beside the most frequent answer of each
//! type; and whose fault each error is.

mod answers;
mod matching;
mod parts;
mod shown;

pub use answers::compare;
pub use matching::{Seeing, Share};
pub use parts::Part;

use crate::scene::Beliefs;
use crate::see::{Seen, Sight, WIDTH};
use crate::{Answer, Error, Family, Function, Parsed, Parser, Program, Question, Result, Scene};
use conv_train::metrics::{Estimate, bootstrap};
use matching::{matched, set_right};
use parts::parts;
use serde::{Serialize, Serializer};
use std::collections::BTreeMap;
use std::fmt;

/// The types of questions that the paper's table has (section 4.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Type {
    /// Whether there is such an object.
    Exist,
    /// How many there are.
    Count,
    /// Whether there are as many, fewer or more.
    CompareInteger,
    /// What an object is like.
    QueryAttribute,
    /// Whether two objects are alike.
    CompareAttribute,
    /// Nothing says what is asked.
    Unknown,
}

impl Type {
    /// The type of a program that ends so.
    pub fn of(last: Function) -> Self {
        match last {
            Function::Exist => Self::Exist,
            Function::Count => Self::Count,
            Function::EqualInteger | Function::LessThan | Function::GreaterThan => {
                Self::CompareInteger
            }
            Function::Query(_) => Self::QueryAttribute,
            Function::Equal(_) | Function::EqualObject => Self::CompareAttribute,
            _ => Self::Unknown,
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Exist => "exist",
            Self::Count => "count",
            Self::CompareInteger => "compare integer",
            Self::QueryAttribute => "query attribute",
            Self::CompareAttribute => "compare attribute",
            Self::Unknown => "unknown",
        })
    }
}

/// Whose fault a wrong answer is: the first of these that, set right, sets the answer right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// The question was made into another program, or into none.
    Parse,
    /// An attribute of an object.
    Attribute,
    /// Where an object lies.
    Relation,
    /// Both together.
    AttributeAndRelation,
    /// An object was missed, or seen where there is none.
    Object,
    /// Something of what was seen: no scene says what.
    Seeing,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Parse => "parse",
            Self::Attribute => "attribute",
            Self::Relation => "relation",
            Self::AttributeAndRelation => "attribute and relation",
            Self::Object => "missed or invented object",
            Self::Seeing => "what was seen",
        })
    }
}

/// A picture as it was seen.
#[derive(Debug)]
pub struct View {
    /// Its scene, or why there is none.
    pub sight: Result<Sight>,
    /// Columns of the picture, whose pixels the scene's `pixel_coords` count.
    pub width: usize,
}

impl View {
    /// A scene of a file, as if it had been seen without a fault.
    ///
    /// # Errors
    /// A scene that contradicts itself.
    pub fn of_scene(scene: &Scene) -> Result<Self> {
        let seen = |object: &crate::scene::Object| {
            let ([x, y], traits) = (object.pixel(), object.traits());
            Seen { traits, bounds: [x, y, x, y], score: 1.0, beliefs: Beliefs::certain(&traits) }
        };
        let objects = scene.objects.iter().map(seen).collect();
        let places =
            scene.objects.iter().map(|object| [object.coords[0], object.coords[1]]).collect();
        let sight = Sight { objects, places, graph: scene.graph()? };
        Ok(Self { sight: Ok(sight), width: WIDTH })
    }
}

/// What became of a question.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Outcome {
    /// Its picture.
    pub image: String,
    /// Its text.
    pub question: String,
    /// Its type.
    pub r#type: Type,
    /// The template that it was made by.
    #[serde(serialize_with = "named")]
    pub family: Family,
    /// Steps of its program, where the file has one.
    pub steps: Option<usize>,
    /// Objects of its scene, where it is known.
    pub objects: Option<usize>,
    /// The right answer.
    pub expected: Answer,
    /// The answer that was given.
    pub found: Option<Answer>,
    /// Why none was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
    /// Whose fault it is, where it is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<Fault>,
}

fn named<S: Serializer>(family: &Family, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(family)
}

impl Outcome {
    /// Whether it is right.
    pub fn is_right(&self) -> bool {
        self.found == Some(self.expected)
    }
}

/// Questions of a type.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct OfType {
    /// How many there are.
    pub questions: usize,
    /// The share that is answered rightly.
    pub accuracy: Share,
    /// The share that the most frequent answer of each function would get.
    pub most_frequent: Share,
}

/// Figures over questions; shares from 0 to 1.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Evaluation {
    /// Pictures with questions.
    pub images: usize,
    /// Questions with an answer to compare with.
    pub questions: usize,
    /// The share that is answered rightly; a refusal counts as wrong.
    pub accuracy: f64,
    /// Where it lies by 95 of 100 draws of as many pictures.
    pub interval: [f64; 2],
    /// The share that one gets who knows only which function a question ends in, and of these
    /// questions the most frequent answer to each.
    pub most_frequent: f64,
    /// The same of it.
    pub most_frequent_interval: [f64; 2],
    /// By type.
    pub types: BTreeMap<Type, OfType>,
    /// By template, if any is known.
    pub families: BTreeMap<String, Part>,
    /// By steps of the program.
    pub lengths: BTreeMap<usize, Part>,
    /// By objects of the scene.
    pub objects: BTreeMap<usize, Part>,
    /// Questions that were refused.
    pub refused: usize,
    /// The share of questions whose program is exactly theirs, of those that have one.
    pub programs: Share,
    /// How many answers are wrong by whose fault.
    pub faults: BTreeMap<Fault, usize>,
    /// How well scenes were seen, where it is known what is in them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seeing: Option<Seeing>,
    /// Each question.
    #[serde(skip)]
    pub outcomes: Vec<Outcome>,
}

/// Answers questions and compares. `look` sees a picture by its file's name, or says that it is not
/// to be asked about; `scenes` find the truth by it, where there is one.
///
/// # Errors
/// A program or a scene that contradicts itself; no question that can be compared; those of `look`.
pub fn evaluate<'s>(
    parser: &Parser,
    questions: &[Question],
    scenes: impl Fn(&str) -> Option<&'s Scene>,
    mut look: impl FnMut(&str) -> Result<Option<View>>,
    seed: u64,
) -> Result<Evaluation> {
    let (mut outcomes, mut programs, mut seeing) =
        (Vec::new(), Share::default(), Seeing::default());
    let mut images = 0;
    let mut functions = Vec::new();
    for (image, questions) in by_image(questions)? {
        let Some(view) = look(image)? else { continue };
        images += 1;
        let truth = match scenes(image) {
            Some(scene) => {
                let graph = scene.graph()?;
                let matched = match &view.sight {
                    Ok(sight) => matched(sight, scene, WIDTH as f64 / view.width.max(1) as f64),
                    Err(_) => Vec::new(),
                };
                match &view.sight {
                    Ok(sight) => seeing.add(sight, &graph, &matched),
                    Err(_) => seeing.recall.all += graph.len(),
                }
                Some((scene, graph, matched))
            }
            None => None,
        };
        let texts: Vec<_> = questions.iter().map(|question| question.question.as_str()).collect();
        for (question, parsed) in questions.iter().zip(parser.parse_all(&texts)?) {
            let (Some(expected), program) = (question.answer, question.program().transpose()?)
            else {
                continue;
            };
            let said = parsed.as_ref().ok().map(|parsed| &parsed.program);
            if let Some(program) = &program {
                programs.add(said.is_some_and(|said| said.is_same(program)));
            }
            let last = program.as_ref().or(said).map(Program::last);
            let answered = answer(&parsed, &view.sight);
            let (found, refused) = match answered {
                Ok(answer) => (Some(answer), None),
                Err(reason) => (None, Some(reason)),
            };
            let is_right = found == Some(expected);
            let fault = (!is_right).then(|| match (said, &program) {
                (None, _) => Ok(Fault::Parse),
                (Some(said), Some(program)) if !said.is_same(program) => Ok(Fault::Parse),
                (Some(said), _) => match (&truth, &view.sight) {
                    (Some((scene, graph, matched)), Ok(sight)) => {
                        whose(said, expected, sight, (scene, graph), matched)
                    }
                    (Some(_), Err(_)) => Ok(Fault::Object),
                    (None, _) => Ok(Fault::Seeing),
                },
            });
            functions.push(last);
            outcomes.push(Outcome {
                image: image.into(),
                question: question.question.clone(),
                r#type: last.map_or(Type::Unknown, Type::of),
                family: question.family(),
                steps: program.as_ref().map(|program| program.steps().len()),
                objects: truth.as_ref().map(|(_, graph, _)| graph.len()),
                expected,
                found,
                refused,
                fault: fault.transpose()?,
            });
        }
    }
    if outcomes.is_empty() {
        return Err(empty("none is about a picture that is there", "questions about the pictures"));
    }
    let has_truth = seeing.recall.all > 0;
    Ok(summary(outcomes, &functions, images, programs, has_truth.then_some(seeing), seed))
}

/// Questions with an answer by their pictures.
fn by_image(questions: &[Question]) -> Result<BTreeMap<&str, Vec<&Question>>> {
    let mut by_image: BTreeMap<&str, Vec<&Question>> = BTreeMap::new();
    for question in questions.iter().filter(|question| question.answer.is_some()) {
        by_image.entry(&question.image_filename).or_default().push(question);
    }
    if by_image.is_empty() {
        Err(empty("none has an answer, as in a test split", "answers to compare with"))
    } else {
        Ok(by_image)
    }
}

fn empty(found: &str, expected: &'static str) -> Error {
    Error::Empty { place: "questions".into(), found: found.into(), expected }
}

/// The answer, or why there is none.
fn answer(parsed: &Result<Parsed>, sight: &Result<Sight>) -> Result<Answer, String> {
    let parsed = parsed.as_ref().map_err(ToString::to_string)?;
    let sight = sight.as_ref().map_err(ToString::to_string)?;
    Ok(parsed.program.execute(&sight.graph).map_err(|error| error.to_string())?.answer)
}

/// Whose fault a wrong answer of the right program is.
fn whose(
    program: &Program,
    expected: Answer,
    sight: &Sight,
    truth: (&Scene, &crate::Graph),
    matched: &[Option<usize>],
) -> Result<Fault> {
    for (set, fault) in [
        ([true, false], Fault::Attribute),
        ([false, true], Fault::Relation),
        ([true, true], Fault::AttributeAndRelation),
    ] {
        let graph = set_right(sight, truth, matched, set)?;
        if program.execute(&graph).is_ok_and(|execution| execution.answer == expected) {
            return Ok(fault);
        }
    }
    Ok(Fault::Object)
}

/// The figures of outcomes whose programs end in `functions`.
fn summary(
    outcomes: Vec<Outcome>,
    functions: &[Option<Function>],
    images: usize,
    programs: Share,
    seeing: Option<Seeing>,
    seed: u64,
) -> Evaluation {
    let name = |last: &Option<Function>| last.map_or("unknown", Function::name);
    let mut counts: BTreeMap<&str, BTreeMap<Answer, usize>> = BTreeMap::new();
    for (outcome, last) in outcomes.iter().zip(functions) {
        *counts.entry(name(last)).or_default().entry(outcome.expected).or_default() += 1;
    }
    let most = |answers: &BTreeMap<Answer, usize>| {
        answers
            .iter()
            .max_by_key(|(answer, count)| (**count, std::cmp::Reverse(**answer)))
            .map(|(answer, _)| *answer)
    };
    let most: BTreeMap<&str, Option<Answer>> =
        counts.iter().map(|(name, answers)| (*name, most(answers))).collect();
    let (mut types, mut faults): (BTreeMap<Type, OfType>, BTreeMap<Fault, usize>) =
        Default::default();
    let mut by_image: BTreeMap<&str, [Share; 2]> = BTreeMap::new();
    for (outcome, last) in outcomes.iter().zip(functions) {
        let frequent = most[name(last)] == Some(outcome.expected);
        let of_type = types.entry(outcome.r#type).or_default();
        of_type.questions += 1;
        of_type.accuracy.add(outcome.is_right());
        of_type.most_frequent.add(frequent);
        let [own, base] = by_image.entry(&outcome.image).or_default();
        own.add(outcome.is_right());
        base.add(frequent);
        if let Some(fault) = outcome.fault {
            *faults.entry(fault).or_default() += 1;
        }
    }
    let shares: Vec<[Share; 2]> = by_image.into_values().collect();
    let [(accuracy, interval), (most_frequent, most_frequent_interval)] = [0, 1].map(|at| {
        let sums: Vec<(f64, f64)> =
            shares.iter().map(|of| (of[at].right as f64, of[at].all as f64)).collect();
        let Estimate { mean, low, high } = bootstrap(&sums, seed);
        (mean, [low, high])
    });
    let family = |outcome: &Outcome| match &outcome.family {
        Family::Unknown => None,
        family => Some(family.to_string()),
    };
    Evaluation {
        images,
        questions: outcomes.len(),
        accuracy,
        interval,
        most_frequent,
        most_frequent_interval,
        types,
        families: parts(&outcomes, family, seed),
        lengths: parts(&outcomes, |outcome| outcome.steps, seed),
        objects: parts(&outcomes, |outcome| outcome.objects, seed),
        refused: outcomes.iter().filter(|outcome| outcome.refused.is_some()).count(),
        programs,
        faults,
        seeing,
        outcomes,
    }
}

#[cfg(test)]
mod tests;
