//! The objects, their attributes and the tasks.

use crate::data::json;
use crate::{Error, Result};
use conv_nn::rng::seeded;
use rand::seq::SliceRandom;
use serde::Deserialize;
use std::path::Path;

/// What an object has, in the order of [`VALUES`].
pub const ATTRIBUTES: [&str; 3] = ["color", "shape", "style"];
/// The values of each attribute.
pub const VALUES: [[&str; 4]; 3] = [
    ["blue", "green", "purple", "red"],
    ["circle", "square", "star", "triangle"],
    ["dashed", "dotted", "filled", "solid"],
];
/// The ordered pairs of attributes that Q-Bot may have to name.
pub const TASKS: [[usize; 2]; 6] = [[0, 1], [1, 0], [0, 2], [2, 0], [1, 2], [2, 1]];
/// How many objects there are: number o has value `o >> 2k & 3` of attribute k.
pub const OBJECTS: usize = 64;

/// Objects that a drawn split keeps away.
const UNSEEN: usize = 13;

/// Which objects the agents see in training.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct World {
    /// Objects of training.
    pub seen: Vec<usize>,
    /// The others.
    pub unseen: Vec<usize>,
}

#[derive(Deserialize)]
struct File {
    attributes: Vec<String>,
    split: Split,
}

#[derive(Deserialize)]
struct Split {
    train: Vec<[String; 3]>,
    test: Vec<[String; 3]>,
}

impl World {
    /// All objects are seen.
    pub fn all() -> Self {
        Self { seen: (0..OBJECTS).collect(), unseen: Vec::new() }
    }

    /// A split drawn from the seed: 13 objects are kept away, as in the file of Kottur et al.
    /// (2017), and each value of an attribute is seen in some other object.
    pub fn drawn(seed: u64) -> Self {
        let mut rng = seeded(seed, "unseen objects");
        loop {
            let mut objects: Vec<usize> = (0..OBJECTS).collect();
            objects.shuffle(&mut rng);
            let mut unseen = objects.split_off(OBJECTS - UNSEEN);
            let is_seen =
                |attribute, wanted| objects.iter().any(|&o| value(o, attribute) == wanted);
            if (0..12).all(|number| is_seen(number / 4, number % 4)) {
                objects.sort_unstable();
                unseen.sort_unstable();
                return Self { seen: objects, unseen };
            }
        }
    }

    /// The split of a file of Kottur et al. (2017): `attributes` (`colors`, `shapes`, `styles` in
    /// any order), and `split.train` and `split.test`, lists of each object's values in that order.
    ///
    /// # Errors
    /// No JSON of this kind; an attribute or value that is not of this world; an object twice or in
    /// neither part; nothing seen.
    pub fn read(path: &Path) -> Result<Self> {
        let File { attributes, split } = json(path)?;
        let refuse = |reason: String| Error::Json { path: path.into(), reason };
        let order = ATTRIBUTES
            .map(|name| attributes.iter().position(|found| found.trim_end_matches('s') == name));
        let [Some(color), Some(shape), Some(style)] = order else {
            return Err(refuse(format!(
                "field `attributes` is {attributes:?}, expected colors, shapes and styles"
            )));
        };
        let mut is_there = [false; OBJECTS];
        let mut part = |objects: &[[String; 3]], name: &str| {
            let mut numbers = Vec::new();
            for object in objects {
                let mut number = 0;
                for (attribute, place) in [color, shape, style].into_iter().enumerate() {
                    // `attributes` may be longer than an object.
                    let value = object.get(place).map_or("", String::as_str);
                    let known = VALUES[attribute].iter().position(|known| *known == value);
                    let known = known.ok_or_else(|| {
                        let kind = ATTRIBUTES[attribute];
                        let known = VALUES[attribute].join(", ");
                        refuse(format!(
                            "field `split.{name}`: {kind} {value:?}, expected one of {known}"
                        ))
                    })?;
                    number |= known << (2 * attribute);
                }
                if std::mem::replace(&mut is_there[number], true) {
                    return Err(refuse(format!(
                        "field `split.{name}`: {object:?} again, expected each object once"
                    )));
                }
                numbers.push(number);
            }
            Ok(numbers)
        };
        let seen = part(&split.train, "train")?;
        let unseen = part(&split.test, "test")?;
        if seen.is_empty() || seen.len() + unseen.len() != OBJECTS {
            let train = seen.len();
            let test = unseen.len();
            return Err(refuse(format!(
                "field `split`: {train} objects to train and {test} to test, expected {OBJECTS} in all and some to train"
            )));
        }
        Ok(Self { seen, unseen })
    }
}

/// The value of an object's attribute, 0 to 3.
pub(crate) fn value(object: usize, attribute: usize) -> usize {
    (object >> (2 * attribute)) & 3
}

/// What Q-Bot has to name: one of 16 pairs of values.
pub(crate) fn target(object: usize, task: usize) -> usize {
    let [first, second] = TASKS[task];
    4 * value(object, first) + value(object, second)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_split_is_read_whatever_the_order_and_wrong_ones_are_named() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("split.json");
        let object = |number: usize| [2, 0, 1].map(|a| VALUES[a][value(number, a)]);
        let write = |train: Vec<usize>, test: Vec<usize>| {
            let split = [("train", train), ("test", test)].map(|(name, part)| {
                (name.to_string(), part.into_iter().map(object).collect::<Vec<_>>())
            });
            let split: std::collections::HashMap<_, _> = split.into();
            let file =
                serde_json::json!({ "attributes": ["styles", "colors", "shapes"], "split": split });
            std::fs::write(&path, file.to_string()).unwrap();
            World::read(&path)
        };
        let (train, test): (Vec<usize>, Vec<usize>) = (0..64).partition(|number| number % 5 > 0);
        assert_eq!(
            write(train.clone(), test.clone()).unwrap(),
            World { seen: train.clone(), unseen: test.clone() }
        );
        let text = write(train.clone(), train.clone()).unwrap_err().to_string();
        assert!(text.contains("expected each object once"), "{text}");
        let text = write(train, vec![]).unwrap_err().to_string();
        assert!(text.contains("51 objects to train and 0 to test, expected 64 in all"), "{text}");
    }
}
