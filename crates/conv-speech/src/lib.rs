//! Speech recognition with the convolutional, long short-term memory, deep network of Sainath et
//! al. (2015), "Learning the Speech Front-end With Raw Waveform CLDNNs", trained with connectionist
//! temporal classification (Graves et al. 2006).
//!
//! Sound becomes a row of features every 10 ms: logarithms of mel filters' energies, which are made
//! by hand, or the largest outputs of filters over the waveform, which start as the ear's and are
//! trained with the rest. Convolutions over frequency and time make the features indifferent to a
//! speaker's pitch, and steps in time fewer; recurrent layers bring together what is heard around
//! each step; a linear layer gives each step's probabilities of the letters and of a blank. Where
//! in time a letter stands nobody has to say: the loss sums over all alignments of the text
//! ([`conv_nn::ctc_loss`]). A recording is written down by the best letter of each step, immediate
//! repeats merged and blanks left out, which also says when each word was heard; or, with a
//! language model beside the network, by the text that both together find likeliest. A transducer
//! ([`Objective::Rnnt`]) lets each letter also depend on those before it, and so does attention
//! ([`Objective::Attention`]), which looks at all steps anew for each. A network that reads forward
//! only writes while it listens ([`Stream`]).
//!
//! A trained model is a folder, and its use some lines; a [`Recognizer`] is `Send + Sync`, so one
//! serves many threads:
//!
//! ```no_run
//! use conv_speech::{Recognizer, data::Audio};
//! let recognizer = Recognizer::open("data/models/spoken-digits".as_ref(), &candle_core::Device::Cpu)?;
//! let transcript = recognizer.transcribe(&Audio::read("data/samples/speech/1.wav".as_ref())?)?;
//! println!("{} {:?}", transcript.text, transcript.words);
//! # Ok::<(), conv_speech::Error>(())
//! ```
//!
//! To train one: [`data`] reads lists of recordings, [`Training`] is what [`conv_train::fit`]
//! trains and [`conv_train::task::save`] writes.
//!
//! ```
//! use conv_speech::data::{Audio, Recording, Recordings};
//! use conv_speech::{Recipe, Recognizer, Training, card};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let folder = folder.path();
//! // A high tone is said to be an A, a low one a B.
//! let tone = |hertz: f32| {
//!     let wave = |t: usize| if (500..1500).contains(&t) { (hertz * t as f32 / 8000.0 * 6.2832).sin() } else { 0.0 };
//!     Audio { samples: (0..2000).map(wave).collect(), rate: 8000 }
//! };
//! let recording = |at: usize| {
//!     let (text, hertz) = [("A", 2000.0), ("B", 300.0)][at % 2];
//!     Recording { name: format!("tone {at}"), audio: tone(hertz + at as f32), text: text.into(), speaker: None }
//! };
//! let recordings = Recordings { name: "tones".into(), rate: 8000, recordings: (0..16).map(recording).collect() };
//!
//! let mut recipe = Recipe::default();
//! recipe.fit.epochs = 30;
//! let training = Training::new(&recipe, &recordings, None, None, &candle_core::Device::Cpu)?;
//! conv_train::fit(&training, &recipe.fit, conv_train::Run::new(folder))?;
//!
//! conv_train::task::save(&training, &folder.join("model"), &card("tones", [].into()), false)?;
//! let recognizer = Recognizer::open(&folder.join("model"), &candle_core::Device::Cpu)?;
//! assert_eq!(recognizer.transcribe(&tone(1950.0))?.text, "A");
//! # Ok(()) }
//! ```
#![deny(missing_docs)]

mod align;
mod alphabet;
mod attention;
mod cache;
mod captions;
mod card;
mod config;
pub mod data;
mod error;
mod evaluate;
mod filters;
mod frames;
pub mod frontend;
mod greedy;
mod infer;
mod inspect;
mod language;
mod masks;
pub mod metrics;
mod model;
mod objective;
mod perturbation;
mod picture;
mod pronunciations;
mod recipe;
mod report;
mod search;
mod stored;
mod stream;
mod surroundings;
mod train;
mod transducer;

pub use align::align;
pub use alphabet::{Alphabet, Unit};
pub use cache::FeatureCache;
pub use captions::{srt, vtt};
pub use card::card;
pub use config::{Config, ConvolutionConfig, RecurrentConfig};
pub use error::{Error, Result};
pub use evaluate::{Evaluation, Rates, Written, evaluate};
pub use filters::{Band, filters, filters_picture};
pub use frames::{FramesConfig, States};
pub use greedy::Word;
pub use infer::{Heard, Recognizer, Transcript};
pub use inspect::ModelInspection;
pub use language::{Decoding, Language, NgramModel};
pub use masks::Masks;
pub use model::{Batch, Cldnn, Statistics, cldnn};
pub use objective::{AttentionConfig, Objective, TransducerConfig};
pub use perturbation::Perturbation;
pub use picture::picture;
pub use pronunciations::Pronunciations;
pub use recipe::Recipe;
pub use search::HotWords;
pub use stream::Stream;
pub use surroundings::{Room, Surroundings, SurroundingsConfig};
pub use train::{Labelled, LeftOut, Start, Training};
