//! Where alignments have put the classes of their texts.

/// Where an alignment has put a class.
#[derive(Debug, Clone, Copy)]
struct Stamp {
    /// The class before.
    before: usize,
    step: usize,
    probability: f32,
}

/// The places of the classes of many alignments that share their beginnings, each known by its last
/// class's number.
#[derive(Debug)]
pub(crate) struct Stamps(Vec<Stamp>);

impl Stamps {
    /// Before any class.
    pub const START: usize = 0;

    pub fn new() -> Self {
        Self(vec![Stamp { before: Self::START, step: 0, probability: 0.0 }])
    }

    /// A class behind the one `before`.
    pub fn add(&mut self, before: usize, step: usize, probability: f32) -> usize {
        self.0.push(Stamp { before, step, probability });
        self.0.len() - 1
    }

    /// Of a class the one before, its step and its probability there.
    pub fn at(&self, stamp: usize) -> (usize, usize, f32) {
        let Stamp { before, step, probability } = self.0[stamp];
        (before, step, probability)
    }
}
