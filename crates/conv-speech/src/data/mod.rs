//! From files to samples: WAV, SPHERE and compressed sound, other rates, lists, and folders as
//! known sets have them.

mod audio;
mod compressed;
mod connected;
mod files;
mod folder;
mod manifest;
mod recordings;
mod resample;
mod samples;
mod sphere;
mod wav;

pub use audio::Audio;
pub use files::find;
pub use folder::{Part, YesNo, recordings_of, yes_no};
pub use manifest::{Manifest, Span, Utterance};
pub(crate) use recordings::check_rate;
pub use recordings::{Recording, Recordings};
pub use resample::Resampler;
pub(crate) use resample::resample;
pub use samples::Samples;
