//! Objects while the pickle runs: they refer to each other by number, since a pickle changes them
//! after naming them.

use std::sync::Arc;

use super::PthDefect;
use super::tensor::{Storage, View};

/// More objects than any checkpoint has, and few enough to hold.
const MOST_NODES: usize = 4_000_000;

/// An object's number.
pub(super) type Id = usize;

pub(super) enum Node {
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(Arc<str>),
    Bytes(Arc<[u8]>),
    /// Lists, tuples and sets.
    List(Vec<Id>),
    Dict(Vec<(Id, Id)>),
    /// A class or function by its full name; nothing is behind it.
    Class(Arc<str>),
    Object(Box<ObjectNode>),
    Storage(Arc<Storage>),
    Tensor(Arc<View>),
}

pub(super) struct ObjectNode {
    pub(super) class: Arc<str>,
    pub(super) arguments: Id,
    pub(super) state: Option<Id>,
    pub(super) items: Vec<(Id, Id)>,
}

/// All objects of a pickle, by number.
#[derive(Default)]
pub(super) struct Nodes {
    nodes: Vec<Node>,
    copied: usize,
}

impl Nodes {
    pub(super) fn add(&mut self, node: Node) -> Result<Id, PthDefect> {
        self.nodes.push(node);
        self.copied(0)?;
        Ok(self.nodes.len() - 1)
    }

    /// Counts references that were copied: few bytes of a pickle can ask for a long list's copy
    /// again and again.
    pub(super) fn copied(&mut self, references: usize) -> Result<(), PthDefect> {
        self.copied += references;
        within_limit(self.nodes.len() + self.copied)
    }

    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Every storage that was named, as often as it was.
    pub(super) fn storages(&self) -> Vec<Arc<Storage>> {
        let storage = |node: &Node| match node {
            Node::Storage(storage) => Some(storage.clone()),
            _ => None,
        };
        self.nodes.iter().filter_map(storage).collect()
    }
}

/// Refuses a pickle that is after our memory.
pub(super) fn within_limit(objects: usize) -> Result<(), PthDefect> {
    if objects <= MOST_NODES {
        return Ok(());
    }
    Err(PthDefect::Limit { what: "objects", limit: MOST_NODES })
}

impl std::ops::Index<Id> for Nodes {
    type Output = Node;

    fn index(&self, id: Id) -> &Node {
        &self.nodes[id]
    }
}

impl std::ops::IndexMut<Id> for Nodes {
    fn index_mut(&mut self, id: Id) -> &mut Node {
        &mut self.nodes[id]
    }
}
