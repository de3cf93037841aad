//! Rounds as the network takes them.

use crate::counts::FEATURES;
use crate::words::Turn;
use crate::{Config, Decoder, Encoder, Result};
use candle_core::{Device, Tensor};
use conv_hub::InvalidField;
use conv_text::tokenizer::{PAD, UNK};
use std::collections::HashMap;

/// Texts as rows of word numbers.
#[derive(Debug, Clone)]
pub struct Sequences {
    /// `[N, T]`, with 0 behind the shorter ones.
    pub(super) words: Tensor,
    pub(super) lengths: Vec<usize>,
}

impl Sequences {
    fn new(texts: &[&[u32]], known: usize, device: &Device) -> Result<Self> {
        let lengths: Vec<usize> = texts.iter().map(|text| text.len()).collect();
        let longest = lengths.iter().copied().max().unwrap_or(0);
        let mut words = vec![PAD; texts.len() * longest];
        for (row, text) in words.chunks_mut(longest.max(1)).zip(texts) {
            for (to, &word) in row.iter_mut().zip(*text) {
                *to = if (word as usize) < known { word } else { UNK };
            }
        }
        let words = Tensor::from_vec(words, (texts.len(), longest), device)?;
        Ok(Self { words, lengths })
    }
}

/// Texts of which many are the same: each is read once.
#[derive(Debug, Clone)]
pub(super) struct Shared {
    pub texts: Sequences,
    /// Places in `texts`, `[N]`.
    pub places: Tensor,
}

impl Shared {
    fn new<'a>(
        texts: impl Iterator<Item = &'a [u32]>,
        known: usize,
        device: &Device,
    ) -> Result<Self> {
        let mut places = HashMap::new();
        let mut distinct = Vec::new();
        let mut chosen = Vec::new();
        for text in texts {
            let place = *places.entry(text).or_insert_with(|| {
                distinct.push(text);
                distinct.len() as u32 - 1
            });
            chosen.push(place);
        }
        let count = chosen.len();
        let texts = Sequences::new(&distinct, known, device)?;
        Ok(Self { texts, places: Tensor::from_vec(chosen, count, device)? })
    }
}

/// What was said before.
#[derive(Debug, Clone)]
pub(super) enum History {
    /// In one piece.
    Whole(Sequences),
    /// The caption and each round before, of B rounds up to M facts `[B · M]`, with the first one
    /// again behind fewer; and the question that follows each fact, for an encoder that reads them
    /// in pairs.
    Facts { facts: Shared, questions: Option<Shared>, counts: Vec<usize> },
}

/// What is to be scored.
#[derive(Debug, Clone)]
pub(super) enum Answers {
    /// Candidates `[B · K]`, and what counting says of each, `[B, K, 19]`.
    Chosen { candidates: Shared, counted: Tensor },
    /// Candidates word by word: the words before each word and behind the answer's beginning
    /// `[B · K, 1 + T]`, each word and the answer's end `[B · K · (1 + T)]` with [`PAD`] where
    /// there is none, and K.
    Said { before: Sequences, next: Tensor, each: usize },
}

/// Rounds with their candidates, as the network takes them.
#[derive(Debug, Clone)]
pub struct Batch {
    pub(super) question: Sequences,
    /// Features of each round's image, `[B, I]`, for a network that sees some.
    pub(super) image: Option<Tensor>,
    pub(super) history: History,
    pub(super) answers: Answers,
}

/// A round to be put into a batch: its turn, its candidates and what counting says of each.
pub(crate) struct Asked<'a> {
    pub turn: &'a Turn,
    /// Features of the image, empty for text alone.
    pub image: &'a [f32],
    pub candidates: Vec<&'a [u32]>,
    pub counted: Vec<[f32; FEATURES]>,
}

impl Batch {
    /// Of rounds that have as many candidates each.
    pub(crate) fn new(rounds: &[Asked], config: &Config, device: &Device) -> Result<Self> {
        let known = config.known;
        let questions: Vec<&[u32]> = rounds.iter().map(|round| &round.turn.question[..]).collect();
        let history = match config.encoder {
            Encoder::LateFusion => {
                let heard: Vec<Vec<u32>> =
                    rounds.iter().map(|round| round.turn.heard(config.history)).collect();
                let heard: Vec<&[u32]> = heard.iter().map(Vec::as_slice).collect();
                History::Whole(Sequences::new(&heard, known, device)?)
            }
            Encoder::Hierarchical | Encoder::Memory => {
                let is_paired = config.encoder == Encoder::Hierarchical;
                facts(rounds, config, is_paired, device)?
            }
        };
        let candidates = || rounds.iter().flat_map(|round| round.candidates.iter().copied());
        let each = rounds.first().map_or(0, |round| round.candidates.len());
        let answers = match config.decoder {
            Decoder::Discriminative => {
                let counted: Vec<f32> =
                    rounds.iter().flat_map(|round| round.counted.as_flattened()).copied().collect();
                let counted = Tensor::from_vec(counted, (rounds.len(), each, FEATURES), device)?;
                Answers::Chosen { candidates: Shared::new(candidates(), known, device)?, counted }
            }
            Decoder::Generative => said(candidates(), known, each, device)?,
        };
        let size = config.image_size();
        if let Some(other) = rounds.iter().find(|round| round.image.len() != size) {
            let found = other.image.len();
            let expected = format!("{size} numbers of each image, as config.json says");
            return Err(InvalidField::new("image", found, expected).into());
        }
        let seen = || rounds.iter().flat_map(|round| round.image).copied().collect::<Vec<f32>>();
        let image = (size > 0).then(|| Tensor::from_vec(seen(), (rounds.len(), size), device));
        let question = Sequences::new(&questions, known, device)?;
        Ok(Self { question, image: image.transpose()?, history, answers })
    }
}

fn facts(rounds: &[Asked], config: &Config, is_paired: bool, device: &Device) -> Result<History> {
    let of_rounds: Vec<Vec<Vec<u32>>> =
        rounds.iter().map(|round| round.turn.facts(config.history)).collect();
    let counts: Vec<usize> = of_rounds.iter().map(Vec::len).collect();
    let most = counts.iter().copied().max().unwrap_or(0);
    // Behind fewer facts stands the first one, which costs nothing since it is read anyway.
    let place = |at: usize, count: usize| if at < count { at } else { 0 };
    let padded = of_rounds
        .iter()
        .flat_map(|facts| (0..most).map(move |at| &facts[place(at, facts.len())][..]));
    let facts = Shared::new(padded, config.known, device)?;
    let questions = rounds.iter().zip(&counts).flat_map(|(round, &count)| {
        (0..most).map(move |at| round.turn.question_after(place(at, count)))
    });
    let questions = is_paired.then(|| Shared::new(questions, config.known, device)).transpose()?;
    Ok(History::Facts { facts, questions, counts })
}

/// The sign at both ends of an answer is number `known`, behind the words.
fn said<'a>(
    candidates: impl Iterator<Item = &'a [u32]>,
    known: usize,
    each: usize,
    device: &Device,
) -> Result<Answers> {
    let end = known as u32;
    let word = |&word: &u32| if (word as usize) < known { word } else { UNK };
    let answers: Vec<Vec<u32>> =
        candidates.map(|answer| answer.iter().map(word).collect()).collect();
    let before: Vec<Vec<u32>> =
        answers.iter().map(|answer| [&[end], &answer[..]].concat()).collect();
    let texts: Vec<&[u32]> = before.iter().map(Vec::as_slice).collect();
    let before = Sequences::new(&texts, known + 1, device)?;
    let longest = before.words.dim(1)?;
    let mut next = vec![PAD; answers.len() * longest];
    for (row, answer) in next.chunks_mut(longest.max(1)).zip(&answers) {
        row[..answer.len()].copy_from_slice(answer);
        row[answer.len()] = end;
    }
    let count = next.len();
    Ok(Answers::Said { before, next: Tensor::from_vec(next, count, device)?, each })
}
