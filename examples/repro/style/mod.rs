//! Neural style three ways on the same photographs and paintings: the descent of Gatys et al.
//! (2016), a StyleBank of Chen et al. (2017), and networks of one style as that of Johnson et al.
//! (2016).
//!
//! A cell is one pair painted in one way, in a process of its own. Losses are those that the bank
//! was trained to lower.

mod cell;
mod one;
mod table;

use crate::cells::Cells;
use crate::experiment::{self, Experiment, Flags, data_folder};
use crate::speed::Speed;
use anyhow::{Context, Result, bail};
use candle_core::Device;
use cell::{Cell, Way};
use clap::Args;
use clap::builder::RangedU64ValueParser;
use conv_hub::{ModelFolder, folder};
use conv_nn::rng::Fingerprint;
use conv_style::{Contents, LossConfig, LossNetwork, Painter, Recipe, Style, Training};
use conv_vision::data::find;
use conv_vision::{Limits, Pretrained};
use one::Request;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

/// The bank that ships.
const SHIPPED: &str = "data/models/stylebank";
/// What there is within the folder of data sets: VGG-16's first convolutions, photographs to paint,
/// paintings, and photographs to learn from.
const VGG: &str = "vision/weights/vgg16-hed-conv1_1-conv5_1.f16.safetensors";
const PHOTOGRAPHS: &str = "vision/images/content_photos";
const PAINTINGS: &str = "vision/images/style_paintings";
const LEARNT_FROM: &str = "vision/images/caltech101";

#[derive(Debug, Args)]
pub struct Options {
    /// The bank: a model folder as `style train` or `style add` leaves it
    #[arg(long, default_value = SHIPPED)]
    model: String,
    /// A network of one style, as `style train --single` leaves it. Again for each
    #[arg(long, value_name = "FOLDER")]
    single: Vec<PathBuf>,
    /// The longer side of the pictures in pixels
    #[arg(long, default_value = "256", value_parser = RangedU64ValueParser::<usize>::new().range(64..=2048))]
    size: usize,
    /// Evaluations of a descent [default: 300, with --quick 100]
    #[arg(long, value_parser = RangedU64ValueParser::<usize>::new().range(1..=10_000))]
    evaluations: Option<usize>,
    /// Pairs at most: each style with another photograph, then each with the next [default: all,
    /// with --quick 6]
    #[arg(long, value_parser = RangedU64ValueParser::<usize>::new().range(1..))]
    limit: Option<usize>,
    /// Folder for the pictures
    #[arg(long, default_value = "runs/style-pairs")]
    out: PathBuf,
    /// What one process is to paint: for this program's own use
    #[arg(long, hide = true)]
    one: Option<String>,
    #[command(flatten)]
    flags: Flags,
}

pub fn run(
    options: &Options,
    data: Option<PathBuf>,
    common: &conv_cli::Common,
    device: &Device,
) -> Result<()> {
    if let Some(text) = &options.one {
        let request: Request = serde_json::from_str(text).context("--one")?;
        return conv_cli::print(true, &Said(request.answer(device)?));
    }
    let flags = &options.flags;
    conv_cli::check_shipped(&options.model, SHIPPED, "style train --out DIR")?;
    let model = conv_hub::resolve(&options.model)?;
    let (evaluations, limit) = if flags.quick { (100, 6) } else { (300, usize::MAX) };
    let recipe = Recipe::of_model(&ModelFolder::open(&model)?).unwrap_or_default();
    let experiment = Pairs {
        bank: Network::open(&model, device)?,
        singles: options
            .single
            .iter()
            .map(|path| Network::single(path, device))
            .collect::<Result<_>>()?,
        size: options.size,
        evaluations: options.evaluations.unwrap_or(evaluations),
        limit: options.limit.unwrap_or(limit),
        key: key(&recipe.losses)?,
        recipe,
        threads: common.threads()?,
        cells: flags.cells("style")?,
        out: &options.out,
        again: flags.again,
        data,
        device,
    };
    experiment::run(experiment, flags, common)
}

/// A process's answer, which only this program reads.
#[derive(serde::Serialize)]
#[serde(transparent)]
struct Said(cell::Found);

impl std::fmt::Display for Said {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

/// A network that paints.
struct Network {
    path: PathBuf,
    styles: Vec<String>,
    /// Tells its weights from others.
    hash: String,
}

impl Network {
    fn open(path: &Path, device: &Device) -> Result<Self> {
        let styles = Painter::open(path, device)?.styles().to_vec();
        let weights = ModelFolder::open(path)?.file(folder::WEIGHTS)?;
        let bytes = std::fs::read(&weights).with_context(|| weights.display().to_string())?;
        let mut hash = Fingerprint::default();
        hash.bytes(&bytes);
        let path = std::path::absolute(path)?;
        Ok(Self { path, styles, hash: format!("{:016x}", hash.value()) })
    }

    fn single(path: &Path, device: &Device) -> Result<Self> {
        let network = Self::open(path, device)?;
        if network.styles.len() != 1 {
            let count = network.styles.len();
            bail!("--single {}: a bank of {count} styles, expected one", path.display());
        }
        Ok(network)
    }
}

/// Tells losses from others.
fn key(losses: &LossConfig) -> Result<String> {
    let mut hash = Fingerprint::default();
    hash.bytes(&serde_json::to_vec(losses)?);
    Ok(format!("{:016x}", hash.value()))
}

/// The loss network of these weights.
fn losses(weights: &Path, config: &LossConfig, device: &Device) -> Result<LossNetwork> {
    Ok(LossNetwork::new(&Pretrained::open(weights, device)?, config.clone())?)
}

struct Pairs<'a> {
    bank: Network,
    singles: Vec<Network>,
    size: usize,
    evaluations: usize,
    limit: usize,
    recipe: Recipe,
    /// That of the recipe's losses.
    key: String,
    threads: usize,
    cells: Cells<Cell>,
    out: &'a Path,
    again: bool,
    data: Option<PathBuf>,
    device: &'a Device,
}

impl Experiment for Pairs<'_> {
    type Table = table::Table;
    type Speed = Speed;

    /// Training steps of a bank of the same styles from its first weights.
    fn speed(&self, steps: u64) -> Result<Speed> {
        let data = data_folder(&self.data, "training")?;
        let losses = losses(&data.join(VGG), &self.recipe.losses, self.device)?;
        let limits = Limits::default();
        let contents = Contents::read(&data.join(LEARNT_FROM), &limits)?;
        let styles = self.paintings(data)?.into_iter();
        let styles = styles.map(|path| Style::open(&path, &limits));
        let styles: Vec<Style> = styles.collect::<Result<_, _>>()?;
        let recipe = self.recipe.clone();
        let training = Training::new(recipe, losses, contents, styles, limits, self.device)?;
        Speed::of(&training, &self.recipe.fit, steps)
    }

    fn complete(&mut self, stop: &'static AtomicBool) -> Result<()> {
        for (photograph, painting) in self.pairs()? {
            for way in [Way::Bank, Way::Single, Way::Gatys] {
                let name = file_name(&photograph);
                let style = Style::name_of(&painting);
                let Some((weights, model)) = self.painter(way, &style) else { continue };
                if !self.again && self.kept(way, &name, &style, Some(&weights)).is_some() {
                    continue;
                }
                if stop.load(Ordering::SeqCst) {
                    bail!("stopped; the same command goes on with this pair");
                }
                let request = self.request(way, &photograph, &painting, model)?;
                let found = request.ask(self.threads)?;
                conv_cli::note(format_args!(
                    "{name} in {style} by {}: loss {:.4e} (content {:.3e}, style {:.3e}), {:.2} s",
                    way.name(),
                    found.sum.loss,
                    found.sum.content,
                    found.sum.style,
                    found.seconds
                ));
                self.cells.keep(Cell {
                    way,
                    photograph: name,
                    style,
                    size: self.size,
                    evaluations: request.evaluations,
                    losses: self.key.clone(),
                    weights,
                    found,
                    threads: self.threads,
                    commit: experiment::commit(),
                })?;
            }
        }
        Ok(())
    }

    fn table(&self) -> Result<table::Table> {
        Ok(table::table(self))
    }
}

fn file_name(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

impl Pairs<'_> {
    /// The paintings whose styles the bank has.
    fn paintings(&self, data: &Path) -> Result<Vec<PathBuf>> {
        let place = data.join(PAINTINGS);
        let known = |path: &PathBuf| self.bank.styles.contains(&Style::name_of(path));
        let found: Vec<PathBuf> = find(&[&place]).into_iter().filter(known).collect();
        if found.is_empty() {
            bail!("{}: no painting of {}", place.display(), self.bank.styles.join(", "));
        }
        Ok(found)
    }

    /// Each style with another photograph, then each with the next, so that what is there is of all
    /// styles.
    fn pairs(&self) -> Result<Vec<(PathBuf, PathBuf)>> {
        let data = data_folder(&self.data, "a pair")?;
        let place = data.join(PHOTOGRAPHS);
        let photographs = find(&[&place]);
        if photographs.is_empty() {
            bail!("{}: no photograph", place.display());
        }
        let paintings = self.paintings(data)?;
        let of = |round: usize| {
            let photograph = |at: usize| photographs[(at + round) % photographs.len()].clone();
            let pairs = paintings.iter().enumerate();
            pairs.map(|(at, painting)| (photograph(at), painting.clone())).collect::<Vec<_>>()
        };
        Ok((0..photographs.len()).flat_map(of).take(self.limit).collect())
    }

    /// The weights and the folder of who paints in this way; of the descent neither.
    fn painter(&self, way: Way, style: &str) -> Option<(String, Option<PathBuf>)> {
        let of = |network: &Network| (network.hash.clone(), Some(network.path.clone()));
        match way {
            Way::Gatys => Some((String::new(), None)),
            Way::Bank => Some(of(&self.bank)),
            Way::Single => self.singles.iter().find(|one| one.styles[0] == style).map(of),
        }
    }

    fn request(
        &self,
        way: Way,
        photograph: &Path,
        painting: &Path,
        model: Option<PathBuf>,
    ) -> Result<Request> {
        let names = [file_name(photograph), Style::name_of(painting), way.file().into()].join("-");
        Ok(Request {
            way,
            photograph: photograph.into(),
            painting: painting.into(),
            model,
            size: self.size,
            evaluations: if way == Way::Gatys { self.evaluations } else { 0 },
            losses: self.recipe.losses.clone(),
            data: data_folder(&self.data, "a pair")?.into(),
            out: self.out.join(format!("{}-{}", self.size, self.key)).join(names + ".png"),
        })
    }

    /// The last one of these settings; of any weights where none are named.
    fn kept(
        &self,
        way: Way,
        photograph: &str,
        style: &str,
        weights: Option<&str>,
    ) -> Option<&Cell> {
        let evaluations = if way == Way::Gatys { self.evaluations } else { 0 };
        let own = |cell: &Cell| {
            (cell.way, cell.photograph.as_str(), cell.style.as_str()) == (way, photograph, style)
                && (cell.size, cell.evaluations, &cell.losses)
                    == (self.size, evaluations, &self.key)
                && weights.is_none_or(|weights| cell.weights == weights)
        };
        self.cells.pick(own).last().copied()
    }
}
