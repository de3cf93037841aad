//! Instances on pictures: where each is, what it is, which pixels are its own.
//!
//! He et al. (2017), "Mask R-CNN", ICCV, ask three questions in turn. Convolutions with a feature
//! pyramid (Lin et al. 2017) turn a picture into maps of four resolutions. At every pixel of them a
//! small network says for boxes of three aspects, the [`Anchors`], whether there is an object and
//! how its box differs (Ren et al. 2015). What the maps have within the best of these proposals is
//! cut out by RoIAlign, bilinear and never rounded, and from that fully connected layers tell the
//! class and the exact box, and a few convolutions, beside them and on their own, a mask for each
//! class. Five losses are learnt together. Classes do not compete for masks: that, and RoIAlign, is
//! what the paper adds.
//!
//! Here an instance may have attributes besides, each a softmax over the features of its box, and
//! measures, each a regression.
//!
//! [`Training`] learns from a [`Dataset`] by a [`Recipe`], and leaves a model folder; a
//! [`Detector`] opens it, or torchvision's weights as they are ([`Pretrained`]), from which
//! training may also start; [`evaluate()`] counts COCO's average precision; [`draw()`] shows what
//! was found.
//!
//! ```no_run
//! use candle_core::Device;
//! use conv_detect::{Detector, Limits, Picture, draw};
//! let detector = Detector::open("data/models/clevr-objects".as_ref(), &Device::Cpu)?;
//! let scene = Picture::open("scene.png".as_ref(), &Limits::default())?;
//! let instances = detector.detect(&scene)?;
//! for instance in &instances {
//!     println!("{} {:.2} {:?}", instance.label, instance.score, instance.bounding_box);
//! }
//! std::fs::write("seen.png", draw(&scene, &instances)?.to_png()?)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The network by itself, with values that are drawn:
//!
//! ```
//! use candle_core::{DType, Device, Tensor};
//! use conv_detect::{Config, mask_rcnn};
//! use conv_nn::Parameters;
//! let vb = Parameters::new(1).builder(DType::F32, &Device::Cpu);
//! let network = mask_rcnn(&Config::default(), &vb)?;
//! let picture = Tensor::zeros((1, 3, 64, 96), DType::F32, &Device::Cpu)?;
//! let levels = network.features(&picture)?;
//! assert_eq!(levels[0].dims(), [1, 64, 16, 24]);
//! let proposed = network.propose(&levels, &picture)?;
//! assert_eq!(proposed.objectness.dims(), [1, 3 * (16 * 24 + 8 * 12 + 4 * 6 + 2 * 3)]);
//! # Ok::<(), conv_detect::Error>(())
//! ```
#![deny(missing_docs)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod anchors;
mod average_precision;
mod boxes;
mod card;
mod config;
mod data;
mod detections;
mod draw;
mod error;
mod evaluate;
mod features;
mod infer;
mod input;
mod inspect;
mod mask;
mod matching;
mod model;
mod page;
mod paste;
mod polygon;
mod pretrained;
mod recipe;
mod start;
mod targets;
mod torchvision;
mod train;

pub use anchors::Anchors;
pub use average_precision::AveragePrecision;
pub use boxes::{BoundingBox, BoxCoder, nms, nms_by_class};
pub use card::card;
pub use config::{
    Attribute, Backbone, Config, Detections, Input, Measure, Proposals, Residual, Sampling, Slim,
};
pub use conv_vision::{Architecture, Limits, Picture};
pub use data::{Dataset, Example, Object, Part};
pub use detections::{BOXES, CLASSES, SCORES, detections};
pub use draw::{draw, draw_matches, draw_truth};
pub use error::{Error, Result};
pub use evaluate::{Evaluation, evaluate};
pub use features::Pyramid;
pub use infer::{Answer, Detector, Instance, Looked, Measured};
pub use inspect::ModelInspection;
pub use mask::{Bitmap, RunLength};
pub use matching::{Match, Matcher};
pub use model::{Losses, MaskRcnn, Proposed, Targets, UNKNOWN, mask_rcnn};
pub use page::{figure, report};
pub use pretrained::Pretrained;
pub use recipe::Recipe;
pub use start::Stage;
pub use train::{Annotated, Training};
