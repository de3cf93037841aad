//! The closed vocabulary of CLEVR (Johnson et al. 2016, section 3.1): what an object is like, and
//! how two lie to each other.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A closed set of words: the variants in the order of the original's `metadata.json`, each with
/// its word.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident, $expected:literal: $($(#[$of:meta])* $variant:ident $word:literal),+) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "lowercase")]
        pub enum $name {
            $($(#[$of])* $variant),+
        }

        impl $name {
            /// All of them, in the order of the original's metadata.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Its word.
            pub fn word(self) -> &'static str {
                match self {
                    $(Self::$variant => $word),+
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.word())
            }
        }

        impl FromStr for $name {
            type Err = UnknownWord;

            fn from_str(word: &str) -> Result<Self, UnknownWord> {
                let known = Self::ALL.iter().find(|known| known.word() == word);
                known.copied().ok_or_else(|| UnknownWord::new(word, $expected))
            }
        }
    };
}

words!(
    /// What an object is.
    Shape, "cube, sphere or cylinder":
    /// A cube with rounded edges.
    Cube "cube",
    /// A sphere.
    Sphere "sphere",
    /// A cylinder.
    Cylinder "cylinder"
);
words!(
    /// An object's colour.
    Color, "gray, red, blue, green, brown, purple, cyan or yellow":
    /// Gray.
    Gray "gray",
    /// Red.
    Red "red",
    /// Blue.
    Blue "blue",
    /// Green.
    Green "green",
    /// Brown.
    Brown "brown",
    /// Purple.
    Purple "purple",
    /// Cyan.
    Cyan "cyan",
    /// Yellow.
    Yellow "yellow"
);
words!(
    /// What an object is made of.
    Material, "rubber or metal":
    /// Dull.
    Rubber "rubber",
    /// Shiny.
    Metal "metal"
);
words!(
    /// How large an object is.
    Size, "small or large":
    /// Half a side of 0.35 units.
    Small "small",
    /// Half a side of 0.7 units.
    Large "large"
);
words!(
    /// Where an object lies, seen from another.
    Relation, "left, right, behind or front":
    /// Left of it.
    Left "left",
    /// Right of it.
    Right "right",
    /// Behind it.
    Behind "behind",
    /// In front of it.
    Front "front"
);
words!(
    /// One of the four things that are said of an object.
    Kind, "size, color, material or shape":
    /// Its size.
    Size "size",
    /// Its colour.
    Color "color",
    /// Its material.
    Material "material",
    /// Its shape.
    Shape "shape"
);

/// A word that is none of its set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{found:?}, expected {expected}")]
pub struct UnknownWord {
    found: String,
    expected: &'static str,
}

impl UnknownWord {
    /// Keeps the word's beginning.
    pub(crate) fn new(found: &str, expected: &'static str) -> Self {
        Self { found: found.chars().take(40).collect(), expected }
    }
}

/// A value of one of the four [`Kind`]s.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Attribute {
    /// A size.
    Size(Size),
    /// A colour.
    Color(Color),
    /// A material.
    Material(Material),
    /// A shape.
    Shape(Shape),
}

impl Attribute {
    /// What it is a value of.
    pub fn kind(self) -> Kind {
        match self {
            Self::Size(_) => Kind::Size,
            Self::Color(_) => Kind::Color,
            Self::Material(_) => Kind::Material,
            Self::Shape(_) => Kind::Shape,
        }
    }

    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Size(value) => value.word(),
            Self::Color(value) => value.word(),
            Self::Material(value) => value.word(),
            Self::Shape(value) => value.word(),
        }
    }

    /// All values of a kind.
    pub fn all(kind: Kind) -> Vec<Self> {
        match kind {
            Kind::Size => Size::ALL.iter().copied().map(Self::Size).collect(),
            Kind::Color => Color::ALL.iter().copied().map(Self::Color).collect(),
            Kind::Material => Material::ALL.iter().copied().map(Self::Material).collect(),
            Kind::Shape => Shape::ALL.iter().copied().map(Self::Shape).collect(),
        }
    }

    /// The value of this kind that a word names.
    ///
    /// # Errors
    /// A word that is none of its values.
    pub fn of(kind: Kind, word: &str) -> Result<Self, UnknownWord> {
        Ok(match kind {
            Kind::Size => Self::Size(word.parse()?),
            Kind::Color => Self::Color(word.parse()?),
            Kind::Material => Self::Material(word.parse()?),
            Kind::Shape => Self::Shape(word.parse()?),
        })
    }
}

impl fmt::Display for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// The four things that are said of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Traits {
    /// Its size.
    pub size: Size,
    /// Its colour.
    pub color: Color,
    /// Its material.
    pub material: Material,
    /// Its shape.
    pub shape: Shape,
}

impl Traits {
    /// Its value of a kind.
    pub fn get(&self, kind: Kind) -> Attribute {
        match kind {
            Kind::Size => Attribute::Size(self.size),
            Kind::Color => Attribute::Color(self.color),
            Kind::Material => Attribute::Material(self.material),
            Kind::Shape => Attribute::Shape(self.shape),
        }
    }
}

impl fmt::Display for Traits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {} {}", self.size, self.color, self.material, self.shape)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_of_one_kind_and_others_are_named() {
        for kind in Kind::ALL {
            for value in Attribute::all(*kind) {
                assert_eq!(Attribute::of(*kind, value.word()), Ok(value));
                assert_eq!(value.kind(), *kind);
            }
        }
        let error = Attribute::of(Kind::Size, "huge").err().map(|error| error.to_string());
        assert_eq!(error.as_deref(), Some("\"huge\", expected small or large"));
    }
}
