//! Where recordings come from: lists of one's own, folders of known sets, or the yes/no set.

use anyhow::{Result, bail};
use clap::Args;
use conv_speech::data::{Manifest, Part, YesNo, recordings_of, yes_no};
use std::path::{Path, PathBuf};

/// Where the known sets are.
#[derive(Debug, Args)]
pub struct Sets {
    /// Folder of the data sets, laid out as docs/datasets.md says
    #[arg(long, env = "CONVOKE_DATA")]
    sets: Option<PathBuf>,
}

impl Sets {
    /// The yes/no set, if `name` is it; a file that happens to be called so is a file.
    pub fn find(&self, name: &Path) -> Result<Option<YesNo>> {
        if name != Path::new("yesno") || name.exists() {
            return Ok(None);
        }
        let Some(folder) = &self.sets else {
            bail!(
                "yesno is a known set, but neither --sets nor CONVOKE_DATA says where it is (docs/datasets.md)"
            );
        };
        Ok(Some(yes_no(&folder.join("speech/yesno"))?))
    }

    /// What there is to choose by or to measure on: a list, a part of a folder, or the second half
    /// of the yes/no set.
    pub fn measured(&self, name: &Path, part: Part) -> Result<Manifest> {
        Ok(match self.find(name)? {
            Some(set) => set.test,
            None => recordings(name, part)?,
        })
    }
}

/// The recordings of a list, or of a folder that is laid out as a known set.
pub fn recordings(name: &Path, part: Part) -> Result<Manifest> {
    Ok(if name.is_dir() { recordings_of(name, part)? } else { Manifest::read(name)? })
}
