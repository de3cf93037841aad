//! Questions about given scenes: templates filled so that each "the" has its one object, as the released generator does it, with its
//! rejection and balancing (Johnson et al. 2016, section 3.3; dataset-gen's `generate_questions.py`).

use super::draw::{Values, parts, wording};
use super::{Node, Template, Templates};
use crate::program::{Output, RawStep, execute_step};
use crate::{
    Answer, Attribute, Error, Family, Function, Graph, Kind, Program, Question, Relation, Result, Scene,
    Traits,
};
use rand::Rng;
use rand::seq::{IndexedRandom, SliceRandom};
use std::collections::{BTreeMap, BTreeSet};

/// Pictures after which counts begin anew.
pub(super) const RESET: usize = 250;

/// The share of relations that change nothing, among those that a relation may be drawn from.
const TRIVIAL: f64 = 0.1;

/// Ways to fill a template that are tried for a picture, at most; the longest have thousands that lead nowhere.
const TRIES: usize = 20_000;

/// Makes questions picture by picture. Templates that were used least come first, in an order of their own for each picture, so that neither
/// one file nor one answer of a template is met more often than others.
pub struct Generator<'t, R> {
    templates: &'t Templates,
    rng: R,
    pictures: usize,
    used: Vec<usize>,
    answers: Vec<BTreeMap<Answer, usize>>,
}

/// A template that is being filled.
#[derive(Clone)]
struct State<'t> {
    steps: Vec<Function>,
    inputs: Vec<Vec<usize>>,
    outputs: Vec<Output>,
    /// The step that ends each node so far.
    ends: Vec<usize>,
    values: Values<'t>,
}

/// The values of a filter's slots, and the objects that are so.
type Choice = (Vec<Option<Attribute>>, Vec<usize>);

impl<'t, R: Rng> Generator<'t, R> {
    /// A generator that has made nothing yet.
    pub fn new(templates: &'t Templates, rng: R) -> Self {
        let count = templates.len();
        let answers = vec![BTreeMap::new(); count];
        Self { templates, rng, pictures: 0, used: vec![0; count], answers }
    }

    /// Up to `count` questions about a scene, each of another template.
    ///
    /// # Errors
    /// A scene that contradicts itself; a template that makes no program.
    pub fn scene(&mut self, scene: &Scene, count: usize) -> Result<Vec<Question>> {
        let graph = scene.graph()?;
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
            let wrong = |reason| Error::Template {
                path: self.templates.folder.join(file),
                index: *index,
                reason,
            };
            let Some((state, answer)) = self.fill(at, template, &graph).map_err(wrong)? else {
                continue;
            };
            let question =
                wording(template, &self.templates.synonyms, &state.values, &mut self.rng);
            self.used[at] += 1;
            let (template_filename, family) = Family::fields(file, *index as u64);
            questions.push(Question {
                image_index: Some(scene.image_index),
                split: scene.split.clone(),
                image_filename: scene.image_filename.clone(),
                question: question.map_err(wrong)?,
                steps: Some(raw(&state)),
                answer: Some(answer),
                template_filename,
                question_family_index: Some(family),
                question_index: None,
            });
        }
        Ok(questions)
    }

    /// A filling of a template that the scene answers, depth first; none where there is none, or where all have an answer of which
    /// there are too many.
    fn fill(
        &mut self,
        at: usize,
        template: &'t Template,
        graph: &Graph,
    ) -> Result<Option<(State<'t>, Answer)>, String> {
        let empty =
            State { steps: vec![], inputs: vec![], outputs: vec![], ends: vec![], values: vec![] };
        let mut states = vec![empty];
        for _ in 0..TRIES {
            let Some(state) = states.pop() else { return Ok(None) };
            if !meets(template, &state) {
                continue;
            }
            let Some(node) = template.nodes.get(state.ends.len()) else {
                let program = Program::new(&raw(&state)).map_err(|error| error.to_string())?;
                let Ok(execution) = program.execute(graph) else { continue };
                let answer = execution.answer;
                if self.is_rare(at, program.last(), answer)
                    && !is_degenerate(template, &state, graph, answer)
                {
                    *self.answers[at].entry(answer).or_default() += 1;
                    return Ok(Some((state, answer)));
                }
                continue;
            };
            let mut next = expand(template, node, &state, graph, &mut self.rng)?;
            next.shuffle(&mut self.rng);
            states.extend(next);
        }
        Ok(None)
    }

    /// Whether a template has given an answer not much more often than its other answers.
    fn is_rare(&self, at: usize, last: Function, answer: Answer) -> bool {
        let counts = &self.answers[at];
        let mut all: Vec<usize> =
            possible(last).iter().map(|a| counts.get(a).copied().unwrap_or(0)).collect();
        all.sort_unstable();
        let count = counts.get(&answer).copied().unwrap_or(0) as f64;
        let second = all.len().checked_sub(2).map_or(0, |second| all[second]) as f64;
        let median = all[all.len() / 2].max(5) as f64;
        count <= 1.1 * second && count <= 5.0 * median
    }
}

/// The answers that a function may give.
fn possible(last: Function) -> Vec<Answer> {
    match last {
        Function::Count => (0..=10).map(Answer::Count).collect(),
        Function::Query(kind) => Attribute::all(kind).into_iter().map(Answer::Attribute).collect(),
        _ => vec![Answer::Bool(true), Answer::Bool(false)],
    }
}

fn raw(state: &State) -> Vec<RawStep> {
    let steps = state.steps.iter().zip(&state.inputs);
    let step = |(function, inputs): (&Function, &Vec<usize>)| RawStep {
        function: function.name().into(),
        inputs: inputs.iter().map(|&input| input as i64).collect(),
        value_inputs: function.value().map(String::from).into_iter().collect(),
    };
    steps.map(step).collect()
}

/// Whether what is filled so far meets the template's constraints.
fn meets(template: &Template, state: &State) -> bool {
    template.constraints.iter().all(|constraint| match constraint.kind.as_str() {
        "NULL" => {
            let is_it = |(name, _): &&(&str, &str)| {
                constraint.params.first().and_then(|p| p.as_str()) == Some(*name)
            };
            state.values.iter().find(is_it).is_none_or(|(_, value)| matches!(*value, "" | "thing"))
        }
        "OUT_NEQ" => {
            let output = |param: Option<&serde_json::Value>| {
                let node = usize::try_from(param?.as_u64()?).ok()?;
                state.ends.get(node).map(|&end| &state.outputs[end])
            };
            let [first, second] = [0, 1].map(|at| output(constraint.params.get(at)));
            first.is_none() || second.is_none() || first != second
        }
        _ => true,
    })
}

/// Whether a relation that the template has as such does nothing: with all objects in its place the answer is the same.
fn is_degenerate(template: &Template, state: &State, graph: &Graph, answer: Answer) -> bool {
    if !template.nodes.iter().any(|node| node.function == "relate") {
        return false;
    }
    let relations =
        (0..state.steps.len()).filter(|&at| matches!(state.steps[at], Function::Relate(_)));
    relations.into_iter().any(|at| {
        let mut without = state.clone();
        without.steps[at] = Function::Scene;
        without.inputs[at].clear();
        let execution = Program::new(&raw(&without)).and_then(|program| program.execute(graph));
        execution.is_ok_and(|execution| execution.answer == answer)
    })
}

/// Every way to fill a node's slots, executed; none where it cannot be.
fn expand<'t>(
    template: &'t Template,
    node: &'t Node,
    state: &State<'t>,
    graph: &Graph,
    rng: &mut impl Rng,
) -> Result<Vec<State<'t>>, String> {
    let at = state.ends.len();
    let input = |&input: &usize| {
        state.ends.get(input).copied().ok_or_else(|| format!("node {at} takes node {input}"))
    };
    let inputs = node.inputs.iter().map(input).collect::<Result<Vec<_>, _>>()?;
    let kind_of = |name: &str| {
        let slot = template.params.iter().find(|slot| slot.name == name);
        slot.map(|slot| slot.kind.to_lowercase())
            .ok_or_else(|| format!("node {at}: no slot `{name}`"))
    };
    let (parts, is_composite) = parts(&node.function);
    if !is_composite {
        let values = match node.side_inputs.as_slice() {
            [] => vec![None],
            [name, ..] => values_of(&kind_of(name)?).into_iter().map(Some).collect(),
        };
        let filled = |value: Option<&'static str>| {
            let function = Function::new(&node.function, &Vec::from_iter(value))?;
            let mut state = state.clone();
            state.values.extend(node.side_inputs.first().map(String::as_str).zip(value));
            Ok(push(state, graph, function, inputs.clone()).map(end))
        };
        let states: Result<Vec<_>, String> = values.into_iter().map(filled).collect();
        return Ok(states?.into_iter().flatten().collect());
    }
    let [from] = inputs[..] else { return Err(format!("node {at} has {} inputs", inputs.len())) };
    let relates = parts[0] == "relate";
    let slots = node.side_inputs.get(usize::from(relates)..).unwrap_or_default();
    let kinds = slots.iter().map(|name| {
        let kind = kind_of(name)?;
        let known = Kind::ALL.iter().find(|known| known.word() == kind);
        known.copied().ok_or_else(|| format!("slot `{name}` is of type `{kind}`"))
    });
    let kinds = kinds.collect::<Result<Vec<Kind>, _>>()?;
    let choices: Vec<(Option<Relation>, Choice)> = if relates {
        related(graph, state.outputs[from].objects(), &kinds, &node.function, rng)
    } else {
        let those = filtered(graph, state.outputs[from].objects(), &kinds, &node.function, rng);
        those.into_iter().map(|choice| (None, choice)).collect()
    };
    let mut states = Vec::with_capacity(choices.len());
    for (relation, (values, _)) in choices {
        let mut next = Some((state.clone(), from));
        if let (Some(relation), Some(name)) = (relation, node.side_inputs.first()) {
            next = step(next, graph, Function::Relate(relation));
            next = next.map(|(mut state, end)| {
                state.values.push((name.as_str(), relation.word()));
                (state, end)
            });
        }
        for ((name, kind), value) in slots.iter().zip(&kinds).zip(values) {
            if let Some(value) = value {
                next = step(next, graph, Function::Filter(value));
            }
            let word =
                value.map_or(if *kind == Kind::Shape { "thing" } else { "" }, Attribute::word);
            if let Some((state, _)) = &mut next {
                state.values.push((name.as_str(), word));
            }
        }
        next = match parts[parts.len() - 1] {
            "unique" => step(next, graph, Function::Unique),
            "count" => step(next, graph, Function::Count),
            "exist" => step(next, graph, Function::Exist),
            _ => next,
        };
        states.extend(next.map(|(mut state, last)| {
            state.ends.push(last);
            state
        }));
    }
    Ok(states)
}

/// The values of a slot's kind.
fn values_of(kind: &str) -> Vec<&'static str> {
    if kind == "relation" {
        return Relation::ALL.iter().map(|relation| relation.word()).collect();
    }
    let kind = Kind::ALL.iter().find(|known| known.word() == kind);
    kind.map_or_else(Vec::new, |kind| {
        Attribute::all(*kind).into_iter().map(Attribute::word).collect()
    })
}

/// The state with a step behind what was filled last.
fn step<'t>(
    state: Option<(State<'t>, usize)>,
    graph: &Graph,
    function: Function,
) -> Option<(State<'t>, usize)> {
    let (state, from) = state?;
    let state = push(state, graph, function, vec![from])?;
    let last = state.steps.len() - 1;
    Some((state, last))
}

fn end(mut state: State) -> State {
    state.ends.push(state.steps.len() - 1);
    state
}

/// The state with one more step, if it can be executed.
fn push<'t>(
    mut state: State<'t>,
    graph: &Graph,
    function: Function,
    inputs: Vec<usize>,
) -> Option<State<'t>> {
    let takes = function.inputs();
    let found = inputs.iter().map(|&input| state.steps[input].output());
    if inputs.len() != takes.len() || !found.eq(takes.iter().copied()) {
        return None;
    }
    let output = execute_step(function, &inputs, graph, &state.outputs).ok()?;
    state.steps.push(function);
    state.inputs.push(inputs);
    state.outputs.push(output);
    Some(state)
}

/// What objects of the scene can be called by these kinds, each with all objects that are so.
fn descriptions(
    graph: &Graph,
    kinds: &[Kind],
) -> BTreeMap<Vec<Option<Attribute>>, BTreeSet<usize>> {
    let mut descriptions: BTreeMap<_, BTreeSet<usize>> = BTreeMap::new();
    for (at, traits) in graph.traits().iter().enumerate() {
        for mask in 0..1u32 << kinds.len().min(8) {
            let named = |(bit, kind): (usize, &Kind)| {
                (mask >> bit & 1 == 1).then(|| Traits::get(traits, *kind))
            };
            let description: Vec<_> = kinds.iter().enumerate().map(named).collect();
            descriptions.entry(description).or_default().insert(at);
        }
    }
    descriptions
}

/// The filters that a node may have on these objects.
fn filtered(
    graph: &Graph,
    objects: &[usize],
    kinds: &[Kind],
    function: &str,
    rng: &mut impl Rng,
) -> Vec<Choice> {
    let within = |(description, those): (Vec<_>, BTreeSet<usize>)| {
        (
            description,
            objects.iter().copied().filter(|object| those.contains(object)).collect::<Vec<_>>(),
        )
    };
    let mut choices: Vec<Choice> = descriptions(graph, kinds).into_iter().map(within).collect();
    if function == "filter" {
        choices.retain(|(description, _)| description.iter().any(Option::is_some));
    }
    if function == "filter_unique" {
        choices.retain(|(_, those)| those.len() == 1);
        return choices;
    }
    // As many that are about nothing in particular.
    let more = match function {
        "filter_exist" => choices.len(),
        _ => choices.iter().filter(|(_, those)| those.len() == 1).count(),
    };
    for _ in 0..more {
        let value = |kind: &Kind| {
            let mut values: Vec<_> = Attribute::all(*kind).into_iter().map(Some).collect();
            values.push(None);
            values.choose(rng).copied().flatten()
        };
        choices.push((kinds.iter().map(value).collect(), Vec::new()));
    }
    choices
}

/// The relations and filters that a node may have of this object: such as change something, and a few that do not.
fn related(
    graph: &Graph,
    of: &[usize],
    kinds: &[Kind],
    function: &str,
    rng: &mut impl Rng,
) -> Vec<(Option<Relation>, Choice)> {
    let [of] = of else { return Vec::new() };
    let (unique, with_none) =
        (function.ends_with("unique"), function.ends_with("count") || function.ends_with("exist"));
    let (mut choices, mut trivial) = (Vec::new(), Vec::new());
    let descriptions = descriptions(graph, kinds);
    for relation in Relation::ALL {
        let there = graph.related(*relation, *of);
        for (description, those) in &descriptions {
            let both: Vec<usize> =
                there.iter().copied().filter(|object| those.contains(object)).collect();
            if unique && both.len() != 1 || !with_none && both.is_empty() {
                continue;
            }
            let changes = both.len() != those.len();
            let choice = (Some(*relation), (description.clone(), both));
            if changes { choices.push(choice) } else { trivial.push(choice) }
        }
    }
    let few = (choices.len() as f64 * TRIVIAL / (1.0 - TRIVIAL)).round() as usize;
    trivial.shuffle(rng);
    choices.extend(trivial.into_iter().take(few));
    choices
}
