//! `paint`: a photograph in the manner of a painting, by descent on its pixels.

use crate::losses::{Losses, told};
use crate::page;
use anyhow::{Context, Result, bail};
use candle_core::Device;
use clap::{Args, ValueEnum};
use conv_hub::files::write_atomic;
use conv_style::{End, LossConfig, LossNetwork, Painting, Start, Stroke, paint};
use conv_vision::{Limits, Picture};
use serde::Serialize;
use serde_json::json;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

#[derive(Debug, Args)]
pub struct Options {
    /// The photograph
    photo: PathBuf,
    /// The painting
    #[arg(long)]
    style: PathBuf,
    /// The picture that is made, as PNG
    #[arg(long)]
    out: PathBuf,
    /// The longer side of the picture in pixels
    #[arg(long, default_value = "128")]
    size: usize,
    /// Steps at most
    #[arg(long, default_value = "60")]
    steps: usize,
    /// Where the descent begins
    #[arg(long, value_enum, default_value = "content")]
    start: Begin,
    #[command(flatten)]
    losses: Losses,
    /// Where the pictures with the course of the losses go [default: runs/style.html, with --json none]
    #[arg(long)]
    page: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Begin {
    Content,
    Noise,
}

/// Between two lines on the way.
const LINE_EVERY: Duration = Duration::from_secs(5);

pub fn run(options: &Options, common: &conv_cli::Common, device: &Device) -> Result<()> {
    conv_cli::check_png(&options.out)?;
    let open = |path: &Path| Picture::open(path, &Limits::default());
    let (photo, style) = (open(&options.photo)?, open(&options.style)?);
    let model = options.losses.open(device)?;
    let mut config = LossConfig::of(model.architecture);
    options.losses.over(&mut config);
    let losses = LossNetwork::new(&model, config)?;
    let start = match options.start {
        Begin::Content => Start::Content,
        Begin::Noise => Start::Noise,
    };
    let (size, steps, seed) = (options.size, options.steps, common.seed());
    let painting = Painting { size, steps, start, seed, ..Painting::default() };
    let stop = conv_cli::stop_on_signal()?;
    let mut line = Instant::now();
    let painted = paint(&losses, &photo, &style, &painting, |stroke| {
        if line.elapsed() >= LINE_EVERY {
            line = Instant::now();
            conv_cli::note(stroke_line(stroke));
        }
        !stop.load(Ordering::SeqCst)
    })?;
    write_atomic(&options.out, &painted.picture.to_png()?)?;
    let default = (!common.json).then(|| PathBuf::from("runs/style.html"));
    let page = options.page.clone().or(default);
    if let Some(page) = &page {
        if let Some(folder) = page.parent() {
            std::fs::create_dir_all(folder)
                .with_context(|| format!("creating {}", folder.display()))?;
        }
        let settings = json!({ "losses": losses.config(), "painting": painting });
        page::write(page, &painted, losses.config(), &told(&model), &settings)?;
    }
    let answer = Answer {
        picture: &options.out,
        width: painted.picture.width(),
        height: painted.picture.height(),
        start: painted.strokes.first(),
        end: painted.strokes.last(),
        ended: painted.end,
        page: page.as_deref(),
    };
    conv_cli::print(common.json, &answer)?;
    if let End::NotFinite { step, loss } = painted.end {
        bail!(
            "the loss at step {step} is {loss}: {} holds the picture of the step before; a smaller --style-weight may help",
            options.out.display()
        );
    }
    Ok(())
}

fn stroke_line(stroke: &Stroke) -> String {
    let Stroke { step, loss, content, style, seconds, .. } = stroke;
    format!(
        "step {step}, {seconds:.0} s  loss {loss:.4e}  content {content:.4e}  style {style:.4e}"
    )
}

#[derive(Serialize)]
struct Answer<'a> {
    picture: &'a Path,
    width: usize,
    height: usize,
    start: Option<&'a Stroke>,
    end: Option<&'a Stroke>,
    ended: End,
    #[serde(skip_serializing_if = "Option::is_none")]
    page: Option<&'a Path>,
}

impl fmt::Display for Answer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { picture, width, height, start, end, ended, page } = self;
        write!(f, "{}: {width} × {height} pixels", picture.display())?;
        if let (Some(start), Some(end)) = (start, end) {
            let Stroke { step, evaluations, loss, content, seconds, .. } = end;
            let (from, share) = (start.loss, 100.0 * content / loss);
            write!(
                f,
                "\nloss {from:.4e} to {loss:.4e} ({share:.0} % content) in {step} steps, {evaluations} evaluations, {seconds:.1} s"
            )?;
        }
        match ended {
            End::Stalled(stall) => write!(f, "\nended early: {stall}")?,
            End::Stopped => write!(f, "\nstopped")?,
            _ => {}
        }
        match page {
            Some(page) => {
                write!(f, "\nthe pictures and the course of the losses: {}", page.display())
            }
            None => Ok(()),
        }
    }
}
