//! The few constructors that mean something here; all others only leave their name and arguments.

use std::sync::Arc;

use super::PthDefect;
use super::node::{Id, Node, Nodes, ObjectNode};
use super::tensor::{ElementType, Storage, View};

/// PyTorch's own limit.
const MOST_DIMENSIONS: usize = 64;

/// What calling `class` with `arguments` leaves.
pub(super) fn construct(
    nodes: &mut Nodes,
    class: Arc<str>,
    arguments: Id,
    offset: usize,
) -> Result<Node, PthDefect> {
    let list: &[Id] = match &nodes[arguments] {
        Node::List(list) => list,
        _ => &[],
    };
    let damaged =
        || PthDefect::Pickle { reason: format!("arguments that `{class}` does not take"), offset };
    match &*class {
        "torch._utils._rebuild_tensor" | "torch._utils._rebuild_tensor_v2" => {
            view(nodes, list).map(|view| Node::Tensor(Arc::new(view))).ok_or_else(damaged)
        }
        "torch._utils._rebuild_parameter" | "torch._utils._rebuild_parameter_with_state" => {
            match list.first().map(|&data| &nodes[data]) {
                Some(Node::Tensor(view)) => Ok(Node::Tensor(view.clone())),
                _ => Err(damaged()),
            }
        }
        // A kind of tensor that is not known must not vanish from the state without a word.
        name if name.starts_with("torch._utils._rebuild_")
            || name.starts_with("torch._tensor._rebuild_") =>
        {
            Err(PthDefect::Constructor { constructor: name.to_string() })
        }
        "collections.OrderedDict" => {
            let pairs = pairs(nodes, list).ok_or_else(damaged)?;
            nodes.copied(2 * pairs.len())?;
            Ok(Node::Dict(pairs))
        }
        "collections.defaultdict" => Ok(Node::Dict(Vec::new())),
        _ => Ok(object(class, arguments)),
    }
}

/// An instance of a class that means nothing here.
pub(super) fn object(class: Arc<str>, arguments: Id) -> Node {
    Node::Object(Box::new(ObjectNode { class, arguments, state: None, items: Vec::new() }))
}

/// What a persistent id stands for: a storage as `("storage", type, key, location, elements)`, in
/// the older form with a sixth part, `None` but for a part of another storage; there also a
/// module's class, `("module", class, file, source)`.
pub(super) fn persistent(nodes: &Nodes, id: Id) -> Result<Node, &'static str> {
    const EXPECTED: &str = "a storage expected";
    let Node::List(parts) = &nodes[id] else {
        return Err(EXPECTED);
    };
    if let &[kind, class, _file, _source] = &parts[..]
        && let (Node::Text(kind), Node::Class(class)) = (&nodes[kind], &nodes[class])
        && &**kind == "module"
    {
        return Ok(Node::Class(class.clone()));
    }
    if parts.get(5).is_some_and(|&part| !matches!(nodes[part], Node::None)) {
        return Err("a storage that is part of another, which is not supported");
    }
    let Some(&[kind, class, key, _location, elements]) = parts.get(..5) else {
        return Err(EXPECTED);
    };
    match (&nodes[kind], &nodes[class], &nodes[key], &nodes[elements]) {
        (Node::Text(kind), Node::Class(class), Node::Text(key), Node::Int(elements))
            if &**kind == "storage" =>
        {
            Ok(Node::Storage(Arc::new(Storage {
                key: key.clone(),
                element: ElementType::of_storage(class),
                elements: usize::try_from(*elements).map_err(|_| EXPECTED)?,
            })))
        }
        _ => Err(EXPECTED),
    }
}

/// `(storage, offset, size, stride, …)`.
fn view(nodes: &Nodes, arguments: &[Id]) -> Option<View> {
    let &[storage, offset, shape, stride] = arguments.get(..4)? else {
        return None;
    };
    let Node::Storage(storage) = &nodes[storage] else {
        return None;
    };
    let size = |id: Id| match nodes[id] {
        Node::Int(size) => usize::try_from(size).ok(),
        _ => None,
    };
    let sizes = |id: Id| match &nodes[id] {
        Node::List(ids) if ids.len() <= MOST_DIMENSIONS => {
            ids.iter().map(|&id| size(id)).collect::<Option<Vec<usize>>>()
        }
        _ => None,
    };
    let view = View {
        storage: storage.clone(),
        offset: size(offset)?,
        shape: sizes(shape)?,
        stride: sizes(stride)?,
    };
    (view.shape.len() == view.stride.len()).then_some(view)
}

/// The items of an ordered dictionary, given as nothing or as one list of pairs.
fn pairs(nodes: &Nodes, arguments: &[Id]) -> Option<Vec<(Id, Id)>> {
    let Some(&list) = arguments.first() else {
        return Some(Vec::new());
    };
    let Node::List(list) = &nodes[list] else {
        return None;
    };
    let pair = |id: Id| match &nodes[id] {
        Node::List(pair) if pair.len() == 2 => Some((pair[0], pair[1])),
        _ => None,
    };
    list.iter().map(|&id| pair(id)).collect()
}
