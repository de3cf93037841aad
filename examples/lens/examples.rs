//! `examples`: the parts of photographs that excite a unit most and least.

use crate::flags::{ModelFlags, other_units};
use anyhow::{Result, bail};
use candle_core::Device;
use clap::Args;
use conv_hub::files::write_atomic;
use conv_lens::{Excerpt, Excerpts, Objective, column, row};
use conv_vision::{Filter, Picture};
use serde::Serialize;
use std::fmt;
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
pub struct Options {
    /// A unit, as LAYER:CHANNEL
    unit: String,
    /// A folder of photographs
    #[arg(long)]
    photos: PathBuf,
    /// The parts that excite it most in a row, and below them those that do least, as PNG
    #[arg(long)]
    out: PathBuf,
    /// Parts in a row
    #[arg(long, default_value = "8")]
    count: usize,
    /// Sides of the middle square that is looked at, in pixels [default: what the network is made
    /// for]
    #[arg(long)]
    size: Option<usize>,
    #[command(flatten)]
    model: ModelFlags,
}

/// Sides of a part in the written picture.
const SIDE: usize = 112;

pub fn run(options: &Options, common: &conv_cli::Common, device: &Device) -> Result<()> {
    conv_cli::check_png(&options.out)?;
    if options.count == 0 {
        bail!("--count 0: expected at least 1");
    }
    let model = options.model.open(device)?;
    let objective = Objective::parse(&options.unit, &model)?;
    let [unit] = objective.units()[..] else {
        bail!("{:?} is no unit, expected LAYER:CHANNEL", options.unit);
    };
    let side = options.size.unwrap_or(model.preprocessing.crop);
    let found = Excerpts::measure(&model, unit, &options.photos, side, options.count)?;
    let rows = [sheet(&found.most)?, sheet(&found.least)?];
    write_atomic(&options.out, &column(&rows)?.to_png()?)?;
    found.skipped.iter().for_each(|file| conv_cli::note(format_args!("left out: {file}")));
    let answer = Answer {
        picture: &options.out,
        unit: unit.to_string(),
        sees: found.field,
        photographs: found.photographs,
        most: &found.most,
        least: &found.least,
        note: other_units(&model),
    };
    conv_cli::print(common.json, &answer)
}

/// Parts beside each other, all of one height.
pub fn sheet(excerpts: &[Excerpt]) -> conv_lens::Result<Picture> {
    let scaled = |excerpt: &Excerpt| {
        let picture = &excerpt.picture;
        let width = (picture.width() * SIDE / picture.height()).clamp(1, 4 * SIDE);
        picture.resize(width, SIDE, Filter::Bilinear)
    };
    row(&excerpts.iter().map(scaled).collect::<Result<Vec<_>, _>>()?)
}

#[derive(Serialize)]
struct Answer<'a> {
    picture: &'a Path,
    unit: String,
    /// Pixels; nothing where it sees the whole photograph.
    sees: Option<usize>,
    photographs: usize,
    most: &'a [Excerpt],
    least: &'a [Excerpt],
    #[serde(skip_serializing_if = "str::is_empty")]
    note: &'static str,
}

impl fmt::Display for Answer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { picture, unit, photographs, note, .. } = self;
        let sees = match self.sees {
            Some(side) => format!("{side} × {side} pixels"),
            None => "the whole photograph".into(),
        };
        write!(f, "{}: {unit} sees {sees}; of {photographs} photographs", picture.display())?;
        for (name, excerpts) in [("most", self.most), ("least", self.least)] {
            for Excerpt { path, value, row, column, .. } in excerpts {
                let path = path.display();
                write!(f, "\n{name:5} {value:9.3}  row {row}, column {column} of {path}")?;
            }
        }
        match *note {
            "" => Ok(()),
            note => write!(f, "\n{note}"),
        }
    }
}
