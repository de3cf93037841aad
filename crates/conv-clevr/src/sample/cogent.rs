//! The conditions of CLEVR-CoGenT (Johnson et al. 2016, section 4.7): cubes and cylinders share no
//! colour, and swap theirs.

use crate::attribute::UnknownWord;
use crate::{Color, Shape};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Which colours cubes and cylinders have; spheres have all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Cogent {
    /// Cubes are gray, blue, brown or yellow, cylinders red, green, purple or cyan.
    A,
    /// The other way round.
    B,
}

const FIRST: [Color; 4] = [Color::Gray, Color::Blue, Color::Brown, Color::Yellow];
const SECOND: [Color; 4] = [Color::Red, Color::Green, Color::Purple, Color::Cyan];

impl Cogent {
    /// The colours that a shape may have under a condition, or under none.
    pub fn colors(condition: Option<Self>, shape: Shape) -> &'static [Color] {
        match (condition, shape) {
            (None, _) | (_, Shape::Sphere) => Color::ALL,
            (Some(Self::A), Shape::Cube) | (Some(Self::B), Shape::Cylinder) => &FIRST,
            (Some(Self::A), Shape::Cylinder) | (Some(Self::B), Shape::Cube) => &SECOND,
        }
    }
}

impl fmt::Display for Cogent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::A => "a",
            Self::B => "b",
        })
    }
}

impl FromStr for Cogent {
    type Err = UnknownWord;

    fn from_str(word: &str) -> Result<Self, UnknownWord> {
        match word {
            "a" => Ok(Self::A),
            "b" => Ok(Self::B),
            _ => Err(UnknownWord::new(word, "a or b")),
        }
    }
}
