//! Training: sentences and a split in, a classifier out, by the recipe of the paper (§3.1).

use crate::infer::by_length;
use crate::prepare::{Sentences, Table};
use crate::report::{Sample, table};
use crate::{
    Batch, Classifier, Config, Error, Evaluation, FilterBank, KimCnn, Result, Tally, Variant,
    kim_cnn,
};
use candle_core::{DType, Device, Tensor};
use conv_hub::{InvalidField, folder};
use conv_nn::rng::Fingerprint;
use conv_nn::{CrossEntropyConfig, Mode, Parameters, cross_entropy, softmax};
use conv_text::Segmenter;
use conv_text::data::Split;
use conv_text::embedding::Coverage;
use conv_text::tokenizer::Style;
use conv_train::batch::{BatchSize, Batching};
use conv_train::clip::MaxNorm;
use conv_train::optim::{Adadelta, OptimizerConfig};
use conv_train::report::{Html, Report};
use conv_train::{Direction, FitConfig, Learner, Loss, MonitoredMetric, Task};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// A training run's settings, as they stand in a configuration file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Recipe {
    /// How word vectors are treated.
    pub variant: Variant,
    /// The filters.
    pub filters: Vec<FilterBank>,
    /// D where no vectors are read.
    pub dimension: usize,
    /// Dropout on the penultimate layer.
    pub dropout: f64,
    /// Dropout on the elements of the word vectors; the paper has none.
    pub vector_dropout: f64,
    /// How text becomes words.
    pub style: Style,
    /// Cuts text without blanks between its words.
    pub segmenter: Option<Segmenter>,
    /// The share of the target that is spread over all classes.
    pub label_smoothing: f64,
    /// Weighs each class by the inverse of its frequency, for data where some classes are rare.
    pub balanced: bool,
    /// The loop's settings.
    pub fit: FitConfig,
}

impl Default for Recipe {
    fn default() -> Self {
        Self::kim(Variant::Rand)
    }
}

impl Recipe {
    /// The paper's: batches of 50, Adadelta, dropout 0.5, rows of the last layer bounded to norm 3,
    /// early stopping on dev accuracy (§3.1). D = 300, ρ = 0.95, ε = 1e-6 and at most 25 epochs are
    /// those of Kim's code.
    pub fn kim(variant: Variant) -> Self {
        let adadelta = Adadelta { rho: 0.95, epsilon: 1e-6, ..Adadelta::default() };
        Self {
            variant,
            filters: [3, 4, 5].map(|width| FilterBank { width, maps: 100 }).to_vec(),
            dimension: 300,
            dropout: 0.5,
            vector_dropout: 0.0,
            style: Style::Kim,
            segmenter: None,
            label_smoothing: 0.0,
            balanced: false,
            fit: FitConfig {
                epochs: 25,
                batching: Batching { size: BatchSize::Examples(50), window: 20 },
                optimizer: OptimizerConfig::Adadelta(adadelta),
                learning_rate: 1.0,
                max_norm: vec![MaxNorm { parameter: "fc.weight".into(), norm: 3.0 }],
                monitor: Some(MonitoredMetric {
                    metric: "accuracy".into(),
                    direction: Direction::Maximize,
                }),
                patience: Some(5),
                ..FitConfig::default()
            },
        }
    }

    fn check(&self) -> Result<()> {
        self.fit.check()?;
        let fits = (0.0..1.0).contains(&self.label_smoothing);
        let expected = "at least 0 and less than 1";
        Ok(InvalidField::unless(fits, "label_smoothing", &self.label_smoothing, expected)?)
    }

    fn network(&self, sentences: &Sentences, dimension: usize) -> Config {
        Config {
            variant: self.variant,
            vocabulary: sentences.tokenizer.vocabulary().len(),
            dimension,
            filters: self.filters.clone(),
            dropout: self.dropout,
            vector_dropout: self.vector_dropout,
            classes: sentences.labels.len(),
            segmenter: sentences.segmenter,
        }
    }
}

/// A network, its sentences and what is learnt from which: what [`conv_train::fit`] trains.
pub struct Training<'a> {
    pub(crate) recipe: &'a Recipe,
    pub(crate) sentences: &'a Sentences,
    pub(crate) split: &'a Split,
    parameters: Parameters,
    model: KimCnn,
    lengths: Vec<usize>,
    class_weights: Option<Vec<f32>>,
    /// Where the first vectors came from.
    pub(crate) source: Option<String>,
    /// How many words they cover.
    pub(crate) coverage: Option<Coverage>,
    device: Device,
}

impl<'a> Training<'a> {
    /// Builds the network with its first values.
    ///
    /// `warm` holds parameters of another model by name, which take the place of drawn ones where
    /// name and shape agree.
    ///
    /// # Errors
    /// A recipe out of range, a training part that is empty, of one class or without words, or no
    /// dev part to watch.
    pub fn new(
        recipe: &'a Recipe,
        sentences: &'a Sentences,
        split: &'a Split,
        table: &Table,
        warm: BTreeMap<String, Tensor>,
        device: &Device,
    ) -> Result<Self> {
        recipe.check()?;
        check_split(recipe, sentences, split)?;
        let config = recipe.network(sentences, table.dimension);
        let parameters = Parameters::warm(recipe.fit.seed, warm);
        let vb = parameters.builder(DType::F32, device);
        let model = kim_cnn(&config, table.init.clone(), &vb)?;
        let length = |&index: &u32| sentences.words[index as usize].len() + 2 * config.padding();
        Ok(Self {
            recipe,
            sentences,
            split,
            parameters,
            model,
            lengths: split.train.iter().map(length).collect(),
            class_weights: recipe.balanced.then(|| balanced(sentences, &split.train)),
            source: table.source.clone(),
            coverage: table.coverage,
            device: device.clone(),
        })
    }

    /// The network with its present parameters.
    pub fn model(&self) -> &KimCnn {
        &self.model
    }

    /// The classifier with its present parameters.
    ///
    /// # Errors
    /// A segmenter that this build does not have.
    pub fn classifier(&self) -> Result<Classifier> {
        let tokenizer = self.sentences.tokenizer.clone();
        let labels = self.sentences.labels.clone();
        Classifier::new(self.model.clone(), tokenizer, labels)
    }

    /// Class probabilities of the sentences `index`, in their order.
    ///
    /// # Errors
    /// Only those of the tensor library.
    pub fn probabilities(&self, index: &[u32]) -> Result<Vec<Vec<f64>>> {
        let words: Vec<&[u32]> =
            index.iter().map(|&index| self.sentences.words[index as usize].as_slice()).collect();
        by_length(&words, self.model.config().padding(), &self.device, |batch| {
            let logits = self.model.forward(batch, &mut Mode::Eval)?;
            Ok(softmax(&logits.to_dtype(DType::F64)?, 1)?)
        })
    }

    /// The share of the sentences `index` whose class is the most probable one.
    ///
    /// # Errors
    /// Only those of the tensor library.
    pub fn accuracy(&self, index: &[u32]) -> Result<f64> {
        Ok(self.evaluation(index, 1)?.accuracy)
    }

    /// All figures on the sentences `index`, with P@k and R@k.
    ///
    /// # Errors
    /// Only those of the tensor library.
    pub fn evaluation(&self, index: &[u32], k: usize) -> Result<Evaluation> {
        let mut tally = Tally::new(&self.names(), k);
        for (row, &sentence) in self.probabilities(index)?.iter().zip(index) {
            tally.add(self.sentences.classes[sentence as usize] as usize, row);
        }
        Ok(tally.finish())
    }
}

fn check_split(recipe: &Recipe, sentences: &Sentences, split: &Split) -> Result<()> {
    let bad = |found: String, expected: &str| {
        Err(conv_text::Error::Split { found, expected: expected.into() }.into())
    };
    let class = |&index: &u32| sentences.classes[index as usize];
    let Some(first) = split.train.first().map(class) else {
        return bad("no sentence to train on".into(), "at least one");
    };
    if split.train.iter().all(|index| class(index) == first) {
        let label = &sentences.labels[first as usize];
        let found =
            format!("all {} sentences to train on are of class {label:?}", split.train.len());
        return bad(found, "at least two classes");
    }
    if split.train.iter().all(|&index| sentences.words[index as usize].is_empty()) {
        let style = serde_json::json!(recipe.style);
        let found = format!(
            "no word in any of {} training sentences in the style {style}",
            split.train.len()
        );
        return bad(found, "some (--style unicode keeps any script, kim ASCII alone)");
    }
    if recipe.fit.monitor.is_some() && split.dev.is_empty() {
        return bad("no sentence in the dev part".into(), "some, to choose the best weights by");
    }
    Ok(())
}

/// N / (K · N_k) for each class k: rare classes weigh more, and the mean weight is 1. A class that
/// does not occur has 0.
fn balanced(sentences: &Sentences, train: &[u32]) -> Vec<f32> {
    let mut counts = vec![0u32; sentences.labels.len()];
    train.iter().for_each(|&index| counts[sentences.classes[index as usize] as usize] += 1);
    let share = train.len() as f32 / counts.len() as f32;
    counts.into_iter().map(|count| if count == 0 { 0.0 } else { share / count as f32 }).collect()
}

/// Sentences with their classes.
#[derive(Debug)]
pub struct Labelled {
    batch: Batch,
    classes: Vec<u32>,
}

impl Training<'_> {
    /// The classes' names, and behind them labels that are no class.
    fn names(&self) -> Vec<String> {
        [&self.sentences.labels[..], &self.sentences.unseen].concat()
    }

    /// What the page of a run shows of the sentences `index`.
    fn samples(&self, index: &[u32]) -> Result<Html> {
        let probabilities = self.probabilities(index)?.into_iter();
        let vocabulary = self.sentences.tokenizer.vocabulary();
        let samples = index.iter().zip(probabilities).map(|(&index, probabilities)| {
            let ids = self.sentences.words[index as usize].clone();
            let words = ids.iter().map(|&id| vocabulary[id as usize].clone()).collect();
            let class = self.sentences.classes[index as usize] as usize;
            Sample { ids, words, class, probabilities }
        });
        table(&self.model, &self.names(), &samples.collect::<Vec<_>>())
    }
}

impl Learner for Training<'_> {
    type Batch = Labelled;

    fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    fn lengths(&self, _: usize) -> conv_train::Result<Cow<'_, [usize]>> {
        Ok(Cow::Borrowed(&self.lengths))
    }

    fn identity(&self) -> Value {
        let (sentences, split) = (self.sentences, self.split);
        let mut data = Fingerprint::default();
        for &index in split.train.iter().chain(&split.dev) {
            sentences.words[index as usize].iter().for_each(|&word| data.number(word.into()));
            data.number(u32::MAX.into());
            data.number(sentences.classes[index as usize].into());
        }
        let train = split.train.len();
        let dev = split.dev.len();
        let data = data.value();
        json!({
            "network": self.model.config(),
            "vectors": self.source,
            "label_smoothing": self.recipe.label_smoothing,
            "balanced": self.recipe.balanced,
            "data": format!("{train} train, {dev} dev, {data:016x}"),
        })
    }

    fn load(&self, _: Option<usize>, indexes: &[usize]) -> conv_train::Result<Labelled> {
        let sentence = |&position: &usize| self.split.train[position] as usize;
        let words: Vec<&[u32]> =
            indexes.iter().map(|at| self.sentences.words[sentence(at)].as_slice()).collect();
        let classes = indexes.iter().map(|at| self.sentences.classes[sentence(at)]).collect();
        let batch = Batch::new(&words, self.model.config().padding(), &self.device)?;
        Ok(Labelled { batch, classes })
    }

    fn loss(
        &self,
        Labelled { batch, classes }: &Labelled,
        mode: &mut Mode,
    ) -> conv_train::Result<Loss> {
        let logits = self.model.forward(batch, mode)?;
        let weight = match &self.class_weights {
            Some(weights) => classes.iter().map(|&class| f64::from(weights[class as usize])).sum(),
            None => classes.len() as f64,
        };
        let targets = Tensor::new(classes.as_slice(), &self.device)?;
        let is_training = mode.rng().is_some();
        let config = CrossEntropyConfig {
            label_smoothing: if is_training { self.recipe.label_smoothing } else { 0.0 },
            class_weights: self.class_weights.clone(),
            ..CrossEntropyConfig::default()
        };
        Ok(Loss { value: cross_entropy(&logits, &targets, &config)?, weight })
    }

    /// Its line in the file, or where there is none, its place in the corpus, counted from 1.
    fn name_of(&self, example: usize) -> String {
        let index = self.split.train[example];
        match self.sentences.lines.get(index as usize) {
            Some(Some(line)) => format!("line {line}"),
            _ => format!("sentence {}", index + 1),
        }
    }

    fn evaluate(&self) -> conv_train::Result<BTreeMap<String, f64>> {
        let dev = self.evaluation(&self.split.dev, 1)?;
        let mut metrics =
            BTreeMap::from([("accuracy".into(), dev.accuracy), ("macro_f1".into(), dev.macro_f1)]);
        // Of classes that training never saw there is none.
        if !dev.cross_entropy.is_nan() {
            metrics.insert("loss".into(), dev.cross_entropy);
        }
        Ok(metrics)
    }
}

impl Task for Training<'_> {
    type Config = Config;
    const NETWORK: &'static str = "A convolutional network of Kim (2014)";

    fn config(&self) -> &Config {
        self.model.config()
    }

    fn fit(&self) -> &FitConfig {
        &self.recipe.fit
    }

    fn recipe(&self) -> Value {
        let dimension = self.config().dimension;
        json!(Recipe { dimension, ..self.recipe.clone() })
    }

    fn examples(&self) -> BTreeMap<&'static str, usize> {
        let Split { train, dev, test } = self.split;
        BTreeMap::from([("train", train.len()), ("dev", dev.len()), ("test", test.len())])
    }

    fn files(&self) -> conv_train::Result<Vec<(&'static str, Vec<u8>)>> {
        let tokenizer = self.sentences.tokenizer.to_json().map_err(Error::from)?;
        Ok(vec![(folder::TOKENIZER, tokenizer.into_bytes())])
    }

    fn labels(&self) -> &[String] {
        &self.sentences.labels
    }

    fn start(&self) -> Value {
        json!({ "from": self.source, "coverage": self.coverage })
    }

    /// The words' vectors and their transpose, every feature map before and after the rectifier,
    /// the features.
    fn activations(&self, [examples, longest]: [usize; 2]) -> usize {
        let config = self.config();
        let map = |bank: &FilterBank| 2 * bank.maps * (longest + 1 - bank.width.min(longest));
        let maps: usize = config.filters.iter().map(map).sum();
        let numbers = 2 * config.dimension * longest + maps + 2 * config.features();
        examples * numbers * size_of::<f32>()
    }

    /// Confusion and samples of the held-out examples: the test part, or dev where there is none.
    fn sections(&self, report: Report) -> conv_train::Result<Report> {
        let Split { dev, test, .. } = self.split;
        let (part, held_out) = if test.is_empty() { ("dev", dev) } else { ("test", test) };
        let evaluation = self.evaluation(held_out, 1)?;
        let samples = self.samples(held_out)?;
        Ok(report
            .confusion(part, &evaluation.labels, &evaluation.confusion)
            .section(&format!("Sample predictions, {part}"), samples))
    }
}
