//! Names that come from outside and are to be used as paths below a folder of ours.

use crate::{Error, Result};

/// `name` again, if joining it to a folder stays within the folder: relative, no `.` or `..`, no
/// control characters, and on Windows nothing that is read as another separator, a drive or a
/// stream.
pub(crate) fn within<'a>(name: &'a str, place: &str) -> Result<&'a str> {
    let special = |c: char| c.is_control() || cfg!(windows) && matches!(c, '\\' | ':');
    let ordinary = |part: &str| !matches!(part, "" | "." | "..") && !part.contains(special);
    if name.len() <= 1024 && name.split('/').all(ordinary) {
        return Ok(name);
    }
    Err(Error::UnsafeName { name: name.chars().take(200).collect(), place: place.to_string() })
}

#[cfg(test)]
mod tests {
    use super::within;

    #[test]
    fn names_that_would_leave_the_folder_are_refused() {
        for name in ["", "/etc/passwd", "..", "a/../b", "a//b", "./a", "a/", "a\0b", "a\nb"] {
            assert!(within(name, "a folder").is_err(), "{name:?}");
        }
        for name in [
            "config.json",
            "data/train-00000-of-00002.parquet",
            "a..b/.gitattributes",
            "日本語.txt",
        ] {
            assert!(within(name, "a folder").is_ok(), "{name:?}");
        }
    }
}
