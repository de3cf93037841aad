//! `show`: what a StyleBank does, on one page: photographs in every style, a slider from one style
//! to another, regions.

use crate::apply::SHIPPED;
use anyhow::{Context, Result, bail};
use candle_core::Device;
use clap::Args;
use conv_hub::files::write_atomic;
use conv_style::{Mixture, Painter, Regions};
use conv_train::report::Html;
use conv_vision::page::{Gallery, data_url, page};
use conv_vision::{Limits, Picture};
use serde::Serialize;
use std::fmt::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

#[derive(Debug, Args)]
pub struct Options {
    /// Photographs
    #[arg(required = true)]
    photos: Vec<PathBuf>,
    /// A model folder as train leaves it
    #[arg(long, default_value = SHIPPED)]
    model: String,
    /// The two styles that the slider goes between, with a comma [default: the first two]
    #[arg(long, value_delimiter = ',', num_args = 1, value_name = "FROM,TO")]
    between: Option<Vec<String>>,
    /// The longer side of the pictures in pixels
    #[arg(long, default_value = "256")]
    size: usize,
    /// The page
    #[arg(long, default_value = "runs/stylebank.html")]
    page: PathBuf,
}

/// Positions of the slider.
const POSITIONS: usize = 9;

/// How the slider looks: of its pictures the one that is chosen is there. It needs no script, and
/// answers to the arrow keys.
const STYLE: &str = "<style>.slider img{display:none;max-width:100%}.slider label{font-size:12px;padding:0 .4rem}.slider div{margin-top:.6rem}";

pub fn run(options: &Options, common: &conv_cli::Common, device: &Device) -> Result<()> {
    conv_cli::check_shipped(&options.model, SHIPPED, "style train")?;
    let painter = Painter::open(options.model.as_ref(), device)?;
    let styles = painter.styles();
    let pair = match options.between.as_deref() {
        None => styles.get(..2),
        Some([from, to]) if from == to => bail!("--between {from},{to}: expected two styles"),
        Some(two @ [_, _]) => Some(two),
        Some(others) => bail!("--between {}: expected two styles, FROM,TO", others.join(",")),
    };
    let begun = Instant::now();
    let mut body = String::from("<h2>Photographs in every style</h2>");
    let mut photos = Vec::new();
    for path in &options.photos {
        let photo = Picture::open(path, &Limits::default())?.with_longer_side(options.size)?;
        let mut row = Gallery::default();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        row.add(&name, &photo, "the photograph")?;
        for style in styles {
            let painted = painter.paint(&photo, &Mixture::of(style, styles)?)?;
            row.add(style, &painted, "")?;
        }
        body += &row.row().to_string();
        photos.push(photo);
    }
    if let (Some([from, to]), Some(photo)) = (pair, photos.first()) {
        body += &slider(&painter, photo, [from, to])?;
        body += &regions(&painter, &photos, [from, to], common.seed())?;
    }
    if let Some(folder) = options.page.parent() {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("creating {}", folder.display()))?;
    }
    write_atomic(&options.page, page("A StyleBank", &body).as_bytes())?;
    let seconds = begun.elapsed().as_secs_f64();
    let answer =
        Answer { page: &options.page, photographs: photos.len(), styles: styles.to_vec(), seconds };
    conv_cli::print(common.json, &answer)
}

/// A photograph from one style to the other, a position at a time.
fn slider(painter: &Painter, photo: &Picture, [from, to]: [&String; 2]) -> Result<String> {
    let mut style = STYLE.to_string();
    let mut inputs = String::new();
    let mut pictures = String::new();
    for at in 0..POSITIONS {
        let share = at as f64 / (POSITIONS - 1) as f64;
        let text = format!("{from}={},{to}={share}", 1.0 - share);
        let painted = painter.paint(photo, &Mixture::parse(&text, painter.styles())?)?;
        let checked = if at == POSITIONS / 2 { " checked" } else { "" };
        let number = at + 1;
        write!(style, "#mix{at}:checked~div img:nth-child({number}){{display:block}}")?;
        write!(
            inputs,
            "<input type=\"radio\" name=\"mix\" id=\"mix{at}\"{checked} aria-label=\"{text}\">"
        )?;
        write!(pictures, "<img alt=\"{text}\" src=\"{}\">", data_url(&painted)?)?;
    }
    let from = Html::text(from);
    let to = Html::text(to);
    Ok(format!(
        "<h2>From {from} to {to}</h2>{style}</style><div class=\"slider\"><label>{from}</label>{inputs}<label>{to}</label><div>{pictures}</div></div>"
    ))
}

/// Each photograph with a style for each of its two regions, as k-means finds them.
fn regions(
    painter: &Painter,
    photos: &[Picture],
    styles: [&String; 2],
    seed: u64,
) -> Result<String> {
    let mut row = Gallery::default();
    let known = painter.styles();
    let [larger, smaller] = styles;
    for (at, photo) in photos.iter().enumerate() {
        let masks = painter.clusters(photo, 2, seed)?;
        let mixtures = [Mixture::of(larger, known)?, Mixture::of(smaller, known)?];
        let pairs: Vec<_> = masks.into_iter().zip(mixtures.iter().cloned()).collect();
        let sides = (photo.width(), photo.height());
        let regions = Regions::new(sides, &mixtures[0], &pairs)?;
        let painted = painter.paint_regions(photo, &regions)?;
        row.add(&format!("photograph {} by regions", at + 1), &painted, "")?;
    }
    Ok(format!(
        "<h2>A style a region</h2><p>{} in the larger, {} in the smaller of two regions that k-means finds in what the encoder sees.</p>{}",
        Html::text(larger),
        Html::text(smaller),
        row.section()
    ))
}

#[derive(Serialize)]
struct Answer<'a> {
    page: &'a Path,
    photographs: usize,
    styles: Vec<String>,
    seconds: f64,
}

impl fmt::Display for Answer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { page, photographs, styles, seconds } = self;
        write!(
            f,
            "{}: {photographs} photographs in {}, {seconds:.1} s",
            page.display(),
            styles.join(", ")
        )
    }
}
