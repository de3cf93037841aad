//! A detector: pictures to instances.

use crate::input::batch;
use crate::matching::{Match, Matcher};
use crate::model::{Found, MaskRcnn};
use crate::paste::paste;
use crate::{BoundingBox, Config, Error, Pretrained, Result, RunLength};
use candle_core::Device;
use conv_vision::Picture;
use serde::Serialize;
use std::path::Path;

/// The probability above which a pixel is an instance's.
const MASK_THRESHOLD: f32 = 0.5;

/// One thing on a picture: where it is, what it is, which pixels are its own.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Instance {
    /// Its box, in pixels of the picture.
    #[serde(rename = "box")]
    pub bounding_box: BoundingBox,
    /// How sure the network is, 0 to 1.
    pub score: f32,
    /// The number of its class, from 0.
    pub class: usize,
    /// The name of its class.
    pub label: String,
    /// Its pixels, in a picture as large as the one that was given.
    pub mask: RunLength,
    /// What it is like, in the order of [`Config::attributes`].
    pub attributes: Vec<Answer>,
    /// Numbers that are estimated of it, in the order of [`Config::measures`].
    pub measures: Vec<Measured>,
}

/// An attribute's value.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Answer {
    /// The attribute, such as `color`.
    pub name: String,
    /// Its most probable value, such as `blue`.
    pub value: String,
    /// How probable that is, 0 to 1.
    pub probability: f32,
    /// The probability of every value, in the order of the configuration's.
    pub probabilities: Vec<f32>,
}

/// A measure's value.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Measured {
    /// The measure, such as `right`.
    pub name: String,
    /// Its value, in the units of the training data.
    pub value: f32,
}

impl Instance {
    /// What it is in words: its attributes' values, the last attribute's first, such as "large
    /// metal blue cylinder"; without attributes the name of its class.
    pub fn name(&self) -> String {
        let words = self.attributes.iter().map(|answer| answer.value.as_str());
        named(words.collect(), &self.label)
    }

    /// The value of an attribute by its name.
    pub fn attribute(&self, name: &str) -> Option<&Answer> {
        self.attributes.iter().find(|answer| answer.name == name)
    }

    /// A measure by its name.
    pub fn measure(&self, name: &str) -> Option<f32> {
        Some(self.measures.iter().find(|measured| measured.name == name)?.value)
    }
}

/// What a training step would look at on a picture, in pixels of the picture.
#[derive(Debug, Clone)]
pub struct Looked {
    /// Every anchor, and what it is taught.
    pub anchors: Vec<(BoundingBox, Match)>,
    /// The proposals that stay in detection, the surest first, and what each is taught.
    pub proposals: Vec<(BoundingBox, Match)>,
}

/// Tells where on a picture what is. `Send + Sync`: one serves many threads. A picture's instances
/// do not depend on others: each is computed alone.
#[derive(Debug, Clone)]
pub struct Detector {
    model: MaskRcnn,
    labels: Vec<String>,
    device: Device,
}

impl Detector {
    /// Opens a model folder, as `detect train` leaves it, or a file of weights, as torchvision's
    /// users leave it ([`Pretrained::open`]).
    ///
    /// # Errors
    /// A damaged file, a folder of another task, a parameter that is missing or misshapen, or a
    /// `labels.txt` that does not name its classes.
    pub fn open(path: &Path, device: &Device) -> Result<Self> {
        Pretrained::open(path)?.detector(device)
    }

    /// From a network and the names of its classes.
    ///
    /// # Errors
    /// Another number of names than of classes; a device other than the CPU.
    pub fn new(model: MaskRcnn, labels: Vec<String>, device: &Device) -> Result<Self> {
        check_device(device)?;
        let found = labels.len();
        let expected = model.config().classes;
        if found != expected {
            return Err(Error::Differs {
                place: "labels.txt".into(),
                what: "the number of classes is",
                found: found.to_string(),
                expected: format!("{expected} as in config.json"),
            });
        }
        Ok(Self { model, labels, device: device.clone() })
    }

    /// The network's sizes.
    pub fn config(&self) -> &Config {
        self.model.config()
    }

    /// The names of the classes.
    pub fn labels(&self) -> &[String] {
        &self.labels
    }

    /// The network.
    pub fn model(&self) -> &MaskRcnn {
        &self.model
    }

    /// What is on a picture, by falling score: all instances with at least the configuration's
    /// score, which is low, so that one can choose among them.
    ///
    /// ```no_run
    /// use candle_core::Device;
    /// use conv_detect::{Detector, Limits, Picture};
    /// let detector = Detector::open("data/models/clevr-objects".as_ref(), &Device::Cpu)?;
    /// let scene = Picture::open("scene.png".as_ref(), &Limits::default())?;
    /// for instance in detector.detect(&scene)?.iter().filter(|instance| instance.score >= 0.5) {
    ///     let color = instance.attribute("color").map_or("", |color| &color.value);
    ///     println!("{color} {} at {:?}", instance.label, instance.bounding_box);
    /// }
    /// # Ok::<(), conv_detect::Error>(())
    /// ```
    ///
    /// # Errors
    /// Numbers that are not finite, of damaged weights; what the tensor library refuses.
    pub fn detect(&self, picture: &Picture) -> Result<Vec<Instance>> {
        let width = picture.width();
        let height = picture.height();
        let seen = self.config().input.resize(picture.clone())?;
        let sides = (seen.width(), seen.height());
        let x = batch(&[seen], &self.device)?;
        let across = width as f32 / sides.0 as f32;
        let down = height as f32 / sides.1 as f32;
        let found = self.model.find(&x, sides)?;
        let found = found.into_iter().map(|found| {
            let bounding_box = found.bounding_box.scaled(across, down);
            self.instance(found, bounding_box, (width, height))
        });
        Ok(found.collect())
    }

    /// Where the network looks on a picture with `objects`, and which of them each anchor and each
    /// proposal is taught.
    ///
    /// # Errors
    /// As [`Detector::detect`].
    pub fn look(&self, picture: &Picture, objects: &[BoundingBox]) -> Result<Looked> {
        let width = picture.width();
        let height = picture.height();
        let seen = self.config().input.resize(picture.clone())?;
        let sides = (seen.width(), seen.height());
        let across = width as f32 / sides.0 as f32;
        let down = height as f32 / sides.1 as f32;
        let x = batch(&[seen], &self.device)?;
        let proposed = self.model.propose(&self.model.features(&x)?, &x)?;
        let counts = self.config().proposals.counts_in_detection();
        let proposals = proposed.best(self.config(), &[sides], counts)?.swap_remove(0);
        let objects: Vec<BoundingBox> =
            objects.iter().map(|found| found.scaled(1.0 / across, 1.0 / down)).collect();
        let matched = |matcher: Matcher, boxes: &[BoundingBox]| {
            let matches = matcher.matches(&objects, boxes);
            boxes.iter().map(|found| found.scaled(across, down)).zip(matches).collect()
        };
        Ok(Looked {
            anchors: matched(Matcher::ANCHORS, &proposed.anchors),
            proposals: matched(Matcher::PROPOSALS, &proposals),
        })
    }

    fn instance(&self, found: Found, bounding_box: BoundingBox, sides: (usize, usize)) -> Instance {
        let Found { score, class, mask, attributes, measures, .. } = found;
        let answers = self.config().attributes.iter().zip(attributes);
        let answers = answers.map(|(attribute, probabilities)| {
            let best = largest(&probabilities);
            Answer {
                name: attribute.name.clone(),
                value: attribute.values[best].clone(),
                probability: probabilities[best],
                probabilities,
            }
        });
        let named = self.config().measures.iter().zip(measures);
        Instance {
            mask: paste(&mask, &bounding_box, sides, MASK_THRESHOLD),
            bounding_box,
            score,
            class,
            label: self.labels[class].clone(),
            attributes: answers.collect(),
            measures: named
                .map(|(measure, value)| Measured { name: measure.name.clone(), value })
                .collect(),
        }
    }
}

/// An object's name from the values of its attributes.
pub(crate) fn named(mut words: Vec<&str>, label: &str) -> String {
    words.reverse();
    if words.is_empty() { label.into() } else { words.join(" ") }
}

/// The place of the largest number, of equals the first.
fn largest(numbers: &[f32]) -> usize {
    (0..numbers.len()).fold(0, |best, at| if numbers[at] > numbers[best] { at } else { best })
}

/// RoIAlign and the losses have kernels for the CPU only.
pub(crate) fn check_device(device: &Device) -> Result<()> {
    let found = format!("{:?}", device.location());
    Ok(conv_hub::InvalidField::unless(device.is_cpu(), "device", &found, "cpu")?)
}
