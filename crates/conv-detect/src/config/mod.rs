//! What `config.json` of a detector holds: plain data.

mod backbone;

pub use backbone::{Backbone, Residual, Slim};

use crate::anchors::Anchors;
use conv_hub::{InvalidField, ModelConfig};
use conv_vision::Architecture;
use serde::{Deserialize, Serialize};

/// A Mask R-CNN's sizes and the thresholds of its answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Classes of instances, the background not counted: as many as `labels.txt` has lines.
    pub classes: usize,
    /// The classes' numbers in COCO's files, which results have; empty where they are 1, 2, ….
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub categories: Vec<u64>,
    /// How large the network sees a picture.
    pub input: Input,
    /// The convolutions below the pyramid.
    pub backbone: Backbone,
    /// Channels of each level of the feature pyramid (Lin et al. 2017).
    pub pyramid: usize,
    /// The boxes that proposals start from.
    pub anchors: Anchors,
    /// How the region proposal network's answers become proposals.
    pub proposals: Proposals,
    /// How much of a picture a training step looks at.
    #[serde(skip_serializing_if = "Sampling::is_usual")]
    pub sampling: Sampling,
    /// Features of a box: the width of both fully connected layers.
    pub box_features: usize,
    /// 3 × 3 convolutions before a mask.
    pub mask_layers: usize,
    /// Channels of these.
    pub mask_channels: usize,
    /// Further questions about an instance, each answered by a softmax over the features of its
    /// box.
    pub attributes: Vec<Attribute>,
    /// Further numbers of an instance, each a regression from the features and the place of its
    /// box.
    pub measures: Vec<Measure>,
    /// Which of the boxes are the answer.
    pub detections: Detections,
}

/// How large the network sees a picture: its aspect is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// What the shorter side becomes, in pixels,
    pub short_side: usize,
    /// unless the longer one would become longer than this.
    pub long_side: usize,
}

/// How the region proposal network's answers become proposals.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proposals {
    /// The best of each level that are looked at.
    pub before_nms: usize,
    /// The same in training, where it is another number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before_nms_in_training: Option<usize>,
    /// The best of a picture that stay in training, of which some are drawn.
    pub in_training: usize,
    /// The best of a picture that stay otherwise.
    pub in_detection: usize,
    /// The IoU above which the lower of two proposals of a level is dropped.
    pub nms: f32,
}

/// How much of a picture a training step looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sampling {
    /// Anchors that are drawn, at most half of them with an object (Ren et al. 2015, section
    /// 3.1.3).
    pub anchors: usize,
    /// Proposals that are drawn, at most a quarter of them with an object (He et al. 2017, section
    /// 3.1).
    pub proposals: usize,
}

/// Which of the boxes are the answer.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Detections {
    /// The score that an instance has at least.
    pub score: f32,
    /// The IoU above which the lower of two boxes of a class is dropped.
    pub nms: f32,
    /// Whether also the lower of two boxes of different classes is.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub agnostic: bool,
    /// The best of a picture that stay.
    pub in_picture: usize,
}

/// A question about an instance with a fixed list of answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attribute {
    /// Such as `color`.
    pub name: String,
    /// Such as `blue`, `red`.
    pub values: Vec<String>,
}

/// A number of an instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measure {
    /// Such as `right`.
    pub name: String,
    /// Whether it becomes its negative when the picture is mirrored.
    pub mirrors: bool,
}

impl Default for Config {
    /// The slim network: 2.1 million parameters.
    fn default() -> Self {
        Self {
            classes: 1,
            categories: Vec::new(),
            input: Input { short_side: 240, long_side: 320 },
            backbone: Backbone::Slim(Slim { stem: 32, stages: [32, 64, 128, 192], groups: 8 }),
            pyramid: 64,
            anchors: Anchors::default(),
            proposals: Proposals {
                before_nms: 300,
                before_nms_in_training: None,
                in_training: 200,
                in_detection: 64,
                nms: 0.7,
            },
            sampling: Sampling::default(),
            box_features: 256,
            mask_layers: 2,
            mask_channels: 64,
            attributes: Vec::new(),
            measures: Vec::new(),
            detections: Detections { score: 0.05, nms: 0.5, agnostic: false, in_picture: 100 },
        }
    }
}

impl Default for Sampling {
    /// The papers'.
    fn default() -> Self {
        Self { anchors: 256, proposals: 64 }
    }
}

impl Sampling {
    fn is_usual(&self) -> bool {
        *self == Self::default()
    }
}

impl Proposals {
    /// In training the best of each level, and how many of a picture stay.
    pub(crate) fn counts_in_training(&self) -> [usize; 2] {
        [self.before_nms_in_training.unwrap_or(self.before_nms), self.in_training]
    }

    /// The same otherwise.
    pub(crate) fn counts_in_detection(&self) -> [usize; 2] {
        [self.before_nms, self.in_detection]
    }
}

impl Config {
    /// torchvision's `maskrcnn_resnet50_fpn`, or the same on another of its residual networks, with
    /// so many classes: 44 million parameters with 50 layers.
    pub fn torchvision(architecture: Architecture, classes: usize) -> Self {
        Self {
            classes,
            input: Input { short_side: 800, long_side: 1333 },
            backbone: Backbone::Residual(Residual::new(architecture)),
            pyramid: 256,
            anchors: Anchors {
                sizes: vec![32.0, 64.0, 128.0, 256.0, 512.0],
                aspects: vec![0.5, 1.0, 2.0],
            },
            proposals: Proposals {
                before_nms: 1000,
                before_nms_in_training: Some(2000),
                in_training: 2000,
                in_detection: 1000,
                nms: 0.7,
            },
            sampling: Sampling { anchors: 256, proposals: 512 },
            box_features: 1024,
            mask_layers: 4,
            mask_channels: 256,
            ..Self::default()
        }
    }

    /// The number of class `class` in COCO's files.
    pub fn category(&self, class: usize) -> u64 {
        self.categories.get(class).copied().unwrap_or(class as u64 + 1)
    }
}

impl ModelConfig for Config {
    const MODEL_TYPE: &'static str = "mask-rcnn";

    fn check(&self) -> Result<(), InvalidField> {
        count("classes", self.classes, 1 << 16)?;
        count("input.short_side", self.input.short_side, 1 << 13)?;
        count("input.long_side", self.input.long_side, 1 << 13)?;
        self.backbone.check()?;
        count("pyramid", self.pyramid, 1 << 12)?;
        count("proposals.before_nms", self.proposals.before_nms, 1 << 14)?;
        let [before_nms, _] = self.proposals.counts_in_training();
        count("proposals.before_nms_in_training", before_nms, 1 << 14)?;
        count("proposals.in_training", self.proposals.in_training, 1 << 14)?;
        count("proposals.in_detection", self.proposals.in_detection, 1 << 14)?;
        count("sampling.anchors", self.sampling.anchors, 1 << 20)?;
        count("sampling.proposals", self.sampling.proposals, 1 << 16)?;
        count("box_features", self.box_features, 1 << 14)?;
        count("mask_layers", self.mask_layers, 16)?;
        count("mask_channels", self.mask_channels, 1 << 12)?;
        count("detections.in_picture", self.detections.in_picture, 1 << 14)?;
        for (field, share) in [
            ("proposals.nms", self.proposals.nms),
            ("detections.nms", self.detections.nms),
            ("detections.score", self.detections.score),
        ] {
            InvalidField::unless((0.0..=1.0).contains(&share), field, &share, "0 to 1")?;
        }
        for Attribute { name, values } in &self.attributes {
            check_name("attributes.name", name)?;
            count("attributes.values", values.len(), 1 << 12)?;
        }
        self.measures.iter().try_for_each(|measure| check_name("measures.name", &measure.name))?;
        let names = self.attributes.iter().map(|attribute| &attribute.name);
        let mut names: Vec<_> = names.chain(self.measures.iter().map(|m| &m.name)).collect();
        names.sort();
        if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(InvalidField::new("attributes.name", pair[0], "each name once"));
        }
        let found = self.categories.len();
        let expected = format!("none or {}", self.classes);
        let is_whole = found == 0 || found == self.classes;
        InvalidField::unless(is_whole, "categories", &found, &expected)?;
        self.anchors.check()
    }
}

fn count(field: &'static str, found: usize, most: usize) -> Result<(), InvalidField> {
    let expected = format!("1 to {most}");
    InvalidField::unless((1..=most).contains(&found), field, &found, &expected)
}

/// A name is part of the names of parameters.
fn check_name(field: &'static str, name: &str) -> Result<(), InvalidField> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let is_name = !name.is_empty() && name.len() <= 64 && name.chars().all(is_word);
    InvalidField::unless(is_name, field, &format!("{name:?}"), "up to 64 letters, digits, _ and -")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_field_has_its_range() {
        assert_eq!(Config::default().check(), Ok(()));
        let text = |change: &dyn Fn(&mut Config)| {
            let mut config = Config::default();
            change(&mut config);
            config.check().err().map(|error| error.to_string()).unwrap_or_default()
        };
        assert_eq!(text(&|c| c.classes = 0), "classes is 0, expected 1 to 65536");
        let slim = |c: &mut Config, groups| {
            c.backbone = Backbone::Slim(Slim { stem: 32, stages: [32; 4], groups });
        };
        assert!(text(&|c| slim(c, 7)).contains("a divisor of 32"));
        assert!(text(&|c| c.detections.nms = f32::NAN).contains("detections.nms is NaN"));
        assert!(text(&|c| c.anchors.sizes = vec![0.0; 4]).contains("anchors.sizes"));
        let attribute = Attribute { name: "a/b".into(), values: vec!["c".into()] };
        assert!(text(&|c| c.attributes = vec![attribute.clone()]).contains("attributes.name"));
        let twice = Measure { name: "x".into(), mirrors: false };
        assert!(text(&|c| c.measures = vec![twice.clone(); 2]).contains("each name once"));
        assert!(text(&|c| c.anchors.sizes = vec![16.0; 6]).contains("4 or 5 numbers"));
        let other = Backbone::Residual(Residual::new(Architecture::Vgg16));
        assert!(text(&|c| c.backbone = other.clone()).contains("expected resnet18, resnet34"));
    }

    #[test]
    fn a_configuration_comes_back_and_says_only_what_is_unusual() {
        for config in [Config::default(), Config::torchvision(Architecture::ResNet50, 90)] {
            let text = serde_json::to_string(&config).unwrap();
            assert_eq!(serde_json::from_str::<Config>(&text).unwrap(), config);
            assert_eq!(config.check(), Ok(()));
        }
        let slim = serde_json::to_string(&Config::default()).unwrap();
        for unusual in ["sampling", "before_nms_in_training", "agnostic"] {
            assert!(!slim.contains(unusual), "{slim}");
        }
        let wrong = serde_json::from_str::<Config>(r#"{ "backbone": { "stem": 8 } }"#);
        let text = wrong.err().map(|error| error.to_string()).unwrap_or_default();
        assert!(text.starts_with("network.backbone is neither"), "{text}");
    }
}
