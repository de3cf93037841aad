//! A trained translator: a model folder, opened once and shared between threads.

use crate::data::Encoders;
use crate::fairseq::FairseqModel;
use crate::save::{SOURCE_TOKENIZER, TARGET_TOKENIZER};
use crate::tokenizer::Subwords;
use crate::{
    Config, ConvS2s, Dictionary, Ensemble, Error, Hypothesis, Request, Result, SearchConfig,
    convs2s, join_pieces,
};
use candle_core::{DType, Device};
use conv_hub::{ModelFolder, folder};
use conv_nn::Parameters;
use serde::Serialize;
use std::path::Path;

/// The number of `</s>`.
const END: u32 = 2;
/// Tokens, padding included, that a batch's sources have at most.
const BATCH: usize = 2000;

/// A sentence's translation.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Translation {
    /// As people write it.
    pub text: String,
    /// The tokens, without the end's.
    pub tokens: Vec<String>,
    /// The logarithm of its probability divided by its length, with its end, to the power of the length penalty.
    pub score: f32,
    /// For each token the place of the source token that was read most.
    pub alignment: Vec<usize>,
    /// The share of each source token, its end included, in what was read for each token and for the end.
    #[serde(skip)]
    pub attention: Vec<Vec<f32>>,
    /// The logarithm of the probability of each token and of the end.
    #[serde(skip)]
    pub positional: Vec<f32>,
}

/// A translator, ready for use. `Send + Sync`: one serves many threads.
#[derive(Debug)]
pub struct Translator {
    ensemble: Ensemble,
    source: Subwords,
    target: Subwords,
    longest_source: usize,
    /// Whether the target's words are in pieces marked by `@@`, to be joined in the text.
    has_pieces: bool,
}

impl Translator {
    /// Opens a model folder, or a checkpoint of fairseq's with its dictionaries beside it ([`FairseqModel`]), which takes ready-made
    /// tokens with blanks between them.
    ///
    /// # Errors
    /// A missing or damaged file, a folder of another task, or a vocabulary that does not fit the network, by name.
    pub fn open(folder: &Path, device: &Device) -> Result<Self> {
        Self::open_all(&[folder], device)
    }

    /// Opens several model folders as one translator, which says the mean of their probabilities; their vocabularies are the first's.
    ///
    /// # Errors
    /// As [`Translator::open`]; no folder, or vocabularies of different sizes.
    pub fn open_all(folders: &[impl AsRef<Path>], device: &Device) -> Result<Self> {
        let opened = folders.iter().map(|folder| Opened::open(folder.as_ref(), device));
        let mut opened = opened.collect::<Result<Vec<_>>>()?;
        if opened.is_empty() {
            return Err(Error::NoModel);
        }
        let Opened { network, vocabularies: [source, target], has_pieces } = opened.remove(0);
        let networks = std::iter::once(network).chain(opened.into_iter().map(|o| o.network));
        let translator =
            Self::new(networks.collect(), Encoders { source: &source, target: &target })?;
        Ok(Self { has_pieces, ..translator })
    }

    /// Puts together networks and the vocabularies of both languages.
    ///
    /// # Errors
    /// No network, or vocabularies of different sizes.
    pub fn new(networks: Vec<ConvS2s>, encoders: Encoders) -> Result<Self> {
        let longest = networks.iter().map(|network| network.config().longest_source()).min();
        let (longest_source, config) =
            (longest.unwrap_or(0), networks.first().map(ConvS2s::config));
        for (side, subwords, expected) in [
            ("source", encoders.source, config.map(|config| config.source_vocabulary)),
            ("target", encoders.target, config.map(|config| config.target_vocabulary)),
        ] {
            let found = subwords.vocabulary().len();
            if let Some(expected) = expected.filter(|expected| *expected != found) {
                return Err(Error::Vocabulary { side, found, expected });
            }
        }
        let (source, target) = (encoders.source.clone(), encoders.target.clone());
        let ensemble = Ensemble::new(networks)?;
        Ok(Self { ensemble, source, target, longest_source, has_pieces: false })
    }

    /// The tokens of a source text as the network reads them, without its end.
    ///
    /// # Errors
    /// A text that a tokenizer of the user's own cannot take.
    pub fn source_tokens(&self, text: &str) -> Result<Vec<String>> {
        let ids = self.source.encode(text)?;
        Ok(self.source.pieces(&ids).into_iter().map(String::from).collect())
    }

    /// Translates one sentence: the best translation.
    ///
    /// # Errors
    /// As [`Translator::translate_batch`].
    pub fn translate(&self, text: &str, config: &SearchConfig) -> Result<Translation> {
        let mut found = self.translate_batch(&[text], config)?;
        let best =
            found.pop().and_then(|mut found| (!found.is_empty()).then(|| found.swap_remove(0)));
        best.ok_or(Error::NoTranslation { sentence: 1 })
    }

    /// Translates many sentences, each into its best translations; each result is the same as alone. An empty sentence has an empty
    /// translation.
    ///
    /// # Errors
    /// A sentence beyond the positions that the network knows, by its place; settings out of range.
    pub fn translate_batch(
        &self,
        texts: &[impl AsRef<str>],
        config: &SearchConfig,
    ) -> Result<Vec<Vec<Translation>>> {
        let mut requests = Vec::new();
        let mut translations = vec![Vec::new(); texts.len()];
        for (place, text) in texts.iter().enumerate() {
            let mut source = self.source.encode(text.as_ref())?;
            if source.is_empty() {
                translations[place] = vec![Translation::empty()];
                continue;
            }
            source.push(END);
            let (found, expected) = (source.len(), self.longest_source);
            if found > expected {
                return Err(Error::TooLongSentence { sentence: place + 1, found, expected });
            }
            requests.push(Request::new(place, source));
        }
        requests.sort_by_key(|request| request.source.len());
        let mut rest = &requests[..];
        while let Some(first) = rest.first() {
            let padded = |(i, request): (usize, &Request)| (i + 1) * request.source.len() <= BATCH;
            let count =
                rest.iter().enumerate().take_while(|request| padded(*request)).count().max(1);
            debug_assert!(first.source.len() <= rest[count - 1].source.len());
            let (batch, left) = rest.split_at(count);
            rest = left;
            for (request, found) in batch.iter().zip(self.ensemble.search(batch, config)?) {
                let found = found.into_iter().map(|hypothesis| self.said(hypothesis));
                translations[request.place] = found.collect::<Result<_>>()?;
            }
        }
        Ok(translations)
    }

    fn said(&self, hypothesis: Hypothesis) -> Result<Translation> {
        let Hypothesis { tokens, score, positional, attention, alignment } = hypothesis;
        let text = self.target.decode(&tokens)?;
        Ok(Translation {
            text: if self.has_pieces { join_pieces(&text) } else { text },
            tokens: self.target.pieces(&tokens).into_iter().map(String::from).collect(),
            score,
            alignment,
            attention,
            positional,
        })
    }
}

impl Translation {
    fn empty() -> Self {
        Self {
            text: String::new(),
            tokens: Vec::new(),
            score: 0.0,
            alignment: Vec::new(),
            attention: Vec::new(),
            positional: Vec::new(),
        }
    }
}

/// One model of an ensemble.
struct Opened {
    network: ConvS2s,
    vocabularies: [Subwords; 2],
    has_pieces: bool,
}

impl Opened {
    fn open(path: &Path, device: &Device) -> Result<Self> {
        let network = |config: &Config, tensors| {
            convs2s(config, &Parameters::frozen(tensors).builder(DType::F32, device))
        };
        if path.is_file() {
            let FairseqModel { config, tensors, source, target, .. } = FairseqModel::open(path)?;
            let has_pieces = target.has_pieces();
            let [source, target] = [&source, &target].map(words);
            let network = network(&config, tensors)?;
            return Ok(Self { network, vocabularies: [source?, target?], has_pieces });
        }
        let model = ModelFolder::open(path)?;
        model.expect_type(Config::MODEL_TYPE)?;
        let network = network(&model.config()?, model.tensors(Some(DType::F32))?)?;
        let file = |name: &str| path.join(name);
        let vocabularies = match file(folder::TOKENIZER).try_exists() {
            Ok(true) => {
                let joint = Subwords::load(&file(folder::TOKENIZER))?;
                [joint.clone(), joint]
            }
            _ => {
                [Subwords::load(&file(SOURCE_TOKENIZER))?, Subwords::load(&file(TARGET_TOKENIZER))?]
            }
        };
        Ok(Self { network, vocabularies, has_pieces: false })
    }
}

/// A dictionary as a vocabulary of whole words.
fn words(dictionary: &Dictionary) -> Result<Subwords> {
    let symbols = (0..dictionary.size() as u32).filter_map(|id| dictionary.symbol(id));
    Subwords::of_words(symbols.map(String::from).collect())
}
