//! One pair in one way, in a process of its own, so that its memory is its own.

use super::cell::{Found, Way};
use super::{VGG, losses};
use crate::speed::Memory;
use anyhow::{Context, Result, bail};
use candle_core::Device;
use conv_hub::files::write_atomic;
use conv_style::{Canvas, LossConfig, Mixture, Painter, Painting, Sources, Start, Style, Sum};
use conv_vision::{Limits, Picture};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

/// What is to be painted.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Request {
    pub way: Way,
    pub photograph: PathBuf,
    pub painting: PathBuf,
    /// The folder of a network.
    pub model: Option<PathBuf>,
    pub size: usize,
    pub evaluations: usize,
    pub losses: LossConfig,
    /// The folder of data sets.
    pub data: PathBuf,
    /// Where the picture goes.
    pub out: PathBuf,
}

impl Request {
    /// Asks a process of this program.
    pub fn ask(&self, threads: usize) -> Result<Found> {
        let program = std::env::current_exe().context("this program's own file")?;
        let text = serde_json::to_string(self)?;
        let threads = threads.to_string();
        let arguments = ["style", "--one", &text, "--json", "--threads", &threads];
        let output = Command::new(program)
            .args(arguments)
            .stderr(Stdio::inherit())
            .output()
            .context("starting a process to paint in")?;
        if !output.status.success() {
            bail!("painting ended early; the same command goes on with this pair");
        }
        Ok(serde_json::from_slice(&output.stdout)?)
    }

    /// Paints and measures, in this process.
    pub fn answer(&self, device: &Device) -> Result<Found> {
        let mut memory = Memory::now();
        let content = Picture::open(&self.photograph, &Limits::default())?;
        let style = Style::open(&self.painting, &Limits::default())?;
        // A network knows nothing of the losses, which are opened behind it.
        let by_network = match self.way {
            Way::Gatys => None,
            Way::Bank | Way::Single => {
                Some(self.paint(&content.with_longer_side(self.size)?, &style, device)?)
            }
        };
        memory.look();
        let network = losses(&self.data.join(VGG), &self.losses, device)?;
        let painting = Painting {
            size: self.size,
            // Each takes an evaluation at least.
            steps: self.evaluations.max(1),
            evaluations: Some(self.evaluations),
            start: Start::Content,
            ..Painting::default()
        };
        let sources = Sources::new(content, style.picture);
        let begun = Instant::now();
        let mut canvas = Canvas::new(&network, &sources, &painting)?;
        let (picture, seconds) = match by_network {
            Some(painted) => painted,
            None => {
                while canvas.step()?.is_none() {}
                let picture = canvas.picture()?;
                let seconds = begun.elapsed().as_secs_f64();
                memory.look();
                (picture, seconds)
            }
        };
        let sum = |picture: &Picture| Ok::<_, conv_style::Error>(Sum::of(canvas.measure(picture)?));
        let found = Found {
            start: sum(canvas.content())?,
            sum: sum(&picture)?,
            taken: canvas.strokes().last().map_or(0, |stroke| stroke.evaluations),
            seconds,
            peak_kib: memory.peak(),
        };
        if let Some(folder) = self.out.parent() {
            std::fs::create_dir_all(folder)
                .with_context(|| format!("cannot make {}", folder.display()))?;
        }
        write_atomic(&self.out, &picture.to_png()?)
            .with_context(|| format!("writing {}", self.out.display()))?;
        Ok(found)
    }

    fn paint(&self, content: &Picture, style: &Style, device: &Device) -> Result<(Picture, f64)> {
        let model: &Path = self.model.as_deref().context("a network's folder")?;
        let painter = Painter::open(model, device)?;
        let mixture = Mixture::of(&style.name, painter.styles())?;
        let mut seconds = Vec::new();
        let mut painted = None;
        for _ in 0..3 {
            let begun = Instant::now();
            painted = Some(painter.paint(content, &mixture)?);
            seconds.push(begun.elapsed().as_secs_f64());
        }
        let seconds = crate::cells::median(seconds).unwrap_or_default();
        Ok((painted.context("a picture")?, seconds))
    }
}
