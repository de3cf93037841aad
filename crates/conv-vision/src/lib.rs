//! Images: what they show, what they are like, and what each layer of a network makes of them.
//!
//! Krizhevsky et al. (2012), "ImageNet Classification with Deep Convolutional Neural Networks",
//! NIPS, trained a network of five convolutions on a million photographs of a thousand classes. Its
//! answer to a photograph is five names with their probabilities; and its last hidden layer, 4,096
//! numbers, puts photographs of the same things near each other though their pixels differ. Szegedy
//! et al. (2014), "Going Deeper with Convolutions", made it deeper and lighter by modules of
//! parallel filters whose channels are joined (GoogLeNet); Simonyan and Zisserman (2014), "Very
//! Deep Convolutional Networks for Large-Scale Image Recognition", by many filters of 3 × 3 (VGG);
//! He et al. (2015), "Deep Residual Learning for Image Recognition", by layers that only add to
//! their input; Iandola et al. (2016), "SqueezeNet", made it smaller still.
//!
//! A network here is a description: a [`Graph`] of layers under the names of the reference, which
//! [`Network`] computes and [`Inspection`] measures. Any layer can be asked for by name, nothing
//! that it does not stand on is computed, and gradients reach the picture through all of them.
//! [`Pretrained::open`] tells from the tensors' names and shapes which network they are for, and
//! brings the [`Preprocessing`] that the weights were trained with.
//!
//! [`Training`] trains one on a folder of pictures or a table, by a [`Recipe`], and leaves a model
//! folder.
//!
//! ```no_run
//! use candle_core::Device;
//! use conv_vision::{Classifier, Limits, Picture};
//! let classifier = Classifier::open("googlenet.safetensors".as_ref(), None, &Device::Cpu)?;
//! let photo = Picture::open("photo.jpg".as_ref(), &Limits::default())?;
//! for prediction in classifier.predict(&[photo])? {
//!     for guess in classifier.guesses(&prediction, 5) {
//!         println!("{:5.1} %  {}", 100.0 * guess.probability, guess.class.name);
//!     }
//! }
//! # Ok::<(), conv_vision::Error>(())
//! ```
//!
//! Layers by name, of a network with weights that are drawn:
//!
//! ```
//! use candle_core::{DType, Device, Tensor};
//! use conv_nn::Parameters;
//! use conv_vision::{Architecture, network};
//! let vb = Parameters::new(1).builder(DType::F32, &Device::Cpu);
//! let squeezenet = Architecture::SqueezeNet;
//! let network = network(squeezenet.name(), squeezenet.graph(), 227, &vb)?;
//! let picture = Tensor::zeros((1, 3, 64, 64), DType::F32, &Device::Cpu)?;
//! let features = network.features(&picture, &["fire2/squeeze1x1", "fire3"])?;
//! assert_eq!(features[1].dims(), [1, 128, 15, 15]);
//! # Ok::<(), conv_vision::Error>(())
//! ```
#![deny(missing_docs)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod card;
mod config;
pub mod data;
mod error;
mod evaluate;
mod export;
mod features;
mod infer;
mod inspect;
mod network;
pub mod page;
mod picture;
mod preprocessing;
mod recipe;
pub mod retrieval;
mod stored;
mod timm;
mod train;

pub use card::card;
pub use config::Config;
pub use error::{Error, Result};
pub use evaluate::{Evaluation, Mistake, Mistaken, evaluate};
pub use features::{FeatureSource, Features, FeaturesMadeBy};
pub use infer::{Classifier, Guess, Prediction, SYNSETS, TOGETHER};
pub use inspect::Inspection;
pub use network::{
    Address, Architecture, Graph, Layer, LayerReport, Misfit, Network, Operation, ReceptiveField,
    network,
};
pub use picture::{Augmentation, Filter, Limits, Picture, PictureDefect, Region};
pub use preprocessing::{Channels, Preprocessing, Resize};
pub use recipe::Recipe;
pub use stored::{Pretrained, Weights, hash, read_weights};
pub use train::{Labelled, Training};
