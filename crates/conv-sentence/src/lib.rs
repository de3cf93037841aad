//! Sentence classification with the convolutional network of Kim (2014), "Convolutional Neural
//! Networks for Sentence Classification", EMNLP.
//!
//! A sentence is a sequence of word vectors. Filters of several widths slide over it, each giving
//! one number per window of words (equation 2: `c_i = f(w · x_{i:i+h−1} + b)`); of each filter's
//! feature map only the maximum over time is kept, the strongest trace of what the filter looks
//! for; a linear layer with dropout and a bounded norm maps these maxima to classes. The word
//! vectors are drawn (*rand*), pre-trained and kept (*static*), pre-trained and tuned
//! (*non-static*), or both side by side (*multichannel*). Since the last layer is linear and every
//! feature is one window, a prediction can be taken apart exactly: [`Evidence`] names the windows
//! and what each added to the logit.
//!
//! A trained model is a folder, and its use four lines; a [`Classifier`] is `Send + Sync`, so one
//! serves many threads:
//!
//! ```no_run
//! use conv_sentence::Classifier;
//! let classifier = Classifier::open("data/models/sentiment".as_ref(), &candle_core::Device::Cpu)?;
//! let prediction = classifier.predict("A warm, funny and wonderful film.")?;
//! println!("{} {:?}", prediction.label, prediction.probabilities);
//! # Ok::<(), conv_sentence::Error>(())
//! ```
//!
//! To train one: [`conv_text::data`] reads labelled sentences and splits them, [`Sentences`] turns
//! them into numbers, [`Training`] is what [`conv_train::fit`] trains and
//! [`conv_train::task::save`] writes.
//!
//! ```
//! use conv_text::data::{Corpus, Dataset, Example};
//! use conv_train::task;
//! use conv_sentence::{Classifier, Recipe, Sentences, Table, Training, Variant, card};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let folder = folder.path();
//! let example = |at: u32| Example { text: ["so dull", "so good"][at as usize % 2].into(), label: at % 2 };
//! let corpus = Corpus::new(vec!["no".into(), "yes".into()], (0..400).map(example).collect())?;
//! let Dataset { corpus, split } = Dataset::join(corpus, None, None, 1)?;
//!
//! let mut recipe = Recipe { dimension: 20, ..Recipe::kim(Variant::Rand) };
//! recipe.filters = vec!["2x20".parse()?];
//! let sentences = Sentences::fit(&corpus, recipe.style, recipe.segmenter)?;
//! let table = Table::random(recipe.dimension)?;
//! let training = Training::new(&recipe, &sentences, &split, &table, [].into(), &candle_core::Device::Cpu)?;
//! conv_train::fit(&training, &recipe.fit, conv_train::Run::new(folder))?;
//!
//! let card = card("made-up remarks", &sentences.labels, [].into());
//! task::save(&training, &folder.join("model"), &card, false)?;
//! let classifier = Classifier::open(&folder.join("model"), &candle_core::Device::Cpu)?;
//! assert_eq!(classifier.predict("so good")?.label, "yes");
//! # Ok(()) }
//! ```
#![deny(missing_docs)]

mod card;
mod config;
pub mod data;
mod error;
mod evaluate;
mod evidence;
mod infer;
pub mod inspect;
mod model;
mod prepare;
mod report;
mod stored;
mod train;
mod warm;

pub use card::card;
pub use config::{Config, FilterBank, Variant};
pub use error::{Error, Result};
pub use evaluate::{Evaluation, Tally, Threshold, best_threshold, evaluate};
pub use evidence::{Evidence, Peak, Window, evidence, peaks};
pub use infer::{Classifier, Prediction};
pub use model::{Batch, KimCnn, kim_cnn};
pub use prepare::{Sentences, Table};
pub use report::{coloured, samples};
pub use train::{Recipe, Training};
pub use warm::WarmStart;
