//! Finding the model's tensors among all that a checkpoint holds.

use std::sync::Arc;

use super::tensor::View;
use super::{PthDefect, Value};

/// Where training scripts keep the model's state beside the optimiser's.
const USUAL_KEYS: [&str; 3] = ["state_dict", "model_state_dict", "model"];

/// More values than any model's state has.
const MOST_VALUES: usize = 4_000_000;
/// More bytes than all names of a model take.
const MOST_NAME_BYTES: usize = 64 << 20;

/// The model's state: what is under a usual key, or else the whole. An object there is the state
/// too, be it only to be refused: the other tensors of the file are not the model's.
pub(super) fn model_state(root: &Value) -> &Value {
    let state = |value: &&Value| matches!(value, Value::Dict(_) | Value::Object(_));
    let under = |key: &&str| root.get(key).filter(state);
    USUAL_KEYS.iter().find_map(under).unwrap_or(root)
}

/// What is under the keys, one after the other.
pub(super) fn at<'v>(root: &'v Value, keys: &[&str]) -> Result<&'v Value, PthDefect> {
    keys.iter().try_fold(root, |value, key| {
        value
            .get(key)
            .ok_or_else(|| PthDefect::Key { key: key.to_string(), present: present(value) })
    })
}

/// All tensors of `state` by their joined names, each name once.
pub(super) fn views(state: &Value) -> Result<Vec<(String, Arc<View>)>, PthDefect> {
    if let Value::Tensor(view) = state {
        return Ok(vec![("tensor".to_string(), view.clone())]);
    }
    let mut walk = Walk { views: Vec::new(), values: 0, name_bytes: 0 };
    walk.visit(state, "")?;
    let mut views = walk.views;
    if views.is_empty() {
        return Err(PthDefect::NoTensors { found: present(state) });
    }
    views.sort_by(|(one, _), (other, _)| one.cmp(other));
    match views.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        None => Ok(views),
        Some(pair) => Err(PthDefect::DuplicateName { tensor: pair[0].0.clone() }),
    }
}

struct Walk {
    views: Vec<(String, Arc<View>)>,
    values: usize,
    name_bytes: usize,
}

impl Walk {
    /// Recursion is bounded by the depth of values; the counters bound what shared values could
    /// unfold into.
    fn visit(&mut self, value: &Value, name: &str) -> Result<(), PthDefect> {
        match value {
            Value::Tensor(view) => self.views.push((name.to_string(), view.clone())),
            Value::Dict(items) => self.entries(items, name)?,
            // A subclass of a dictionary or a list has its items; of all other objects none is
            // known to be a tensor's name, and what they hold must not vanish from the state
            // without a word.
            Value::Object(object) => {
                self.entries(&object.items, name)?;
                let before = self.views.len();
                for attributes in [&object.state, &object.arguments] {
                    self.below(attributes, name, "")?;
                }
                if self.views.len() > before {
                    let name = name.to_string();
                    let class = object.class.to_string();
                    return Err(PthDefect::Object { name, class });
                }
            }
            Value::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.below(item, name, &index.to_string())?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn entries(&mut self, items: &[(Value, Value)], name: &str) -> Result<(), PthDefect> {
        for (key, item) in items {
            match key {
                Value::Text(key) => self.below(item, name, key)?,
                Value::Int(key) => self.below(item, name, &key.to_string())?,
                _ => {}
            }
        }
        Ok(())
    }

    fn below(&mut self, item: &Value, name: &str, key: &str) -> Result<(), PthDefect> {
        self.values += 1;
        if self.values > MOST_VALUES {
            return Err(PthDefect::Limit {
                what: "values in the model's state",
                limit: MOST_VALUES,
            });
        }
        let may_hold = |value: &Value| {
            matches!(value, Value::Tensor(_) | Value::Dict(_) | Value::List(_) | Value::Object(_))
        };
        if !may_hold(item) {
            return Ok(());
        }
        self.name_bytes += name.len() + key.len() + 1;
        if self.name_bytes > MOST_NAME_BYTES {
            return Err(PthDefect::Limit { what: "bytes of tensor names", limit: MOST_NAME_BYTES });
        }
        let joined = if name.is_empty() { key.to_string() } else { format!("{name}.{key}") };
        self.visit(item, &joined)
    }
}

/// What there is, for an error's text.
fn present(value: &Value) -> String {
    match value {
        Value::Dict(items) => {
            let names: Vec<&str> =
                items.iter().filter_map(|(key, _)| key.as_str()).take(12).collect();
            format!("{} keys, among them {names:.60?}", items.len())
        }
        Value::Object(object) => {
            format!("an object of the class `{}`; save its state_dict() instead", object.class)
        }
        Value::List(items) => format!("a list of {}", items.len()),
        Value::Tensor(_) => "a tensor".to_string(),
        _ => "a single value".to_string(),
    }
}
