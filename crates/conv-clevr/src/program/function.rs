//! CLEVR's functions (Johnson et al. 2016, section 3.2 and supplement A): what each takes and
//! gives.

use crate::attribute::UnknownWord;
use crate::{Attribute, Kind, Relation};
use std::fmt;
use std::str::FromStr;
use std::sync::LazyLock;

/// Every function, where names are looked up.
static KNOWN: LazyLock<Vec<Function>> = LazyLock::new(Function::all);

/// A step's function, with the value that is part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Function {
    /// All objects.
    Scene,
    /// Those of the objects that are so.
    Filter(Attribute),
    /// The object, of a set that must have exactly one.
    Unique,
    /// The objects that lie so, seen from an object.
    Relate(Relation),
    /// The other objects of the same size, colour, material or shape as an object.
    Same(Kind),
    /// The objects of both sets.
    Intersect,
    /// The objects of either set.
    Union,
    /// How many objects there are.
    Count,
    /// Whether there is an object.
    Exist,
    /// What an object is like.
    Query(Kind),
    /// Whether two values of a kind are the same.
    Equal(Kind),
    /// Whether two counts are the same.
    EqualInteger,
    /// Whether two objects are the same one.
    EqualObject,
    /// Whether the first count is less than the second.
    LessThan,
    /// Whether the first count is more than the second.
    GreaterThan,
}

/// What a step gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// A set of objects.
    Objects,
    /// One object.
    Object,
    /// A count.
    Integer,
    /// A value of a kind.
    Value(Kind),
    /// Yes or no.
    Bool,
}

impl Type {
    /// Whether a question can be answered with it.
    pub fn is_answer(self) -> bool {
        !matches!(self, Self::Objects | Self::Object)
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Objects => f.write_str("a set of objects"),
            Self::Object => f.write_str("an object"),
            Self::Integer => f.write_str("a count"),
            Self::Value(kind) => write!(f, "a {kind}"),
            Self::Bool => f.write_str("yes or no"),
        }
    }
}

impl Function {
    /// Every function with every value, in a fixed order.
    pub fn all() -> Vec<Self> {
        let kinds = || Kind::ALL.iter().copied();
        let mut all = vec![Self::Scene];
        all.extend(kinds().flat_map(Attribute::all).map(Self::Filter));
        all.push(Self::Unique);
        all.extend(Relation::ALL.iter().copied().map(Self::Relate));
        all.extend(kinds().map(Self::Same));
        all.extend([Self::Intersect, Self::Union, Self::Count, Self::Exist]);
        all.extend(kinds().map(Self::Query));
        all.extend(kinds().map(Self::Equal));
        all.extend([Self::EqualInteger, Self::EqualObject, Self::LessThan, Self::GreaterThan]);
        all
    }

    /// Its name in files, without its value.
    pub fn name(self) -> &'static str {
        let of = |kind: Kind, names: [&'static str; 4]| names[kind as usize];
        match self {
            Self::Scene => "scene",
            Self::Filter(value) => {
                of(value.kind(), ["filter_size", "filter_color", "filter_material", "filter_shape"])
            }
            Self::Unique => "unique",
            Self::Relate(_) => "relate",
            Self::Same(kind) => {
                of(kind, ["same_size", "same_color", "same_material", "same_shape"])
            }
            Self::Intersect => "intersect",
            Self::Union => "union",
            Self::Count => "count",
            Self::Exist => "exist",
            Self::Query(kind) => {
                of(kind, ["query_size", "query_color", "query_material", "query_shape"])
            }
            Self::Equal(kind) => {
                of(kind, ["equal_size", "equal_color", "equal_material", "equal_shape"])
            }
            Self::EqualInteger => "equal_integer",
            Self::EqualObject => "equal_object",
            Self::LessThan => "less_than",
            Self::GreaterThan => "greater_than",
        }
    }

    /// Its value, where it has one.
    pub fn value(self) -> Option<&'static str> {
        match self {
            Self::Filter(value) => Some(value.word()),
            Self::Relate(relation) => Some(relation.word()),
            _ => None,
        }
    }

    /// The function of a file's name and values.
    ///
    /// # Errors
    /// In words: an unknown name, a value of no such kind, or more or fewer values than the
    /// function has.
    pub fn new(name: &str, values: &[impl AsRef<str>]) -> Result<Self, String> {
        let known = KNOWN.iter().copied().find(|function| function.name() == name);
        let known = known.ok_or_else(|| "is no function of CLEVR's".to_string())?;
        let takes = usize::from(known.value().is_some());
        if values.len() != takes {
            let found = values.len();
            return Err(format!("has {found} value inputs, expected {takes}"));
        }
        let value = |error: UnknownWord| format!("has the value {error}");
        Ok(match (known, values) {
            (Self::Filter(any), [word]) => {
                Self::Filter(Attribute::of(any.kind(), word.as_ref()).map_err(value)?)
            }
            (Self::Relate(_), [word]) => Self::Relate(word.as_ref().parse().map_err(value)?),
            _ => known,
        })
    }

    /// What it takes.
    pub fn inputs(self) -> &'static [Type] {
        use Type::{Integer, Object, Objects, Value};
        const VALUES: [[Type; 2]; 4] = [
            [Value(Kind::Size); 2],
            [Value(Kind::Color); 2],
            [Value(Kind::Material); 2],
            [Value(Kind::Shape); 2],
        ];
        match self {
            Self::Scene => &[],
            Self::Filter(_) | Self::Unique | Self::Count | Self::Exist => &[Objects],
            Self::Relate(_) | Self::Same(_) | Self::Query(_) => &[Object],
            Self::Intersect | Self::Union => &[Objects, Objects],
            Self::Equal(kind) => &VALUES[kind as usize],
            Self::EqualInteger | Self::LessThan | Self::GreaterThan => &[Integer, Integer],
            Self::EqualObject => &[Object, Object],
        }
    }

    /// What it gives.
    pub fn output(self) -> Type {
        match self {
            Self::Scene | Self::Filter(_) | Self::Relate(_) | Self::Same(_) => Type::Objects,
            Self::Intersect | Self::Union => Type::Objects,
            Self::Unique => Type::Object,
            Self::Count => Type::Integer,
            Self::Query(kind) => Type::Value(kind),
            Self::Exist
            | Self::Equal(_)
            | Self::EqualInteger
            | Self::EqualObject
            | Self::LessThan
            | Self::GreaterThan => Type::Bool,
        }
    }
}

/// `filter_color[red]`: the token by which the parser writes it.
impl fmt::Display for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.value() {
            Some(value) => write!(f, "{}[{value}]", self.name()),
            None => f.write_str(self.name()),
        }
    }
}

impl FromStr for Function {
    type Err = String;

    fn from_str(token: &str) -> Result<Self, String> {
        match token.strip_suffix(']').and_then(|token| token.split_once('[')) {
            Some((name, value)) => Self::new(name, &[value]),
            None => Self::new(token, &[] as &[&str]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_token_is_read_as_it_is_written() {
        let all = Function::all();
        assert_eq!(all.len(), 1 + 15 + 1 + 4 + 4 + 4 + 4 + 4 + 4);
        for function in all {
            assert_eq!(function.to_string().parse(), Ok(function));
        }
        for (token, reason) in [
            ("filter_colour[red]", "is no function"),
            ("filter_color[pink]", "has the value \"pink\", expected gray"),
            ("filter_color", "has 0 value inputs, expected 1"),
            ("unique[red]", "has 1 value inputs, expected 0"),
            ("relate[above]", "has the value \"above\", expected left"),
        ] {
            let error = token.parse::<Function>().err().unwrap_or_default();
            assert!(error.starts_with(reason), "{token}: {error}");
        }
    }
}
