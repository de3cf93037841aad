//! How sure one is of what an object is like.

use crate::{Attribute, Color, Kind, Material, Shape, Size, Traits};

/// Values of all kinds.
pub(crate) const VALUES: usize = 15;

/// The probability of each value of each kind, for one object.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Beliefs([f32; VALUES]);

impl Beliefs {
    /// Nothing is known of it.
    pub fn none() -> Self {
        Self([0.0; VALUES])
    }

    /// It is like this for sure.
    pub fn certain(traits: &Traits) -> Self {
        let mut beliefs = Self::none();
        Kind::ALL.iter().for_each(|kind| beliefs.set(traits.get(*kind), 1.0));
        beliefs
    }

    /// Sets the probability of a value, 0 to 1.
    pub fn set(&mut self, value: Attribute, probability: f32) {
        self.0[place(value)] = probability;
    }

    /// The probability of a value.
    pub fn of(&self, value: Attribute) -> f32 {
        self.0[place(value)]
    }
}

/// The place of a value among those of all kinds.
pub(crate) fn place(value: Attribute) -> usize {
    let sizes = Size::ALL.len();
    let colors = Color::ALL.len();
    let materials = Material::ALL.len();
    debug_assert!(sizes + colors + materials + Shape::ALL.len() == VALUES);
    match value {
        Attribute::Size(value) => value as usize,
        Attribute::Color(value) => sizes + value as usize,
        Attribute::Material(value) => sizes + colors + value as usize,
        Attribute::Shape(value) => sizes + colors + materials + value as usize,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_value_has_a_place_of_its_own() {
        let mut beliefs = Beliefs::none();
        let values: Vec<_> = Kind::ALL.iter().flat_map(|kind| Attribute::all(*kind)).collect();
        values.iter().enumerate().for_each(|(at, value)| beliefs.set(*value, at as f32));
        assert_eq!(values.len(), VALUES);
        assert!(values.iter().enumerate().all(|(at, value)| beliefs.of(*value) == at as f32));
    }
}
