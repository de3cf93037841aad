//! Where recordings come from: lists of one's own, or the yes/no set.

use anyhow::{Result, bail};
use clap::Args;
use conv_speech::data::{Manifest, YesNo, yes_no};
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

    /// What there is to measure on: a list, or the second half of the yes/no set.
    pub fn measured(&self, name: &Path) -> Result<Manifest> {
        Ok(match self.find(name)? {
            Some(set) => set.test,
            None => Manifest::read(name)?,
        })
    }
}
