//! A template's slots filled so that each "the" of it has its one object in a scene: depth first,
//! as the released generator does it (dataset-gen's `instantiate_templates_dfs`).

use super::plan::{Choice, End, Part, Plan, Planned};
use super::sets::{Given, SLOTS, Set, Sets, Values};
use crate::{Function, Kind, Relation};
use rand::Rng;
use rand::seq::SliceRandom;

/// The share of relations that change nothing, among those that a relation may be drawn from.
const TRIVIAL: f64 = 0.1;

/// Choices that are looked at for a template and a picture, at most; the longest templates have
/// thousands that lead nowhere.
const TRIES: usize = 20_000;

/// What objects of a scene can be called, by the kinds that a filter names.
pub(super) type Called = Vec<(Vec<Kind>, Vec<(Values, Set)>)>;

/// Fills a plan's nodes; `is_wanted` is asked of what the last one gives. None where there is no
/// filling, or none was found.
pub(super) fn fill(
    plan: &Plan,
    sets: &Sets,
    called: &Called,
    is_wanted: impl Fn(Given) -> bool,
    rng: &mut impl Rng,
) -> Option<Vec<Choice>> {
    let count = plan.nodes.len();
    // For each node that is being filled what is left to be tried; what was taken for those before,
    // and what they give.
    let mut open: Vec<Vec<(Choice, Given)>> = Vec::with_capacity(count);
    let mut taken = Vec::with_capacity(count);
    let mut given = Vec::with_capacity(count);
    for _ in 0..TRIES {
        if taken.len() == open.len() {
            open.push(choices(&plan.nodes[taken.len()], sets, called, &given, rng));
        }
        let left = open.last_mut()?;
        if left.is_empty() {
            open.pop();
            taken.pop()?;
            given.pop();
            continue;
        }
        let (choice, gives) = left.swap_remove(rng.random_range(0..left.len()));
        taken.push(choice);
        given.push(gives);
        let here = taken.len() - 1;
        let is_unlike =
            plan.unlike.iter().all(|&(a, b)| a.max(b) != here || given.get(a) != given.get(b));
        if is_unlike && taken.len() < count {
            continue;
        }
        if is_unlike && is_wanted(gives) && !is_degenerate(plan, sets, &taken, gives) {
            return Some(taken);
        }
        taken.pop();
        given.pop();
    }
    None
}

/// Whether a relation that the template has as such does nothing: with all objects in its place the
/// answer is the same.
fn is_degenerate(plan: &Plan, sets: &Sets, taken: &[Choice], answer: Given) -> bool {
    let relates = |choice: &Choice| matches!(choice.function, Some(Function::Relate(_)));
    (0..taken.len()).filter(|&at| relates(&taken[at])).any(|without| {
        let mut given = Vec::with_capacity(taken.len());
        for (at, (node, choice)) in plan.nodes.iter().zip(taken).enumerate() {
            let all = (at == without).then_some(Given::Objects(sets.all));
            match all.or_else(|| node.given(choice, sets, &given)) {
                Some(gives) => given.push(gives),
                None => return false,
            }
        }
        given.last() == Some(&answer)
    })
}

/// Every way to fill a node's slots, with what it gives.
fn choices(
    node: &Planned,
    sets: &Sets,
    called: &Called,
    before: &[Given],
    rng: &mut impl Rng,
) -> Vec<(Choice, Given)> {
    let (relates, kinds, empty, end) = match &node.part {
        Part::One(functions) => {
            let with = |function: &Function| {
                let choice = Choice { function: Some(*function), ..Choice::default() };
                Some((choice, node.given(&choice, sets, before)?))
            };
            return functions.iter().filter_map(with).collect();
        }
        Part::Composite { relates, kinds, empty, end } => (*relates, kinds, empty, *end),
    };
    let known = called.iter().find(|(known, _)| known == kinds).map(|(_, those)| those);
    let known = known.map_or(&[][..], Vec::as_slice);
    let may =
        |values: &Values| values.iter().zip(empty).all(|(value, empty)| !*empty || value.is_none());
    let input = node.inputs.first().and_then(|&input| before.get(input));
    match (input, relates) {
        (Some(Given::Object(of)), true) => related(node, sets, known, *of, end, may, rng),
        (Some(Given::Objects(set)), false) => {
            filtered(node, sets, known, *set, (kinds, empty, end), may, rng)
        }
        _ => Vec::new(),
    }
}

/// The filters that a node may have on these objects.
fn filtered(
    node: &Planned,
    sets: &Sets,
    known: &[(Values, Set)],
    set: Set,
    (kinds, empty, end): (&[Kind], &[bool; SLOTS], End),
    may: impl Fn(&Values) -> bool,
    rng: &mut impl Rng,
) -> Vec<(Choice, Given)> {
    let must = end == End::Objects;
    let says = |values: &Values| !must || values.iter().any(Option::is_some);
    let with = |values: Values, those: Set| {
        Some((Choice { values, ..Choice::default() }, node.ended(those)?))
    };
    let those = known.iter().filter(|(values, _)| says(values));
    // As many that are about nothing in particular.
    let more = match end {
        End::Unique => 0,
        End::Exist => those.clone().count(),
        End::Count | End::Objects => {
            those.clone().filter(|(_, so)| (so & set).count_ones() == 1).count()
        }
    };
    let those = those.filter(|(values, _)| may(values));
    let mut choices: Vec<_> = those.filter_map(|(values, so)| with(*values, so & set)).collect();
    for _ in 0..more {
        let mut values: Values = [None; SLOTS];
        for (at, kind) in kinds.iter().enumerate().filter(|(at, _)| !empty[*at]) {
            let all = sets.values(*kind);
            // One more than there are is none.
            values[at] = all.get(rng.random_range(0..=all.len())).copied();
        }
        if says(&values) {
            choices.extend(with(values, sets.filtered(set, &values)));
        }
    }
    choices
}

/// The relations and filters that a node may have of this object: such as change something, and a
/// few that do not.
fn related(
    node: &Planned,
    sets: &Sets,
    known: &[(Values, Set)],
    of: usize,
    end: End,
    may: impl Fn(&Values) -> bool,
    rng: &mut impl Rng,
) -> Vec<(Choice, Given)> {
    let mut choices = Vec::new();
    let mut trivial = Vec::new();
    for relation in Relation::ALL {
        let there = sets.related(*relation, of);
        for (values, so) in known {
            let both = there & so;
            let is_fit = match end {
                End::Unique => both.count_ones() == 1,
                End::Objects => both != 0,
                End::Count | End::Exist => true,
            };
            if is_fit && may(values) {
                let choice = Choice { function: None, relation: Some(*relation), values: *values };
                let list = if both == *so { &mut trivial } else { &mut choices };
                list.extend(node.ended(both).map(|gives| (choice, gives)));
            }
        }
    }
    let few = (choices.len() as f64 * TRIVIAL / (1.0 - TRIVIAL)).round() as usize;
    trivial.shuffle(rng);
    choices.extend(trivial.into_iter().take(few));
    choices
}
