//! `submit`: the file that VisDial's challenge takes.

use anyhow::Result;
use candle_core::Device;
use clap::Args;
use conv_dialog::data::{CANDIDATES, ReadOptions, VisDial};
use conv_dialog::{AnswerRanker, submission};
use conv_hub::files::write_atomic;
use serde::Serialize;
use std::fmt;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub struct Options {
    /// A model folder, or an id on the hub; its default learnt from 983 dialogs as text
    #[arg(long, default_value = super::eval::SHIPPED)]
    model: String,
    /// A VisDial file; of the test split the last round of each dialog is ranked, of any other
    /// every round
    #[arg(long)]
    data: PathBuf,
    /// Where the ranks go, as JSON
    #[arg(long)]
    out: PathBuf,
    /// Candidates of each round; the challenge takes 100
    #[arg(long, default_value_t = CANDIDATES)]
    candidates: usize,
    #[command(flatten)]
    images: super::images::Images,
}

#[derive(Debug, Serialize)]
struct Submitted {
    out: PathBuf,
    split: String,
    dialogs: usize,
    rounds: usize,
    candidates: usize,
    is_standard: bool,
}

impl fmt::Display for Submitted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { out, split, dialogs, rounds, candidates, is_standard } = self;
        write!(
            f,
            "{}: {rounds} rounds of {dialogs} dialogs of {split}, {candidates} ranks each",
            out.display()
        )?;
        if !is_standard {
            write!(f, "; not for the challenge, which takes {CANDIDATES}")?;
        }
        Ok(())
    }
}

impl Options {
    pub fn run(&self, common: &conv_cli::Common, device: &Device) -> Result<()> {
        super::eval::check_shipped(&self.model)?;
        let ranker = AnswerRanker::open(&conv_hub::resolve(&self.model)?, device)?;
        let ranker = self.images.shown_to(ranker)?;
        let data = VisDial::read(&self.data, ReadOptions { candidates: self.candidates })?;
        let ranked = submission(&ranker, &data)?;
        write_atomic(&self.out, serde_json::to_string(&ranked)?.as_bytes())?;
        let submitted = Submitted {
            out: self.out.clone(),
            split: data.split,
            dialogs: data.dialogs.len(),
            rounds: ranked.len(),
            candidates: self.candidates,
            is_standard: self.candidates == CANDIDATES,
        };
        conv_cli::print(common.json, &submitted)
    }
}
