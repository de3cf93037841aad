//! Finding a field among the arguments of a checkpoint, in whichever of fairseq's forms they were
//! saved.

use std::path::Path;

use conv_hub::pth::Value;

use crate::{Error, Result};

/// The places where a field may stand, the first of which that has it counts.
pub(super) struct Fields<'v> {
    places: Vec<&'v Value>,
    file: &'v Path,
}

impl<'v> Fields<'v> {
    /// Those of a checkpoint's root: `args` of fairseq before 0.10, a namespace of all; `cfg` since
    /// then, a dictionary or one of omegaconf's, whose parts are dictionaries or namespaces again.
    pub(super) fn of(root: &'v Value, file: &'v Path) -> Result<Self> {
        let places = if let Some(args) = get(root, "args") {
            vec![args]
        } else if let Some(cfg) = get(root, "cfg") {
            ["model", "task"].iter().filter_map(|part| get(cfg, part)).collect()
        } else {
            return Err(Error::NotFairseq { file: file.display().to_string() });
        };
        Ok(Self { places, file })
    }

    fn find(&self, field: &str) -> Option<&'v Value> {
        self.places.iter().find_map(|place| get(place, field))
    }

    /// The field's value, as `read` takes it.
    fn read<T>(
        &self,
        field: &'static str,
        expected: &'static str,
        read: impl Fn(&'v Value) -> Option<T>,
    ) -> Result<Option<T>> {
        let Some(value) = self.find(field) else {
            return Ok(None);
        };
        let refuse = || self.refuse(field, described(value), expected);
        read(value).map(Some).ok_or_else(refuse)
    }

    pub(super) fn refuse(
        &self,
        field: &'static str,
        found: String,
        expected: &'static str,
    ) -> Error {
        Error::FairseqArgument { file: self.file.display().to_string(), field, found, expected }
    }

    /// The error for a field without which there is no model.
    pub(super) fn missing(&self, field: &'static str) -> impl FnOnce() -> Error {
        move || self.refuse(field, "missing".into(), "a value")
    }

    pub(super) fn text(&self, field: &'static str) -> Result<Option<String>> {
        self.read(field, "text", |value| value.as_str().map(String::from))
    }

    pub(super) fn size(&self, field: &'static str) -> Result<Option<usize>> {
        let size = |value: &Value| usize::try_from(value.as_i64()?).ok().filter(|&size| size > 0);
        self.read(field, "an integer above 0", size)
    }

    pub(super) fn probability(&self, field: &'static str) -> Result<Option<f64>> {
        let probability = |value: &Value| value.as_f64().filter(|value| (0.0..1.0).contains(value));
        self.read(field, "a number from 0 to below 1", probability)
    }

    /// A truth value, which fairseq once saved as text.
    pub(super) fn truth(&self, field: &'static str) -> Result<Option<bool>> {
        self.read(field, "True or False", |value| match value.as_str() {
            Some("True") => Some(true),
            Some("False") => Some(false),
            _ => value.as_bool(),
        })
    }
}

/// What is under `key`, unless it is Python's `None`.
pub(super) fn get<'v>(value: &'v Value, key: &str) -> Option<&'v Value> {
    plain(value).get(key).map(plain).filter(|value| !matches!(value, Value::None))
}

/// What omegaconf's containers (`_content`) and leaves (`_val`) hold; everything else as it is.
fn plain(value: &Value) -> &Value {
    match value {
        Value::Object(object) if object.class.starts_with("omegaconf.") => {
            ["_content", "_val"].iter().find_map(|inner| object.state.get(inner)).unwrap_or(value)
        }
        _ => value,
    }
}

/// A value for an error's text.
fn described(value: &Value) -> String {
    match value {
        Value::Bool(true) => "True".into(),
        Value::Bool(false) => "False".into(),
        Value::Int(value) => value.to_string(),
        Value::Float(value) => value.to_string(),
        Value::Text(text) => format!("{:?}", text.chars().take(60).collect::<String>()),
        Value::List(items) => format!("a list of {}", items.len()),
        Value::Dict(_) => "a dictionary".into(),
        Value::Object(object) => format!("an object of the class {}", object.class),
        Value::None => "None".into(),
        Value::Bytes(_) => "bytes".into(),
        Value::Tensor(_) => "a tensor".into(),
    }
}
