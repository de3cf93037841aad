//! `attribute`: which places of a photograph, and which channels, carried an answer.

use crate::flags::ModelFlags;
use crate::gaps;
use anyhow::{Result, bail};
use candle_core::Device;
use clap::builder::RangedU64ValueParser;
use clap::{Args, ValueEnum};
use conv_hub::files::write_atomic;
use conv_lens::attribute::{
    Map, Rule, grad_cam, gradient_times_activation, integrated_gradients, occlusion,
};
use conv_lens::{Objective, row, stages};
use conv_nn::Mode;
use conv_vision::{Limits, Picture, Pretrained};
use serde::Serialize;
use std::fmt;
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
pub struct Options {
    /// A photograph; of integrated also a folder of them, of which the gaps are told
    photo: PathBuf,
    /// What is asked about, such as class("traffic light") or inception_4c:12 [default: the
    /// network's first guess]
    #[arg(long)]
    of: Option<String>,
    #[arg(long, value_enum, default_value = "gradient")]
    method: Method,
    /// The layer of gradient and cam [default: the last one that has positions]
    #[arg(long)]
    layer: Option<String>,
    /// Steps of integrated
    #[arg(long, default_value = "50")]
    steps: usize,
    /// Photographs of a folder at most
    #[arg(long, default_value = "50", value_parser = RangedU64ValueParser::<usize>::new().range(1..))]
    limit: usize,
    /// Cut the way of integrated in equal parts, instead of Gauss–Legendre's
    #[arg(long)]
    riemann: bool,
    /// Sides of the square that occlusion covers, in pixels [default: a seventh of the
    /// photograph's]
    #[arg(long)]
    window: Option<usize>,
    /// Pixels from one place of the square to the next [default: half of it]
    #[arg(long)]
    stride: Option<usize>,
    /// Channels that are named
    #[arg(long, default_value = "8")]
    channels: usize,
    /// The photograph as the network sees it, and beside it what carried the answer, red for and
    /// blue against, as PNG
    #[arg(long)]
    out: PathBuf,
    #[command(flatten)]
    model: ModelFlags,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Method {
    /// Activation × gradient at a layer
    Gradient,
    /// Integrated gradients of the pixels
    Integrated,
    /// Grad-CAM at a layer
    Cam,
    /// How far the answer falls where a square is covered
    Occlusion,
}

/// Squares of pixels that are drawn as one, in a row.
const BLOCKS: usize = 32;

/// What is common to all methods.
struct Found {
    map: Map,
    layer: Option<String>,
    channels: Vec<Channel>,
    gap: Option<f64>,
    value: Option<f64>,
}

pub fn run(options: &Options, common: &conv_cli::Common, device: &Device) -> Result<()> {
    conv_cli::check_png(&options.out)?;
    let model = options.model.open(device)?;
    if options.photo.is_dir() {
        return options.gaps(&model, common);
    }
    let photo = Picture::open(&options.photo, &Limits::default())?;
    let photo = model.preprocessing.crop(&photo)?;
    let text = match &options.of {
        Some(text) => text.clone(),
        None => first_guess(&model, &photo)?,
    };
    let objective = Objective::parse(&text, &model)?;
    let found = options.found(&model, &objective, &photo)?;
    let picture = beside(&photo, &found.map)?;
    write_atomic(&options.out, &picture.to_png()?)?;
    let name =
        |class: usize| model.labels.as_ref()?.all().get(class).map(|label| label.name.clone());
    let graph = model.network.graph();
    let units = objective.units();
    let class = units.first().filter(|unit| unit.address.layer == graph.output());
    let answer = Answer {
        picture: &options.out,
        of: text,
        class: class.and_then(|unit| unit.address.channel).and_then(name),
        value: match found.value {
            Some(value) => value,
            None => conv_lens::excitement(&model, &objective, &photo)?,
        },
        layer: found.layer,
        gap: found.gap,
        largest: found.map.largest(),
        rows: found.map.rows,
        columns: found.map.columns,
        sum: found.map.values.iter().sum(),
        channels: found.channels,
    };
    conv_cli::print(common.json, &answer)
}

/// The photograph, and beside it what carried the answer.
pub fn beside(photo: &Picture, map: &Map) -> Result<Picture> {
    // Of a number a pixel nothing can be seen but the largest.
    let drawn = match map.rows {
        rows if rows == photo.height() => map.blocks(rows.div_ceil(BLOCKS))?,
        _ => map.clone(),
    };
    Ok(row(&[photo.clone(), drawn.overlay(photo)?])?)
}

/// The class that is most probable.
fn first_guess(model: &Pretrained, photo: &Picture) -> Result<String> {
    let graph = model.network.graph();
    let x = model.preprocessing.of_pixels(&photo.tensor(&Device::Cpu)?)?;
    let logits = model.network.forward(&x, &mut Mode::Eval)?.flatten_all()?.to_vec1::<f32>()?;
    let all = logits.iter().enumerate();
    let class = all.max_by(|a, b| a.1.total_cmp(b.1)).map_or(0, |(class, _)| class);
    Ok(format!("{}:{class}", graph.layers()[graph.output()].name))
}

impl Options {
    /// Of a folder: how far the sums of integrated gradients are off.
    fn gaps(&self, model: &Pretrained, common: &conv_cli::Common) -> Result<()> {
        if self.method != Method::Integrated {
            bail!("{}: a folder is for --method integrated", self.photo.display());
        }
        let of = |photo: &Picture| match &self.of {
            Some(text) => Ok(text.clone()),
            None => first_guess(model, photo),
        };
        let settings = gaps::Settings {
            folder: &self.photo,
            limit: self.limit,
            rule: self.rule(),
            steps: self.steps,
            out: &self.out,
        };
        gaps::run(model, &settings, of, common)
    }

    fn rule(&self) -> Rule {
        if self.riemann { Rule::Riemann } else { Rule::GaussLegendre }
    }

    fn found(&self, model: &Pretrained, objective: &Objective, photo: &Picture) -> Result<Found> {
        let layer = || {
            let last = || stages(model.network.graph()).pop().unwrap_or_default();
            self.layer.clone().unwrap_or_else(last)
        };
        let of_layer = |carried: conv_lens::attribute::Carried| {
            let of_channel = |(channel, value)| Channel { channel, value };
            let mut channels: Vec<Channel> =
                carried.channels.into_iter().enumerate().map(of_channel).collect();
            channels.sort_by(|a, b| b.value.total_cmp(&a.value));
            channels.truncate(self.channels);
            let map = carried.positions;
            let value = Some(carried.value);
            Found { map, layer: Some(layer()), channels, gap: None, value }
        };
        Ok(match self.method {
            Method::Gradient => {
                of_layer(gradient_times_activation(model, objective, photo, &layer())?)
            }
            Method::Cam => of_layer(grad_cam(model, objective, photo, &layer())?),
            Method::Integrated => {
                let rule = self.rule();
                let found = integrated_gradients(model, objective, photo, rule, self.steps)?;
                let gap = Some(found.gap());
                let value = Some(found.value);
                Found { map: found.pixels, layer: None, channels: Vec::new(), gap, value }
            }
            Method::Occlusion => {
                let window = self.window.unwrap_or((photo.width() / 7).max(1));
                let stride = self.stride.unwrap_or((window / 2).max(1));
                let map = occlusion(model, objective, photo, window, stride)?;
                Found { map, layer: None, channels: Vec::new(), gap: None, value: None }
            }
        })
    }
}

#[derive(Serialize)]
struct Channel {
    channel: usize,
    value: f64,
}

#[derive(Serialize)]
struct Answer<'a> {
    picture: &'a Path,
    of: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    class: Option<String>,
    value: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    layer: Option<String>,
    /// What the sum of integrated gradients misses, as a share of what it should be.
    #[serde(skip_serializing_if = "Option::is_none")]
    gap: Option<f64>,
    rows: usize,
    columns: usize,
    sum: f64,
    /// Row, column and value.
    largest: Option<(usize, usize, f64)>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    channels: Vec<Channel>,
}

impl fmt::Display for Answer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { picture, of, class, value, layer, gap, rows, columns, sum, .. } = self;
        let class = class.as_ref().map_or(String::new(), |class| format!(" ({class})"));
        let layer = layer.as_ref().map_or(String::new(), |layer| format!(" of {layer}"));
        write!(f, "{}: {of}{class} is {value:.3}", picture.display())?;
        write!(f, "\n{rows} × {columns} places{layer}, together {sum:.3}")?;
        if let Some((row, column, value)) = self.largest {
            write!(f, "; most at row {row}, column {column}: {value:.3}")?;
        }
        if let Some(gap) = gap {
            write!(f, "\nthe sum is {:+.2} % off the difference from the baseline", 100.0 * gap)?;
        }
        for Channel { channel, value } in &self.channels {
            write!(f, "\nchannel {channel:4} {value:11.5}")?;
        }
        Ok(())
    }
}
