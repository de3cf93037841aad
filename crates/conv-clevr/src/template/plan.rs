//! A template read once: its names looked up and its composite nodes taken apart.

use super::draw::parts;
use super::sets::{Given, SLOTS, Set, Sets, Values};
use super::{Node, Template};
use crate::{Attribute, Function, Kind, Relation};

/// A template whose nodes can be executed.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub nodes: Vec<Planned>,
    /// Pairs of nodes that must not give the same.
    pub unlike: Vec<(usize, usize)>,
}

#[derive(Debug, Clone)]
pub(super) struct Planned {
    pub inputs: Vec<usize>,
    pub part: Part,
}

/// What a node does.
#[derive(Debug, Clone)]
pub(super) enum Part {
    /// One of these functions; the slot, if there is one, says which.
    One(Vec<Function>),
    /// Perhaps a relation, then filters, then perhaps another function.
    Composite { relates: bool, kinds: Vec<Kind>, empty: [bool; SLOTS], end: End },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Objects,
    Unique,
    Count,
    Exist,
}

/// How a node's slots are filled.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Choice {
    pub function: Option<Function>,
    pub relation: Option<Relation>,
    pub values: Values,
}

impl Plan {
    /// # Errors
    /// In words: a slot of an unknown kind, or a function that is none.
    pub fn new(template: &Template) -> Result<Self, String> {
        let nodes = template.nodes.iter().enumerate();
        let nodes =
            nodes.map(|(at, node)| planned(template, at, node)).collect::<Result<_, _>>()?;
        let mut unlike = Vec::new();
        for constraint in template.constraints.iter().filter(|one| one.kind == "OUT_NEQ") {
            let node = |at: usize| usize::try_from(constraint.params.get(at)?.as_u64()?).ok();
            if let [Some(first), Some(second)] = [node(0), node(1)] {
                unlike.push((first, second));
            }
        }
        Ok(Self { nodes, unlike })
    }
}

fn planned(template: &Template, at: usize, node: &Node) -> Result<Planned, String> {
    if let Some(input) = node.inputs.iter().find(|input| **input >= at) {
        return Err(format!("node {at} takes node {input}"));
    }
    let kind_of = |name: &String| -> Result<Option<Kind>, String> {
        let slot = template.params.iter().find(|slot| slot.name == *name);
        let kind = slot.ok_or_else(|| format!("node {at}: no slot `{name}`"))?.kind.to_lowercase();
        Ok(Kind::ALL.iter().copied().find(|known| known.word() == kind))
    };
    let is_empty = |name: &String| {
        let mut nulls = template.constraints.iter().filter(|constraint| constraint.kind == "NULL");
        nulls.any(|null| null.params.first().and_then(|param| param.as_str()) == Some(name))
    };
    let (parts, is_composite) = parts(&node.function);
    if !is_composite {
        let words = match node.side_inputs.first().map(kind_of).transpose()? {
            None => vec![None],
            Some(Some(kind)) => {
                Attribute::all(kind).iter().map(|value| Some(value.word())).collect()
            }
            Some(None) => Relation::ALL.iter().map(|value| Some(value.word())).collect(),
        };
        let functions =
            words.into_iter().map(|word| Function::new(&node.function, &Vec::from_iter(word)));
        let part = Part::One(functions.collect::<Result<_, _>>()?);
        return Ok(Planned { inputs: node.inputs.clone(), part });
    }
    let relates = parts[0] == "relate";
    let slots = node.side_inputs.get(usize::from(relates)..).unwrap_or_default();
    if slots.len() > SLOTS {
        return Err(format!("node {at} has {} slots, expected at most {SLOTS}", slots.len()));
    }
    let mut kinds = Vec::new();
    let mut empty = [false; SLOTS];
    for (slot, name) in slots.iter().enumerate() {
        kinds.push(kind_of(name)?.ok_or_else(|| format!("slot `{name}` is of no object"))?);
        empty[slot] = is_empty(name);
    }
    let end = match parts[parts.len() - 1] {
        "unique" => End::Unique,
        "count" => End::Count,
        "exist" => End::Exist,
        _ => End::Objects,
    };
    Ok(Planned {
        inputs: node.inputs.clone(),
        part: Part::Composite { relates, kinds, empty, end },
    })
}

impl Planned {
    /// What the node gives with its slots so filled; none where it cannot be executed.
    pub fn given(&self, choice: &Choice, sets: &Sets, before: &[Given]) -> Option<Given> {
        let input = |at: usize| self.inputs.get(at).and_then(|&input| before.get(input)).copied();
        if let (Some(function), Part::One(_)) = (choice.function, &self.part) {
            return applied(function, sets, input(0), input(1));
        }
        let set = match (choice.relation, input(0)?) {
            (Some(relation), Given::Object(object)) => sets.related(relation, object),
            (None, Given::Objects(set)) => set,
            _ => return None,
        };
        self.ended(sets.filtered(set, &choice.values))
    }

    /// What the node gives where its filters leave these objects.
    pub fn ended(&self, set: Set) -> Option<Given> {
        let Part::Composite { end, .. } = self.part else { return None };
        match end {
            End::Objects => Some(Given::Objects(set)),
            End::Unique => applied_unique(set),
            End::Count => Some(Given::Integer(set.count_ones())),
            End::Exist => Some(Given::Bool(set != 0)),
        }
    }
}

fn applied_unique(set: Set) -> Option<Given> {
    (set.count_ones() == 1).then(|| Given::Object(set.trailing_zeros() as usize))
}

/// The executor's functions on sets.
fn applied(
    function: Function,
    sets: &Sets,
    first: Option<Given>,
    second: Option<Given>,
) -> Option<Given> {
    use Given::{Bool, Integer, Object, Objects};
    Some(match (function, first, second) {
        (Function::Scene, None, _) => Objects(sets.all),
        (Function::Filter(value), Some(Objects(set)), _) => Objects(set & sets.so(value)),
        (Function::Unique, Some(Objects(set)), _) => return applied_unique(set),
        (Function::Relate(relation), Some(Object(of)), _) => Objects(sets.related(relation, of)),
        (Function::Same(kind), Some(Object(of)), _) => Objects(sets.same(kind, of)),
        (Function::Intersect, Some(Objects(a)), Some(Objects(b))) => Objects(a & b),
        (Function::Union, Some(Objects(a)), Some(Objects(b))) => Objects(a | b),
        (Function::Count, Some(Objects(set)), _) => Integer(set.count_ones()),
        (Function::Exist, Some(Objects(set)), _) => Bool(set != 0),
        (Function::Query(kind), Some(Object(of)), _) => Given::Value(sets.query(kind, of)),
        (Function::Equal(_) | Function::EqualInteger | Function::EqualObject, a, b) => Bool(a == b),
        (Function::LessThan, Some(Integer(a)), Some(Integer(b))) => Bool(a < b),
        (Function::GreaterThan, Some(Integer(a)), Some(Integer(b))) => Bool(a > b),
        _ => return None,
    })
}
