//! What both agents say in games that go on side by side.

use super::agents::{ABot, QBot};
use super::batch::padded;
use super::talk::{ASKED, LONGEST, START};
use crate::{Error, Result};
use candle_core::{Device, Tensor};
use conv_nn::{LstmState, Mode, softmax};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// The features, put in order, of the scene as Q-Bot takes it to be after each fact.
pub(super) type Imagined = Vec<Vec<f32>>;

/// B dialogs, and Q-Bot's state behind each. What is said in one does not depend on the others.
pub(super) struct Dialogs<'a> {
    questioner: &'a QBot,
    answerer: &'a ABot,
    state: LstmState,
    /// The caption, then each question with its answer, of each dialog.
    pub facts: Vec<Vec<Vec<u32>>>,
    device: &'a Device,
}

impl<'a> Dialogs<'a> {
    /// Q-Bot is told the captions.
    pub fn new(
        questioner: &'a QBot,
        answerer: &'a ABot,
        captions: &[Vec<u32>],
        device: &'a Device,
    ) -> Result<Self> {
        let told: Vec<Vec<u32>> =
            captions.iter().map(|caption| [&[START], &caption[..]].concat()).collect();
        let (words, lengths) = padded(&told, device)?;
        let (_, state) = questioner.read(&words, Some(&lengths), None, &mut Mode::Eval)?;
        let facts = captions.iter().map(|caption| vec![caption.clone()]).collect();
        Ok(Self { questioner, answerer, state, facts, device })
    }

    /// Q-Bot hears these words, of each dialog its own or none.
    pub fn hear(&mut self, words: &[Vec<u32>]) -> Result<()> {
        let (words, lengths) = padded(words, self.device)?;
        let (_, state) =
            self.questioner.read(&words, Some(&lengths), Some(&self.state), &mut Mode::Eval)?;
        self.state = state;
        Ok(())
    }

    /// A question in each dialog, word by word as Q-Bot has them likely, each dialog from its own
    /// random stream. One that `is_known` is drawn anew so many times.
    pub fn ask(
        &mut self,
        rngs: &mut [ChaCha8Rng],
        tries: usize,
        is_known: impl Fn(usize, &[u32]) -> bool,
    ) -> Result<Vec<Vec<u32>>> {
        let count = self.facts.len();
        let before = self.state.clone();
        let mut questions = vec![Vec::new(); count];
        let mut is_open = vec![true; count];
        for left in (0..=tries).rev() {
            // Dialogs that ask anew go on from where they were before the question.
            let rows: Vec<u32> = (0..count as u32)
                .map(|row| if is_open[row as usize] { row } else { row + count as u32 })
                .collect();
            let rows = Tensor::new(rows, self.device)?;
            let back = |before: &Tensor, now: &Tensor| -> Result<Tensor> {
                Ok(Tensor::cat(&[before, now], 1)?.index_select(&rows, 1)?)
            };
            let h = back(&before.h, &self.state.h)?;
            let c = back(&before.c, &self.state.c)?;
            self.state = LstmState { h, c };
            self.draw(&mut questions, &is_open, rngs)?;
            for (game, question) in questions.iter_mut().enumerate() {
                is_open[game] = is_open[game] && left > 0 && is_known(game, question);
                if is_open[game] {
                    question.clear();
                }
            }
            if !is_open.contains(&true) {
                break;
            }
        }
        Ok(questions)
    }

    /// The words of the questions that are open.
    fn draw(
        &mut self,
        questions: &mut [Vec<u32>],
        is_open: &[bool],
        rngs: &mut [ChaCha8Rng],
    ) -> Result<()> {
        let mut is_asking = is_open.to_vec();
        for _ in 0..LONGEST {
            let logits = self.questioner.next(&self.state.h.squeeze(0)?, &Mode::Eval)?;
            let shares = softmax(&logits, 1)?.to_vec2::<f32>()?;
            let mut words = vec![Vec::new(); questions.len()];
            for (game, question) in questions.iter_mut().enumerate() {
                if is_asking[game] {
                    finite(&shares[game], "a word of a question")?;
                    let word = drawn(&shares[game], &mut rngs[game]);
                    question.push(word);
                    words[game].push(word);
                    is_asking[game] = word != ASKED;
                }
            }
            self.hear(&words)?;
            if !is_asking.contains(&true) {
                break;
            }
        }
        Ok(())
    }

    /// A-Bot's answers to the questions about scenes of features `[B, F]`: its likeliest words, or
    /// drawn ones. Q-Bot hears them.
    pub fn answer(
        &mut self,
        questions: &[Vec<u32>],
        scenes: &Tensor,
        rngs: Option<&mut [ChaCha8Rng]>,
    ) -> Result<Vec<u32>> {
        let (words, lengths) = padded(questions, self.device)?;
        let logits = self.answerer.answer(&words, &lengths, scenes, &mut Mode::Eval)?;
        let shares = softmax(&logits, 1)?.to_vec2::<f32>()?;
        for row in &shares {
            finite(row, "an answer")?;
        }
        let answers: Vec<u32> = match rngs {
            None => shares.iter().map(|row| likeliest(row)).collect(),
            Some(rngs) => shares.iter().zip(rngs).map(|(row, rng)| drawn(row, rng)).collect(),
        };
        self.said(questions, &answers)?;
        Ok(answers)
    }

    /// Puts the round among the facts; Q-Bot, which has heard its own question, hears the answer.
    fn said(&mut self, questions: &[Vec<u32>], answers: &[u32]) -> Result<()> {
        for ((facts, question), &answer) in self.facts.iter_mut().zip(questions).zip(answers) {
            facts.push([&question[..], &[answer]].concat());
        }
        self.hear(&answers.iter().map(|&answer| vec![answer]).collect::<Vec<_>>())
    }

    /// A round that is given: Q-Bot hears question and answer.
    pub fn given(&mut self, questions: &[Vec<u32>], answers: &[u32]) -> Result<()> {
        self.hear(questions)?;
        self.said(questions, answers)
    }

    /// What Q-Bot imagines in each dialog.
    pub fn imagined(&self) -> Result<Vec<Imagined>> {
        let facts: Vec<Vec<u32>> = self.facts.concat();
        let (words, lengths) = padded(&facts, self.device)?;
        let imagined =
            self.questioner.imagine(&words, &lengths, self.facts.len(), &mut Mode::Eval)?;
        let imagined = imagined.to_vec3::<f32>()?;
        for row in imagined.iter().flatten() {
            finite(row, "an imagined scene")?;
        }
        Ok(imagined)
    }
}

fn likeliest(shares: &[f32]) -> u32 {
    (0..shares.len()).fold(0, |best, word| if shares[word] > shares[best] { word } else { best })
        as u32
}

fn drawn(shares: &[f32], rng: &mut ChaCha8Rng) -> u32 {
    let mut left = rng.random::<f32>();
    let drawn = shares.iter().position(|share| {
        left -= share;
        left < 0.0
    });
    drawn.map_or_else(|| likeliest(shares), |word| word as u32)
}

fn finite(values: &[f32], name: &str) -> Result<()> {
    match values.iter().find(|value| !value.is_finite()) {
        Some(&value) => Err(Error::NotFinite { value, name: name.into() }),
        None => Ok(()),
    }
}
