//! Training: questions and maps in, a head out.

use super::examples::Example;
use super::{
    Answerer, Architecture, Asked, Config, Examples, Head, Maps, Recipe, Vocabulary, counted, head,
};
use crate::{Error, Question, Result};
use candle_core::{DType, Device, Tensor};
use conv_hub::{InvalidField, ModelConfig};
use conv_nn::rng::{Fingerprint, seeded};
use conv_nn::{CrossEntropyConfig, Mode, Parameters, cross_entropy};
use conv_train::{FitConfig, Learner, Loss, Task};
use rand::seq::SliceRandom;
use serde_json::{Value, json};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

/// The file of words and answers in a model folder.
pub(super) const VOCABULARY: &str = "vocabulary.json";

/// Pictures that are evaluated together.
const TOGETHER: usize = 32;

/// A head, its questions and what it looks at: what [`conv_train::fit`] trains.
pub struct Training<'a> {
    recipe: Recipe,
    config: Config,
    parameters: Parameters,
    head: Box<dyn Head>,
    vocabulary: Vocabulary,
    answers: Vec<String>,
    maps: Option<&'a Maps>,
    train: Examples,
    dev: Option<Examples>,
    lengths: Vec<usize>,
    left_out: usize,
    fingerprint: u64,
    device: Device,
}

impl<'a> Training<'a> {
    /// Prepares the questions and builds the head with its first values; that of
    /// [`Architecture::Type`] is then done. Pictures are drawn for the dev part by the recipe's
    /// seed. Questions without an answer, and those about pictures without a map, are left out.
    ///
    /// # Errors
    /// A recipe out of range; no question to learn from; a metric to watch and nothing to measure
    /// it on; a head that looks, and no maps.
    pub fn new(
        recipe: Recipe,
        questions: &[Question],
        maps: Option<&'a Maps>,
        device: &Device,
    ) -> Result<Self> {
        recipe.check()?;
        let maps = maps.filter(|_| recipe.architecture.looks());
        let is_there = |question: &&Question| {
            question.answer.is_some() && maps.is_none_or(|maps| maps.has(&question.image_filename))
        };
        let known: Vec<&Question> = questions.iter().filter(is_there).collect();
        let vocabulary = Vocabulary::of(&known)?;
        let names: BTreeSet<&str> = known.iter().map(|one| one.image_filename.as_str()).collect();
        let mut names: Vec<&str> = names.into_iter().collect();
        names.shuffle(&mut seeded(recipe.fit.seed, "parts"));
        let held_out = (recipe.dev * names.len() as f64).round() as usize;
        let held_out: BTreeSet<&str> = names.drain(..held_out).collect();
        let is_held_out = |one: &&Question| held_out.contains(one.image_filename.as_str());
        let (dev, train): (Vec<&Question>, Vec<&Question>) =
            known.iter().copied().partition(is_held_out);
        let train = Examples::new(&train, &vocabulary)?;
        let dev = (!dev.is_empty()).then(|| Examples::new(&dev, &vocabulary)).transpose()?;
        if recipe.fit.monitor.is_some() && dev.is_none() {
            let expected = "none, or a dev part to measure it on";
            return Err(InvalidField::new("monitor", "set without a dev part", expected).into());
        }
        let described = maps.map(|maps| {
            let images: Vec<&str> = (0..train.len()).map(|at| train.image(at)).collect();
            maps.described(&images)
        });
        let config = recipe.network(&vocabulary, described.transpose()?);
        config.check()?;
        let parameters = Parameters::new(recipe.fit.seed);
        let head = head(&config, &parameters.builder(DType::F32, device))?;
        if recipe.architecture == Architecture::Type {
            count(&train, &config, &parameters)?;
        }
        Ok(Self {
            fingerprint: fingerprint(&train),
            lengths: vec![1; train.len()],
            left_out: questions.len() - known.len(),
            answers: vocabulary.answers().iter().map(ToString::to_string).collect(),
            device: device.clone(),
            recipe,
            config,
            parameters,
            head,
            vocabulary,
            maps,
            train,
            dev,
        })
    }

    /// Questions that are left out.
    pub fn left_out(&self) -> usize {
        self.left_out
    }

    /// The head with its present parameters, ready for use.
    ///
    /// # Errors
    /// Only those of the tensor library.
    pub fn answerer(&self) -> Result<Answerer> {
        let parameters = Parameters::frozen(self.parameters.tensors());
        let head = head(&self.config, &parameters.builder(DType::F32, &self.device))?;
        Ok(Answerer::new(head, self.config.clone(), self.vocabulary.clone(), &self.device))
    }

    /// Accuracy and mean loss on the dev part; nothing without one.
    ///
    /// # Errors
    /// Those of the head.
    pub fn measure(&self) -> Result<BTreeMap<String, f64>> {
        let Some(dev) = &self.dev else { return Ok(BTreeMap::new()) };
        let (mut right, mut loss) = (0, 0.0);
        let pictures: Vec<usize> = (0..dev.len()).collect();
        for pictures in pictures.chunks(TOGETHER) {
            let (asked, answers) = dev.asked(pictures, self.maps, &self.device)?;
            let logits = self.head.logits(&asked, &mut Mode::Eval)?;
            let found = logits.argmax(1)?.to_vec1::<u32>()?;
            let expected = answers.to_vec1::<u32>()?;
            right += found.iter().zip(&expected).filter(|(found, one)| found == one).count();
            let mean = cross_entropy(&logits, &answers, &CrossEntropyConfig::default())?;
            loss += f64::from(mean.to_scalar::<f32>()?) * expected.len() as f64;
        }
        let count = dev.questions() as f64;
        let figures = [("accuracy", right as f64 / count), ("loss", loss / count)];
        Ok(figures.map(|(name, value)| (name.to_string(), value)).into())
    }
}

/// Counts answers by what is asked for, and writes the table.
fn count(train: &Examples, config: &Config, parameters: &Parameters) -> Result<()> {
    let mut counts = vec![vec![0f32; config.answers]; counted::functions().len() + 1];
    for Example { answer, function, .. } in train.all() {
        counts[counted::row(*function) as usize][*answer as usize] += 1.0;
        if let (Some(_), Some(all)) = (function, counts.last_mut()) {
            all[*answer as usize] += 1.0;
        }
    }
    let logarithms = |row: Vec<f32>| row.into_iter().map(|count| (count + 0.5).ln()).collect();
    let table: Vec<Vec<f32>> = counts.into_iter().map(logarithms).collect();
    let values = BTreeMap::from([(counted::TABLE.to_string(), Tensor::new(table, &Device::Cpu)?)]);
    Ok(parameters.restore(&values)?)
}

/// Tells these questions from others.
fn fingerprint(train: &Examples) -> u64 {
    let mut fingerprint = Fingerprint::default();
    (0..train.len()).for_each(|at| fingerprint.bytes(train.image(at).as_bytes()));
    for Example { words, answer, .. } in train.all() {
        words.iter().for_each(|&word| fingerprint.number(word.into()));
        fingerprint.number(u64::from(*answer) << 32);
    }
    fingerprint.value()
}

impl Learner for Training<'_> {
    type Batch = (Asked, Tensor);

    fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    fn lengths(&self, _: usize) -> conv_train::Result<Cow<'_, [usize]>> {
        Ok((&self.lengths).into())
    }

    fn identity(&self) -> Value {
        json!({
            "network": self.config,
            "dev": self.recipe.dev,
            "data": format!("{:016x}", self.fingerprint),
        })
    }

    fn load(&self, _: Option<usize>, indexes: &[usize]) -> conv_train::Result<(Asked, Tensor)> {
        Ok(self.train.asked(indexes, self.maps, &self.device)?)
    }

    fn loss(&self, batch: &(Asked, Tensor), mode: &mut Mode) -> conv_train::Result<Loss> {
        let (asked, answers) = batch;
        let logits = self.head.logits(asked, mode)?;
        let value = cross_entropy(&logits, answers, &CrossEntropyConfig::default());
        Ok(Loss { value: value.map_err(Error::from)?, weight: asked.len() as f64 })
    }

    fn name_of(&self, example: usize) -> String {
        format!("the questions about {}", self.train.image(example))
    }

    fn evaluate(&self) -> conv_train::Result<BTreeMap<String, f64>> {
        Ok(self.measure()?)
    }
}

impl Task for Training<'_> {
    type Config = Config;
    const NETWORK: &'static str =
        "A head over features of pictures (Johnson et al. 2016 and successors)";

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
        let dev = |of: fn(&Examples) -> usize| self.dev.as_ref().map_or(0, of);
        [
            ("train pictures", self.train.len()),
            ("train questions", self.train.questions()),
            ("dev pictures", dev(Examples::len)),
            ("dev questions", dev(Examples::questions)),
        ]
        .into()
    }

    fn labels(&self) -> &[String] {
        &self.answers
    }

    fn files(&self) -> conv_train::Result<Vec<(&'static str, Vec<u8>)>> {
        Ok(vec![(VOCABULARY, self.vocabulary.to_json())])
    }
}
