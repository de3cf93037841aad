//! Convoke: convolutional networks for text, speech and vision on candle.
pub use conv_clevr as clevr;
pub use conv_core as ops;
pub use conv_detect as detect;
pub use conv_dialog as dialog;
pub use conv_hub as hub;
pub use conv_lens as lens;
pub use conv_nn as nn;
pub use conv_sentence as sentence;
pub use conv_speech as speech;
pub use conv_style as style;
pub use conv_text as text;
pub use conv_train as train;
pub use conv_translate as translate;
pub use conv_vision as vision;

/// The README's program runs as a documentation test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
