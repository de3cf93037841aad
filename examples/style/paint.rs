//! `paint`: a photograph in the manner of a painting, by descent on its pixels.

use crate::losses::{Losses, told};
use crate::page;
use anyhow::{Context, Result, bail};
use candle_core::Device;
use clap::builder::RangedU64ValueParser;
use clap::{Args, ValueEnum};
use conv_hub::files::write_atomic;
use conv_style::{
    Canvas, Colours, End, LossConfig, LossNetwork, Method, Painted, Painting, Plan, Sources, Start,
    Stroke, StylePicture,
};
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
    /// A painting. Again for each of several
    #[arg(long, required = true)]
    style: Vec<PathBuf>,
    /// How much each painting counts beside the others, with commas [default: all the same]
    #[arg(long, value_name = "WEIGHTS", value_delimiter = ',')]
    style_weights: Option<Vec<f64>>,
    /// Where each painting is to be: a picture of the photograph's shape, white where, black where
    /// not. Again for each of the paintings
    #[arg(long)]
    mask: Vec<PathBuf>,
    /// The picture that is made, as PNG
    #[arg(long, required_unless_present = "dry_run")]
    out: Option<PathBuf>,
    /// The longer side of the picture in pixels
    #[arg(long, default_value = "128")]
    size: usize,
    /// The longer side of the paintings as a multiple of the picture's
    #[arg(long, default_value = "1")]
    style_scale: f64,
    /// From coarse to fine: so many sizes, each twice the one before
    #[arg(long, default_value = "1")]
    stages: usize,
    /// Steps of a stage at most
    #[arg(long, default_value = "60")]
    steps: usize,
    /// Evaluations of a stage at most, to within a step [default: as many as the steps take]
    #[arg(long)]
    evaluations: Option<usize>,
    /// Where the descent begins: content, noise, or a picture
    #[arg(long, default_value = "content")]
    start: PathBuf,
    /// Whose colours it has: the paintings', or the photograph's, in two ways
    #[arg(long, value_enum, default_value = "style")]
    colours: Whose,
    /// How it goes down
    #[arg(long, value_enum, default_value = "lbfgs")]
    optimizer: Way,
    /// The step that a search tries first (lbfgs), or grey levels a step (adam) [default: 1, 3]
    #[arg(long)]
    learning_rate: Option<f64>,
    #[command(flatten)]
    losses: Losses,
    /// Steps between pictures on the way, which stand beside --out with the step in their names
    #[arg(long, value_name = "STEPS", value_parser = RangedU64ValueParser::<usize>::new().range(1..))]
    every: Option<usize>,
    /// Where the descent is saved, every minute and at the end
    #[arg(long, value_name = "FILE")]
    checkpoint: Option<PathBuf>,
    /// Go on from --checkpoint; --steps and --evaluations count those before
    #[arg(long, requires = "checkpoint")]
    resume: bool,
    /// Print sizes and memory, and paint nothing
    #[arg(long)]
    dry_run: bool,
    /// Where the pictures with the course of the losses go [default: runs/style.html, with --json
    /// none]
    #[arg(long)]
    page: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Whose {
    Style,
    Luminance,
    Histogram,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Way {
    Lbfgs,
    Adam,
}

/// Between two lines on the way, and between two checkpoints.
const LINE_EVERY: Duration = Duration::from_secs(5);
const CHECKPOINT_EVERY: Duration = Duration::from_secs(60);

impl Options {
    fn sources(&self) -> Result<Sources> {
        let open = |path: &Path| Picture::open(path, &Limits::default());
        let count = self.style.len();
        let fits = |found: usize, what: &str| match found {
            0 => Ok(()),
            found if found == count => Ok(()),
            found => bail!("{found} {what} for {count} paintings, expected one each, or none"),
        };
        let weights = self.style_weights.as_deref().unwrap_or_default();
        fits(weights.len(), "--style-weights")?;
        fits(self.mask.len(), "--mask")?;
        let mut styles = Vec::new();
        for (at, path) in self.style.iter().enumerate() {
            let weight = weights.get(at).copied().unwrap_or(1.0);
            let mask = self.mask.get(at).map(|path| open(path)).transpose()?;
            styles.push(StylePicture { picture: open(path)?, weight, mask });
        }
        let start = match self.begins() {
            Start::Picture => Some(open(&self.start)?),
            Start::Content | Start::Noise => None,
        };
        Ok(Sources { content: open(&self.photo)?, styles, start })
    }

    fn begins(&self) -> Start {
        match self.start.to_str() {
            Some("content") => Start::Content,
            Some("noise") => Start::Noise,
            _ => Start::Picture,
        }
    }

    fn painting(&self, seed: u64) -> Painting {
        let mut method = match self.optimizer {
            Way::Lbfgs => Method::default(),
            Way::Adam => Method::adam(),
        };
        let rate = match &mut method {
            Method::Lbfgs(config) => &mut config.learning_rate,
            Method::Adam { learning_rate, .. } => learning_rate,
        };
        conv_cli::settings::set(rate, self.learning_rate);
        Painting {
            size: self.size,
            style_scale: self.style_scale,
            stages: self.stages,
            steps: self.steps,
            evaluations: self.evaluations,
            start: self.begins(),
            seed,
            colours: match self.colours {
                Whose::Style => Colours::Style,
                Whose::Luminance => Colours::Luminance,
                Whose::Histogram => Colours::Histogram,
            },
            method,
        }
    }
}

pub fn run(options: &Options, common: &conv_cli::Common, device: &Device) -> Result<()> {
    if let Some(out) = &options.out {
        conv_cli::check_png(out)?;
    }
    let sources = options.sources()?;
    let model = options.losses.open(device)?;
    let mut config = LossConfig::of(model.architecture);
    options.losses.over(&mut config);
    let losses = LossNetwork::new(&model, config)?;
    let painting = options.painting(common.seed());
    let plan = Plan::new(&losses, &sources, &painting)?;
    tell_small_paintings(&losses, &plan, &options.style);
    if options.dry_run {
        return conv_cli::print(common.json, &plan);
    }
    let out = options.out.as_deref().context("--out")?;
    let canvas = match options.checkpoint.as_deref().filter(|_| options.resume) {
        Some(checkpoint) => Canvas::resume(&losses, &sources, &painting, checkpoint)?,
        None => Canvas::new(&losses, &sources, &painting)?,
    };
    let painted = descend(canvas, options, out)?;
    write_atomic(out, &painted.picture.to_png()?)?;
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
        picture: out,
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
            out.display()
        );
    }
    Ok(())
}

/// Step by step, with lines, pictures and checkpoints on the way.
fn descend(mut canvas: Canvas, options: &Options, out: &Path) -> Result<Painted> {
    let stop = conv_cli::stop_on_signal()?;
    let mut line = Instant::now();
    let mut saved = Instant::now();
    let end = loop {
        if let Some(end) = canvas.step()? {
            break end;
        }
        if stop.load(Ordering::SeqCst) {
            break End::Stopped;
        }
        let Some(stroke) = canvas.strokes().last() else { continue };
        if line.elapsed() >= LINE_EVERY {
            line = Instant::now();
            conv_cli::note(stroke_line(stroke));
        }
        if options.every.is_some_and(|every| stroke.step % every == 0) {
            let stem = out.file_stem().unwrap_or_default().to_string_lossy();
            let path = out.with_file_name(format!("{stem}-{:04}.png", stroke.step));
            write_atomic(&path, &canvas.picture()?.to_png()?)?;
        }
        if let Some(path) = &options.checkpoint
            && saved.elapsed() >= CHECKPOINT_EVERY
        {
            canvas.save(path)?;
            saved = Instant::now();
        }
    };
    if let Some(path) = &options.checkpoint {
        canvas.save(path)?;
    }
    Ok(canvas.finish(end)?)
}

/// A painting of fewer pixels than the picture, and than a layer sees, has little to say there.
fn tell_small_paintings(losses: &LossNetwork, plan: &Plan, paths: &[PathBuf]) {
    let Some(stage) = plan.stages.last() else { return };
    for (path, &(width, height)) in paths.iter().zip(&stage.styles) {
        let is_smaller = width.max(height) < stage.width.max(stage.height);
        if let Some((layer, side)) = losses.wider_than((width, height)).last()
            && is_smaller
        {
            conv_cli::note(format_args!(
                "{}: {width} × {height} pixels, fewer than the {side} × {side} that {layer} sees: its statistics are largely about the border",
                path.display()
            ));
        }
    }
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
            let from = start.loss;
            let share = 100.0 * content / loss;
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
