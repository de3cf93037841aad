//! `scenes`: scenes by CLEVR's rules, rendered.

use crate::render::{Made, told};
use anyhow::Result;
use clap::Args;
use conv_clevr::sample::{Cogent, OBJECTS, Sampler};
use std::path::PathBuf;

#[derive(Debug, Args)]
pub struct Options {
    /// The folder that is filled: scenes.json, images/, masks/. What is there of the same settings
    /// is kept
    #[arg(long)]
    out: PathBuf,
    /// How many scenes
    #[arg(long, default_value = "100")]
    count: usize,
    /// CoGenT's condition, a or b: which colours cubes and cylinders have [default: all]
    #[arg(long)]
    cogent: Option<Cogent>,
    /// Objects of a scene at least
    #[arg(long, default_value_t = *OBJECTS.start())]
    least: usize,
    /// Objects of a scene at most
    #[arg(long, default_value_t = *OBJECTS.end())]
    most: usize,
    /// Columns of a picture
    #[arg(long, default_value = "320")]
    width: usize,
    /// Rows of a picture
    #[arg(long, default_value = "240")]
    height: usize,
    /// The part of a data set that they are, which names the pictures
    #[arg(long, default_value = "new")]
    split: String,
}

pub fn run(options: &Options, common: &conv_cli::Common) -> Result<()> {
    let Options { out, cogent, width, height, split, .. } = options;
    let sampler = Sampler {
        seed: common.seed(),
        cogent: *cogent,
        objects: options.least..=options.most,
        width: *width,
        height: *height,
        split: split.clone(),
    };
    let (begun, told) = told(options.count);
    let filled = sampler.fill(out, options.count, told)?;
    conv_cli::print(common.json, &Made::new(filled, begun))
}
