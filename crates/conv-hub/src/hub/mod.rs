//! The Hugging Face hub, through `hf-hub`: its client, our cache keeping.
//!
//! The cache has the layout of the hub's other programs, so that what they fetched is used and what
//! is fetched here can be used by them. A snapshot's folder and files are named by us, from a
//! commit and names that were checked; nothing else that a server sends becomes a path.

mod claims;
mod compact;
mod dataset;
mod repository;
mod rows;

use std::path::PathBuf;

pub use dataset::Dataset;
pub use repository::Repository;
pub use rows::{Cell, Row, Rows};

use crate::folder::{CONFIG, FILES, WEIGHTS};
use crate::{Error, Result};

/// Which hub, where its cache is, and whether it may be asked.
///
/// ```no_run
/// # fn main() -> conv_hub::Result<()> {
/// let hub = conv_hub::hub::Hub::from_env();
/// let data = hub.dataset("stanfordnlp/sst2")?;
/// for name in data.files() {
///     for row in data.rows(name)?.take(3) {
///         let row = row?;
///         println!("{:?} {:?}", row["label"].as_i64(), row["sentence"].as_str());
///     }
/// }
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Default)]
pub struct Hub {
    /// The hub's address; by default `HF_ENDPOINT`, and without that the public one.
    pub endpoint: Option<String>,
    /// The cache's folder; by default `HF_HUB_CACHE`, `HF_HOME/hub` or the hub's usual place.
    pub cache: Option<PathBuf>,
    /// Use what the cache has and ask nobody.
    pub offline: bool,
}

impl Hub {
    /// The hub that the environment names; offline if `HF_HUB_OFFLINE` is `1`, `true`, `yes` or
    /// `on`.
    pub fn from_env() -> Self {
        let offline = std::env::var("HF_HUB_OFFLINE").unwrap_or_default().to_ascii_lowercase();
        Self { offline: matches!(&*offline, "1" | "true" | "yes" | "on"), ..Self::default() }
    }

    /// Fetches the files of a model folder that the cache does not have, and returns the folder.
    ///
    /// # Errors
    /// [`Error::HubAnswer`] if the repository is no model folder; otherwise as
    /// [`Repository::fetch`].
    pub fn model_folder(&self, id: &str) -> Result<PathBuf> {
        let repository = self.model(id)?;
        for needed in [CONFIG, WEIGHTS] {
            if !repository.files().any(|name| name == needed) {
                return Err(Error::HubAnswer {
                    id: id.to_string(),
                    reason: format!("has no {needed}, expected a model folder"),
                });
            }
        }
        for name in FILES {
            if repository.files().any(|file| file == name) {
                repository.fetch(name)?;
            }
        }
        Ok(repository.folder().to_path_buf())
    }

    /// A model's repository, for files of any name.
    ///
    /// # Errors
    /// [`Error::NoSuchModel`] for what is no id, [`Error::Hub`] with the hub's answer,
    /// [`Error::NotCached`] offline.
    pub fn model(&self, id: &str) -> Result<Repository> {
        Repository::open(self, repository::Kind::Model, id)
    }

    /// A data set's files and rows.
    ///
    /// # Errors
    /// As [`Hub::model`].
    pub fn dataset(&self, id: &str) -> Result<Dataset> {
        Repository::open(self, repository::Kind::Dataset, id).map(Dataset::new)
    }
}
