//! What a loss is the sum of: layers and weights, as plain data.

use crate::{Error, Result};
use conv_hub::InvalidField;
use conv_vision::Architecture;
use serde::{Deserialize, Serialize};

/// A layer of the loss network and how much it counts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LayerWeight {
    /// The layer's name, as [`conv_vision::Address`] has it.
    pub layer: String,
    /// At least 0.
    pub weight: f64,
}

/// What a loss is the sum of:
/// `content_weight · Σ wₗ content_l + style_weight · Σ wₗ style_l + total_variation_weight · tv`,
/// each as [`losses`](crate::losses) has it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LossConfig {
    /// The layers that say what is where.
    pub content: Vec<LayerWeight>,
    /// The layers that say how it is painted.
    pub style: Vec<LayerWeight>,
    /// α, at least 0.
    pub content_weight: f64,
    /// β, at least 0.
    pub style_weight: f64,
    /// The weight of what neighbouring pixels differ by, at least 0.
    pub total_variation_weight: f64,
    /// Means in place of maxima in the loss network, as in the paper.
    pub average_pooling: bool,
}

impl Default for LossConfig {
    fn default() -> Self {
        Self::of(Architecture::Vgg16Features)
    }
}

impl LossConfig {
    /// The layers of Gatys et al. for VGG (section 3: content `conv4_2`, style `conv1_1` to
    /// `conv5_1` by a fifth each), and layers at the like depths of other networks.
    pub fn of(architecture: Architecture) -> Self {
        let (content, style): (&str, &[&str]) = match architecture {
            Architecture::GoogLeNet => (
                "inception_4a",
                &["conv1/7x7_s2", "conv2/3x3", "inception_3a", "inception_4a", "inception_5a"],
            ),
            Architecture::SqueezeNet => ("fire5", &["conv1", "fire2", "fire3", "fire5", "fire7"]),
            Architecture::AlexNet => ("conv4", &["conv1", "conv2", "conv3", "conv4", "conv5"]),
            Architecture::Conv4 => ("bn3", &["bn1", "bn2", "bn3"]),
            _ => ("conv4_2", &["conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1"]),
        };
        let of = |layer: &str, weight| LayerWeight { layer: layer.into(), weight };
        Self {
            content: vec![of(content, 1.0)],
            style: style.iter().map(|layer| of(layer, 1.0 / style.len() as f64)).collect(),
            content_weight: 1.0,
            style_weight: STYLE_WEIGHT,
            total_variation_weight: 0.0,
            average_pooling: true,
        }
    }

    /// The first field out of its range.
    ///
    /// # Errors
    /// It is named.
    pub fn check(&self) -> Result<()> {
        let layers = self.content.iter().chain(&self.style).map(|layer| ("weight", layer.weight));
        let sums = [
            ("content_weight", self.content_weight),
            ("style_weight", self.style_weight),
            ("total_variation_weight", self.total_variation_weight),
        ];
        for (name, weight) in layers.chain(sums) {
            let fits = weight.is_finite() && weight >= 0.0;
            InvalidField::unless(fits, name, &weight, "a finite number of at least 0")?;
        }
        match (self.content.is_empty(), self.style.is_empty()) {
            (true, _) => Err(Error::NoLayers { field: "content" }),
            (_, true) => Err(Error::NoLayers { field: "style" }),
            _ => Ok(()),
        }
    }
}

/// β for α = 1: with VGG, content is then about a third of the sum after 60 steps.
const STYLE_WEIGHT: f64 = 1.0;
