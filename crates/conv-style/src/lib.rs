//! Photographs in the manner of paintings.
//!
//! Gatys, Ecker and Bethge (2016), "Image Style Transfer Using Convolutional Neural Networks",
//! CVPR, saw that a network which was trained to name objects holds two things apart: the values of
//! a deep layer say what is where, and which of a layer's channels answer together, wherever that
//! is, says what brush and colour it is done with. A picture that has the one of a photograph and
//! the other of a painting is found by descent on its pixels ([`paint`]), a few hundred passes
//! through VGG. Chen, Yuan, Liao, Yu and Hua (2017), "StyleBank: An Explicit Representation for
//! Neural Image Style Transfer", CVPR, train a network that does it in one pass: an encoder and a
//! decoder that all styles share, and between them a bank of filters a style, which are the style
//! ([`Training`], [`Painter`]). Banks mix: half of each is a picture between two paintings,
//! everywhere or by [`Regions`]; and a style is added to a bank of which all else keeps its bits
//! ([`Training::adding`]).
//!
//! [`LossNetwork`] has the losses, over any layers of any network of [`conv_vision`]; [`losses`]
//! their equations. [`Canvas`] is the descent step by step, [`Plan`] what it will need, and
//! [`compare`] has the bank and the descent paint the same.
//!
//! ```no_run
//! use candle_core::Device;
//! use conv_style::{LossConfig, LossNetwork, Painting, Sources, paint};
//! use conv_vision::{Limits, Picture, Pretrained};
//! let open = |path: &str| Picture::open(path.as_ref(), &Limits::default());
//! let vgg = Pretrained::open("vgg16.safetensors".as_ref(), &Device::Cpu)?;
//! let losses = LossNetwork::new(&vgg, LossConfig::of(vgg.architecture))?;
//! let sources = Sources::new(open("photo.jpg")?, open("painting.jpg")?);
//! let painted = paint(&losses, &sources, &Painting::default(), |_| true)?;
//! std::fs::write("painted.png", painted.picture.to_png()?)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A bank of filters with values that are drawn, and a mixture:
//!
//! ```
//! use candle_core::{DType, Device, Tensor};
//! use conv_nn::Parameters;
//! use conv_style::{Config, Mixture, style_bank};
//! let config = Config::new(["wave".into(), "night".into()]);
//! let bank = style_bank(&config, &Parameters::new(1).builder(DType::F32, &Device::Cpu))?;
//! let photo = Tensor::zeros((1, 3, 30, 45), DType::F32, &Device::Cpu)?;
//! let mixture = Mixture::parse("wave=0.25,night=0.75", &config.styles)?;
//! assert_eq!(bank.paint(&photo, &mixture)?.dims(), [1, 3, 30, 45]);
//! # Ok::<(), conv_style::Error>(())
//! ```
#![deny(missing_docs)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod base;
mod card;
mod clusters;
mod config;
mod contents;
mod error;
mod evaluate;
mod gatys;
mod infer;
mod inspect;
mod loss_config;
pub mod losses;
mod mixture;
mod model;
mod perceptual;
mod psnr;
mod reach;
mod recipe;
mod regions;
mod tiles;
mod train;

pub use base::Base;
pub use card::card;
pub use config::Config;
pub use contents::{Contents, Style};
pub use error::{Error, Result};
pub use evaluate::{Pair, Single, Sum, compare};
pub use gatys::{
    Canvas, Colours, End, Method, Painted, Painting, Plan, Sources, StagePlan, Start, Stroke,
    StylePicture, paint,
};
pub use infer::Painter;
pub use inspect::ModelInspection;
pub use loss_config::{LayerWeight, LossConfig};
pub use mixture::Mixture;
pub use model::{StyleBank, style_bank};
pub use perceptual::{LossNetwork, StyleTarget, Targets, Terms};
pub use recipe::Recipe;
pub use regions::Regions;
pub use train::{Branch, Crops, Training};
