//! `inspect`: a model folder, or dialogs as text.

use anyhow::Result;
use clap::Args;
use conv_dialog::ModelInspection;
use conv_dialog::data::{CANDIDATES, Pictures, ReadOptions, VisDial};
use serde::Serialize;
use std::fmt;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub struct Options {
    /// A model folder, an id on the hub, or a VisDial file
    path: PathBuf,
    /// Candidates of each round of the file
    #[arg(long, default_value_t = CANDIDATES)]
    candidates: usize,
    /// A folder of pictures: says which dialogs have theirs there
    #[arg(long)]
    images: Option<PathBuf>,
}

impl Options {
    pub fn run(&self, common: &conv_cli::Common) -> Result<()> {
        if self.path.is_file() {
            let data = VisDial::read(&self.path, ReadOptions { candidates: self.candidates })?;
            let images = self.images.as_ref().map(|folder| Pictures::find(folder, &data));
            let mut dialogs = Dialogs::of(&data);
            if let Some(pictures) = images.transpose()? {
                dialogs.text += &format!("\n{pictures}\n");
                dialogs.missing_images = Some(pictures.missing);
            }
            return conv_cli::print(common.json, &dialogs);
        }
        let model = conv_hub::resolve(&self.path.to_string_lossy())?;
        conv_cli::print(common.json, &ModelInspection::open(&model)?)
    }
}

/// Dialogs as text.
#[derive(Debug, Serialize)]
struct Dialogs<'a> {
    split: &'a str,
    dialogs: Vec<Dialog<'a>>,
    /// Images whose pictures are not in the folder asked about.
    #[serde(skip_serializing_if = "Option::is_none")]
    missing_images: Option<Vec<u64>>,
    #[serde(skip)]
    text: String,
}

#[derive(Debug, Serialize)]
struct Dialog<'a> {
    image_id: u64,
    caption: &'a str,
    rounds: Vec<Round<'a>>,
}

#[derive(Debug, Serialize)]
struct Round<'a> {
    question: &'a str,
    answer: Option<&'a str>,
    candidates: Vec<&'a str>,
}

impl<'a> Dialogs<'a> {
    fn of(data: &'a VisDial) -> Self {
        let round = |round: &conv_dialog::data::Round| Round {
            question: data.question(round.question),
            answer: round.answer.map(|answer| data.answer(answer)),
            candidates: round.candidates.iter().map(|&answer| data.answer(answer)).collect(),
        };
        let dialogs = data.dialogs.iter().map(|dialog| Dialog {
            image_id: dialog.image_id,
            caption: &dialog.caption,
            rounds: dialog.rounds.iter().map(round).collect(),
        });
        Self {
            split: &data.split,
            dialogs: dialogs.collect(),
            missing_images: None,
            text: data.to_string(),
        }
    }
}

impl fmt::Display for Dialogs<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text.trim_end())
    }
}
