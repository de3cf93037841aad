//! conv-detect's network as what sees.

use super::{See, Seen};
use crate::scene::Beliefs;
use crate::{Attribute, Error, Kind, Result, Traits};
use candle_core::Device;
use conv_detect::Instance;
use conv_vision::Picture;
use std::path::Path;

/// The score that an instance has at least to be taken for an object. On held-out rendered scenes
/// what lies between 0.3 and 0.8 is rare.
const LEAST: f32 = 0.5;

/// A detector whose heads name size, colour, material and shape of an object.
#[derive(Debug)]
pub struct Detector {
    detector: conv_detect::Detector,
}

impl Detector {
    /// Opens a model folder of conv-detect's.
    ///
    /// # Errors
    /// A missing or damaged file, or a detector of other things.
    pub fn open(folder: &Path, device: &Device) -> Result<Self> {
        let detector = conv_detect::Detector::open(folder, device)?;
        for kind in crate::Kind::ALL {
            let attributes = &detector.config().attributes;
            let attribute = attributes.iter().find(|attribute| attribute.name == kind.word());
            let attribute = attribute.ok_or_else(|| Error::NotADetector {
                folder: folder.into(),
                reason: format!("has no head for {kind}"),
            })?;
            for word in &attribute.values {
                crate::Attribute::of(*kind, word).map_err(|error| Error::NotADetector {
                    folder: folder.into(),
                    reason: format!("knows the {kind} {error}"),
                })?;
            }
        }
        Ok(Self { detector })
    }
}

impl See for Detector {
    fn see(&self, picture: &Picture) -> Result<Vec<Seen>> {
        let instances = self.detector.detect(picture)?;
        let sure = instances.iter().filter(|instance| instance.score >= LEAST);
        sure.map(|instance| seen(&self.detector, instance)).collect()
    }
}

/// What is said of an instance.
fn seen(detector: &conv_detect::Detector, instance: &Instance) -> Result<Seen> {
    let word =
        |kind: &'static str| instance.attribute(kind).map_or("", |answer| answer.value.as_str());
    let wrong = |error: crate::UnknownWord| Error::Scene {
        image: "what was seen".into(),
        reason: error.to_string(),
    };
    let traits = Traits {
        size: word("size").parse().map_err(wrong)?,
        color: word("color").parse().map_err(wrong)?,
        material: word("material").parse().map_err(wrong)?,
        shape: word("shape").parse().map_err(wrong)?,
    };
    let mut beliefs = Beliefs::none();
    for (kind, answer) in
        Kind::ALL.iter().filter_map(|kind| Some((*kind, instance.attribute(kind.word())?)))
    {
        let values =
            detector.config().attributes.iter().find(|attribute| attribute.name == kind.word());
        let values = values.map_or(&[][..], |attribute| &attribute.values);
        for (value, probability) in values.iter().zip(&answer.probabilities) {
            beliefs.set(Attribute::of(kind, value).map_err(wrong)?, *probability);
        }
    }
    // Its own measures of where the object stands are less exact than what its box says: see
    // docs/clevr.md.
    Ok(Seen {
        traits,
        bounds: instance.bounding_box.corners().map(f64::from),
        score: f64::from(instance.score),
        beliefs,
    })
}
