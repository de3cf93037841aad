//! The scenes that are guessed among, what the agents see of them, and how they are ranked.

use super::agents::Scale;
use super::game::Nearest;
use super::scene::{FEATURES, Scene};
use crate::{Error, Result};
use candle_core::{Device, Tensor};

/// Scenes of the pool that a round shows.
const SHOWN: usize = 4;

/// Scenes, and of each the features that A-Bot answers by and that Q-Bot's picture is compared
/// with: how many objects there are, of each value, and of each pair of values.
#[derive(Debug, Clone)]
pub struct ScenePool {
    scenes: Vec<Scene>,
    /// `[N][F]`.
    features: Vec<Vec<f32>>,
}

impl ScenePool {
    /// Scenes whose features are counted in their graphs.
    pub fn new(scenes: Vec<Scene>) -> Self {
        let features = scenes.iter().map(Scene::features).collect();
        Self { scenes, features }
    }

    /// Scenes with other features than their graphs', of each as many.
    pub(super) fn with_features(scenes: Vec<Scene>, features: Vec<Vec<f32>>) -> Self {
        debug_assert_eq!(scenes.len(), features.len());
        Self { scenes, features }
    }

    /// The scenes.
    pub fn scenes(&self) -> &[Scene] {
        &self.scenes
    }

    /// The scene at a place.
    pub(crate) fn scene(&self, place: usize) -> Result<&Scene> {
        self.scenes.get(place).ok_or_else(|| Error::Empty {
            place: "the pool".into(),
            found: format!("scene {place} of {}", self.scenes.len()),
            expected: "a scene of the pool",
        })
    }

    /// Features of the scenes at `places` as they are, `[N, F]`.
    pub(super) fn features_of(&self, places: &[usize], device: &Device) -> Result<Tensor> {
        let values: Vec<f32> =
            places.iter().flat_map(|&place| &self.features[place]).copied().collect();
        Ok(Tensor::from_vec(values, (places.len(), FEATURES), device)?)
    }

    /// The features put in order, to rank by.
    pub(super) fn ranked(&self, scale: &Scale, device: &Device) -> Result<Ranked> {
        let all: Vec<usize> = (0..self.scenes.len()).collect();
        Ok(Ranked(scale.ordered(&self.features_of(&all, device)?)?.to_vec2::<f32>()?))
    }

    /// The nearest scenes, of whose distances these are.
    pub(super) fn nearest(&self, distances: &[f32], target: usize) -> Vec<Nearest> {
        let mut order: Vec<usize> = (0..self.scenes.len()).collect();
        order.sort_by(|&a, &b| distances[a].total_cmp(&distances[b]));
        let nearest = order.into_iter().take(SHOWN).map(|place| Nearest {
            place,
            scene: self.scenes[place].name.clone(),
            objects: self.scenes[place].objects.clone(),
            is_right: place == target,
        });
        nearest.collect()
    }
}

/// The features of a pool's scenes, put in order.
pub(super) struct Ranked(Vec<Vec<f32>>);

impl Ranked {
    /// Of each scene, how far it is from an imagined one.
    pub fn distances(&self, imagined: &[f32]) -> Vec<f32> {
        let distance = |features: &Vec<f32>| -> f32 {
            features.iter().zip(imagined).map(|(a, b)| (a - b) * (a - b)).sum()
        };
        self.0.iter().map(distance).collect()
    }
}

/// The share of the other scenes that are farther than the right one, in percent.
pub(super) fn percentile(distances: &[f32], target: usize) -> f64 {
    let own = distances[target];
    let farther = distances.iter().filter(|&&other| other > own).count() as f64;
    // Scenes as far as the right one, itself left out: it comes in the middle of them.
    let equal = distances.iter().filter(|&&other| other == own).count() as f64 - 1.0;
    100.0 * (farther + equal / 2.0) / (distances.len().max(2) - 1) as f64
}
