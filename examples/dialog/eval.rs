//! `eval`: how well a ranker ranks the answers of a VisDial file.

use anyhow::Result;
use candle_core::Device;
use clap::Args;
use conv_dialog::data::{CANDIDATES, Dense, ReadOptions, VisDial};
use conv_dialog::{AnswerRanker, evaluate};
use std::path::PathBuf;

pub const SHIPPED: &str = "data/models/visdial";

#[derive(Debug, Args)]
pub struct Options {
    /// A model folder, or an id on the hub; its default learnt from 983 dialogs as text
    #[arg(long, default_value = SHIPPED)]
    model: String,
    /// A VisDial file, v0.9 or v1.0
    #[arg(long)]
    data: PathBuf,
    /// Its dense annotations, for NDCG
    #[arg(long)]
    dense: Option<PathBuf>,
    /// Candidates of each round; figures of another number than 100 compare with nothing published
    #[arg(long, default_value_t = CANDIDATES)]
    candidates: usize,
    #[command(flatten)]
    images: super::images::Images,
}

impl Options {
    pub fn run(&self, common: &conv_cli::Common, device: &Device) -> Result<()> {
        check_shipped(&self.model)?;
        let ranker = AnswerRanker::open(&conv_hub::resolve(&self.model)?, device)?;
        let ranker = self.images.shown_to(ranker)?;
        let data = VisDial::read(&self.data, ReadOptions { candidates: self.candidates })?;
        let dense = self.dense.as_ref().map(|path| Dense::read(path, &data)).transpose()?;
        let evaluation = evaluate(&ranker, &data, dense.as_ref(), common.seed())?;
        conv_cli::print(common.json, &evaluation)
    }
}

/// Whether the default model is there where it is asked for.
pub fn check_shipped(asked: &str) -> Result<()> {
    conv_cli::check_shipped(asked, SHIPPED, "dialog train --data FILE --out DIR")
}
