//! A scene graph: objects with their traits, and who lies where seen from whom.

use super::Beliefs;
use crate::{Relation, Traits};

/// What a program is executed on. Every list names objects of it, none twice and none itself.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Graph {
    traits: Vec<Traits>,
    /// By relation in the order of [`Relation::ALL`], then by object.
    related: [Vec<Vec<usize>>; 4],
    /// By object.
    beliefs: Vec<Beliefs>,
}

impl Graph {
    /// The graph of objects with these traits; `related` is by relation in the order of
    /// [`Relation::ALL`], then by object.
    ///
    /// # Errors
    /// In words: lists that are not one an object, or that name objects which are not there, one
    /// twice, or itself.
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
        let beliefs = traits.iter().map(Beliefs::certain).collect();
        Ok(Self { traits, related, beliefs })
    }

    /// The same of objects that were seen, of whose traits one is only so sure.
    ///
    /// # Errors
    /// In words: beliefs that are not one an object.
    pub fn with_beliefs(self, beliefs: Vec<Beliefs>) -> Result<Self, String> {
        if beliefs.len() != self.len() {
            return Err(format!(
                "has beliefs of {} objects, expected {}",
                beliefs.len(),
                self.len()
            ));
        }
        Ok(Self { beliefs, ..self })
    }

    /// How sure one is of what each object is like.
    pub fn beliefs(&self) -> &[Beliefs] {
        &self.beliefs
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
