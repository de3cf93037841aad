//! Translation with the convolutional network of Gehring et al. (2017), "Convolutional Sequence to
//! Sequence Learning", ICML.
//!
//! A sentence is a sequence of tokens, each a vector of its word plus one of its position. An
//! encoder of stacked blocks reads it: a convolution over a few neighbours gives twice the
//! channels, of which one half gates the other (`v([A B]) = A ⊗ σ(B)`, section 3.2), and the
//! block's input is added, scaled by √½. The decoder has the same blocks, whose windows end at the
//! present word. After each block it compares its state with what the encoder said of every source
//! token (equation 1), and reads the mean of the encoder's outputs and embeddings by these shares
//! (equation 2): attention with as many hops as there are layers. Nothing is recurrent, so that
//! training sees all words at once; in translation each layer keeps the few inputs that its window
//! still reaches.
//!
//! A trained model is a folder, or a checkpoint of fairseq's with its dictionaries beside it, and
//! its use four lines; a [`Translator`] is `Send + Sync`, so one serves many threads:
//!
//! ```no_run
//! use conv_translate::{SearchConfig, Translator};
//! let translator = Translator::open("data/models/german-english".as_ref(), &candle_core::Device::Cpu)?;
//! let found = translator.translate("Ein Hund rennt.", &SearchConfig::default())?;
//! println!("{} {}", found.text, found.score);
//! # Ok::<(), conv_translate::Error>(())
//! ```
//!
//! To train one: [`Vocabularies`] are learnt from parallel text and turn it into a
//! [`Store`](data::Store) on disk, [`Training`] is what [`conv_train::fit`] trains and
//! [`conv_train::task::save`] writes.
//!
//! ```
//! use conv_train::{Run, task};
//! use conv_translate::{PairFiles, Recipe, SearchConfig, Training, Translator, Vocabularies, card};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let folder = folder.path();
//! let table = folder.join("pairs.tsv");
//! std::fs::write(&table, "eins zwei\tone two\nzwei drei\ttwo three\ndrei eins\tthree one\n".repeat(50))?;
//! let files = PairFiles::Table(table);
//!
//! let mut recipe = Recipe { embedding: 16, output_embedding: 16, dropout: 0.0, ..Recipe::small() };
//! (recipe.encoder_layers, recipe.decoder_layers) = ("[(16, 3)]".parse()?, "[(16, 3)]".parse()?);
//! (recipe.subwords.vocabulary, recipe.fit.epochs, recipe.fit.schedule.warmup_steps) = (40, 60, 20);
//! (recipe.fit.learning_rate, recipe.fit.batching.size) = (0.01, conv_train::batch::BatchSize::Tokens(200));
//! let vocabularies = Vocabularies::train(&files, &recipe)?;
//! let (store, _) = vocabularies.store(&files, &recipe, &folder.join("train.pairs"))?;
//! let dev = vocabularies.dev(&files, &recipe)?;
//! let encoders = vocabularies.encoders();
//! let training = Training::new(&recipe, &store, &dev, encoders, [].into(), &candle_core::Device::Cpu)?;
//! conv_train::fit(&training, &recipe.fit, Run::new(folder))?;
//!
//! let model = folder.join("model");
//! task::save(&training, &model, &card("de-en", "numbers", [].into()), false)?;
//! let translator = Translator::open(&model, &candle_core::Device::Cpu)?;
//! assert_eq!(translator.translate("zwei drei", &SearchConfig::default())?.text, "two three");
//! # Ok(()) }
//! ```
#![deny(missing_docs)]

mod card;
mod config;
pub mod data;
mod dictionary;
mod error;
pub mod fairseq;
mod infer;
mod inspect;
mod layers;
pub mod metrics;
mod model;
mod picture;
mod prepare;
mod recipe;
mod replace;
mod scored;
mod search;
mod sentence;
mod stored;
mod train;

pub use card::card;
pub use config::{Config, POSITIONS_FROM, Preset};
pub use dictionary::Dictionary;
pub use error::{Error, Result};
pub use infer::{Translation, Translator};
pub use inspect::ModelInspection;
pub use layers::{Layer, Layers};
pub use model::{
    ConvS2s, Decoded, DecoderState, END, Encoded, PAD, Step, StepDecoder, UNKNOWN, convs2s,
};
pub use picture::attention_picture;
pub use prepare::{PairFiles, Vocabularies};
pub use recipe::Recipe;
pub use replace::Replacements;
pub use scored::Scored;
pub use search::{Constraints, Ensemble, Hypothesis, Request, Sampling, SearchConfig};
pub use sentence::{Columns, Sentence};
pub use stored::Stored;
pub use train::{Dev, Training};
