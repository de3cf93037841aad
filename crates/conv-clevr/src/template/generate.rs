//! Questions about given scenes: templates filled so that each "the" has its one object, as the
//! released generator does it, with its rejection and balancing (Johnson et al. 2016, section 3.3;
//! dataset-gen's `generate_questions.py`).

use super::draw::{Values, wording};
use super::fill::{Called, fill};
use super::plan::{Choice, End, Part, Plan};
use super::sets::{Given, Sets};
use super::{Template, Templates};
use crate::program::RawStep;
use crate::{Answer, Attribute, Error, Family, Function, Kind, Program, Question, Result, Scene};
use rand::Rng;
use rand::seq::SliceRandom;
use std::collections::BTreeMap;

/// Pictures after which counts begin anew.
pub(super) const RESET: usize = 250;

/// Makes questions picture by picture. Templates that were used least come first, in an order of
/// their own for each picture, so that neither one file nor one answer of a template is met more
/// often than others.
pub struct Generator<'t, R> {
    templates: &'t Templates,
    plans: Vec<Plan>,
    rng: R,
    pictures: usize,
    used: Vec<usize>,
    answers: Vec<BTreeMap<Answer, usize>>,
}

impl<'t, R: Rng> Generator<'t, R> {
    /// A generator that has made nothing yet.
    ///
    /// # Errors
    /// A template that makes no program.
    pub fn new(templates: &'t Templates, rng: R) -> Result<Self> {
        let plan = |at: usize| {
            Plan::new(&templates.templates[at].2).map_err(|reason| templates.wrong(at, reason))
        };
        let count = templates.len();
        let plans = (0..count).map(plan).collect::<Result<_>>()?;
        let answers = vec![BTreeMap::new(); count];
        Ok(Self { templates, plans, rng, pictures: 0, used: vec![0; count], answers })
    }

    /// Up to `count` questions about a scene, each of another template.
    ///
    /// # Errors
    /// A scene that contradicts itself, or has more than 64 objects; a template that makes no
    /// program.
    pub fn scene(&mut self, scene: &Scene, count: usize) -> Result<Vec<Question>> {
        let graph = scene.graph()?;
        let image = &scene.image_filename;
        let wrong = |reason| Error::Scene { image: image.clone(), reason };
        let sets = Sets::new(&graph).map_err(wrong)?;
        let called = self.called(&sets);
        if self.pictures.is_multiple_of(RESET) {
            self.used.fill(0);
            self.answers.fill(BTreeMap::new());
        }
        self.pictures += 1;
        let mut order: Vec<usize> = (0..self.templates.len()).collect();
        order.shuffle(&mut self.rng);
        order.sort_by_key(|&at| self.used[at]);
        let mut questions = Vec::new();
        for at in order {
            if questions.len() == count {
                break;
            }
            let (file, index, template) = &self.templates.templates[at];
            let wanted = wanted(&self.answers[at], &self.plans[at]);
            let taken = fill(&self.plans[at], &sets, &called, wanted, &mut self.rng);
            let Some(taken) = taken else { continue };
            let steps = steps(&self.plans[at], &taken);
            let wrong = |reason| self.templates.wrong(at, reason);
            let program = Program::new(&steps).map_err(|error| wrong(error.to_string()))?;
            let answer = program.execute(&graph).map_err(|error| wrong(error.to_string()))?.answer;
            let words = words(template, &self.plans[at], &taken);
            let question = wording(template, &self.templates.synonyms, &words, &mut self.rng);
            *self.answers[at].entry(answer).or_default() += 1;
            self.used[at] += 1;
            let (template_filename, family) = Family::fields(file, *index as u64);
            questions.push(Question {
                image_index: Some(scene.image_index),
                split: scene.split.clone(),
                image_filename: image.clone(),
                question: question.map_err(wrong)?,
                steps: Some(steps),
                answer: Some(answer),
                template_filename,
                question_family_index: Some(family),
                question_index: None,
            });
        }
        Ok(questions)
    }

    /// What the scene's objects can be called, for all lists of kinds that templates have.
    fn called(&self, sets: &Sets) -> Called {
        let mut called = Called::new();
        for node in self.plans.iter().flat_map(|plan| &plan.nodes) {
            if let Part::Composite { kinds, .. } = &node.part
                && !called.iter().any(|(known, _)| known == kinds)
            {
                called.push((kinds.clone(), sets.descriptions(kinds)));
            }
        }
        called
    }
}

/// Whether a template has given an answer not much more often than its other answers.
fn wanted(counts: &BTreeMap<Answer, usize>, plan: &Plan) -> impl Fn(Given) -> bool {
    let count = |answer: &Answer| counts.get(answer).copied().unwrap_or(0);
    let mut all: Vec<usize> = possible(plan).iter().map(count).collect();
    all.sort_unstable();
    let second = all.len().checked_sub(2).map_or(0, |second| all[second]) as f64;
    let most = (1.1 * second).min(5.0 * all[all.len() / 2].max(5) as f64);
    move |given| {
        let answer = match given {
            Given::Integer(count) => Answer::Count(count as usize),
            Given::Value(value) => Answer::Attribute(value),
            Given::Bool(value) => Answer::Bool(value),
            Given::Objects(_) | Given::Object(_) => return false,
        };
        counts.get(&answer).copied().unwrap_or(0) as f64 <= most
    }
}

/// The answers that a plan may give.
fn possible(plan: &Plan) -> Vec<Answer> {
    let counts = || (0..=10).map(Answer::Count).collect();
    match plan.nodes.last().map(|node| &node.part) {
        Some(Part::Composite { end: End::Count, .. }) => counts(),
        Some(Part::One(functions)) => match functions.first() {
            Some(Function::Count) => counts(),
            Some(Function::Query(kind)) => {
                Attribute::all(*kind).into_iter().map(Answer::Attribute).collect()
            }
            _ => vec![Answer::Bool(true), Answer::Bool(false)],
        },
        _ => vec![Answer::Bool(true), Answer::Bool(false)],
    }
}

/// The program of a plan so filled.
fn steps(plan: &Plan, taken: &[Choice]) -> Vec<RawStep> {
    let mut steps = Vec::<RawStep>::new();
    let mut ends = Vec::<i64>::new();
    for (node, choice) in plan.nodes.iter().zip(taken) {
        let mut inputs: Vec<i64> = node.inputs.iter().map(|&input| ends[input]).collect();
        let mut functions: Vec<Function> = choice.function.into_iter().collect();
        functions.extend(choice.relation.map(Function::Relate));
        functions.extend(choice.values.iter().flatten().map(|value| Function::Filter(*value)));
        if let Part::Composite { end, .. } = node.part {
            functions.extend(match end {
                End::Objects => None,
                End::Unique => Some(Function::Unique),
                End::Count => Some(Function::Count),
                End::Exist => Some(Function::Exist),
            });
        }
        // A filter that names nothing is no step.
        let mut last = inputs.first().copied().unwrap_or_default();
        for function in functions {
            let value_inputs = function.value().map(String::from).into_iter().collect();
            steps.push(RawStep { function: function.name().into(), inputs, value_inputs });
            last = steps.len() as i64 - 1;
            inputs = vec![last];
        }
        ends.push(last);
    }
    steps
}

/// What is said in a template's slots; of what has no shape, that it is a thing.
fn words<'t>(template: &'t Template, plan: &Plan, taken: &[Choice]) -> Values<'t> {
    let mut words = Values::new();
    for ((node, planned), choice) in template.nodes.iter().zip(&plan.nodes).zip(taken) {
        let mut slots = node.side_inputs.iter().map(String::as_str);
        match &planned.part {
            Part::One(_) => {
                words.extend(slots.next().zip(choice.function.and_then(Function::value)));
            }
            Part::Composite { relates, kinds, .. } => {
                if *relates {
                    words.extend(slots.next().zip(choice.relation.map(|relation| relation.word())));
                }
                for ((slot, kind), value) in slots.zip(kinds).zip(choice.values) {
                    let none = if *kind == Kind::Shape { "thing" } else { "" };
                    words.push((slot, value.map_or(none, Attribute::word)));
                }
            }
        }
    }
    words
}
