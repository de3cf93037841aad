//! A data set on the hub: its parquet and JSONL files, row by row.

use super::{Repository, Rows};
use crate::Result;

/// A data set on the hub, at one commit.
///
/// The hub keeps a parquet copy of most data sets under the revision `refs/convert/parquet`.
#[derive(Debug)]
pub struct Dataset {
    repository: Repository,
}

impl Dataset {
    pub(super) fn new(repository: Repository) -> Self {
        Self { repository }
    }

    /// The repository, for its other files.
    pub fn repository(&self) -> &Repository {
        &self.repository
    }

    /// The names of the files that rows can be read from, in order; splits are mostly told by their
    /// names.
    pub fn files(&self) -> impl Iterator<Item = &str> {
        self.repository.files().filter(|name| Rows::can_read(name.as_ref()))
    }

    /// The rows of one file, which is fetched first unless the cache has it.
    ///
    /// # Errors
    /// As [`Repository::fetch`] and [`Rows::open`].
    pub fn rows(&self, name: &str) -> Result<Rows> {
        Rows::open(&self.repository.fetch(name)?)
    }
}
