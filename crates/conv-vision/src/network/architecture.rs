//! The networks that are known by name, and how their weights are told apart.

use super::{Graph, alexnet, conv4, googlenet, squeezenet, vgg};
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
    /// The first eleven convolutions of VGG-16, up to `conv5_1`: what style and perceptual losses look at.
    #[serde(rename = "vgg16_conv5_1")]
    Vgg16Features,
    /// Four convolutions with batch normalisation, for small pictures and few classes: trained here, and never published.
    #[serde(rename = "conv4")]
    Conv4,
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
    pub const ALL: [Self; 6] = [
        Self::AlexNet,
        Self::GoogLeNet,
        Self::SqueezeNet,
        Self::Vgg16,
        Self::Vgg16Features,
        Self::Conv4,
    ];

    /// Those with published weights, which a file of weights is told from by its tensors alone.
    pub const PUBLISHED: [Self; 5] =
        [Self::AlexNet, Self::GoogLeNet, Self::SqueezeNet, Self::Vgg16, Self::Vgg16Features];

    /// What people call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::AlexNet => "AlexNet",
            Self::GoogLeNet => "GoogLeNet",
            Self::SqueezeNet => "SqueezeNet 1.1",
            Self::Vgg16 => "VGG-16",
            Self::Vgg16Features => "VGG-16 up to conv5_1",
            Self::Conv4 => "Conv-4",
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
            Self::Conv4 => "conv4",
        }
    }

    /// Its layers, with Caffe's names.
    pub fn graph(self) -> Graph {
        match self {
            Self::AlexNet => alexnet::graph(),
            Self::GoogLeNet => googlenet::graph(),
            Self::SqueezeNet => squeezenet::graph(),
            Self::Vgg16 => vgg::graph(),
            Self::Vgg16Features => vgg::graph().until("conv5_1"),
            Self::Conv4 => conv4::graph(),
        }
    }

    /// What its published weights were trained with, or what it is trained with here unless a recipe says otherwise.
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
            Self::Conv4 => Preprocessing { size: 48, crop: 48, ..Preprocessing::torchvision() },
        }
    }

    /// The shape of every parameter by name.
    ///
    /// # Errors
    /// None for the networks here.
    pub fn parameters(self) -> Result<BTreeMap<String, Vec<usize>>> {
        self.graph().parameters(self.preprocessing().crop)
    }

    /// The network that `tensors` are most like, judged by the tensors that fit: with what does not fit, in the order of the names.
    /// `None` where nothing fits any.
    ///
    /// # Errors
    /// None for the networks here.
    pub fn recognise(tensors: &BTreeMap<String, Tensor>) -> Result<Option<(Self, Vec<Misfit>)>> {
        let mut best: Option<(Self, Vec<Misfit>)> = None;
        for architecture in Self::PUBLISHED {
            let parameters = architecture.parameters()?;
            let fits = |(name, shape): (&String, &Vec<usize>)| {
                tensors.get(name).is_some_and(|tensor| tensor.dims() == shape)
            };
            if !parameters.iter().any(fits) {
                continue;
            }
            let misfits = misfits(&parameters, tensors);
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
