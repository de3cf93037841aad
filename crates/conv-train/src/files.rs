//! Files that are either whole or not there: a temporary file beside the target, fsync, rename, fsync of the folder.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use candle_core::Tensor;

/// Replaces the file at `path` by `bytes`: after a crash the old file or the new one is there, never a part of one.
///
/// # Errors
/// Any failure of the file system, with the path in its text; the old file is then still in place.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> io::Result<()> {
    replace(path, |temporary| {
        File::options().write(true).open(temporary)?.write_all(bytes)
    })
}

/// Writes `tensors` as a safetensors file with the same promise as [`write_atomic`], one tensor in memory at a time.
///
/// The same tensors give the same bytes.
///
/// # Errors
/// As [`write_atomic`], and when the header would be larger than the format allows (100 MB).
pub fn write_safetensors(path: &Path, tensors: &BTreeMap<String, Tensor>) -> io::Result<()> {
    replace(path, |temporary| {
        safetensors::serialize_to_file(tensors, None, temporary).map_err(io::Error::other)
    })
}

/// Lets `write` fill a temporary file beside `path`, makes it durable and renames it into place.
fn replace(path: &Path, write: impl FnOnce(&Path) -> io::Result<()>) -> io::Result<()> {
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let attempt = || {
        let temporary = temporary_file(folder)?;
        let permissions = temporary.as_file().metadata()?.permissions();
        write(temporary.path())?;
        // The safetensors crate renames a private file of its own over ours: hence by path, not by handle.
        std::fs::set_permissions(temporary.path(), permissions)?;
        File::open(temporary.path())?.sync_all()?;
        temporary.persist(path).map_err(|refused| refused.error)?;
        sync_folder(folder)
    };
    attempt().map_err(|e: io::Error| io::Error::new(e.kind(), format!("cannot write {}: {e}", path.display())))
}

fn temporary_file(folder: &Path) -> io::Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".writing-");
    // A temporary file is private by default, and the rename would keep that; the user's umask decides instead.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(folder)
}

/// Makes the names in `folder` durable. Only Unix lets a folder be opened and synchronised.
fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    #[test]
    fn a_file_is_replaced_whole_and_nothing_else_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.json");
        write_atomic(&path, b"old").unwrap();
        write_atomic(&path, b"new").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_failure_names_the_path_and_keeps_the_old_file() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("occupied");
        std::fs::create_dir(&target).unwrap();
        let error = write_atomic(&target, b"x").unwrap_err().to_string();
        assert!(error.contains("occupied"), "{error}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn tensors_come_back_and_the_same_tensors_give_the_same_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.safetensors");
        let tensor = Tensor::new(&[[1f32, 2.], [3., 4.]], &Device::Cpu).unwrap();
        let turned = tensor.t().unwrap();
        let tensors = BTreeMap::from([("a".to_string(), tensor), ("b".to_string(), turned)]);
        write_safetensors(&path, &tensors).unwrap();
        let first = std::fs::read(&path).unwrap();
        write_safetensors(&path, &tensors).unwrap();
        assert_eq!(first, std::fs::read(&path).unwrap());
        let read = candle_core::safetensors::load(&path, &Device::Cpu).unwrap();
        assert_eq!(read["b"].to_vec2::<f32>().unwrap(), [[1., 3.], [2., 4.]]);
    }

    #[cfg(unix)]
    #[test]
    fn others_may_read_what_the_umask_lets_them() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let plain = folder.path().join("plain");
        std::fs::write(&plain, b"").unwrap();
        let expected = std::fs::metadata(&plain).unwrap().permissions().mode();
        let path = folder.path().join("model.safetensors");
        write_safetensors(&path, &BTreeMap::new()).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode(), expected);
    }
}
