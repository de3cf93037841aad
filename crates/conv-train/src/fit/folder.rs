//! A run's folder: whose it is, and which of its files are there.

use crate::checkpoint::damaged;
use crate::{Error, Result};
use conv_hub::files::in_file;
use std::fs::{File, TryLockError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// The folder of the run in progress. No other run has it for as long as this lives.
pub(super) struct Folder {
    path: PathBuf,
    /// The checkpoint.
    pub last: PathBuf,
    /// The best weights.
    pub best: PathBuf,
    /// Where files are until they are whole.
    pub unfinished: PathBuf,
    _lock: Lock,
}

/// A locked file.
struct Lock(File);

/// Closing the file would not do: a process that was started meanwhile has it open until it runs
/// its own program.
impl Drop for Lock {
    fn drop(&mut self) {
        // Where there are no locks, there is nothing to undo.
        let _ = self.0.unlock();
    }
}

impl Folder {
    /// Takes the folder, which is made if it is not there, and removes what a kill left unfinished.
    /// Of what is in it only the hidden folder `.convoke` is ours to clear.
    pub fn take(path: &Path) -> Result<Self> {
        let ours = path.join(".convoke");
        std::fs::create_dir_all(&ours).map_err(in_file("create", &ours))?;
        let lock = locked(&ours.join("lock"), path)?;
        let unfinished = ours.join("unfinished");
        match std::fs::remove_dir_all(&unfinished) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(in_file("remove", &unfinished)(error).into());
            }
            _ => std::fs::create_dir(&unfinished).map_err(in_file("create", &unfinished))?,
        }
        Ok(Self {
            path: path.into(),
            last: path.join("last.safetensors"),
            best: path.join("best.safetensors"),
            unfinished,
            _lock: lock,
        })
    }

    /// The weights after `step`, kept for their mean.
    pub fn after(&self, step: u64) -> PathBuf {
        self.path.join(format!("after-{step}.safetensors"))
    }

    /// All of them that are there.
    pub fn all_after(&self) -> Result<Vec<(u64, PathBuf)>> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir(&self.path).map_err(in_file("read", &self.path))? {
            let path = entry.map_err(in_file("read", &self.path))?.path();
            let name = path.file_name().and_then(|name| name.to_str());
            let step = name.and_then(|name| name.strip_prefix("after-"));
            let step = step.and_then(|name| name.strip_suffix(".safetensors"));
            if let Some(step) = step.and_then(|step| step.parse().ok()) {
                found.push((step, path));
            }
        }
        Ok(found)
    }

    /// Whether there is a checkpoint to go on from. A run that is there and is not to go on, or
    /// cannot, is refused.
    pub fn has_checkpoint(&self, resume: bool) -> Result<bool> {
        let there = |path: &Path| path.try_exists().map_err(in_file("read", path));
        let last = there(&self.last)?;
        let best = there(&self.best)?;
        if !resume && (last || best) {
            let path = self.path.clone();
            return Err(Error::RunExists { path });
        }
        if best && !last {
            let reason = "it is missing, though the run's best.safetensors is there";
            return Err(damaged(&self.last, reason));
        }
        Ok(last)
    }
}

/// Linux's number for "no locks available", as from a network file system without a lock service.
const ENOLCK: i32 = 37;

fn locked(path: &Path, folder: &Path) -> Result<Lock> {
    let file = File::options().write(true).create(true).truncate(false).open(path);
    let file = file.map_err(in_file("open", path))?;
    match file.try_lock() {
        Ok(()) => Ok(Lock(file)),
        Err(TryLockError::WouldBlock) => Err(Error::RunLocked { path: folder.into() }),
        // Some network file systems have no locks; one trains there without that protection.
        Err(TryLockError::Error(error))
            if error.kind() == ErrorKind::Unsupported || error.raw_os_error() == Some(ENOLCK) =>
        {
            Ok(Lock(file))
        }
        Err(TryLockError::Error(error)) => Err(in_file("lock", path)(error).into()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// A second handle of the open file is what a child has of it between fork and exec.
    #[test]
    fn a_folder_is_free_as_soon_as_it_is_dropped() {
        let path = tempfile::tempdir().unwrap();
        let folder = Folder::take(path.path()).unwrap();
        assert!(matches!(Folder::take(path.path()), Err(Error::RunLocked { .. })));
        let of_a_child = folder._lock.0.try_clone().unwrap();
        drop(folder);
        Folder::take(path.path()).unwrap();
        drop(of_a_child);
    }
}
