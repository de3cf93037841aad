//! `eval`: how often a network is right.

use crate::model::Named;
use anyhow::Result;
use candle_core::Device;
use clap::Args;
use conv_vision::{Limits, evaluate};
use std::path::PathBuf;

#[derive(Debug, Args)]
pub struct Options {
    #[command(flatten)]
    model: Named,
    /// A folder of photographs called CLASS_anything, or in folders called as the classes
    #[arg(long)]
    data: PathBuf,
    /// The mean over ten squares of each picture, four corners and the centre, mirrored too, in
    /// place of the central one
    #[arg(long)]
    ten_crop: bool,
    /// Where confusion and the worst mistakes go [default: runs/classify-eval.html, with --json
    /// none]
    #[arg(long)]
    page: Option<PathBuf>,
}

pub fn run(options: &Options, common: &conv_cli::Common, device: &Device) -> Result<()> {
    let classifier = options.model.open(device)?.with_ten_crop(options.ten_crop);
    let limits = Limits::default();
    let evaluation = evaluate(&classifier, &options.data, &limits)?;
    conv_cli::print(common.json, &evaluation)?;
    evaluation.skipped.iter().for_each(|file| conv_cli::note(format_args!("  {file}")));
    let default = (!common.json).then(|| PathBuf::from("runs/classify-eval.html"));
    if let Some(page) = options.page.clone().or(default) {
        let name = options.data.file_name().unwrap_or(options.data.as_os_str()).to_string_lossy();
        evaluation.report(&classifier, &name, &limits)?.write(&page)?;
        conv_cli::note(format_args!("confusion and the worst mistakes: {}", page.display()));
    }
    Ok(())
}
