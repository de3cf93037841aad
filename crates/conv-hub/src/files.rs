//! Files that are either whole or not there: a temporary file beside the target, fsync, rename,
//! fsync of the folder.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use candle_core::Tensor;

/// Replaces the file at `path` by `bytes`: after a crash the old file or the new one is there,
/// never a part of one.
///
/// # Errors
/// Any failure of the file system, with the path in its text; the old file is then still in place.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> io::Result<()> {
    replace(path, folder_of(path), |temporary| {
        File::options().write(true).open(temporary)?.write_all(bytes)
    })
}

/// Writes `tensors` as a safetensors file with the same promise as [`write_atomic`], one tensor in
/// memory at a time.
///
/// The same tensors give the same bytes.
///
/// # Errors
/// As [`write_atomic`], and when the header would be larger than the format allows (100 MB).
pub fn write_safetensors(path: &Path, tensors: &BTreeMap<String, Tensor>) -> io::Result<()> {
    write_described(path, folder_of(path), tensors, None)
}

/// As [`write_safetensors`], with the format's free-text metadata. Its map has no order: with more
/// than one entry the bytes may differ from run to run. The file is in the folder `unfinished`, on
/// the file system of `path`, until it is whole.
///
/// # Errors
/// As [`write_safetensors`].
pub fn write_described(
    path: &Path,
    unfinished: &Path,
    tensors: &BTreeMap<String, Tensor>,
    metadata: Option<HashMap<String, String>>,
) -> io::Result<()> {
    replace(path, unfinished, |temporary| {
        safetensors::serialize_to_file(tensors, metadata, temporary).map_err(io::Error::other)
    })
}

/// For `map_err`: adds what was to be done with which file.
pub fn in_file(verb: &str, path: &Path) -> impl Fn(io::Error) -> io::Error {
    move |error| io::Error::new(error.kind(), format!("cannot {verb} {}: {error}", path.display()))
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Lets `write` fill a temporary file in `unfinished`, on the file system of `path`, makes it
/// durable and renames it into place.
fn replace(
    path: &Path,
    unfinished: &Path,
    write: impl FnOnce(&Path) -> io::Result<()>,
) -> io::Result<()> {
    let attempt = || {
        let temporary = temporary_file(unfinished)?;
        let permissions = temporary.as_file().metadata()?.permissions();
        write(temporary.path())?;
        // The safetensors crate renames a private file of its own over ours: hence by path, not by
        // handle.
        std::fs::set_permissions(temporary.path(), permissions)?;
        // Windows flushes only what was opened for writing.
        File::options().write(true).open(temporary.path())?.sync_all()?;
        temporary.persist(path).map_err(|refused| refused.error)?;
        sync_folder(folder_of(path))
    };
    attempt().map_err(in_file("write", path))
}

fn temporary_file(folder: &Path) -> io::Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".writing-");
    // A temporary file is private by default, and the rename would keep that; the user's umask
    // decides instead.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(folder)
}

/// Makes the names in `folder` durable: what was renamed into it or out of it. Only Unix lets a
/// folder be synchronised.
///
/// # Errors
/// Any failure to open or synchronise it.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
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
