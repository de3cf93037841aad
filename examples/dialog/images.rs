//! The features of images that `--images` names.

use anyhow::Result;
use clap::Args;
use conv_dialog::AnswerRanker;
use conv_dialog::data::ImageFeatures;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub struct Images {
    /// Features of the images, which `classify features` keeps, by pictures whose names end in
    /// their images' numbers
    #[arg(long, value_name = "FILE")]
    images: Option<PathBuf>,
    /// The layer of them, where the file has several
    #[arg(long, requires = "images")]
    layer: Option<String>,
}

impl Images {
    pub fn read(&self) -> Result<Option<ImageFeatures>> {
        let read = |path: &PathBuf| ImageFeatures::read(path, self.layer.as_deref());
        Ok(self.images.as_ref().map(read).transpose()?)
    }

    /// The ranker, which sees them.
    pub fn shown_to(&self, ranker: AnswerRanker) -> Result<AnswerRanker> {
        Ok(match self.read()? {
            Some(images) => ranker.with_images(images)?,
            None => ranker,
        })
    }
}
