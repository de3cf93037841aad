//! From files to samples: WAV and compressed sound, other rates, manifests, and the yes/no set.

mod audio;
mod compressed;
mod manifest;
mod recordings;
mod resample;
mod samples;
mod wav;
mod yes_no;

pub use audio::Audio;
pub use manifest::{Manifest, Span, Utterance};
pub(crate) use recordings::check_rate;
pub use recordings::{Recording, Recordings};
pub use resample::Resampler;
pub(crate) use resample::resample;
pub use samples::Samples;
pub use yes_no::{YesNo, yes_no};
