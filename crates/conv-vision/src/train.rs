//! Training: pictures with their classes in, a classifier out.

use crate::data::{Example, Examples};
use crate::network::{Network, network};
use crate::page::Classified;
use crate::picture::{Limits, Picture};
use crate::{Config, Error, Guess, Recipe, Result, data::Label};
use candle_core::{D, DType, Device, Tensor};
use conv_nn::rng::{Fingerprint, seeded};
use conv_nn::{CrossEntropyConfig, Mode, Parameters, cross_entropy, log_softmax};
use conv_train::metrics::{Confusion, ranking};
use conv_train::report::Report;
use conv_train::{FitConfig, Learner, Loss, Task};
use rand::Rng;
use rand::seq::SliceRandom;
use rayon::prelude::*;
use serde_json::{Value, json};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Pictures that are evaluated together.
const TOGETHER: usize = 64;

/// Mistakes that the page of a run shows at most.
const MISTAKES: usize = 24;

/// A network and the pictures that it learns from: what [`conv_train::fit()`] trains.
pub struct Training {
    recipe: Recipe,
    config: Config,
    labels: Vec<String>,
    train: Vec<Example>,
    dev: Vec<Example>,
    lengths: Vec<usize>,
    parameters: Parameters,
    network: Network,
    limits: Limits,
    device: Device,
}

/// Pictures as the network reads them, `[B, 3, S, S]`, with their classes, `[B]`.
#[derive(Debug)]
pub struct Labelled {
    pictures: Tensor,
    classes: Tensor,
}

impl Labelled {
    /// What the network reads, `[B, 3, S, S]`.
    pub fn pictures(&self) -> &Tensor {
        &self.pictures
    }

    /// The numbers of the classes, `[B]`.
    pub fn classes(&self) -> &Tensor {
        &self.classes
    }
}

impl Training {
    /// Builds the network with its first values. Without a `dev` set a tenth of each class is held out for choosing the best
    /// weights, drawn from the recipe's seed.
    ///
    /// # Errors
    /// A recipe out of range; pictures of one class alone; too few of them for a dev part.
    pub fn new(
        recipe: Recipe,
        data: Examples,
        dev: Option<Examples>,
        limits: Limits,
        device: &Device,
    ) -> Result<Self> {
        let Examples { labels, examples, .. } = data;
        if labels.len() < 2 {
            let found = format!("all {} pictures to train on are of {labels:?}", examples.len());
            return Err(Error::Split { found, expected: "at least two classes" });
        }
        recipe.fit.check()?;
        let config = recipe.config(labels.len())?;
        let (train, dev) = match dev {
            Some(dev) => (examples, dev.examples),
            None => hold_out(examples, recipe.fit.seed),
        };
        if dev.is_empty() {
            let found = format!("{} pictures, none of them in the dev part", train.len());
            return Err(Error::Split { found, expected: "at least ten, or a dev set" });
        }
        let parameters = Parameters::new(recipe.fit.seed);
        let vb = parameters.builder(DType::F32, device);
        let side = config.preprocessing.crop;
        Ok(Self {
            network: network(config.architecture.name(), config.graph()?, side, &vb)?,
            lengths: vec![1; train.len()],
            recipe,
            config,
            labels,
            train,
            dev,
            parameters,
            limits,
            device: device.clone(),
        })
    }

    /// The network with its present parameters.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// An example's picture: in an epoch as it is shown there, otherwise as in evaluation.
    fn picture(&self, epoch: Option<usize>, index: usize, example: &Example) -> Result<Picture> {
        let whole = Picture::open(&example.path, &self.limits)?;
        let preprocessing = &self.config.preprocessing;
        let Some(epoch) = epoch else { return preprocessing.crop(&whole) };
        let augmentation = &self.recipe.augmentation;
        let mut rng = seeded(self.recipe.fit.seed, &format!("augment {epoch} {index}"));
        let picture = match augmentation.cuts() {
            true => {
                let part = augmentation.part((whole.width(), whole.height()), &mut rng);
                let side = preprocessing.crop;
                whole.cut(part)?.resize(side, side, preprocessing.filter)?
            }
            false => preprocessing.crop(&whole)?,
        };
        let mirrored = augmentation.flip && rng.random();
        Ok(if mirrored { picture.mirrored() } else { picture })
    }

    fn batch<'e>(
        &self,
        epoch: Option<usize>,
        examples: impl IntoParallelIterator<Item = (usize, &'e Example)>,
    ) -> Result<Labelled> {
        let read = |(index, example): (usize, &Example)| {
            Ok((self.picture(epoch, index, example)?, example.class))
        };
        let read: Vec<(Picture, u32)> =
            examples.into_par_iter().map(read).collect::<Result<_>>()?;
        let (pictures, classes): (Vec<&Picture>, Vec<u32>) =
            read.iter().map(|(picture, class)| (picture, *class)).unzip();
        let side = self.config.preprocessing.crop;
        Ok(Labelled {
            pictures: self.config.preprocessing.normalise(&pictures, (side, side), &self.device)?,
            classes: Tensor::new(classes, &self.device)?,
        })
    }

    /// The logarithms of the dev pictures' probabilities, a row a picture.
    fn dev_rows(&self) -> Result<Vec<Vec<f64>>> {
        let mut rows = Vec::with_capacity(self.dev.len());
        for part in self.dev.chunks(TOGETHER) {
            let Labelled { pictures, .. } = self.batch(None, part.par_iter().map(|e| (0, e)))?;
            let logits = self.network.forward(&pictures, &mut Mode::Eval)?;
            let found = log_softmax(&logits.to_dtype(DType::F64)?, D::Minus1)?.to_vec2::<f64>()?;
            rows.extend(found);
        }
        Ok(rows)
    }

    /// Which class the network says of each dev picture, and the mean of −log of the probabilities that it gives the truth.
    fn measure(&self) -> Result<(Confusion, f64, Vec<Vec<f64>>)> {
        let rows = self.dev_rows()?;
        let mut confusion = Confusion::new(self.labels.len());
        let mut loss = 0.0;
        for (row, example) in rows.iter().zip(&self.dev) {
            let class = example.class as usize;
            confusion.add(class, ranking(row).first().copied().unwrap_or(0));
            loss -= row[class];
        }
        Ok((confusion, loss / rows.len() as f64, rows))
    }

    /// The worst mistakes on the dev part: those that give the truth the least probability.
    fn mistakes(&self, rows: &[Vec<f64>]) -> Result<Classified> {
        let of_truth = |at: usize| rows[at][self.dev[at].class as usize];
        let mut order: Vec<usize> = (0..rows.len())
            .filter(|&at| ranking(&rows[at]).first() != Some(&(self.dev[at].class as usize)))
            .collect();
        order.sort_by(|&a, &b| of_truth(a).total_cmp(&of_truth(b)));
        let mut page = Classified::default();
        for at in order.into_iter().take(MISTAKES) {
            let Example { path, class, .. } = &self.dev[at];
            let guess = |class: usize| {
                let name = self.labels[class].clone();
                let probability = rows[at][class].exp();
                Guess { class: Label { label: name.clone(), name }, probability }
            };
            let guesses: Vec<Guess> = ranking(&rows[at]).into_iter().take(5).map(guess).collect();
            let picture = Picture::open(path, &self.limits)?;
            page.add_of(path, &picture, &guesses, &self.labels[*class as usize])?;
        }
        Ok(page)
    }
}

/// Parts a tenth of each class, in a drawn order; of classes of fewer than ten every tenth picture of all.
fn hold_out(examples: Vec<Example>, seed: u64) -> (Vec<Example>, Vec<Example>) {
    let mut order: Vec<usize> = (0..examples.len()).collect();
    order.shuffle(&mut seeded(seed, "holdout"));
    order.sort_by_key(|&at| examples[at].class);
    let mut is_dev = vec![false; examples.len()];
    order.iter().skip(5).step_by(10).for_each(|&at| is_dev[at] = true);
    let (dev, train): (Vec<_>, Vec<_>) =
        examples.into_iter().zip(is_dev).partition(|(_, is_dev)| *is_dev);
    let only = |part: Vec<(Example, bool)>| part.into_iter().map(|(example, _)| example).collect();
    (only(train), only(dev))
}

impl Learner for Training {
    type Batch = Labelled;

    fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    fn lengths(&self, _: usize) -> conv_train::Result<Cow<'_, [usize]>> {
        Ok(Cow::Borrowed(&self.lengths))
    }

    fn identity(&self) -> Value {
        let mut data = Fingerprint::default();
        for example in self.train.iter().chain(&self.dev) {
            data.number(example.fingerprint);
            data.number(example.class.into());
        }
        let (train, dev, data) = (self.train.len(), self.dev.len(), data.value());
        json!({
            "network": self.config,
            "label_smoothing": self.recipe.label_smoothing,
            "augmentation": self.recipe.augmentation,
            "data": format!("{train} train, {dev} dev, {data:016x}"),
        })
    }

    fn load(&self, epoch: Option<usize>, indexes: &[usize]) -> conv_train::Result<Labelled> {
        let examples = indexes.par_iter().map(|&index| (index, &self.train[index]));
        Ok(self.batch(epoch, examples)?)
    }

    fn loss(
        &self,
        Labelled { pictures, classes }: &Labelled,
        mode: &mut Mode,
    ) -> conv_train::Result<Loss> {
        let logits = self.network.forward(pictures, mode)?;
        let is_training = mode.rng().is_some();
        let config = CrossEntropyConfig {
            label_smoothing: if is_training { self.recipe.label_smoothing } else { 0.0 },
            ..CrossEntropyConfig::default()
        };
        let weight = classes.elem_count() as f64;
        Ok(Loss { value: cross_entropy(&logits, classes, &config)?, weight })
    }

    /// Its file.
    fn name_of(&self, example: usize) -> String {
        self.train[example].path.display().to_string()
    }

    fn evaluate(&self) -> conv_train::Result<BTreeMap<String, f64>> {
        let (confusion, loss, _) = self.measure()?;
        Ok(BTreeMap::from([
            ("accuracy".into(), confusion.accuracy()),
            ("loss".into(), loss),
            ("macro_f1".into(), confusion.macro_f1()),
        ]))
    }
}

impl Task for Training {
    type Config = Config;
    const NETWORK: &'static str = "A convolutional network for images";

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
        BTreeMap::from([("train", self.train.len()), ("dev", self.dev.len())])
    }

    fn labels(&self) -> &[String] {
        &self.labels
    }

    /// Every layer's output.
    fn activations(&self, [examples, _]: [usize; 2]) -> usize {
        let side = self.config.preprocessing.crop;
        let shapes = self.network.graph().shapes(&[3, side, side]).unwrap_or_default();
        let numbers: usize = shapes.iter().map(|shape| shape.iter().product::<usize>()).sum();
        examples * numbers * size_of::<f32>()
    }

    /// Confusion and the worst mistakes on the dev part.
    fn sections(&self, report: Report) -> conv_train::Result<Report> {
        let (confusion, _, rows) = self.measure()?;
        let mistakes = self.mistakes(&rows)?;
        let report = report.confusion("dev", &self.labels, &confusion);
        Ok(match mistakes.is_empty() {
            true => report,
            false => report.section("Worst mistakes, dev", mistakes.section()),
        })
    }
}
