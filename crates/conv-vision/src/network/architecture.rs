//! The networks that are known by name, and how their weights are told apart.

use super::{Graph, alexnet, conv4, googlenet, resnet, squeezenet, torchvision, vgg};
use crate::{Preprocessing, Result};
use candle_core::Tensor;
use conv_hub::InvalidField;
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// A network by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub enum Architecture {
    /// Krizhevsky et al. (2012), in two groups, as in Caffe.
    #[serde(rename = "alexnet")]
    AlexNet,
    /// Szegedy et al. (2014), as in Caffe.
    #[serde(rename = "googlenet")]
    GoogLeNet,
    /// Iandola et al. (2016), the authors' version 1.1, as in Caffe.
    #[serde(rename = "squeezenet1_1")]
    SqueezeNet,
    /// Simonyan and Zisserman (2014), 16 layers with weights, as in Caffe.
    #[serde(rename = "vgg16")]
    Vgg16,
    /// The first eleven convolutions of VGG-16, up to `conv5_1`: what style and perceptual losses
    /// look at.
    #[serde(rename = "vgg16_conv5_1")]
    Vgg16Features,
    /// He et al. (2015), 18 layers with weights, as in torchvision.
    #[serde(rename = "resnet18")]
    ResNet18,
    /// He et al. (2015), 34 layers, as in torchvision.
    #[serde(rename = "resnet34")]
    ResNet34,
    /// He et al. (2015), 50 layers, as in torchvision.
    #[serde(rename = "resnet50")]
    ResNet50,
    /// He et al. (2015), 101 layers, as in torchvision.
    #[serde(rename = "resnet101")]
    ResNet101,
    /// He et al. (2015), 152 layers, as in torchvision.
    #[serde(rename = "resnet152")]
    ResNet152,
    /// Simonyan and Zisserman (2014), 11 layers with weights, as in torchvision.
    #[serde(rename = "torchvision_vgg11")]
    TorchVgg11,
    /// VGG with 13 layers, as in torchvision.
    #[serde(rename = "torchvision_vgg13")]
    TorchVgg13,
    /// VGG with 16 layers, as in torchvision.
    #[serde(rename = "torchvision_vgg16")]
    TorchVgg16,
    /// VGG with 19 layers, as in torchvision.
    #[serde(rename = "torchvision_vgg19")]
    TorchVgg19,
    /// VGG with 11 layers and batch normalisation, as in torchvision.
    #[serde(rename = "torchvision_vgg11_bn")]
    TorchVgg11Bn,
    /// VGG with 13 layers and batch normalisation, as in torchvision.
    #[serde(rename = "torchvision_vgg13_bn")]
    TorchVgg13Bn,
    /// VGG with 16 layers and batch normalisation, as in torchvision.
    #[serde(rename = "torchvision_vgg16_bn")]
    TorchVgg16Bn,
    /// VGG with 19 layers and batch normalisation, as in torchvision.
    #[serde(rename = "torchvision_vgg19_bn")]
    TorchVgg19Bn,
    /// Krizhevsky (2014), in one column, as in torchvision.
    #[serde(rename = "torchvision_alexnet")]
    TorchAlexNet,
    /// Szegedy et al. (2014) with batch normalisation, as in torchvision.
    #[serde(rename = "torchvision_googlenet")]
    TorchGoogLeNet,
    /// Iandola et al. (2016), version 1.1, as in torchvision.
    #[serde(rename = "torchvision_squeezenet1_1")]
    TorchSqueezeNet,
    /// Four convolutions with batch normalisation, for small pictures and few classes: trained
    /// here, and never published.
    #[serde(rename = "conv4")]
    Conv4,
    /// AlexNet's layers for pictures of 32 × 32: trained here, and never published.
    #[serde(rename = "alexnet32")]
    AlexNet32,
    /// The same with batch normalisation.
    #[serde(rename = "alexnet32_bn")]
    AlexNet32Bn,
}

/// A tensor that does not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Misfit {
    /// The network has it, the file has not.
    Missing {
        /// Its name.
        name: String,
    },
    /// The file has it, the network has not.
    Extra {
        /// Its name.
        name: String,
    },
    /// Both have it.
    Shape {
        /// Its name.
        name: String,
        /// Its shape in the file.
        found: Vec<usize>,
        /// Its shape in the network.
        expected: Vec<usize>,
    },
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Misfit::Missing { name } => write!(f, "`{name}` is missing"),
            Misfit::Extra { name } => write!(f, "`{name}` is not expected"),
            Misfit::Shape { name, found, expected } => {
                write!(f, "`{name}` is {found:?}, expected {expected:?}")
            }
        }
    }
}

impl FromStr for Architecture {
    type Err = InvalidField;

    fn from_str(text: &str) -> Result<Self, InvalidField> {
        let known = || Self::ALL.map(Self::id).join(", ");
        let named = Self::ALL.into_iter().find(|architecture| architecture.id() == text);
        named.ok_or_else(|| InvalidField::name("architecture", text, known()))
    }
}

impl Architecture {
    /// All of them.
    pub const ALL: [Self; 24] = [
        Self::AlexNet,
        Self::GoogLeNet,
        Self::SqueezeNet,
        Self::Vgg16,
        Self::Vgg16Features,
        Self::ResNet18,
        Self::ResNet34,
        Self::ResNet50,
        Self::ResNet101,
        Self::ResNet152,
        Self::TorchVgg11,
        Self::TorchVgg13,
        Self::TorchVgg16,
        Self::TorchVgg19,
        Self::TorchVgg11Bn,
        Self::TorchVgg13Bn,
        Self::TorchVgg16Bn,
        Self::TorchVgg19Bn,
        Self::TorchAlexNet,
        Self::TorchGoogLeNet,
        Self::TorchSqueezeNet,
        Self::Conv4,
        Self::AlexNet32,
        Self::AlexNet32Bn,
    ];

    /// Those with published weights, which a file of weights is told from by its tensors alone.
    pub fn published() -> impl Iterator<Item = Self> {
        let own = [Self::Conv4, Self::AlexNet32, Self::AlexNet32Bn];
        Self::ALL.into_iter().filter(move |architecture| !own.contains(architecture))
    }

    /// What people call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::AlexNet => "AlexNet",
            Self::GoogLeNet => "GoogLeNet",
            Self::SqueezeNet => "SqueezeNet 1.1",
            Self::Vgg16 => "VGG-16",
            Self::Vgg16Features => "VGG-16 up to conv5_1",
            Self::ResNet18 => "ResNet-18",
            Self::ResNet34 => "ResNet-34",
            Self::ResNet50 => "ResNet-50",
            Self::ResNet101 => "ResNet-101",
            Self::ResNet152 => "ResNet-152",
            Self::TorchVgg11 => "VGG-11 of torchvision",
            Self::TorchVgg13 => "VGG-13 of torchvision",
            Self::TorchVgg16 => "VGG-16 of torchvision",
            Self::TorchVgg19 => "VGG-19 of torchvision",
            Self::TorchVgg11Bn => "VGG-11 of torchvision with batch norm",
            Self::TorchVgg13Bn => "VGG-13 of torchvision with batch norm",
            Self::TorchVgg16Bn => "VGG-16 of torchvision with batch norm",
            Self::TorchVgg19Bn => "VGG-19 of torchvision with batch norm",
            Self::TorchAlexNet => "AlexNet of torchvision",
            Self::TorchGoogLeNet => "GoogLeNet of torchvision",
            Self::TorchSqueezeNet => "SqueezeNet 1.1 of torchvision",
            Self::Conv4 => "Conv-4",
            Self::AlexNet32 => "AlexNet for 32 × 32",
            Self::AlexNet32Bn => "AlexNet for 32 × 32 with batch norm",
        }
    }

    /// What files and the command line call it, such as `googlenet`.
    pub fn id(self) -> &'static str {
        match self {
            Self::AlexNet => "alexnet",
            Self::GoogLeNet => "googlenet",
            Self::SqueezeNet => "squeezenet1_1",
            Self::Vgg16 => "vgg16",
            Self::Vgg16Features => "vgg16_conv5_1",
            Self::ResNet18 => "resnet18",
            Self::ResNet34 => "resnet34",
            Self::ResNet50 => "resnet50",
            Self::ResNet101 => "resnet101",
            Self::ResNet152 => "resnet152",
            Self::TorchVgg11 => "torchvision_vgg11",
            Self::TorchVgg13 => "torchvision_vgg13",
            Self::TorchVgg16 => "torchvision_vgg16",
            Self::TorchVgg19 => "torchvision_vgg19",
            Self::TorchVgg11Bn => "torchvision_vgg11_bn",
            Self::TorchVgg13Bn => "torchvision_vgg13_bn",
            Self::TorchVgg16Bn => "torchvision_vgg16_bn",
            Self::TorchVgg19Bn => "torchvision_vgg19_bn",
            Self::TorchAlexNet => "torchvision_alexnet",
            Self::TorchGoogLeNet => "torchvision_googlenet",
            Self::TorchSqueezeNet => "torchvision_squeezenet1_1",
            Self::Conv4 => "conv4",
            Self::AlexNet32 => "alexnet32",
            Self::AlexNet32Bn => "alexnet32_bn",
        }
    }

    /// What torchvision calls the function that builds it; `None` for those that torchvision has
    /// not, or has with other names.
    pub fn torchvision(self) -> Option<&'static str> {
        let is_residual = self.id().starts_with("resnet");
        self.id().strip_prefix("torchvision_").or(is_residual.then_some(self.id()))
    }

    /// Its layers, with the names of Caffe or of torchvision.
    pub fn graph(self) -> Graph {
        match self {
            Self::AlexNet => alexnet::graph(),
            Self::GoogLeNet => googlenet::graph(),
            Self::SqueezeNet => squeezenet::graph(),
            Self::Vgg16 => vgg::graph(),
            Self::Vgg16Features => vgg::graph().until("conv5_1"),
            Self::ResNet18 => resnet::graph(resnet::R18),
            Self::ResNet34 => resnet::graph(resnet::R34),
            Self::ResNet50 => resnet::graph(resnet::R50),
            Self::ResNet101 => resnet::graph(resnet::R101),
            Self::ResNet152 => resnet::graph(resnet::R152),
            Self::TorchVgg11 => torchvision::vgg(torchvision::VGG11, false),
            Self::TorchVgg13 => torchvision::vgg(torchvision::VGG13, false),
            Self::TorchVgg16 => torchvision::vgg(torchvision::VGG16, false),
            Self::TorchVgg19 => torchvision::vgg(torchvision::VGG19, false),
            Self::TorchVgg11Bn => torchvision::vgg(torchvision::VGG11, true),
            Self::TorchVgg13Bn => torchvision::vgg(torchvision::VGG13, true),
            Self::TorchVgg16Bn => torchvision::vgg(torchvision::VGG16, true),
            Self::TorchVgg19Bn => torchvision::vgg(torchvision::VGG19, true),
            Self::TorchAlexNet => torchvision::alexnet(),
            Self::TorchGoogLeNet => torchvision::googlenet(),
            Self::TorchSqueezeNet => torchvision::squeezenet(),
            Self::Conv4 => conv4::graph(),
            Self::AlexNet32 => alexnet::small(false),
            Self::AlexNet32Bn => alexnet::small(true),
        }
    }

    /// Whether a published file has a tensor of this name that no answer stands on: the auxiliary
    /// heads of GoogLeNet, and how often a batch normalisation was trained.
    pub(crate) fn is_left_out(self, tensor: &str) -> bool {
        let is_auxiliary = tensor.starts_with("aux1.") || tensor.starts_with("aux2.");
        tensor.ends_with(".num_batches_tracked") || self == Self::TorchGoogLeNet && is_auxiliary
    }

    /// What its published weights were trained with, or what it is trained with here unless a
    /// recipe says otherwise.
    pub fn preprocessing(self) -> Preprocessing {
        match self {
            Self::GoogLeNet => Preprocessing::caffe(224),
            Self::AlexNet | Self::SqueezeNet => Preprocessing::caffe(227),
            Self::Vgg16 => {
                Preprocessing { mean: [103.939, 116.779, 123.68], ..Preprocessing::caffe(224) }
            }
            // The weights at hand went on to learn edges (HED), with means of their own.
            Self::Vgg16Features => {
                let mean = [104.006_99, 116.668_77, 122.678_91];
                Preprocessing { mean, ..Preprocessing::caffe(224) }
            }
            Self::AlexNet32 | Self::AlexNet32Bn => {
                Preprocessing { size: 32, crop: 32, ..Preprocessing::torchvision() }
            }
            Self::Conv4 => Preprocessing { size: 48, crop: 48, ..Preprocessing::torchvision() },
            // torchvision's `transform_input`, which is on for its published weights.
            Self::TorchGoogLeNet => {
                Preprocessing { mean: [0.5; 3], std: [0.5; 3], ..Preprocessing::torchvision() }
            }
            _ => Preprocessing::torchvision(),
        }
    }

    /// The shape of every parameter by name.
    ///
    /// # Errors
    /// None for the networks here.
    pub fn parameters(self) -> Result<BTreeMap<String, Vec<usize>>> {
        self.graph().parameters(self.preprocessing().crop)
    }

    /// The network that `tensors` are most like, judged by the tensors that fit: with what does not
    /// fit, in the order of the names. `None` where nothing fits any.
    ///
    /// # Errors
    /// None for the networks here.
    pub fn recognise(tensors: &BTreeMap<String, Tensor>) -> Result<Option<(Self, Vec<Misfit>)>> {
        let mut best: Option<(Self, Vec<Misfit>)> = None;
        for architecture in Self::published() {
            let parameters = architecture.parameters()?;
            let fits = |(name, shape): (&String, &Vec<usize>)| {
                tensors.get(name).is_some_and(|tensor| tensor.dims() == shape)
            };
            if !parameters.iter().any(fits) {
                continue;
            }
            let mut misfits = misfits(&parameters, tensors);
            misfits.retain(|misfit| match misfit {
                Misfit::Extra { name } => !architecture.is_left_out(name),
                _ => true,
            });
            if best.as_ref().is_none_or(|(_, fewest)| misfits.len() < fewest.len()) {
                best = Some((architecture, misfits));
            }
        }
        Ok(best)
    }
}

/// What of `tensors` does not fit the `expected` shapes.
pub(crate) fn misfits(
    expected: &BTreeMap<String, Vec<usize>>,
    tensors: &BTreeMap<String, Tensor>,
) -> Vec<Misfit> {
    let of_network = expected.iter().filter_map(|(name, shape)| match tensors.get(name) {
        None => Some(Misfit::Missing { name: name.clone() }),
        Some(tensor) if tensor.dims() != shape => Some(Misfit::Shape {
            name: name.clone(),
            found: tensor.dims().to_vec(),
            expected: shape.clone(),
        }),
        Some(_) => None,
    });
    let extra = tensors.keys().filter(|name| !expected.contains_key(*name));
    of_network.chain(extra.map(|name| Misfit::Extra { name: name.clone() })).collect()
}
