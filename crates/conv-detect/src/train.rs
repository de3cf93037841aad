//! Training: pictures with their objects in, a detector out.

use crate::data::{Dataset, Example, Object};
use crate::evaluate::{Evaluation, evaluate};
use crate::infer::{Detector, check_device};
use crate::input::batch;
use crate::model::{MaskRcnn, Targets, mask_rcnn};
use crate::page::report;
use crate::start::Start;
use crate::targets::{is_large, targets};
use crate::{Config, Error, Pretrained, Recipe, Result};
use candle_core::{DType, Device, Tensor};
use conv_nn::rng::{Fingerprint, seeded};
use conv_nn::{Mode, Parameters};
use conv_train::report::Report;
use conv_train::{FitConfig, Learner, Loss, Task};
use conv_vision::{Limits, Picture};
use rand::Rng;
use rayon::prelude::*;
use serde_json::{Value, json};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// One in so many training pictures is kept apart, to see how training goes.
const DEV: usize = 20;

/// A network and the pictures that it learns from: what [`conv_train::fit()`] trains.
pub struct Training {
    recipe: Recipe,
    labels: Vec<String>,
    train: Vec<Example>,
    dev: Dataset,
    held_out: Dataset,
    lengths: Vec<usize>,
    too_small: usize,
    start: Start,
    model: MaskRcnn,
    limits: Limits,
    device: Device,
    fingerprint: u64,
}

/// Pictures as the network reads them, `[B, 3, H, W]`, with their objects.
#[derive(Debug)]
pub struct Annotated {
    pictures: Tensor,
    targets: Vec<Targets>,
}

impl Annotated {
    /// What the network reads, `[B, 3, H, W]`.
    pub fn pictures(&self) -> &Tensor {
        &self.pictures
    }

    /// What is on each.
    pub fn targets(&self) -> &[Targets] {
        &self.targets
    }
}

impl Training {
    /// Builds the network with its first values. The pictures whose number leaves 4 when divided by
    /// 5 are held out; one in twenty of the others shows how training goes, and chooses nothing.
    ///
    /// # Errors
    /// A recipe out of range; too few pictures, or none with an object; a device other than the
    /// CPU.
    pub fn new(recipe: Recipe, data: &Dataset, limits: Limits, device: &Device) -> Result<Self> {
        let config = recipe.config(data)?;
        let start = Start::drawn(&recipe, &config)?;
        Self::of(recipe, &config, start, data, limits, device)
    }

    /// The same with the parameters of `pretrained` as first values. The recipe's network has its
    /// sizes ([`Recipe::starting_from`]); heads whose number of classes, or of an attribute's
    /// values, is not that of the data begin anew ([`Training::replaced`]).
    ///
    /// # Errors
    /// As [`Training::new`]; a network of other sizes, or parts to freeze that `pretrained` does
    /// not have.
    pub fn from(
        pretrained: &Pretrained,
        recipe: Recipe,
        data: &Dataset,
        limits: Limits,
        device: &Device,
    ) -> Result<Self> {
        let config = recipe.config(data)?;
        recipe.check_network(pretrained)?;
        let start = Start::from(pretrained, &recipe, &config)?;
        Self::of(recipe, &config, start, data, limits, device)
    }

    fn of(
        recipe: Recipe,
        config: &Config,
        start: Start,
        data: &Dataset,
        limits: Limits,
        device: &Device,
    ) -> Result<Self> {
        check_device(device)?;
        let held_out = data.part(crate::Part::HeldOut);
        let rest = data.part(crate::Part::Train);
        let is_dev = |at: usize| at % DEV == DEV / 2;
        let chosen = |wanted: bool| {
            let examples = rest.examples.iter().enumerate().filter(|(at, _)| is_dev(*at) == wanted);
            Dataset { examples: examples.map(|(_, e)| e.clone()).collect(), ..rest.clone() }
        };
        let train = chosen(false);
        let dev = chosen(true);
        if train.objects() == 0 {
            let found = format!("{} pictures, none of them with an object", train.examples.len());
            let expected = "some to learn from beside those held out";
            return Err(Error::Empty { place: data.name.clone(), found, expected });
        }
        let model = mask_rcnn(config, &start.parameters.builder(DType::F32, device))?;
        let fingerprint = fingerprint(&train, &limits)?;
        let train = train.examples;
        let small = |example: &Example| {
            let is_small = |object: &&Object| !is_large(config.input, example, object);
            example.objects.iter().filter(is_small).count()
        };
        Ok(Self {
            lengths: vec![1; train.len()],
            too_small: train.iter().map(small).sum(),
            recipe,
            labels: data.labels.clone(),
            train,
            dev,
            held_out,
            start,
            model,
            limits,
            device: device.clone(),
            fingerprint,
        })
    }

    /// Objects whose box is less than a pixel wide or high where the network sees it: they are not
    /// learnt.
    pub fn too_small(&self) -> usize {
        self.too_small
    }

    /// The layers that begin anew where training starts from another detector, each with why.
    pub fn replaced(&self) -> &[String] {
        &self.start.replaced
    }

    /// The network with its present parameters.
    pub fn model(&self) -> &MaskRcnn {
        &self.model
    }

    /// How well the present parameters do on the pictures that are held out; nothing where there
    /// are none.
    ///
    /// # Errors
    /// A picture that cannot be read any more.
    pub fn held_out(&self) -> Result<Option<Evaluation>> {
        if self.held_out.examples.is_empty() {
            Ok(None)
        } else {
            Ok(Some(evaluate(&self.detector()?, &self.held_out, &self.limits)?))
        }
    }

    /// A detector with the present parameters.
    fn detector(&self) -> Result<Detector> {
        Detector::new(self.model.clone(), self.labels.clone(), &self.device)
    }

    /// An example as the network sees it: in an epoch perhaps mirrored, and larger or smaller.
    fn example(&self, epoch: Option<usize>, index: usize) -> Result<(Picture, Targets)> {
        let example = &self.train[index];
        let mut picture = Picture::open(&example.path, &self.limits)?;
        let Config { mut input, .. } = *self.model.config();
        let mut mirror = false;
        if let Some(epoch) = epoch {
            let mut rng = seeded(self.recipe.fit.seed, &format!("augment {epoch} {index}"));
            mirror = self.recipe.flip && rng.random();
            let [least, most] = self.recipe.scale;
            if least < most {
                input = input.scaled(rng.random_range(least..=most));
            }
        }
        if mirror {
            picture = picture.mirrored();
        }
        let seen = input.resize(picture)?;
        let targets = targets(self.model.config(), input, example, mirror, &self.device)?;
        Ok((seen, targets))
    }
}

/// Of the pictures' bytes and their objects.
fn fingerprint(data: &Dataset, limits: &Limits) -> Result<u64> {
    let of = |example: &Example| -> Result<u64> {
        let mut print = Fingerprint::default();
        print.bytes(Picture::open(&example.path, limits)?.pixels());
        for object in &example.objects {
            print.number(object.class as u64);
            object.mask.counts().iter().for_each(|&count| print.number(count.into()));
            object
                .attributes
                .iter()
                .for_each(|value| print.number(value.map_or(0, |v| v + 1).into()));
        }
        Ok(print.value())
    };
    let prints: Vec<u64> = data.examples.par_iter().map(of).collect::<Result<_>>()?;
    let mut print = Fingerprint::default();
    prints.into_iter().for_each(|value| print.number(value));
    Ok(print.value())
}

impl Learner for Training {
    type Batch = Annotated;

    fn parameters(&self) -> &Parameters {
        &self.start.parameters
    }

    fn lengths(&self, _: usize) -> conv_train::Result<Cow<'_, [usize]>> {
        Ok(Cow::Borrowed(&self.lengths))
    }

    fn identity(&self) -> Value {
        let mut identity = json!({
            "network": self.model.config(),
            "flip": self.recipe.flip,
            "scale": self.recipe.scale,
            "data": format!("{} pictures, {:016x}", self.train.len(), self.fingerprint),
        });
        if !self.start.told.is_null() {
            identity["start"] = self.start.told["parameters"].clone();
            identity["freeze"] = json!(self.recipe.freeze);
        }
        identity
    }

    fn load(&self, epoch: Option<usize>, indexes: &[usize]) -> conv_train::Result<Annotated> {
        let read = indexes.par_iter().map(|&index| self.example(epoch, index));
        let read: Vec<(Picture, Targets)> = read.collect::<Result<_>>()?;
        let (pictures, targets): (Vec<_>, Vec<_>) = read.into_iter().unzip();
        Ok(Annotated { pictures: batch(&pictures, &self.device)?, targets })
    }

    fn loss(&self, batch: &Annotated, mode: &mut Mode) -> conv_train::Result<Loss> {
        let Annotated { pictures, targets } = batch;
        let losses = match mode.rng() {
            Some(rng) => self.model.losses(pictures, targets, rng),
            // Which anchors and proposals are drawn is no part of the network: always the same.
            None => self.model.losses(pictures, targets, &mut seeded(0, "draw")),
        };
        Ok(Loss { value: losses?.total()?, weight: targets.len() as f64 })
    }

    /// Its file.
    fn name_of(&self, example: usize) -> String {
        self.train[example].path.display().to_string()
    }

    fn evaluate(&self) -> conv_train::Result<BTreeMap<String, f64>> {
        if self.dev.examples.is_empty() {
            return Ok(BTreeMap::new());
        }
        let found = evaluate(&self.detector()?, &self.dev, &self.limits)?;
        Ok(found.figures().into_iter().map(|(name, value)| (name.to_string(), value)).collect())
    }
}

impl Task for Training {
    type Config = Config;
    const NETWORK: &'static str = "A Mask R-CNN of He et al. (2017)";

    fn config(&self) -> &Config {
        self.model.config()
    }

    fn fit(&self) -> &FitConfig {
        &self.recipe.fit
    }

    fn recipe(&self) -> Value {
        json!(self.recipe)
    }

    fn examples(&self) -> BTreeMap<&'static str, usize> {
        let dev = self.dev.examples.len();
        let held_out = self.held_out.examples.len();
        BTreeMap::from([("train", self.train.len()), ("dev", dev), ("held out", held_out)])
    }

    fn labels(&self) -> &[String] {
        &self.labels
    }

    fn start(&self) -> Value {
        self.start.told.clone()
    }

    /// The levels of backbone and pyramid, which are most of it.
    fn activations(&self, [examples, _]: [usize; 2]) -> usize {
        let Config { input, backbone, pyramid, .. } = self.model.config();
        let largest = input.scaled(self.recipe.scale[1]);
        let pixels = largest.short_side * largest.long_side;
        // A level of the pyramid keeps its sum, itself and the proposals' features.
        let of_pyramid: usize = (0..4).map(|at| (4 * pyramid * pixels) >> (2 * at + 4)).sum();
        let of_backbone = backbone.kept([largest.short_side, largest.long_side]);
        examples * (of_backbone + of_pyramid) * size_of::<f32>()
    }

    /// How the held-out pictures went: curves, pictures, what was missed and what was not there.
    fn sections(&self, page: Report) -> conv_train::Result<Report> {
        if self.held_out.examples.is_empty() {
            return Ok(page);
        }
        let (_, page) = report(&self.detector()?, &self.held_out, &self.limits, page)?;
        Ok(page)
    }
}
