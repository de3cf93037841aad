//! Training: pictures with their classes in, a classifier out.

use crate::data::{Example, Examples};
use crate::network::{Address, Network, network};
use crate::page::Classified;
use crate::picture::{Limits, Picture};
use crate::{Config, Error, Guess, Recipe, Result, Weights, data::Label};
use candle_core::{D, DType, Device, Tensor};
use conv_hub::InvalidField;
use conv_nn::rng::{Fingerprint, seeded};
use conv_nn::{CrossEntropyConfig, Mode, Parameters, VarBuilder, cross_entropy, log_softmax};
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
    frozen: Option<Frozen>,
    /// The weights that it began with, where not all were drawn.
    start: Value,
    limits: Limits,
    device: Device,
}

/// The layers that do not learn: computed by themselves, so that nothing of them is kept for a
/// backward pass.
struct Frozen {
    network: Network,
    last: Address,
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
    /// Builds the network with its first values. Without a `dev` set a tenth of each class is held
    /// out for choosing the best weights, drawn from the recipe's seed.
    ///
    /// # Errors
    /// A recipe out of range; pictures of one class alone; too few of them for a dev part; a layer
    /// to freeze that there is not.
    pub fn new(
        recipe: Recipe,
        data: Examples,
        dev: Option<Examples>,
        limits: Limits,
        device: &Device,
    ) -> Result<Self> {
        let parameters = Parameters::new(recipe.fit.seed);
        Self::begin(recipe, data, dev, limits, device, parameters)
    }

    /// The same with the values of `weights` where they fit the network; [`Weights::drawn`] names
    /// those that do not.
    ///
    /// # Errors
    /// As [`Training::new`]; weights of another network than the recipe's.
    pub fn from_weights(
        recipe: Recipe,
        weights: &Weights,
        data: Examples,
        dev: Option<Examples>,
        limits: Limits,
        device: &Device,
    ) -> Result<Self> {
        let wanted = recipe.architecture;
        let found = weights.architecture;
        let expected = format!("{}, as the weights have it", found.id());
        InvalidField::unless(wanted == found, "architecture", &wanted.id(), &expected)?;
        let config = recipe.config(data.labels.len())?;
        let parameters = weights.parameters(recipe.fit.seed, &config)?;
        let file = weights.path.file_name().map(|name| name.to_string_lossy().into_owned());
        let training = Self::begin(recipe, data, dev, limits, device, parameters)?;
        Ok(Self { start: json!({ "from": file, "sha256": weights.hash }), ..training })
    }

    fn begin(
        recipe: Recipe,
        data: Examples,
        dev: Option<Examples>,
        limits: Limits,
        device: &Device,
        parameters: Parameters,
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
        let vb = parameters.builder(DType::F32, device);
        let name = config.architecture.name();
        let side = config.preprocessing.crop;
        let network_of = |graph, vb: &VarBuilder| network(name, graph, side, vb);
        let network = network_of(config.graph()?, &vb)?;
        let freeze = |layer: &String| -> Result<Frozen> {
            let graph = config.graph()?;
            let last = graph.find(layer, name)?;
            if last.channel.is_some() || last.before_rectifier {
                let expected = "a whole layer, behind its rectifier";
                return Err(InvalidField::new("freeze", layer, expected).into());
            }
            let last_name = graph.layers()[last.layer].name.clone();
            // Its tensors share memory with the parameters, so that a checkpoint that is restored
            // counts here too.
            let vb = Parameters::frozen(parameters.tensors()).builder(DType::F32, device);
            Ok(Frozen { network: network_of(graph.until(&last_name), &vb)?, last })
        };
        Ok(Self {
            frozen: recipe.freeze.as_ref().map(freeze).transpose()?,
            network,
            start: Value::Null,
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

    /// The network's answer, `[B, K]`; layers that are frozen stay as they are in evaluation.
    fn logits(&self, pictures: &Tensor, mode: &mut Mode) -> Result<Tensor> {
        let Some(Frozen { network, last }) = &self.frozen else {
            return self.network.forward(pictures, mode);
        };
        let given =
            network.values(pictures, std::slice::from_ref(last), &mut Mode::Eval)?.remove(0);
        let layer = self.network.graph().output();
        let output = Address { layer, before_rectifier: false, channel: None };
        let mut found = self.network.values_given(pictures, last.layer, &given, &[output], mode)?;
        Ok(found.remove(0))
    }

    /// An example's picture: in an epoch as it is shown there, otherwise as in evaluation.
    fn picture(&self, epoch: Option<usize>, index: usize, example: &Example) -> Result<Picture> {
        let whole = Picture::open(&example.path, &self.limits)?;
        let preprocessing = &self.config.preprocessing;
        let Some(epoch) = epoch else { return preprocessing.crop(&whole) };
        let augmentation = &self.recipe.augmentation;
        let mut rng = seeded(self.recipe.fit.seed, &format!("augment {epoch} {index}"));
        let picture = if augmentation.cuts() {
            let part = augmentation.part((whole.width(), whole.height()), &mut rng);
            let side = preprocessing.crop;
            whole.cut(part)?.resize(side, side, preprocessing.filter)?
        } else {
            preprocessing.crop(&whole)?
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

    /// Which class the network says of each dev picture, and the mean of −log of the probabilities
    /// that it gives the truth.
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

/// Parts a tenth of each class, in a drawn order; of classes of fewer than ten every tenth picture
/// of all.
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
        let train = self.train.len();
        let dev = self.dev.len();
        let data = data.value();
        let mut identity = json!({
            "network": self.config,
            "label_smoothing": self.recipe.label_smoothing,
            "augmentation": self.recipe.augmentation,
            "data": format!("{train} train, {dev} dev, {data:016x}"),
        });
        // Not where there is none: checkpoints of before go on.
        if let Some(freeze) = &self.recipe.freeze {
            identity["freeze"] = json!(freeze);
        }
        if !self.start.is_null() {
            identity["start"] = self.start.clone();
        }
        identity
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
        let logits = self.logits(pictures, mode)?;
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

    fn start(&self) -> Value {
        self.start.clone()
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
        Ok(if mistakes.is_empty() {
            report
        } else {
            report.section("Worst mistakes, dev", mistakes.section())
        })
    }
}
