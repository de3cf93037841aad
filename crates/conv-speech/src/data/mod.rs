//! From files to samples: WAV, manifests, and the yes/no set.

mod audio;
mod manifest;
mod recordings;
mod wav;
mod yes_no;

pub use audio::Audio;
pub use manifest::{Manifest, Utterance};
pub(crate) use recordings::check_rate;
pub use recordings::{Recording, Recordings};
pub use yes_no::{YesNo, yes_no};
