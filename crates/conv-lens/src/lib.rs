//! What a unit of a convolutional network responds to.
//!
//! Olah, Mordvintsev and Schubert (2017), "Feature Visualization", Distill, turn a network round:
//! its weights stand still, and a picture climbs from noise towards whatever raises one unit's
//! answer. Plain ascent on pixels finds noise that excites the unit and shows nobody anything;
//! three things make it a picture. Its numbers are those of a **spectrum** scaled by frequency, so
//! that a step moves large forms as readily as pixels ([`spectrum`]); its colours are mixed from
//! directions that are independent in photographs; and before each look it is moved about a little
//! ([`Transformation`]), so that only what survives that counts. And while nothing excites the unit
//! at all, the gradient is led through its closed rectifiers ([`conv_nn::redirected_relu`]).
//!
//! What is raised is an [`Objective`]: channels, single neurons, layers and classes, added,
//! subtracted and multiplied. [`render`] climbs; [`excitement`] says what a photograph makes of the
//! same unit, [`Photographs`] what a folder of them does, [`Excerpts`] which parts of them excite
//! it most and least, and [`evaluate`] for how many units a rendered picture is above them all.
//! [`attribute`] asks the other way round: which places and channels carried an answer;
//! [`Contributions`] which units make a class, [`grid()`] what a layer makes of a photograph. A
//! network of one's own is looked into through [`Subject`]. GoogLeNet's channels here are those of
//! Caffe's weights: **other units than those of the paper's Inception**, so that `mixed4c:12` of a
//! published picture is not `inception_4c:12`.
//!
//! ```no_run
//! use candle_core::Device;
//! use conv_lens::{Objective, Rendering, render};
//! use conv_vision::Pretrained;
//! let model = Pretrained::open("googlenet.safetensors".as_ref(), &Device::Cpu)?;
//! let objective = Objective::parse("inception_4c:64 - 0.5*inception_4c:12", &model)?;
//! let rendered = render(&model, &objective, &Rendering::default(), |_| true)?;
//! std::fs::write("unit.png", rendered.strip()?.to_png()?)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![deny(missing_docs)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod ascent;
pub mod atlas;
pub mod attribute;
mod classes;
mod compare;
mod contributions;
mod energy;
mod error;
pub mod evaluate;
mod excerpts;
mod grid;
mod group;
mod objective;
mod parameters;
mod parse;
mod photographs;
mod render;
mod saved;
mod sheet;
mod spectrum;
mod subject;
mod survey;
mod transform;

pub use ascent::Ascent;
pub use classes::class;
pub use compare::{Excitement, Photographs, excitement};
pub use contributions::{Contribution, Contributions};
pub use energy::high_frequencies;
pub use error::{Error, Result};
pub use excerpts::{Excerpt, Excerpts};
pub use grid::grid;
pub use objective::{Direction, Layer, Objective, Part, Position, Unit};
pub use parameters::{Colours, Image, Kind};
pub use render::{Climb, End, Frame, Rendered, Rendering, Step, render, render_all};
pub use sheet::{column, row};
pub use spectrum::{scales, spectrum, waves};
pub use subject::Subject;
pub use survey::{Answer, Survey, stages};
pub use transform::{Transformation, turned};
