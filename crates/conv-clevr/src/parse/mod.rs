//! The parser: from a question to its program in prefix notation, by the convolutional network of
//! conv-translate.

mod recipe;
mod words;

pub use recipe::{Pairs, recipe};
pub use words::tokens;

use crate::{Error, Function, Program, Result};
use candle_core::Device;
use conv_translate::{SearchConfig, Stored, Translation, Translator};
use serde::Serialize;
use std::collections::BTreeSet;
use std::path::Path;
use words::Named;

/// The least probability that a program must have to be taken for what the question asks, as a
/// share of what is left by likelier ones that it cannot ask.
const LEAST: f32 = 0.5;

/// Programs that are considered where the likeliest does not say what the question names.
const BEAM: usize = 5;

/// Questions that are parsed together.
const TOGETHER: usize = 256;

/// A question's program, and how sure the network is of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Parsed {
    /// The program.
    pub program: Program,
    /// Its probability by the network.
    pub probability: f32,
}

/// Turns questions into programs. `Send + Sync`: one serves many threads.
#[derive(Debug)]
pub struct Parser {
    translator: Translator,
    words: BTreeSet<String>,
}

impl Parser {
    /// Opens a model folder of conv-translate's whose target tokens are functions.
    ///
    /// # Errors
    /// A missing or damaged file, or a model of another task.
    pub fn open(folder: &Path, device: &Device) -> Result<Self> {
        let (network, vocabularies) = Stored::open(folder)?.into_network(device)?;
        Self::new(network, &vocabularies)
    }

    /// Puts together a network and its vocabularies.
    ///
    /// # Errors
    /// A target vocabulary with a token that is no function.
    pub fn new(
        network: conv_translate::ConvS2s,
        vocabularies: &conv_translate::Vocabularies,
    ) -> Result<Self> {
        let special = conv_text::subwords::SPECIALS.len();
        let words = |words: &[String]| words[special.min(words.len())..].to_vec();
        for token in words(vocabularies.target.vocabulary()) {
            token.parse::<Function>().map_err(|reason| Error::NotAParser { token, reason })?;
        }
        let words = words(vocabularies.source.vocabulary()).into_iter().collect();
        let translator = Translator::new(vec![network], vocabularies.encoders())?;
        Ok(Self { translator, words })
    }

    /// The program of a question.
    ///
    /// # Errors
    /// [`Error::UnknownWords`], and [`Error::NotAQuestion`] for a text of known words that is none:
    /// the network's program is no program, names other things than the question, or is less
    /// probable than even.
    pub fn parse(&self, question: &str) -> Result<Parsed> {
        self.parse_all(&[question])?.pop().unwrap_or_else(|| Err(none("it has no word")))
    }

    /// The programs of many questions, each with its own outcome; the same as alone.
    ///
    /// # Errors
    /// Only those of the network itself.
    pub fn parse_all(&self, questions: &[impl AsRef<str>]) -> Result<Vec<Result<Parsed>>> {
        let mut parsed = Vec::with_capacity(questions.len());
        for questions in questions.chunks(TOGETHER) {
            let read: Vec<_> = questions.iter().map(|text| self.read(text.as_ref())).collect();
            let texts: Vec<&[String]> = read.iter().flatten().map(Vec::as_slice).collect();
            // The likeliest program word by word is what the question asks but for one in some
            // hundred; of these more are looked at.
            let mut found = self.search(&texts, 1)?;
            let wrong: Vec<usize> = (0..found.len()).filter(|&at| found[at].is_err()).collect();
            let again: Vec<&[String]> = wrong.iter().map(|&at| texts[at]).collect();
            for (at, again) in wrong.into_iter().zip(self.search(&again, BEAM)?) {
                if again.is_ok() {
                    found[at] = again;
                }
            }
            let mut found = found.into_iter();
            for read in read {
                let mut next =
                    || found.next().unwrap_or_else(|| Err(none("the network finds no program")));
                parsed.push(read.and_then(|_| next()));
            }
        }
        Ok(parsed)
    }

    /// For each question the first of the `beam` likeliest programs that it can be; else why the
    /// likeliest is not.
    fn search(&self, questions: &[&[String]], beam: usize) -> Result<Vec<Result<Parsed>>> {
        let search = SearchConfig { beam, n_best: beam, ..SearchConfig::default() };
        let texts: Vec<String> = questions.iter().map(|tokens| tokens.join(" ")).collect();
        let found = self.translator.translate_batch(&texts, &search)?;
        Ok(questions.iter().zip(found).map(|(tokens, found)| first(tokens, &found)).collect())
    }

    /// A question's tokens, all of them known.
    fn read(&self, question: &str) -> Result<Vec<String>> {
        let tokens = tokens(question);
        let unknown = tokens.iter().filter(|token| !self.words.contains(*token));
        let unknown: BTreeSet<String> = unknown.cloned().collect();
        if tokens.is_empty() {
            return Err(none("it has no word"));
        }
        if tokens.len() > LONGEST {
            let found = tokens.len();
            let most = LONGEST;
            return Err(none(&format!("it has {found} words, expected at most {most}")));
        }
        if unknown.is_empty() { Ok(tokens) } else { Err(unknown_words(unknown)) }
    }
}

/// Words that a question has at most: the longest of CLEVR's have some 45.
const LONGEST: usize = 80;

/// The first of these translations, the likeliest first, that is a program of the question's.
fn first(tokens: &[String], found: &[Translation]) -> Result<Parsed> {
    let (mut left, mut reason) = (1.0, None);
    for found in found {
        match program(tokens, found) {
            Ok(parsed) if parsed.probability >= LEAST * left => return Ok(parsed),
            Ok(Parsed { program, probability }) => {
                let text = format!(
                    "the likeliest program, {program}, has a probability of {probability:.2}"
                );
                return Err(reason.unwrap_or_else(|| none(&text)));
            }
            Err(error) => {
                left -= probability(found);
                reason.get_or_insert(error);
            }
        }
    }
    Err(reason.unwrap_or_else(|| none("the network finds no program")))
}

fn probability(found: &Translation) -> f32 {
    found.positional.iter().sum::<f32>().exp()
}

/// What a translation is a program of.
fn program(tokens: &[String], found: &Translation) -> Result<Parsed> {
    let functions =
        found.tokens.iter().map(|token| token.parse()).collect::<Result<Vec<Function>, _>>();
    let functions = functions.map_err(|reason| none(&reason))?;
    let program = Program::from_prefix(&functions)
        .map_err(|error| none(&format!("what is made of it is no program, {error}")))?;
    let [asked, said] = [Named::in_question(tokens), Named::in_program(&functions)];
    if let Some(word) = asked.differs(&said) {
        return Err(none(&format!(
            "what is made of it, {program}, does not say {word:?} as often"
        )));
    }
    Ok(Parsed { program, probability: probability(found) })
}

fn none(reason: &str) -> Error {
    Error::NotAQuestion { reason: reason.into() }
}

fn unknown_words(words: BTreeSet<String>) -> Error {
    let short = |word: String| word.chars().take(40).collect();
    Error::UnknownWords { words: words.into_iter().take(8).map(short).collect() }
}
