//! A scene graph: objects with their traits, and who lies where seen from whom.

use crate::{Relation, Traits};
use serde::Serialize;

/// What a program is executed on. Every list names objects of it, none twice and none itself.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Graph {
    traits: Vec<Traits>,
    /// By relation in the order of [`Relation::ALL`], then by object.
    related: [Vec<Vec<usize>>; 4],
}

impl Graph {
    /// The graph of objects with these traits; `related` is by relation in the order of [`Relation::ALL`], then by object.
    ///
    /// # Errors
    /// In words: lists that are not one an object, or that name objects which are not there, one twice, or itself.
    pub fn new(traits: Vec<Traits>, related: [Vec<Vec<usize>>; 4]) -> Result<Self, String> {
        let count = traits.len();
        for (relation, lists) in Relation::ALL.iter().zip(&related) {
            if lists.len() != count {
                return Err(format!(
                    "has {} lists of relation {relation}, expected one for each of {count} objects",
                    lists.len()
                ));
            }
            for (at, list) in lists.iter().enumerate() {
                let mut seen = vec![false; count];
                for &other in list {
                    let there = seen.get_mut(other).ok_or_else(|| {
                        format!("relates object {at} ({relation}) to object {other}, but has only {count}, numbered from 0")
                    })?;
                    if other == at {
                        return Err(format!("relates object {at} ({relation}) to itself"));
                    }
                    if std::mem::replace(there, true) {
                        return Err(format!(
                            "relates object {at} ({relation}) to object {other} twice"
                        ));
                    }
                }
            }
        }
        Ok(Self { traits, related })
    }

    /// How many objects there are.
    pub fn len(&self) -> usize {
        self.traits.len()
    }

    /// Whether there is no object.
    pub fn is_empty(&self) -> bool {
        self.traits.is_empty()
    }

    /// What is said of each object.
    pub fn traits(&self) -> &[Traits] {
        &self.traits
    }

    /// The objects that lie so, seen from object `at`.
    pub fn related(&self, relation: Relation, at: usize) -> &[usize] {
        &self.related[relation as usize][at]
    }
}
