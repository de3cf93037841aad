//! A scene as sets of objects, each a number whose bits are the objects: questions are looked for
//! among thousands of sets.

use crate::scene::{VALUES, place};
use crate::{Attribute, Graph, Kind, Relation, Traits};
use std::collections::BTreeMap;

/// Objects of a scene at most.
const MOST: usize = 64;

/// Slots of a filter at most, one a kind.
pub(super) const SLOTS: usize = Kind::ALL.len();

/// Objects, by bit.
pub(super) type Set = u64;

/// The values of a filter's slots, in their order; those left empty, and slots that are not there,
/// have none.
pub(super) type Values = [Option<Attribute>; SLOTS];

/// What a step gives; an object by its number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Given {
    Objects(Set),
    Object(usize),
    Integer(u32),
    Value(Attribute),
    Bool(bool),
}

/// A scene.
#[derive(Debug)]
pub(super) struct Sets {
    pub all: Set,
    traits: Vec<Traits>,
    /// By relation, then by object.
    related: [Vec<Set>; 4],
    /// By value.
    so: [Set; VALUES],
    /// All values of each kind.
    values: [Vec<Attribute>; 4],
}

impl Sets {
    /// # Errors
    /// In words: more objects than a number has bits.
    pub fn new(graph: &Graph) -> Result<Self, String> {
        let count = graph.len();
        if count > MOST {
            return Err(format!("has {count} objects, expected at most {MOST} to ask about"));
        }
        let mut so = [0; VALUES];
        for (at, traits) in graph.traits().iter().enumerate() {
            Kind::ALL.iter().for_each(|kind| so[place(traits.get(*kind))] |= 1 << at);
        }
        let set = |those: &[usize]| those.iter().fold(0, |set, at| set | 1 << at);
        let mut related = [const { Vec::new() }; 4];
        for (sets, relation) in related.iter_mut().zip(Relation::ALL) {
            *sets = (0..count).map(|at| set(graph.related(*relation, at))).collect();
        }
        let all = (0..count).fold(0, |set, at| set | 1 << at);
        let values = [Kind::Size, Kind::Color, Kind::Material, Kind::Shape].map(Attribute::all);
        Ok(Self { all, traits: graph.traits().to_vec(), related, so, values })
    }

    pub fn related(&self, relation: Relation, object: usize) -> Set {
        self.related[relation as usize][object]
    }

    /// What an object is like.
    pub fn query(&self, kind: Kind, object: usize) -> Attribute {
        self.traits[object].get(kind)
    }

    /// All values of a kind.
    pub fn values(&self, kind: Kind) -> &[Attribute] {
        &self.values[kind as usize]
    }

    /// The objects that are so.
    pub fn so(&self, value: Attribute) -> Set {
        self.so[place(value)]
    }

    /// The other objects of the same value of a kind as an object.
    pub fn same(&self, kind: Kind, object: usize) -> Set {
        self.so(self.query(kind, object)) & !(1 << object)
    }

    /// The objects of a set that are so in every named way.
    pub fn filtered(&self, set: Set, values: &Values) -> Set {
        values.iter().flatten().fold(set, |set, value| set & self.so(*value))
    }

    /// What objects of the scene can be called by these kinds, each with all objects that are so.
    pub fn descriptions(&self, kinds: &[Kind]) -> Vec<(Values, Set)> {
        let mut descriptions = BTreeMap::new();
        for traits in &self.traits {
            for named in 0..1u32 << kinds.len() {
                let mut values: Values = [None; SLOTS];
                for (at, kind) in kinds.iter().enumerate().filter(|(at, _)| named >> at & 1 == 1) {
                    values[at] = Some(traits.get(*kind));
                }
                descriptions.entry(values).or_insert_with(|| self.filtered(self.all, &values));
            }
        }
        descriptions.into_iter().collect()
    }
}
