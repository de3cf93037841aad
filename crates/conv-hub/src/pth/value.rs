//! What a checkpoint holds besides tensors: arguments, counters, dictionaries, and the husks of
//! unknown objects.

use std::sync::Arc;

use super::PthDefect;
use super::node::{Id, Node, Nodes};
use super::tensor::View;

/// How deep objects may lie within each other; what is finished here is also walked and dropped
/// recursively.
const DEEPEST: usize = 200;

/// Something that was saved. Cloning is cheap, and what was one object in Python is one here.
#[derive(Debug, Clone)]
pub enum Value {
    /// Python's `None`.
    None,
    /// A truth value.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// A floating-point number.
    Float(f64),
    /// A string.
    Text(Arc<str>),
    /// Bytes, or a string that is not UTF-8.
    Bytes(Arc<[u8]>),
    /// A list, tuple or set.
    List(Arc<[Value]>),
    /// A dictionary, in its order.
    Dict(Arc<[(Value, Value)]>),
    /// A tensor's place in the file.
    Tensor(Arc<View>),
    /// An object of any other class, or the class itself; where an object lies within itself, as a
    /// child's parent does, only its class.
    Object(Arc<Object>),
}

/// What is left of an object whose class means nothing here.
#[derive(Debug)]
pub struct Object {
    /// The class or function by its full name, such as `argparse.Namespace` or `torch.float32`.
    pub class: Arc<str>,
    /// What it was made with: a list, or a pair of a list and a dictionary if there were keywords.
    pub arguments: Value,
    /// Its attributes, mostly a dictionary.
    pub state: Value,
    /// The items of a dictionary's or list's subclass; those of a list are numbered.
    pub items: Arc<[(Value, Value)]>,
}

impl Value {
    /// What a dictionary has under `key`, or an object as an item or attribute of that name.
    pub fn get(&self, key: &str) -> Option<&Value> {
        let find = |items: &'_ [(Value, Value)]| {
            items.iter().position(|(name, _)| name.as_str() == Some(key))
        };
        match self {
            Value::Dict(items) => find(items).map(|index| &items[index].1),
            Value::Object(object) => match find(&object.items) {
                Some(index) => Some(&object.items[index].1),
                None => object.state.get(key),
            },
            _ => None,
        }
    }

    /// The text, if it is one.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The integer, if it is one.
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Value::Int(value) => Some(*value),
            _ => None,
        }
    }

    /// The number, if it is one, be it an integer.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Value::Float(value) => Some(*value),
            Value::Int(value) => Some(*value as f64),
            _ => None,
        }
    }

    /// The truth value, if it is one.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Value::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// The items of a list, tuple or set.
    pub fn as_list(&self) -> Option<&[Value]> {
        match self {
            Value::List(items) => Some(items),
            _ => None,
        }
    }

    /// The entries of a dictionary, in its order.
    pub fn as_dict(&self) -> Option<&[(Value, Value)]> {
        match self {
            Value::Dict(items) => Some(items),
            _ => None,
        }
    }
}

/// Turns the pickle's numbered objects into values; each once, however often it is referred to.
pub(super) fn finish(nodes: &Nodes, root: Id) -> Result<Value, PthDefect> {
    let mut finished = vec![Finished::Not; nodes.len()];
    value(nodes, root, 0, &mut finished)
}

#[derive(Clone)]
enum Finished {
    Not,
    /// On the way down from the root; with what stands for it further down, once asked for.
    Begun(Option<Value>),
    Value(Value),
}

fn value(
    nodes: &Nodes,
    id: Id,
    depth: usize,
    finished: &mut [Finished],
) -> Result<Value, PthDefect> {
    match (&mut finished[id], &nodes[id]) {
        (Finished::Value(value), _) => return Ok(value.clone()),
        (Finished::Begun(within), Node::Object(object)) => {
            return Ok(within.get_or_insert_with(|| bare(object.class.clone())).clone());
        }
        (Finished::Begun(_), _) => return Err(PthDefect::Cycle),
        (Finished::Not, _) if depth == DEEPEST => {
            return Err(PthDefect::Limit { what: "objects within each other", limit: DEEPEST });
        }
        (state, _) => *state = Finished::Begun(None),
    }
    let mut inner = |id: Id| value(nodes, id, depth + 1, finished);
    let made = match &nodes[id] {
        Node::None => Value::None,
        Node::Bool(value) => Value::Bool(*value),
        Node::Int(value) => Value::Int(*value),
        Node::Float(value) => Value::Float(*value),
        Node::Text(text) => Value::Text(text.clone()),
        Node::Bytes(bytes) => Value::Bytes(bytes.clone()),
        Node::Tensor(view) => Value::Tensor(view.clone()),
        Node::List(items) => {
            let items: Result<Vec<_>, _> = items.iter().map(|&id| inner(id)).collect();
            Value::List(items?.into())
        }
        Node::Dict(items) => Value::Dict(pairs(items, &mut inner)?),
        Node::Class(class) => bare(class.clone()),
        Node::Storage(storage) => bare(storage.element.to_string().into()),
        Node::Object(object) => Value::Object(Arc::new(Object {
            class: object.class.clone(),
            arguments: inner(object.arguments)?,
            state: object.state.map_or(Ok(Value::None), &mut inner)?,
            items: pairs(&object.items, &mut inner)?,
        })),
    };
    finished[id] = Finished::Value(made.clone());
    Ok(made)
}

type Pairs = Arc<[(Value, Value)]>;

fn pairs(
    ids: &[(Id, Id)],
    inner: &mut impl FnMut(Id) -> Result<Value, PthDefect>,
) -> Result<Pairs, PthDefect> {
    let pairs: Result<Vec<_>, _> =
        ids.iter().map(|&(key, value)| Ok((inner(key)?, inner(value)?))).collect();
    pairs.map(Arc::from)
}

fn bare(class: Arc<str>) -> Value {
    Value::Object(Arc::new(Object {
        class,
        arguments: Value::None,
        state: Value::None,
        items: Arc::new([]),
    }))
}
