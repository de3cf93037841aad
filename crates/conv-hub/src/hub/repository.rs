//! A repository at one commit: its list of files, and those that were asked for on disk.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::files::write_atomic;
use hf_hub::repository::{RepoTreeEntry, RepoTypeDataset, RepoTypeModel};
use hf_hub::{HFClient, HFClientBuilder, HFClientSync, HFError, HFRepositorySync, HFResult};

use super::Hub;
use crate::names::within;
use crate::resolve::HubId;
use crate::{Error, Result};

/// More files than are listed of a repository.
const MOST_FILES: usize = 100_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Model,
    Dataset,
}

/// A repository on the hub at one commit. Files are fetched when they are asked for, and then stay
/// in the cache.
#[derive(Debug)]
pub struct Repository {
    id: HubId,
    /// The repository's folder in the cache; with snapshots, and with references from branches to
    /// commits.
    cache: PathBuf,
    commit: String,
    snapshot: PathBuf,
    /// Names and, as far as the hub said, lengths.
    files: BTreeMap<String, Option<u64>>,
    /// None offline.
    remote: Option<Remote>,
}

impl Repository {
    pub(super) fn open(hub: &Hub, kind: Kind, text: &str) -> Result<Self> {
        let id = HubId::parse(text).ok_or_else(|| Error::NoSuchModel { text: text.to_string() })?;
        let refused = |source| Error::Hub {
            id: text.to_string(),
            endpoint: hub.endpoint.clone().unwrap_or_default(),
            source: Box::new(source),
        };
        let client = client(hub).map_err(refused)?;
        let plural = match kind {
            Kind::Model => "models",
            Kind::Dataset => "datasets",
        };
        let cache = client.cache_dir().join(format!("{plural}--{}--{}", id.owner, id.name));
        let repository = Self {
            snapshot: cache.join("snapshots"),
            cache,
            commit: String::new(),
            files: BTreeMap::new(),
            remote: if hub.offline {
                None
            } else {
                Some(Remote::new(client, kind, &id).map_err(refused)?)
            },
            id,
        };
        if hub.offline { repository.recall() } else { repository.look_up() }
    }

    /// The names of its files, in order.
    pub fn files(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str)
    }

    /// The commit, as 40 hexadecimal digits.
    pub fn commit(&self) -> &str {
        &self.commit
    }

    /// The folder in the cache that the files of this commit are in, as far as they were fetched.
    pub fn folder(&self) -> &Path {
        &self.snapshot
    }

    /// The path of a file, which is fetched first unless the cache has it.
    ///
    /// # Errors
    /// [`Error::UnsafeName`] for a name that leaves the folder; [`Error::HubAnswer`] if the
    /// repository has no such file or the hub sent another length; [`Error::Hub`] if it could not
    /// be fetched; [`Error::NotCached`] offline.
    pub fn fetch(&self, name: &str) -> Result<PathBuf> {
        let path = self.snapshot.join(within(name, &format!("a snapshot of {}", self.id))?);
        if path.is_file() {
            if self.remote.is_some() {
                self.remember()?;
            }
            return Ok(path);
        }
        let Some(remote) = &self.remote else {
            return Err(self.not_cached(name));
        };
        let Some(expected) = self.files.get(name) else {
            return Err(self.unusable(format!("has no file `{name}`")));
        };
        std::fs::create_dir_all(&self.snapshot).map_err(Error::io("create", &self.snapshot))?;
        let beside = tempfile::Builder::new()
            .prefix(".fetching-")
            .tempdir_in(&self.cache)
            .map_err(Error::io("write in", &self.cache))?;
        // Into a folder of its own rather than into hf-hub's cache: there, names are made of what
        // the server sends.
        let fetched = remote
            .download(name, beside.path(), &self.commit)
            .map_err(|error| self.refused(error))?;
        let found = std::fs::metadata(&fetched).map_err(Error::io("read", &fetched))?.len();
        if expected.is_some_and(|expected| expected != found) {
            let expected = expected.unwrap_or_default();
            return Err(
                self.unusable(format!("sent {found} bytes of `{name}`, expected {expected}"))
            );
        }
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(Error::io("create", folder))?;
        }
        std::fs::rename(&fetched, &path).map_err(Error::io("write", &path))?;
        self.remember()?;
        Ok(path)
    }

    fn look_up(mut self) -> Result<Self> {
        let Some(remote) = &self.remote else {
            return Ok(self);
        };
        let commit = remote.commit(&self.id.revision).map_err(|error| self.refused(error))?;
        if !is_commit(&commit) {
            return Err(self.unusable(format!(
                "answered with the commit {commit:.60?}, expected 40 hexadecimal digits"
            )));
        }
        let entries = remote.tree(&commit).map_err(|error| self.refused(error))?;
        let mut files = BTreeMap::new();
        for entry in entries {
            if let RepoTreeEntry::File { path, size, .. } = entry {
                within(&path, &format!("a snapshot of {}", self.id))?;
                files.insert(path, Some(size));
            }
        }
        self.files = files;
        self.snapshot.push(&commit);
        self.commit = commit;
        Ok(self)
    }

    fn recall(mut self) -> Result<Self> {
        let commit = if is_commit(&self.id.revision) {
            self.id.revision.clone()
        } else {
            let reference = self.cache.join("refs").join(&self.id.revision);
            let text = std::fs::read_to_string(&reference).unwrap_or_default();
            text.trim().to_string()
        };
        let folder = self.snapshot.join(&commit);
        if !is_commit(&commit) || !folder.is_dir() {
            return Err(self.not_cached(&format!("the revision `{}`", self.id.revision)));
        }
        list(&folder, "", &mut self.files).map_err(Error::io("read", &folder))?;
        self.snapshot = folder;
        self.commit = commit;
        Ok(self)
    }

    /// Notes which commit the revision stood for, so that it is found offline.
    fn remember(&self) -> Result<()> {
        if is_commit(&self.id.revision) {
            return Ok(());
        }
        let reference = self.cache.join("refs").join(&self.id.revision);
        if let Some(folder) = reference.parent() {
            std::fs::create_dir_all(folder).map_err(Error::io("create", folder))?;
        }
        write_atomic(&reference, self.commit.as_bytes()).map_err(Error::Write)
    }

    fn refused(&self, source: HFError) -> Error {
        Error::Hub {
            id: self.id.to_string(),
            endpoint: self
                .remote
                .as_ref()
                .map(|remote| remote.endpoint.clone())
                .unwrap_or_default(),
            source: Box::new(source),
        }
    }

    fn unusable(&self, reason: String) -> Error {
        Error::HubAnswer { id: self.id.to_string(), reason }
    }

    fn not_cached(&self, missing: &str) -> Error {
        Error::NotCached {
            id: self.id.to_string(),
            cache: self.cache.clone(),
            missing: missing.to_string(),
        }
    }
}

fn client(hub: &Hub) -> HFResult<HFClient> {
    let mut builder =
        HFClientBuilder::new().user_agent(concat!("conv-hub/", env!("CARGO_PKG_VERSION")));
    if let Some(endpoint) = &hub.endpoint {
        builder = builder.endpoint(endpoint);
    }
    if let Some(cache) = &hub.cache {
        builder = builder.cache_dir(cache);
    }
    builder.build()
}

fn is_commit(text: &str) -> bool {
    text.len() == 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The files of a cached snapshot; links, which other programs make, count as what they point to.
fn list(
    folder: &Path,
    prefix: &str,
    files: &mut BTreeMap<String, Option<u64>>,
) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            list(&entry.path(), &format!("{name}/"), files)?;
        } else {
            files.insert(name, None);
        }
    }
    Ok(())
}

/// The client's handle to one repository.
struct Remote {
    endpoint: String,
    handle: Handle,
}

enum Handle {
    Model(HFRepositorySync<RepoTypeModel>),
    Dataset(HFRepositorySync<RepoTypeDataset>),
}

impl std::fmt::Debug for Remote {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Remote").field("endpoint", &self.endpoint).finish()
    }
}

impl Remote {
    fn new(client: HFClient, kind: Kind, id: &HubId) -> HFResult<Self> {
        let endpoint = client.endpoint().to_string();
        let client = HFClientSync::from_inner(client)?;
        let handle = match kind {
            Kind::Model => Handle::Model(client.model(&id.owner, &id.name)),
            Kind::Dataset => Handle::Dataset(client.dataset(&id.owner, &id.name)),
        };
        Ok(Self { endpoint, handle })
    }

    fn commit(&self, revision: &str) -> HFResult<String> {
        let sha = match &self.handle {
            Handle::Model(model) => model.info().revision(revision).send()?.sha,
            Handle::Dataset(dataset) => dataset.info().revision(revision).send()?.sha,
        };
        Ok(sha.unwrap_or_default())
    }

    fn tree(&self, commit: &str) -> HFResult<Vec<RepoTreeEntry>> {
        match &self.handle {
            Handle::Model(model) => {
                model.list_tree().revision(commit).recursive(true).limit(MOST_FILES).send()
            }
            Handle::Dataset(data) => {
                data.list_tree().revision(commit).recursive(true).limit(MOST_FILES).send()
            }
        }
    }

    fn download(&self, name: &str, into: &Path, commit: &str) -> HFResult<PathBuf> {
        match &self.handle {
            Handle::Model(model) => {
                model.download_file().filename(name).local_dir(into).revision(commit).send()
            }
            Handle::Dataset(data) => {
                data.download_file().filename(name).local_dir(into).revision(commit).send()
            }
        }
    }
}
