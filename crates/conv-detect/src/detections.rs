//! What a detector says of many pictures, kept in a file: what other networks learn from or play
//! by.

use crate::{Detector, Error, Result};
use candle_core::{Device, Tensor};
use conv_vision::data::{Skipped, load};
use conv_vision::{Features, FeaturesMadeBy, Limits};
use serde_json::json;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The layer of how sure each instance is, `[N]`.
pub const SCORES: &str = "score";
/// The layer of boxes, `[N, 4]`: left, top, right and bottom in pixels of the picture.
pub const BOXES: &str = "box";
/// The layer of classes, `[N]`: their numbers, from 0.
pub const CLASSES: &str = "class";

/// The N instances of at least score `least` on each of `files`, the surest first; what is no
/// picture is returned. Besides [`SCORES`], [`BOXES`] and [`CLASSES`] each attribute is a layer,
/// `[N, V]`: how probable each of its values is, whose names are in [`FeaturesMadeBy::names`].
/// `weights` is the hash of the detector's file, and a picture is called as its path below `root`.
///
/// # Errors
/// No picture at all; as [`Detector::detect`].
pub fn detections(
    detector: &Detector,
    weights: &str,
    files: &[PathBuf],
    root: &Path,
    least: f32,
    limits: &Limits,
) -> Result<(Features, Vec<Skipped>)> {
    let attributes = &detector.config().attributes;
    let mut tensors = Vec::new();
    let mut skipped = Vec::new();
    for file in files {
        let (mut read, failed) = load(std::slice::from_ref(file), limits);
        skipped.extend(failed);
        let Some((_, picture)) = read.pop() else { continue };
        let image = file.strip_prefix(root).unwrap_or(file).to_string_lossy().into_owned();
        let mut instances = detector.detect(&picture)?;
        instances.retain(|instance| instance.score >= least);
        let mut keep = |layer: &str, values: Vec<f32>, axes: &[usize]| -> Result<()> {
            let tensor = Tensor::from_vec(values, axes, &Device::Cpu)?;
            tensors.push((image.clone(), layer.to_string(), tensor));
            Ok(())
        };
        let count = instances.len();
        keep(SCORES, instances.iter().map(|one| one.score).collect(), &[count])?;
        let corners = instances.iter().flat_map(|one| one.bounding_box.corners());
        keep(BOXES, corners.collect(), &[count, 4])?;
        keep(CLASSES, instances.iter().map(|one| one.class as f32).collect(), &[count])?;
        for (place, attribute) in attributes.iter().enumerate() {
            let values =
                instances.iter().flat_map(|one| one.attributes[place].probabilities.clone());
            keep(&attribute.name, values.collect(), &[count, attribute.values.len()])?;
        }
    }
    if tensors.is_empty() {
        let hint = skipped.first().map_or_else(String::new, |first| format!("; {first}"));
        let place = root.display().to_string();
        return Err(Error::Picture(conv_vision::Error::NoPictures { place, hint }));
    }
    let layers = [SCORES, BOXES, CLASSES].into_iter().map(String::from);
    let mut names: BTreeMap<String, Vec<String>> =
        attributes.iter().map(|one| (one.name.clone(), one.values.clone())).collect();
    names.insert(CLASSES.into(), detector.labels().to_vec());
    let made_by = FeaturesMadeBy {
        network: <crate::Config as conv_hub::ModelConfig>::MODEL_TYPE.into(),
        layers: layers.chain(attributes.iter().map(|one| one.name.clone())).collect(),
        weights: weights.into(),
        preprocessing: json!(detector.config().input),
        names,
    };
    Ok((Features::new(made_by, tensors), skipped))
}
