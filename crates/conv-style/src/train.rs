//! Training: photographs and paintings in, a StyleBank out.

use crate::contents::{Contents, Style, crop};
use crate::psnr::{levelled, psnr};
use crate::{Base, Config, LossNetwork, Mixture, Recipe, Result, StyleBank, Targets, style_bank};
use candle_core::{DType, Device, Tensor};
use conv_hub::ModelConfig;
use conv_nn::rng::{Fingerprint, seeded};
use conv_nn::{Mode, Parameters};
use conv_train::report::{Html, Report};
use conv_train::{FitConfig, Learner, Loss, Task};
use conv_vision::page::Gallery;
use conv_vision::{Limits, Picture};
use rayon::prelude::*;
use serde_json::{Value, json};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Held-out photographs that are measured.
const MEASURED: usize = 8;
/// Of these, how many a report shows in every style.
const SHOWN: usize = 4;

/// Which of its two ways a batch takes through the network (section 3.1, figure 2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Branch {
    /// Encoder, bank, decoder: the style of each picture, as places in [`Config::styles`], in
    /// ascending order.
    Painting(Vec<usize>),
    /// Encoder and decoder, which are to give back what came in.
    AutoEncoder,
}

/// Squares of photographs and the way that they take.
#[derive(Debug)]
pub struct Crops {
    /// Pixels from 0 to 255, `[B, 3, S, S]`.
    pub pixels: Tensor,
    /// The way.
    pub branch: Branch,
}

/// A StyleBank, and the photographs and paintings that it learns from: what [`conv_train::fit()`]
/// trains.
pub struct Training {
    recipe: Recipe,
    config: Config,
    losses: LossNetwork,
    /// The Gram matrices, `[1, N, N]` a layer, of each style that is learnt: the last ones of the
    /// bank's.
    styles: Vec<Vec<Tensor>>,
    paintings: Vec<Picture>,
    /// What the bank had before; null where it begins with nothing.
    start: Value,
    contents: Contents,
    lengths: Vec<usize>,
    fingerprint: u64,
    parameters: Parameters,
    bank: StyleBank,
    limits: Limits,
    device: Device,
}

impl Training {
    /// Builds the network with its first values, and looks at the paintings once.
    ///
    /// # Errors
    /// A recipe out of range; names that are no styles' names, or twice the same; paintings or
    /// crops that are too small for layers of the loss network.
    pub fn new(
        recipe: Recipe,
        losses: LossNetwork,
        contents: Contents,
        styles: Vec<Style>,
        limits: Limits,
        device: &Device,
    ) -> Result<Self> {
        let parameters = Parameters::new(recipe.fit.seed);
        let config = Config::new(Vec::new());
        let start = Value::Null;
        Self::of(recipe, (config, parameters, start), losses, contents, styles, limits, device)
    }

    /// The same for styles that are added to a bank: encoder, decoder and the other banks keep
    /// their bits.
    ///
    /// # Errors
    /// As [`Training::new`]; a name that the bank has already.
    pub fn adding(
        base: &Base,
        mut recipe: Recipe,
        losses: LossNetwork,
        contents: Contents,
        styles: Vec<Style>,
        limits: Limits,
        device: &Device,
    ) -> Result<Self> {
        recipe.fit = base.freeze(recipe.fit)?;
        let parameters = Parameters::warm(recipe.fit.seed, base.tensors.clone());
        let hash = format!("{:016x}", base.fingerprint()?);
        let start = json!({ "from": base.path, "parameters": hash, "styles": base.styles() });
        let config = base.config.clone();
        Self::of(recipe, (config, parameters, start), losses, contents, styles, limits, device)
    }

    fn of(
        recipe: Recipe,
        (mut config, parameters, start): (Config, Parameters, Value),
        losses: LossNetwork,
        contents: Contents,
        styles: Vec<Style>,
        limits: Limits,
        device: &Device,
    ) -> Result<Self> {
        recipe.check()?;
        config.styles.extend(styles.iter().map(|style| style.name.clone()));
        config.check()?;
        losses.check_size("a crop", (recipe.crop, recipe.crop))?;
        let (mut grams, mut paintings, mut fingerprint) =
            (Vec::new(), Vec::new(), Fingerprint::default());
        fingerprint.number(contents.fingerprint);
        for style in styles {
            let longer = style.picture.width().max(style.picture.height());
            let painting = style.picture.with_longer_side(recipe.style_size.min(longer))?;
            losses.check_size("a painting", (painting.width(), painting.height()))?;
            fingerprint.bytes(painting.pixels());
            grams.push(losses.style_of(&painting.tensor(device)?)?);
            paintings.push(painting);
        }
        Ok(Self {
            bank: style_bank(&config, &parameters.builder(DType::F32, device))?,
            lengths: vec![1; contents.train.len()],
            fingerprint: fingerprint.value(),
            styles: grams,
            start,
            recipe,
            config,
            losses,
            paintings,
            contents,
            parameters,
            limits,
            device: device.clone(),
        })
    }

    /// How many styles the bank had before: those that are learnt stand behind them.
    fn given(&self) -> usize {
        self.config.styles.len() - self.styles.len()
    }

    /// Whether encoder and decoder are taught to give back what came in.
    fn reconstructs(&self) -> bool {
        self.given() == 0 && self.recipe.reconstruction_weight > 0.0
    }

    /// The network with its present parameters.
    pub fn bank(&self) -> &StyleBank {
        &self.bank
    }

    /// A square of a photograph: in an epoch of a drawn size and place, mirrored or not, otherwise
    /// the middle.
    fn crop(&self, picture: &Picture, drawn: Option<(usize, usize)>) -> Result<Picture> {
        let seed = self.recipe.fit.seed;
        let rng = drawn.map(|(epoch, index)| seeded(seed, &format!("augment {epoch} {index}")));
        crop(picture, self.recipe.crop, rng)
    }

    fn pixels(&self, crops: &[Picture]) -> Result<Tensor> {
        let tensors = crops.iter().map(|crop| crop.tensor(&self.device));
        let tensors: Vec<Tensor> = tensors.collect::<conv_vision::Result<_>>()?;
        Ok(Tensor::cat(&tensors, 0)?)
    }

    /// Which of an epoch's batches this is, counted from the start of training.
    fn number_of(&self, epoch: usize, indexes: &[usize]) -> usize {
        let fit = &self.recipe.fit;
        let batches = fit.batching.epoch(&self.lengths, fit.seed, epoch);
        let at = batches.iter().position(|batch| batch.as_slice() == indexes).unwrap_or(0);
        // An epoch has the same number of batches as all.
        epoch * batches.len() + at
    }

    /// T painting steps, then one of the auto-encoder, if it is taught; paintings in turns.
    fn branch(&self, number: usize, count: usize) -> Branch {
        let turn = self.recipe.painting_steps + 1;
        let painted = match self.reconstructs() {
            true if number % turn == turn - 1 => return Branch::AutoEncoder,
            true => number / turn * self.recipe.painting_steps + number % turn,
            false => number,
        };
        let style = |at: usize| self.given() + (painted * count + at) % self.styles.len();
        let mut styles: Vec<usize> = (0..count).map(style).collect();
        styles.sort_unstable();
        Branch::Painting(styles)
    }

    /// Pictures `[B, 3, H, W]`, each in its style.
    fn painted(&self, pixels: &Tensor, styles: &[usize]) -> Result<Tensor> {
        let (_, _, height, width) = pixels.dims4()?;
        let features = self.bank.encode(pixels)?;
        // What stays as it is needs no gradient.
        let features = if self.given() > 0 { features.detach() } else { features };
        let mut parts = Vec::new();
        let mut from = 0;
        for run in styles.chunk_by(|a, b| a == b) {
            parts
                .push(self.bank.bank(&features.narrow(0, from, run.len())?.contiguous()?, run[0])?);
            from += run.len();
        }
        self.bank.decode(&Tensor::cat(&parts, 0)?, (height, width))
    }

    /// The targets of photographs that are to be painted in these styles, which are such as are
    /// learnt.
    fn targets(&self, pixels: &Tensor, styles: &[usize]) -> Result<Targets> {
        let layers = 0..self.losses.config().style.len();
        let of_layer = |layer: usize| -> Result<Tensor> {
            let grams: Vec<&Tensor> =
                styles.iter().map(|&at| &self.styles[at - self.given()][layer]).collect();
            Ok(Tensor::cat(&grams, 0)?)
        };
        let grams = layers.map(of_layer).collect::<Result<_>>()?;
        Ok(Targets::new(self.losses.content_of(pixels)?, grams))
    }

    /// The middles of some held-out photographs.
    fn held_out(&self, count: usize) -> Result<Vec<Picture>> {
        let paths: Vec<_> = self.contents.dev.iter().take(count).collect();
        let read =
            |path: &&std::path::PathBuf| self.crop(&Picture::open(path, &self.limits)?, None);
        paths.par_iter().map(read).collect()
    }

    /// Held-out photographs, what the auto-encoder gives back of each, each in every style, and
    /// half way between the first two.
    fn grid(&self) -> Result<Html> {
        let mut rows = String::new();
        for (at, photo) in self.held_out(SHOWN)?.iter().enumerate() {
            let pixels = photo.tensor(&self.device)?;
            let mut row = Gallery::default();
            row.add(&format!("photograph {}", at + 1), photo, "")?;
            let mut add = |name: &str, pixels: Result<Tensor>| -> Result<()> {
                Ok(row.add(name, &Picture::from_tensor(&pixels?)?, "")?)
            };
            if self.reconstructs() {
                add("auto-encoder", self.bank.reconstruct(&pixels))?;
            }
            for style in &self.config.styles {
                let mixture = Mixture::of(style, &self.config.styles)?;
                add(style, self.bank.paint(&pixels, &mixture))?;
            }
            if let [a, b, ..] = self.config.styles.as_slice() {
                let text = format!("{a}=0.5,{b}=0.5");
                let mixture = Mixture::parse(&text, &self.config.styles)?;
                add(&text, self.bank.paint(&pixels, &mixture))?;
            }
            rows += &row.row().to_string();
        }
        Ok(Html::trusted(rows))
    }
}

impl Learner for Training {
    type Batch = Crops;

    fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    fn lengths(&self, _: usize) -> conv_train::Result<Cow<'_, [usize]>> {
        Ok(Cow::Borrowed(&self.lengths))
    }

    fn identity(&self) -> Value {
        let Recipe { crop, style_size, painting_steps, reconstruction_weight, losses, .. } =
            &self.recipe;
        json!({
            "network": self.config,
            "crop": crop,
            "style_size": style_size,
            "painting_steps": painting_steps,
            "reconstruction_weight": reconstruction_weight,
            "losses": losses,
            "loss_network": self.losses.hash(),
            "data": format!("{} photographs, {:016x}", self.lengths.len(), self.fingerprint),
            "start": self.start.get("parameters"),
        })
    }

    fn load(&self, epoch: Option<usize>, indexes: &[usize]) -> conv_train::Result<Crops> {
        let read = |&index: &usize| -> Result<Picture> {
            let picture = Picture::open(&self.contents.train[index], &self.limits)?;
            self.crop(&picture, epoch.map(|epoch| (epoch, index)))
        };
        let crops: Vec<Picture> = indexes.par_iter().map(read).collect::<Result<_>>()?;
        let number = epoch.map_or(0, |epoch| self.number_of(epoch, indexes));
        let branch = self.branch(number, indexes.len());
        Ok(Crops { pixels: self.pixels(&crops)?, branch })
    }

    fn loss(&self, Crops { pixels, branch }: &Crops, _: &mut Mode) -> conv_train::Result<Loss> {
        let loss = || -> Result<Tensor> {
            match branch {
                Branch::AutoEncoder => {
                    let error = (self.bank.reconstruct(pixels)? - pixels)?.sqr()?.mean_all()?;
                    Ok((error * self.recipe.reconstruction_weight)?)
                }
                Branch::Painting(styles) => {
                    let targets = self.targets(pixels, styles)?;
                    let painted = self.painted(pixels, styles)?;
                    Ok(self.losses.loss(&painted, &targets)?.total)
                }
            }
        };
        Ok(Loss { value: loss()?, weight: pixels.dim(0)? as f64 })
    }

    /// Its file.
    fn name_of(&self, example: usize) -> String {
        self.contents.train[example].display().to_string()
    }

    /// Of held-out photographs, in turns in every style that is learnt, the loss and its terms;
    /// and, where it is taught, how well the auto-encoder gives them back, in dB, as they are and
    /// with the means and deviations that instance normalisation forgets.
    fn evaluate(&self) -> conv_train::Result<BTreeMap<String, f64>> {
        let crops = self.held_out(MEASURED)?;
        let mut metrics = BTreeMap::<String, f64>::new();
        let mut add = |name: &str, value: f64| {
            *metrics.entry(name.into()).or_default() += value / crops.len() as f64;
        };
        for (at, crop) in crops.iter().enumerate() {
            let pixels = crop.tensor(&self.device).map_err(crate::Error::from)?;
            let styles = [self.given() + at % self.styles.len()];
            let targets = self.targets(&pixels, &styles)?;
            // Nothing is kept for a backward pass.
            let painted = self.painted(&pixels, &styles)?.detach();
            let [loss, content, style, _] = self.losses.loss(&painted, &targets)?.numbers()?;
            for (name, term) in [("loss", loss), ("content", content), ("style", style)] {
                add(name, term);
            }
            if self.reconstructs() {
                let given_back = self.bank.reconstruct(&pixels)?.detach();
                add("psnr raw", psnr(&given_back, &pixels)?);
                add("psnr", psnr(&levelled(&given_back, &pixels)?, &pixels)?);
            }
        }
        Ok(metrics)
    }
}

impl Task for Training {
    type Config = Config;
    const NETWORK: &'static str = "A StyleBank of Chen et al. (2017)";

    fn config(&self) -> &Config {
        &self.config
    }

    fn fit(&self) -> &FitConfig {
        &self.recipe.fit
    }

    fn recipe(&self) -> Value {
        json!(self.recipe)
    }

    fn examples(&self) -> BTreeMap<&'static str, usize> {
        let Contents { train, dev, .. } = &self.contents;
        BTreeMap::from([("train", train.len()), ("dev", dev.len()), ("styles", self.styles.len())])
    }

    fn start(&self) -> Value {
        self.start.clone()
    }

    /// The paintings, and held-out photographs in every style.
    fn sections(&self, report: Report) -> conv_train::Result<Report> {
        let of = |error: crate::Error| conv_train::Error::from(error);
        let mut paintings = Gallery::default();
        for (name, painting) in self.config.styles[self.given()..].iter().zip(&self.paintings) {
            paintings.add(name, painting, "").map_err(|error| of(error.into()))?;
        }
        let note = Html::text(&format!("Losses through {}.", self.losses.name()));
        let paintings = Html::trusted(format!("<p>{note}</p>{}", paintings.section()));
        let report = report.section("Paintings", paintings);
        Ok(report.section("Held-out photographs in every style", self.grid().map_err(of)?))
    }
}
