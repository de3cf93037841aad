//! Which object that was seen is which of the scene, and what is right about it.

use crate::scene::Beliefs;
use crate::see::Sight;
use crate::{Error, Graph, Kind, Relation, Result, Scene};
use serde::Serialize;
use std::collections::BTreeMap;

/// Pixels, of a picture 320 wide, between an object's middle and that of the box by which it was
/// seen, at most: a large object is some 50 wide, and of a half-hidden one the box has the rest.
const FAR: f64 = 20.0;

/// For each object that was seen the object of the scene that it is, if any: the nearest pairs
/// first.
pub fn matched(sight: &Sight, scene: &Scene, scale: f64) -> Vec<Option<usize>> {
    let mut pairs = Vec::new();
    for (at, seen) in sight.objects.iter().enumerate() {
        for (of, object) in scene.objects.iter().enumerate() {
            let ([x, y], [column, row]) = (seen.centre(), object.pixel());
            let distance = (x - column * scale).hypot(y - row * scale);
            if distance <= FAR {
                pairs.push((distance, at, of));
            }
        }
    }
    pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut matched = vec![None; sight.objects.len()];
    let mut taken = vec![false; scene.objects.len()];
    for (_, at, of) in pairs {
        if matched[at].is_none() && !std::mem::replace(&mut taken[of], true) {
            matched[at] = Some(of);
        }
    }
    matched
}

/// The graph that was seen, with what is said of matched objects set right: their traits, and who
/// of them lies where.
pub fn set_right(
    sight: &Sight,
    (scene, truth): (&Scene, &Graph),
    matched: &[Option<usize>],
    [traits, relations]: [bool; 2],
) -> Result<Graph> {
    let of = |at: usize| matched[at];
    let right_traits = |at: usize| match of(at) {
        Some(of) if traits => truth.traits()[of],
        _ => sight.graph.traits()[at],
    };
    let count = sight.graph.len();
    let related = Relation::ALL.iter().map(|&relation| {
        let lies = |from: usize, to: usize| match (of(from), of(to)) {
            (Some(from), Some(to)) if relations => truth.related(relation, from).contains(&to),
            _ => sight.graph.related(relation, from).contains(&to),
        };
        (0..count).map(|from| (0..count).filter(|&to| lies(from, to)).collect()).collect()
    });
    let related: Vec<Vec<Vec<usize>>> = related.collect();
    let related = related.try_into().unwrap_or_default();
    let beliefs = (0..count).map(|at| match of(at) {
        Some(of) if traits => Beliefs::certain(&truth.traits()[of]),
        _ => sight.graph.beliefs()[at],
    });
    Graph::new((0..count).map(right_traits).collect(), related)
        .and_then(|graph| graph.with_beliefs(beliefs.collect()))
        .map_err(|reason| Error::Scene { image: scene.image_filename.clone(), reason })
}

/// Right ones of so many.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Share {
    /// Right ones.
    pub right: usize,
    /// All.
    pub all: usize,
}

impl Share {
    /// Counts one.
    pub fn add(&mut self, is_right: bool) {
        self.right += usize::from(is_right);
        self.all += 1;
    }

    /// From 0 to 1; 0 of none.
    pub fn value(&self) -> f64 {
        self.right as f64 / self.all.max(1) as f64
    }
}

impl Serialize for Share {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.value())
    }
}

/// How well scenes were seen. Shares from 0 to 1 in JSON.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Seeing {
    /// Of the scenes' objects those that were seen.
    pub recall: Share,
    /// Of what was seen those that are objects.
    pub precision: Share,
    /// Of matched objects those of the right size, colour, material and shape.
    pub attributes: BTreeMap<Kind, Share>,
    /// Of ordered pairs of matched objects and the four relations those that are as in the scene.
    pub relations: Share,
    /// Scenes of which nothing is wrong.
    pub scenes: Share,
}

impl Seeing {
    /// Counts a scene.
    pub fn add(&mut self, sight: &Sight, truth: &Graph, matched: &[Option<usize>]) {
        let mut whole = true;
        let mut count = |share: &mut Share, is_right: bool| {
            share.add(is_right);
            whole &= is_right;
        };
        for of in 0..truth.len() {
            count(&mut self.recall, matched.contains(&Some(of)));
        }
        for (at, of) in matched.iter().enumerate() {
            count(&mut self.precision, of.is_some());
            let Some(of) = *of else { continue };
            let seen = sight.graph.traits()[at];
            let is = truth.traits()[of];
            for kind in Kind::ALL {
                let share = self.attributes.entry(*kind).or_default();
                count(share, seen.get(*kind) == is.get(*kind));
            }
            for (other, other_of) in matched.iter().enumerate().filter(|(other, _)| *other != at) {
                let Some(other_of) = other_of else { continue };
                for relation in Relation::ALL {
                    let seen = sight.graph.related(*relation, at).contains(&other);
                    let is = truth.related(*relation, of).contains(other_of);
                    count(&mut self.relations, seen == is);
                }
            }
        }
        self.scenes.add(whole);
    }
}
