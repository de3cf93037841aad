//! Training: dialogs in, a ranker out.

use crate::candidates::{candidates, popular};
use crate::counts::{Counts, FEATURES};
use crate::data::{ImageFeatures, TextDialog};
use crate::metrics::{Placed, Ranking};
use crate::model::{Asked, Batch, Network, Statistics, network, scores};
use crate::words::{Answered, rounds};
use crate::{AnswerRanker, Config, Decoder, Error, Recipe, Result};
use candle_core::{DType, Device};
use conv_hub::{InvalidField, ModelConfig, folder};
use conv_nn::rng::{Fingerprint, seeded};
use conv_nn::{Mode, Parameters};
use conv_text::tokenizer::{Style, Tokenizer};
use conv_train::{FitConfig, Learner, Loss, Task};
use rand::seq::SliceRandom;
use serde_json::{Value, json};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A round with its candidates, the true answer first, and what counting says of each.
struct Example {
    round: Answered,
    /// Features of the image, none for text alone.
    image: Arc<[f32]>,
    candidates: Vec<Vec<u32>>,
    counted: Vec<[f32; FEATURES]>,
    /// The dialog's file and line, and the round.
    name: String,
}

impl Example {
    /// With the candidates at these places.
    fn asked(&self, places: impl Iterator<Item = usize> + Clone) -> Asked<'_> {
        Asked {
            turn: &self.round.turn,
            image: &self.image,
            candidates: places.clone().map(|place| &self.candidates[place][..]).collect(),
            counted: places.map(|place| self.counted[place]).collect(),
        }
    }
}

/// A round, where it is, and its image.
#[derive(Clone)]
struct Named {
    name: String,
    image: Arc<[f32]>,
    round: Answered,
}

/// A network, its dialogs and what is learnt from which: what [`conv_train::fit`] trains.
pub struct Training<'a> {
    recipe: &'a Recipe,
    parameters: Parameters,
    model: Network,
    tokenizer: Tokenizer,
    counts: Counts,
    train: Vec<Example>,
    dev: Vec<Example>,
    lengths: Vec<usize>,
    dialogs: [usize; 2],
    negatives: usize,
    images: Option<ImageFeatures>,
    fingerprint: u64,
    device: Device,
}

impl<'a> Training<'a> {
    /// Prepares the dialogs and builds the network with its first values, which sees features of
    /// the dialogs' images where some are given. Dialogs are drawn for the dev part by the recipe's
    /// seed.
    ///
    /// # Errors
    /// A recipe out of range, too few dialogs for the folds or the candidates, a metric to watch
    /// and nothing to measure it on, or an image without features.
    pub fn new(
        recipe: &'a Recipe,
        dialogs: &[TextDialog],
        images: Option<ImageFeatures>,
        device: &Device,
    ) -> Result<Self> {
        recipe.check()?;
        if let Some(images) = &images {
            images.check(dialogs.iter().map(|dialog| dialog.image_id))?;
        }
        let mut order: Vec<&TextDialog> = dialogs.iter().collect();
        let mut fingerprint = Fingerprint::default();
        for TextDialog { caption, rounds, image_id, .. } in &order {
            fingerprint.bytes(caption.as_bytes());
            if images.is_some() {
                fingerprint.bytes(&image_id.to_le_bytes());
            }
            rounds.iter().flatten().for_each(|text| fingerprint.bytes(text.as_bytes()));
        }
        order.shuffle(&mut seeded(recipe.fit.seed, "parts"));
        let (dev, train) = order.split_at((recipe.dev * order.len() as f64).round() as usize);
        if train.len() < recipe.folds {
            let found = format!("{} dialogs, {} of them for dev", order.len(), dev.len());
            return Err(empty(found, "at least as many to train on as folds"));
        }
        if recipe.fit.monitor.is_some() && dev.is_empty() {
            let expected = "none, or a dev part to measure it on";
            return Err(InvalidField::new("monitor", "set without a dev part", expected).into());
        }
        let texts: Vec<&str> = train.iter().flat_map(|dialog| texts(dialog)).collect();
        let tokenizer = Tokenizer::fit(Style::Kim, &texts)?;
        let counted = tokenizer.counts(&tokenizer.ids_of_all(&texts)?);
        // Words stand in the order of their frequency, behind padding and the unknown word.
        let rare =
            counted.iter().skip(2).take_while(|&&count| count >= recipe.least.max(1)).count();
        let source = images.as_ref().map(|images| images.source().clone());
        let config = recipe.network(source, tokenizer.vocabulary().len(), 2 + rare);
        config.check()?;

        let named = |dialogs: &[&TextDialog]| -> Result<Vec<Named>> {
            let rounds = rounds(dialogs, &tokenizer)?;
            let image = |dialog: &&TextDialog| match &images {
                Some(images) => images.of(dialog.image_id),
                None => Ok(Arc::new([]) as Arc<[f32]>),
            };
            let seen = dialogs.iter().map(image).collect::<Result<Vec<_>>>()?;
            let mut number = 0;
            let mut last = usize::MAX;
            Ok(rounds
                .into_iter()
                .map(|round| {
                    number = if round.dialog == last { number + 1 } else { 1 };
                    last = round.dialog;
                    let name = format!("{}, round {number}", dialogs[round.dialog].name);
                    Named { name, image: seen[round.dialog].clone(), round }
                })
                .collect())
        };
        let train_rounds = named(train)?;
        let dev_rounds = named(dev)?;
        let seed = recipe.fit.seed;
        let all: Vec<&Answered> = train_rounds.iter().map(|named| &named.round).collect();
        let most_popular = popular(all.iter().copied());
        let counts = Counts::of(all.iter().copied());
        let examples = |rounds: Vec<&Named>, counts: &Counts| -> Vec<Example> {
            let fold: Vec<&Answered> = rounds.iter().map(|named| &named.round).collect();
            let lists = candidates(&fold, &most_popular, recipe.candidates, seed);
            let example = |(named, candidates): (&Named, Vec<Vec<u32>>)| {
                let Named { name, image, round } = named.clone();
                let of: Vec<&[u32]> = candidates.iter().map(Vec::as_slice).collect();
                let counted = counts.features(&round.turn, &of);
                Example { round, image, candidates, counted, name }
            };
            rounds.into_iter().zip(lists).map(example).collect()
        };
        let mut train_examples = Vec::new();
        for fold in 0..recipe.folds {
            let is_in = |named: &&Named| named.round.dialog % recipe.folds == fold;
            let others = all.iter().copied().filter(|round| round.dialog % recipe.folds != fold);
            train_examples
                .extend(examples(train_rounds.iter().filter(is_in).collect(), &Counts::of(others)));
        }
        let dev_examples = examples(dev_rounds.iter().collect(), &counts);
        let fewest =
            train_examples.iter().map(|example| example.candidates.len()).min().unwrap_or(0);
        if fewest < 2 {
            return Err(empty(
                "a fold with one answer only".into(),
                "different answers to choose from",
            ));
        }
        let statistics = statistics(&train_examples);
        let parameters = Parameters::new(seed);
        let model = network(&config, Some(&statistics), &parameters.builder(DType::F32, device))?;
        let length = |example: &Example| {
            example.round.turn.heard(config.history).len() + example.round.turn.question.len()
        };
        Ok(Self {
            recipe,
            parameters,
            model,
            tokenizer,
            counts,
            lengths: train_examples.iter().map(length).collect(),
            train: train_examples,
            dev: dev_examples,
            dialogs: [train.len(), dev.len()],
            images,
            negatives: recipe.negatives.min(fewest - 1),
            fingerprint: fingerprint.value(),
            device: device.clone(),
        })
    }

    /// The ranker with its present parameters.
    pub fn ranker(&self) -> AnswerRanker {
        AnswerRanker::new(
            self.model.clone(),
            self.tokenizer.clone(),
            self.counts.clone(),
            self.images.clone(),
            &self.device,
        )
    }

    /// Figures of the dev part: those of the network, and of counting alone.
    ///
    /// # Errors
    /// Scores that are not finite.
    pub fn measure(&self) -> Result<BTreeMap<String, f64>> {
        let asked: Vec<Asked> =
            self.dev.iter().map(|example| example.asked(0..example.candidates.len())).collect();
        let scores =
            scores(&self.model, &asked, |number| self.dev[number].name.clone(), &self.device)?;
        let places: Vec<Placed> = scores.iter().map(|scores| Placed::of(scores, 0)).collect();
        let Ranking { mrr, r1, r5, r10, mean_rank } = Ranking::of(&places);
        let counted = |score: &dyn Fn(&Example, &[u32]) -> f64| {
            let place = |example: &Example| {
                let scores: Vec<f32> =
                    example.candidates.iter().map(|answer| score(example, answer) as f32).collect();
                Placed::of(&scores, 0)
            };
            let places: Vec<Placed> = self.dev.iter().map(place).collect();
            Ranking::of(&places).mrr
        };
        let frequency = counted(&|_, answer| self.counts.frequency(answer));
        let three_words = counted(&|example, answer| {
            self.counts.three_words(&example.round.turn.question, answer)
        });
        let figures = [
            ("mrr", mrr),
            ("r1", r1),
            ("r5", r5),
            ("r10", r10),
            ("mean_rank", mean_rank),
            ("mrr_frequency", frequency),
            ("mrr_three_words", three_words),
        ];
        Ok(figures.map(|(name, value)| (name.to_string(), value)).into())
    }
}

fn empty(found: String, expected: &'static str) -> Error {
    Error::Empty { place: "the dialogs".into(), found, expected }
}

fn texts(dialog: &TextDialog) -> Vec<&str> {
    let rounds = dialog.rounds.iter().flatten().map(String::as_str);
    [dialog.caption.as_str()].into_iter().chain(rounds).collect()
}

fn statistics(examples: &[Example]) -> Statistics {
    let mut sums = [0f64; FEATURES];
    let mut squares = [0f64; FEATURES];
    let mut count = 0f64;
    for features in examples.iter().flat_map(|example| &example.counted) {
        for (at, &value) in features.iter().enumerate() {
            sums[at] += f64::from(value);
            squares[at] += f64::from(value).powi(2);
        }
        count += 1.0;
    }
    let mean = sums.map(|sum| sum / count);
    // A feature that is always the same is left so.
    let deviation = (0..FEATURES).map(|at| {
        let variance = squares[at] / count - mean[at] * mean[at];
        if variance > 1e-6 { variance.sqrt() as f32 } else { 1.0 }
    });
    Statistics { deviation: deviation.collect(), mean: mean.map(|mean| mean as f32).into() }
}

impl Learner for Training<'_> {
    type Batch = Batch;

    fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    fn lengths(&self, _: usize) -> conv_train::Result<Cow<'_, [usize]>> {
        Ok((&self.lengths).into())
    }

    fn identity(&self) -> Value {
        let Recipe { dev, folds, candidates, negatives, .. } = self.recipe;
        json!({
            "network": self.model.config(),
            "parts": [json!(dev), json!(folds), json!(candidates), json!(negatives)],
            "data": format!("{:016x}", self.fingerprint),
        })
    }

    /// The true answer first, and wrong ones that are drawn anew each epoch.
    fn load(&self, epoch: Option<usize>, indexes: &[usize]) -> conv_train::Result<Batch> {
        let asked = indexes.iter().map(|&index| {
            let example = &self.train[index];
            let mut others: Vec<usize> = (1..example.candidates.len()).collect();
            if let Some(epoch) = epoch {
                others.shuffle(&mut seeded(
                    self.recipe.fit.seed,
                    &format!("augment {epoch} {index}"),
                ));
            }
            others.truncate(match self.recipe.decoder {
                Decoder::Discriminative => self.negatives,
                Decoder::Generative => 0,
            });
            let places: Vec<usize> = [0].into_iter().chain(others).collect();
            example.asked(places.iter().copied())
        });
        Ok(Batch::new(&asked.collect::<Vec<_>>(), self.model.config(), &self.device)?)
    }

    fn loss(&self, batch: &Batch, mode: &mut Mode) -> conv_train::Result<Loss> {
        let (value, weight) = self.model.loss(batch, mode)?;
        Ok(Loss { value, weight })
    }

    fn name_of(&self, example: usize) -> String {
        self.train[example].name.clone()
    }

    fn evaluate(&self) -> conv_train::Result<BTreeMap<String, f64>> {
        Ok(self.measure()?)
    }
}

impl Task for Training<'_> {
    type Config = Config;
    const NETWORK: &'static str =
        "An encoder and a decoder of Das et al. (2017), \"Visual Dialog\", on text";

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
        let [train, dev] = self.dialogs;
        let rounds = [("train rounds", self.train.len()), ("dev rounds", self.dev.len())];
        [("train dialogs", train), ("dev dialogs", dev)].into_iter().chain(rounds).collect()
    }

    fn files(&self) -> conv_train::Result<Vec<(&'static str, Vec<u8>)>> {
        let tokenizer = self.tokenizer.to_json().map_err(Error::from)?;
        Ok(vec![
            (folder::TOKENIZER, tokenizer.into_bytes()),
            (crate::stored::COUNTS, self.counts.to_json()),
        ])
    }

    /// Vectors, gates and states of the words of history and question, and of four words of each
    /// candidate.
    fn activations(&self, [examples, longest]: [usize; 2]) -> usize {
        let Config { dimension, units, .. } = self.config();
        let words = longest + 4 * (1 + self.negatives);
        examples * words * (2 * dimension + 6 * units) * size_of::<f32>()
    }
}
