//! `eval`: average precision of boxes and masks.

use crate::model::{Model, data, write};
use anyhow::Result;
use candle_core::Device;
use clap::Args;
use conv_detect::{Evaluation, Limits, Part, evaluate, report};
use conv_train::report::Report;
use serde::Serialize;
use std::fmt;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub struct Options {
    #[command(flatten)]
    model: Model,
    /// A folder in CLEVR's layout (scenes.json, images/, masks/), or of images/ and masks/ alone,
    /// or a file of COCO's annotations or its folder
    #[arg(long)]
    data: PathBuf,
    /// all pictures; train or held-out, by their number: those that leave 4 when divided by 5 are
    /// held out of every training
    #[arg(long, default_value = "all")]
    part: Part,
    /// Where a page goes with curves, pictures, the largest objects that are missed and the surest
    /// false alarms
    #[arg(long, value_name = "FILE")]
    page: Option<PathBuf>,
}

#[derive(Serialize)]
struct Measured {
    part: Part,
    #[serde(flatten)]
    evaluation: Evaluation,
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.evaluation.fmt(f)
    }
}

pub fn run(options: &Options, common: &conv_cli::Common, device: &Device) -> Result<()> {
    let detector = options.model.open(device)?;
    let limits = Limits::default();
    let data = data(&options.data, &limits)?.part(options.part);
    let evaluation = match &options.page {
        None => evaluate(&detector, &data, &limits)?,
        Some(file) => {
            let page = Report::new(&data.name, "A detector on pictures whose objects are known");
            let (evaluation, page) = report(&detector, &data, &limits, page)?;
            write(page.metrics(evaluation.figures()), file)?;
            conv_cli::note(format_args!("page: {}", file.display()));
            evaluation
        }
    };
    evaluation.skipped.iter().for_each(|file| conv_cli::note(format_args!("  {file}")));
    conv_cli::print(common.json, &Measured { part: options.part, evaluation })
}
