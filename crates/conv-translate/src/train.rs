//! Training: encoded pairs in, a network out.

use crate::data::{Batch, Encoders, Matrix, Pair, Store};
use crate::metrics::{Bleu, Chrf};
use crate::stored::files;
use crate::{
    Config, ConvS2s, END, Ensemble, Error, Layers, PAD, Recipe, Request, Result, SearchConfig,
    Stored, convs2s,
};
use candle_core::{DType, Device, Tensor};
use conv_hub::ModelConfig;
use conv_nn::rng::seeded;
use conv_nn::{CrossEntropyConfig, Mode, Parameters, RDropConfig};
use conv_text::subwords::Recut;
use conv_train::report::{Html, Report};
use conv_train::{FitConfig, Learner, Loss, Task};
use serde_json::{Value, json};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Positions, padding included, that an evaluation's batch has at most.
const EVALUATED: usize = 4000;

/// Held-out pairs, in memory: as numbers for the perplexity, and the translations' text for BLEU.
#[derive(Debug, Clone, Default)]
pub struct Dev {
    /// The pairs as numbers.
    pub pairs: Vec<Pair>,
    /// The translations as they are written.
    pub references: Vec<String>,
    /// How they are compared.
    pub bleu: Bleu,
}

impl Dev {
    /// Whether a network of these sizes knows as many positions.
    ///
    /// # Errors
    /// [`Error::TooLongSentence`] for the first pair that has more.
    fn check(&self, config: &Config) -> Result<()> {
        let longest = [config.longest_source(), config.longest_target()];
        for (place, Pair { source, target }) in self.pairs.iter().enumerate() {
            let sides = [("source", source), ("target", target)];
            for ((side, tokens), expected) in sides.into_iter().zip(longest) {
                let sentence = place + 1;
                let found = tokens.len() + 1;
                if found > expected {
                    return Err(Error::TooLongSentence { sentence, side, found, expected });
                }
            }
        }
        Ok(())
    }
}

/// A network and what it learns from: what [`conv_train::fit`] trains.
pub struct Training<'a> {
    recipe: &'a Recipe,
    store: &'a Store,
    dev: &'a Dev,
    encoders: Encoders<'a>,
    /// How sentences of the source and of the target are cut anew, with subword dropout.
    recut: Option<[Recut; 2]>,
    parameters: Parameters,
    network: ConvS2s,
    lengths: Vec<usize>,
    device: Device,
    start: Option<String>,
}

impl<'a> Training<'a> {
    /// Builds the network with its first values; `warm` holds parameters of another model by name,
    /// from which it goes on.
    ///
    /// # Errors
    /// A recipe out of range, a store or parameters of another vocabulary, or pairs beyond the
    /// positions, of the dev part by their place.
    pub fn new(
        recipe: &'a Recipe,
        store: &'a Store,
        dev: &'a Dev,
        encoders: Encoders<'a>,
        warm: BTreeMap<String, Tensor>,
        device: &Device,
    ) -> Result<Self> {
        recipe.check()?;
        let config = recipe.network(store.vocabularies())?;
        Self::build(recipe, store, dev, encoders, (config, warm), device)
    }

    /// Goes on from a trained model: its network, which [`Stored::recipe`] has made the recipe's,
    /// with the recipe's dropout.
    ///
    /// # Errors
    /// As [`Training::new`]; a parameter that the model lacks.
    pub fn go_on(
        recipe: &'a Recipe,
        store: &'a Store,
        dev: &'a Dev,
        encoders: Encoders<'a>,
        model: &Stored,
        device: &Device,
    ) -> Result<Self> {
        recipe.check()?;
        model.network(device)?;
        let config = Config { dropout: recipe.dropout, ..model.config.clone() };
        config.check()?;
        let warm = (config, model.tensors.clone());
        let training = Self::build(recipe, store, dev, encoders, warm, device)?;
        Ok(Self { start: Some(model.name.clone()), ..training })
    }

    fn build(
        recipe: &'a Recipe,
        store: &'a Store,
        dev: &'a Dev,
        encoders: Encoders<'a>,
        (config, warm): (Config, BTreeMap<String, Tensor>),
        device: &Device,
    ) -> Result<Self> {
        dev.check(&config)?;
        let parameters = Parameters::warm(recipe.fit.seed, warm);
        let network = convs2s(&config, &parameters.builder(DType::F32, device))?;
        let lengths = store.lengths();
        let expected = config.longest_source().min(config.longest_target());
        if let Some(found) = lengths.iter().copied().find(|length| *length > expected) {
            return Err(Error::TooLong { side: "training", found, expected });
        }
        let recut = if recipe.subword_dropout > 0.0 {
            Some([Recut::new(encoders.source)?, Recut::new(encoders.target)?])
        } else {
            None
        };
        let device = device.clone();
        Ok(Self {
            recipe,
            store,
            dev,
            encoders,
            recut,
            parameters,
            network,
            lengths,
            device,
            start: None,
        })
    }

    /// The network with its present parameters.
    pub fn network(&self) -> &ConvS2s {
        &self.network
    }

    /// A network of the present parameters on `device` that does not change with them, for
    /// inference.
    ///
    /// # Errors
    /// Only those of the tensor library.
    pub fn frozen(&self, device: &Device) -> Result<ConvS2s> {
        let tensors = self.parameters.tensors();
        let copy = |tensor: Tensor| tensor.copy()?.to_device(device);
        let tensors = tensors.into_iter().map(|(name, tensor)| Ok((name, copy(tensor)?)));
        let tensors = tensors.collect::<candle_core::Result<_>>()?;
        let vb = Parameters::frozen(tensors).builder(DType::F32, device);
        convs2s(self.network.config(), &vb)
    }

    /// The mean loss of a token, `</s>` included.
    fn batch_loss(
        &self,
        network: &ConvS2s,
        Passes { batch, passes }: &Passes,
        config: &RDropConfig,
        mode: &mut Mode,
    ) -> Result<Loss> {
        let passes = *passes;
        let matrix = |Matrix { values, rows, columns }: &Matrix| {
            Tensor::from_slice(values, (*rows, *columns), &self.device)
        };
        let Matrix { ref values, rows, columns } = batch.output;
        // With two passes a position of the one row and the same of the next.
        let places = (0..rows).step_by(passes).flat_map(|row| {
            (row * columns..(row + 1) * columns)
                .flat_map(move |place| (0..passes).map(move |pass| place + pass * columns))
        });
        let places: Vec<u32> =
            places.filter(|&place| values[place] != PAD).map(|place| place as u32).collect();
        let targets: Vec<u32> = places.iter().map(|&place| values[place as usize]).collect();
        debug_assert!(columns == batch.input.columns);
        let weight = targets.len() as f64;
        let encoded = network.encode(&matrix(&batch.source)?, &batch.source_lengths, mode)?;
        let places = &Tensor::new(places, &self.device)?;
        let places = [places, &Tensor::new(targets, &self.device)?];
        let input = matrix(&batch.input)?;
        let value = if passes > 1 {
            network.r_drop_loss(&input, &encoded, places, config, mode)?
        } else {
            let label_smoothing = config.label_smoothing;
            let config = CrossEntropyConfig { label_smoothing, ..Default::default() };
            network.loss(&input, &encoded, places, &config, mode)?
        };
        Ok(Loss { value, weight })
    }

    /// A pair as it is learnt from in an epoch: with subword dropout cut anew, unless it were then
    /// beyond the positions.
    ///
    /// # Errors
    /// Those of [`Store::read`].
    pub fn pair(&self, epoch: usize, place: usize) -> Result<Pair> {
        let pair = self.store.read(place)?;
        let Some([source, target]) = &self.recut else { return Ok(pair) };
        let mut rng = seeded(self.recipe.fit.seed, &format!("subwords {epoch} {place}"));
        let dropout = self.recipe.subword_dropout;
        let recut = Pair {
            source: source.apply(&pair.source, dropout, &mut rng),
            target: target.apply(&pair.target, dropout, &mut rng),
        };
        let fits = recut.source.len() < self.config().longest_source()
            && recut.target.len() < self.config().longest_target();
        Ok(if fits { recut } else { pair })
    }

    /// The length of each pair in an epoch, as [`Store::lengths`] counts. Pairs that are cut anew
    /// are cut twice: all at an epoch's start for this, so that those of like lengths share a
    /// batch, and each when its turn comes.
    fn lengths_of(&self, epoch: usize) -> Result<Cow<'_, [usize]>> {
        if self.recut.is_none() {
            return Ok(Cow::Borrowed(&self.lengths));
        }
        let length = |place| {
            self.pair(epoch, place).map(|pair| pair.source.len().max(pair.target.len()) + 1)
        };
        (0..self.store.len()).map(length).collect::<Result<Vec<_>>>().map(Cow::Owned)
    }

    /// The mean negative logarithm of the probability of a token of `pairs`, `</s>` included.
    fn held_out_loss(&self, network: &ConvS2s, pairs: &[Pair]) -> Result<f64> {
        let (mut sum, mut count) = (0.0, 0.0);
        let plain = RDropConfig::default();
        for places in by_length(pairs) {
            let batch = Passes::new(places.into_iter().map(|place| pairs[place].clone()), 1);
            let loss = self.batch_loss(network, &batch, &plain, &mut Mode::Eval)?;
            sum += f64::from(loss.value.to_scalar::<f32>()?) * loss.weight;
            count += loss.weight;
        }
        Ok(sum / count)
    }

    /// BLEU and chrF of the dev part by the present parameters, by name. It is searched for on the
    /// CPU wherever one trains: a search's steps are small and many. BLEU alone is 0 for targets of
    /// fewer than four words.
    ///
    /// # Errors
    /// A search that cannot be done.
    pub fn scores(&self, search: &SearchConfig) -> Result<[(&'static str, f64); 2]> {
        let translations = self.translate(self.dev.pairs.len(), search)?;
        let references = &[&self.dev.references[..]];
        let bleu = self.dev.bleu.corpus(&translations, references)?.score;
        let chrf = Chrf::default().corpus(&translations, references)?.score;
        Ok([("bleu", bleu), ("chrf", chrf)])
    }

    /// Translations of the first `count` pairs of the dev part.
    fn translate(&self, count: usize, search: &SearchConfig) -> Result<Vec<String>> {
        let ensemble = Ensemble::new(vec![self.frozen(&Device::Cpu)?])?;
        let pairs = &self.dev.pairs[..count];
        let mut hypotheses = vec![String::new(); pairs.len()];
        for batch in by_length(pairs) {
            let request =
                |place: &usize| Request::new(*place, [&pairs[*place].source[..], &[END]].concat());
            let requests: Vec<_> = batch.iter().map(request).collect();
            for (place, found) in batch.iter().zip(ensemble.search(&requests, search)?) {
                if let Some(best) = found.first() {
                    hypotheses[*place] = self.encoders.target.decode(&best.tokens)?;
                }
            }
        }
        Ok(hypotheses)
    }

    fn metrics(&self) -> Result<BTreeMap<String, f64>> {
        let mut metrics = BTreeMap::new();
        if self.dev.pairs.is_empty() {
            return Ok(metrics);
        }
        let loss = self.held_out_loss(&self.frozen(&self.device)?, &self.dev.pairs)?;
        metrics.insert("loss".into(), loss);
        metrics.insert("perplexity".into(), loss.exp());
        if let Some(search) = &self.recipe.search {
            let scores = self.scores(search)?;
            metrics.extend(scores.map(|(name, score)| (name.to_string(), score)));
        }
        Ok(metrics)
    }
}

/// Places of `pairs` in batches of like lengths.
fn by_length(pairs: &[Pair]) -> Vec<Vec<usize>> {
    let length = |pair: &Pair| pair.source.len().max(pair.target.len()) + 1;
    let lengths: Vec<usize> = pairs.iter().map(length).collect();
    conv_train::batch::by_length(&lengths, EVALUATED)
}

/// Pairs as matrices, each once, or with R-Drop twice in a row.
#[derive(Debug)]
pub struct Passes {
    batch: Batch,
    passes: usize,
}

impl Passes {
    fn new(pairs: impl Iterator<Item = Pair>, passes: usize) -> Self {
        let pairs: Vec<Pair> = pairs.flat_map(|pair| std::iter::repeat_n(pair, passes)).collect();
        Self { batch: Batch::new(&pairs, PAD, END), passes }
    }
}

impl Learner for Training<'_> {
    type Batch = Passes;

    fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    fn lengths(&self, epoch: usize) -> conv_train::Result<Cow<'_, [usize]>> {
        Ok(self.lengths_of(epoch)?)
    }

    fn identity(&self) -> Value {
        json!({
            "network": self.network.config(),
            "label_smoothing": self.recipe.label_smoothing,
            "subword_dropout": self.recipe.subword_dropout,
            // Under the name that checkpoints of older versions have.
            "agreement": self.recipe.r_drop,
            "data": format!("{} pairs, {:016x}", self.store.len(), self.store.fingerprint()),
        })
    }

    fn load(&self, epoch: Option<usize>, indexes: &[usize]) -> conv_train::Result<Passes> {
        let pair = |&place: &usize| match epoch {
            Some(epoch) => self.pair(epoch, place),
            None => self.store.read(place),
        };
        let pairs = indexes.iter().map(pair).collect::<Result<Vec<_>>>()?;
        let passes = if epoch.is_some() && self.recipe.r_drop > 0.0 { 2 } else { 1 };
        Ok(Passes::new(pairs.into_iter(), passes))
    }

    fn loss(&self, batch: &Passes, mode: &mut Mode) -> conv_train::Result<Loss> {
        let Recipe { label_smoothing, r_drop: alpha, .. } = *self.recipe;
        let is_training = mode.rng().is_some();
        let label_smoothing = if is_training { label_smoothing } else { 0.0 };
        let config = RDropConfig { label_smoothing, alpha };
        Ok(self.batch_loss(&self.network, batch, &config, mode)?)
    }

    fn name_of(&self, example: usize) -> String {
        match self.store.line(example) {
            Some(line) => format!("line {line}"),
            None => format!("pair {} of those that cleaning left", example + 1),
        }
    }

    fn evaluate(&self) -> conv_train::Result<BTreeMap<String, f64>> {
        Ok(self.metrics()?)
    }
}

impl Task for Training<'_> {
    type Config = Config;
    const NETWORK: &'static str = "A convolutional network of Gehring et al. (2017)";

    fn config(&self) -> &Config {
        self.network.config()
    }

    fn fit(&self) -> &FitConfig {
        &self.recipe.fit
    }

    fn recipe(&self) -> Value {
        // A tokenizer of the user's own, or of the model from which training went on, knows.
        let mut recipe = self.recipe.clone();
        recipe.subwords.lowercase = self.encoders.target.lower_cases();
        json!(recipe)
    }

    fn examples(&self) -> BTreeMap<&'static str, usize> {
        BTreeMap::from([("train", self.store.len()), ("dev", self.dev.pairs.len())])
    }

    fn files(&self) -> conv_train::Result<Vec<(&'static str, Vec<u8>)>> {
        Ok(files(self.encoders)?)
    }

    fn start(&self) -> Value {
        json!(self.start)
    }

    /// What each layer keeps of a position: its input, twice the channels before the gate, and what
    /// attention adds; and the logits.
    fn activations(&self, [examples, longest]: [usize; 2]) -> usize {
        let config = self.config();
        let of = |layers: &Layers, more: usize| -> usize {
            layers.0.iter().map(|layer| (4 + more) * layer.channels).sum()
        };
        let attention = config.attention_layers() * (longest + 2 * config.encoder_embedding);
        let position = of(&config.encoder_layers, 0)
            + of(&config.decoder_layers, 1)
            + attention
            + config.output_embedding
            + config.target_vocabulary;
        examples * longest * position * size_of::<f32>()
    }

    /// Translations of the dev part beside their references, the first ones.
    fn sections(&self, report: Report) -> conv_train::Result<Report> {
        const SHOWN: usize = 20;
        let translations =
            self.translate(self.dev.pairs.len().min(SHOWN), &SearchConfig::default())?;
        let row = |(place, translation): (usize, &String)| {
            let source = self.encoders.source.decode(&self.dev.pairs[place].source)?;
            let reference = &self.dev.references[place];
            Ok([&source, translation, reference].map(|text| Html::text(text)).to_vec())
        };
        let rows = translations.iter().enumerate().map(row).collect::<Result<Vec<_>>>()?;
        Ok(report.samples(&["source", "translation, beam 5", "reference"], rows))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{PairFiles, Vocabularies};

    /// What is learnt from the pairs with this much dropout and R-Drop.
    fn loss_with(dropout: f64, r_drop: f64) -> Result<Loss, Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let table = folder.path().join("pairs.tsv");
        std::fs::write(&table, "eins zwei drei\tone two\nzwei\ttwo three one\ndrei eins\tthree\n")?;
        let files = PairFiles::Table(table);
        let mut recipe =
            Recipe { embedding: 8, output_embedding: 8, dropout, r_drop, ..Recipe::small() };
        (recipe.encoder_layers, recipe.decoder_layers) =
            ("[(8, 3)]".parse()?, "[(8, 3)] * 2".parse()?);
        recipe.subwords.vocabulary = 30;
        let vocabularies = Vocabularies::train(&files, &recipe)?;
        let (store, _) = vocabularies.store(&files, &recipe, &folder.path().join("pairs"))?;
        let dev = Dev::default();
        let encoders = vocabularies.encoders();
        let training = Training::new(&recipe, &store, &dev, encoders, [].into(), &Device::Cpu)?;
        let batch = training.load(Some(0), &[0, 1, 2])?;
        Ok(training.loss(&batch, &mut Mode::Train(&mut seeded(1, "dropout")))?)
    }

    #[test]
    fn passes_that_say_the_same_cost_nothing_and_others_do()
    -> Result<(), Box<dyn std::error::Error>> {
        let value = |loss: &Loss| loss.value.to_scalar::<f32>();
        let [plain, alike] = [loss_with(0.0, 0.0)?, loss_with(0.0, 5.0)?];
        assert_eq!(alike.weight, 2.0 * plain.weight);
        assert!((value(&alike)? - value(&plain)?).abs() < 1e-5);
        let [little, much] = [loss_with(0.3, 1e-9)?, loss_with(0.3, 5.0)?];
        assert!(value(&much)? > value(&little)? + 1e-3);
        Ok(())
    }
}
