//! Which of the pictures that dialogs are about lie in a folder.

use super::VisDial;
use crate::{Error, Result};
use std::collections::HashSet;
use std::fmt;
use std::path::{Path, PathBuf};

/// Missing pictures that are named.
const NAMED: usize = 3;

/// The pictures of a file's dialogs, as far as they are in a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pictures {
    /// The folder.
    pub folder: PathBuf,
    /// How many dialogs have theirs there.
    pub found: usize,
    /// The images of the others, in the order of the dialogs.
    pub missing: Vec<u64>,
}

impl Pictures {
    /// Looks for the pictures of `data` in `folder`. A picture's name ends in its image's number,
    /// whatever stands before: COCO's years and VisDial's own differ in that
    /// (`COCO_train2014_000000378466.jpg`, `VisualDialog_val2018_000000185565.jpg`,
    /// `000000185565.png`).
    ///
    /// # Errors
    /// A folder that cannot be read.
    pub fn find(folder: &Path, data: &VisDial) -> Result<Self> {
        let mut there = HashSet::new();
        for entry in std::fs::read_dir(folder).map_err(Error::io(folder))? {
            let name = entry.map_err(Error::io(folder))?.file_name();
            there.extend(number(&name.to_string_lossy()));
        }
        let images = data.dialogs.iter().map(|dialog| dialog.image_id);
        let missing: Vec<u64> = images.filter(|image| !there.contains(image)).collect();
        let found = data.dialogs.len() - missing.len();
        Ok(Self { folder: folder.into(), found, missing })
    }
}

/// The image that a file is a picture of.
pub(super) fn number(name: &str) -> Option<u64> {
    let (stem, kind) = name.rsplit_once('.')?;
    let is_picture = ["jpg", "jpeg", "png"].iter().any(|known| kind.eq_ignore_ascii_case(known));
    let digits = stem.rsplit(|c: char| !c.is_ascii_digit()).next()?;
    is_picture.then_some(digits)?.parse().ok()
}

impl fmt::Display for Pictures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { folder, found, missing } = self;
        let all = found + missing.len();
        write!(f, "pictures: {found} of {all} dialogs have theirs in {}", folder.display())?;
        if missing.is_empty() {
            return Ok(());
        }
        let named: Vec<String> =
            missing.iter().take(NAMED).map(|image| format!("*{image:012}.jpg")).collect();
        let more = match missing.len().saturating_sub(NAMED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        write!(
            f,
            "; {} are missing: no file {}{more} (nor .jpeg, .png). Answers are ranked by text alone without them",
            missing.len(),
            named.join(", ")
        )
    }
}
