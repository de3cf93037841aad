//! From what a user types as `--model` to a folder on disk.

use std::path::{Path, PathBuf};

use crate::names::within;
use crate::{Error, Result};

/// The model folder that `text` names: a folder on disk, or else an id on the hub, `owner/name` or
/// `owner/name@revision`, whose model files are fetched into the hub's cache.
///
/// With the feature `hub`, the environment is read as by the hub's other programs: `HF_ENDPOINT` is
/// the hub's address, `HF_HUB_CACHE` or `HF_HOME` the cache, `HF_TOKEN` the token; with
/// `HF_HUB_OFFLINE=1` nothing but the cache is used.
///
/// # Errors
/// [`Error::NoSuchModel`] for what is neither; [`Error::HubFeature`] for an id in a build without
/// the feature; what the hub answers.
pub fn resolve(text: &str) -> Result<PathBuf> {
    let path = Path::new(text);
    if path.is_dir() {
        return Ok(path.to_path_buf());
    }
    let id = HubId::parse(text).ok_or_else(|| Error::NoSuchModel { text: text.to_string() })?;
    fetch(&id)
}

#[cfg(feature = "hub")]
fn fetch(id: &HubId) -> Result<PathBuf> {
    crate::hub::Hub::from_env().model_folder(&id.to_string())
}

#[cfg(not(feature = "hub"))]
fn fetch(id: &HubId) -> Result<PathBuf> {
    Err(Error::HubFeature { id: id.to_string() })
}

/// A repository on the hub, at a revision: a branch, a tag or a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HubId {
    pub(crate) owner: String,
    pub(crate) name: String,
    pub(crate) revision: String,
}

impl HubId {
    /// Reads `owner/name` or `owner/name@revision`, in the letters that the hub allows.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (id, revision) = text.split_once('@').unwrap_or((text, "main"));
        let (owner, name) = id.split_once('/')?;
        let word = |part: &str| {
            let letters =
                part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'));
            letters && part.len() <= 96 && part.starts_with(|c: char| c.is_ascii_alphanumeric())
        };
        let usable = word(owner) && word(name) && within(revision, "the hub's cache").is_ok();
        usable.then(|| Self {
            owner: owner.to_string(),
            name: name.to_string(),
            revision: revision.to_string(),
        })
    }
}

impl std::fmt::Display for HubId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.owner, self.name)?;
        if self.revision == "main" { Ok(()) } else { write!(f, "@{}", self.revision) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_taken_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let text = folder.path().to_str().unwrap();
        assert_eq!(resolve(text).unwrap(), folder.path());
    }

    #[test]
    fn what_is_neither_is_said_to_be_neither() {
        for text in [
            "sentiment",
            "../elsewhere/model",
            "/no/such/folder",
            "owner/name@../../x",
            "a/b/c",
            "owner/",
        ] {
            let error = resolve(text).unwrap_err();
            assert!(matches!(error, Error::NoSuchModel { .. }), "{error}");
        }
    }

    #[cfg(not(feature = "hub"))]
    #[test]
    fn an_id_without_the_feature_names_the_feature() {
        let error = resolve("convoke/kim-cnn@v1").unwrap_err().to_string();
        assert!(error.contains("convoke/kim-cnn@v1") && error.contains("feature `hub`"), "{error}");
    }
}
