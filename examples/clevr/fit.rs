//! `fit`: where on the ground a box stands.

use anyhow::Result;
use clap::Args;
use conv_clevr::see::{Ground, rendered};
use serde::Serialize;
use std::fmt;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub struct Options {
    /// A folder with scenes.json and masks/
    #[arg(long)]
    data: PathBuf,
    /// The file that is written: ground.json of a model folder
    #[arg(long)]
    out: PathBuf,
}

pub fn run(options: &Options, common: &conv_cli::Common) -> Result<()> {
    let examples = rendered(&options.data)?;
    // Scenes whose number leaves 4 when divided by 5 are held out, as everywhere with this set.
    let (held, train): (Vec<_>, Vec<_>) =
        examples.iter().copied().partition(|(scene, _)| scene % 5 == 4);
    let [held, train] =
        [held, train].map(|part| part.into_iter().map(|(_, one)| one).collect::<Vec<_>>());
    let ground = Ground::fit(&train)?;
    let mut errors = [0.0; 2];
    for (standing, place) in &held {
        let found = ground.place(standing);
        (0..2)
            .for_each(|axis| errors[axis] += (found[axis] - place[axis]).abs() / held.len() as f64);
    }
    ground.write(&options.out)?;
    let [right, behind] = errors;
    conv_cli::print(common.json, &Fitted { boxes: train.len(), right, behind })
}

/// Mean errors on held-out boxes, in units of the scene.
#[derive(Serialize)]
struct Fitted {
    boxes: usize,
    right: f64,
    behind: f64,
}

impl fmt::Display for Fitted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { boxes, right, behind } = self;
        write!(
            f,
            "{boxes} boxes; on the held-out fifth of the scenes places are off by {right:.3} to the side and {behind:.3} in depth"
        )
    }
}
