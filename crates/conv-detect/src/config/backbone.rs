//! Which convolutions are below the pyramid.

use conv_hub::InvalidField;
use conv_vision::{Architecture, Graph};
use serde::{Deserialize, Serialize};

/// The convolutions below the pyramid.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(
    untagged,
    expecting = "network.backbone is neither { stem, stages, groups } nor { architecture, epsilon }"
)]
pub enum Backbone {
    /// A small one with group normalisation, to be trained from nothing.
    Slim(Slim),
    /// A residual network as torchvision has it, to be trained from weights.
    Residual(Residual),
}

/// A small residual network (He et al. 2016) with group normalisation (Wu and He 2018): a stem of 5
/// × 5 with stride 2, then four stages of one block of two 3 × 3 convolutions, each with stride 2,
/// so that the levels have strides 4, 8, 16 and 32.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Slim {
    /// Channels of the stem.
    pub stem: usize,
    /// Channels of the stages.
    pub stages: [usize; 4],
    /// Groups that every normalisation has.
    pub groups: usize,
}

/// A residual network of 18 to 152 layers (He et al. 2016). Its batch normalisation is frozen:
/// statistics, scales and shifts stay as they come, since batches of detection are too small to
/// have any (torchvision's `FrozenBatchNorm2d`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Residual {
    /// Such as `resnet50`.
    pub architecture: Architecture,
    /// What is added to the variance: torchvision has 0 for its own published detectors, and 10⁻⁵
    /// for all others.
    #[serde(default = "usual")]
    pub epsilon: f64,
}

fn usual() -> f64 {
    1e-5
}

impl Residual {
    /// With torchvision's usual ε.
    pub fn new(architecture: Architecture) -> Self {
        Self { architecture, epsilon: usual() }
    }

    /// Those that there are.
    pub(crate) const ALL: [Architecture; 5] = [
        Architecture::ResNet18,
        Architecture::ResNet34,
        Architecture::ResNet50,
        Architecture::ResNet101,
        Architecture::ResNet152,
    ];

    /// Its layers without the classifier, and the places of the last of each stage.
    pub(crate) fn graph(&self) -> crate::Result<(Graph, [usize; 4])> {
        let name = self.architecture.name();
        let whole = self.architecture.graph().with_epsilon(self.epsilon);
        let mut stages = [0; 4];
        for (at, stage) in stages.iter_mut().enumerate() {
            *stage = whole.find(&format!("layer{}", at + 1), name)?.layer;
        }
        let last = whole.layers()[stages[3]].name.clone();
        Ok((whole.until(&last), stages))
    }
}

impl Backbone {
    pub(super) fn check(&self) -> Result<(), InvalidField> {
        match self {
            Self::Slim(slim) => slim.check(),
            Self::Residual(Residual { architecture, epsilon }) => {
                let known = Residual::ALL.map(Architecture::id).join(", ");
                let is_known = Residual::ALL.contains(architecture);
                let field = "backbone.architecture";
                InvalidField::unless(is_known, field, &architecture.id(), &known)?;
                let is_share = (0.0..=1.0).contains(epsilon);
                InvalidField::unless(is_share, "backbone.epsilon", epsilon, "0 to 1")
            }
        }
    }

    /// Numbers that its backward pass keeps of a picture of so many rows and columns.
    pub(crate) fn kept(&self, [height, width]: [usize; 2]) -> usize {
        match self {
            Self::Slim(Slim { stem, stages, .. }) => {
                let pixels = height * width;
                // A stage keeps its three convolutions and what becomes of them.
                let stages = stages.iter().enumerate();
                let of_stages: usize = stages.map(|(at, c)| (6 * c * pixels) >> (2 * at + 4)).sum();
                3 * stem * pixels / 4 + of_stages
            }
            Self::Residual(residual) => {
                let shapes = residual.graph().map(|(graph, _)| graph.shapes(&[3, height, width]));
                let shapes = shapes.ok().and_then(Result::ok).unwrap_or_default();
                shapes.iter().map(|shape| shape.iter().product::<usize>()).sum()
            }
        }
    }
}

impl Slim {
    fn check(&self) -> Result<(), InvalidField> {
        super::count("backbone.stem", self.stem, 1 << 12)?;
        super::count("backbone.groups", self.groups, 1 << 12)?;
        for channels in [&[self.stem], &self.stages[..]].concat() {
            super::count("backbone.stages", channels, 1 << 12)?;
            let expected = format!("a divisor of {channels} channels");
            let groups = self.groups;
            InvalidField::unless(channels % groups == 0, "backbone.groups", &groups, &expected)?;
        }
        Ok(())
    }
}
