//! Games as words and scenes, and as the networks take them.

use super::agents::Scale;
use super::scene::{FEATURES, Scene};
use super::talk::{PAD, Question, START, VOCABULARY, caption};
use crate::Result;
use candle_core::{Device, Tensor};
use conv_nn::rng::seeded;

/// A game: a scene, a caption, and questions with answers.
#[derive(Debug, Clone)]
pub(super) struct Told {
    pub scene: Scene,
    pub caption: Vec<u32>,
    pub rounds: Vec<(Vec<u32>, u32)>,
}

impl Told {
    /// A game of the script, whose answers are true.
    pub fn draw(seed: u64, purpose: &str, rounds: usize) -> Self {
        let mut rng = seeded(seed, purpose);
        let scene = Scene::draw(purpose.into(), &mut rng);
        let caption = caption(&scene, &mut rng);
        let mut asked: Vec<Question> = Vec::new();
        while asked.len() < rounds {
            let question = Question::draw(&mut rng);
            // There are hundreds of questions; each is asked once.
            if !asked.contains(&question) {
                asked.push(question);
            }
        }
        let rounds =
            asked.iter().map(|question| (question.words(), question.answer(&scene))).collect();
        Self { scene, caption, rounds }
    }

    /// The same questions, with the answers of another game.
    pub fn with_answers_of(&self, other: &Self) -> Self {
        let pairs = self.rounds.iter().zip(&other.rounds);
        let rounds = pairs.map(|((question, _), (_, answer))| (question.clone(), *answer));
        Self { rounds: rounds.collect(), ..self.clone() }
    }
}

/// Games as the networks take them.
#[derive(Debug)]
pub struct Batch {
    /// Dialogs `[B, T]`, and their lengths.
    pub(super) words: Tensor,
    pub(super) lengths: Vec<usize>,
    /// Places in `[B · T]` whose next word is of a question, and that word, `[N]`.
    pub(super) asking: [Tensor; 2],
    /// What each such word counts in the loss, `[N]`: 1 where it is to be learnt, an advantage
    /// where it was drawn.
    pub(super) asking_weights: Tensor,
    /// The caption and each question with its answer, `[B · (1 + R), T]`, and their lengths.
    pub(super) facts: Tensor,
    pub(super) fact_lengths: Vec<usize>,
    /// Each scene's features, put in order, `[B, 1, F]`.
    pub(super) imagined: Tensor,
    /// Questions `[M, T]`, their lengths, the scenes' features as they are `[M, F]`, the answers,
    /// and what each counts.
    pub(super) questions: Tensor,
    pub(super) question_lengths: Vec<usize>,
    pub(super) scenes: Tensor,
    pub(super) answers: Tensor,
    pub(super) answer_weights: Tensor,
}

impl Batch {
    /// Of games of as many rounds each; `weight` says what the words of a round of a game count.
    pub(super) fn new(
        games: &[Told],
        scale: &Scale,
        weight: impl Fn(usize, usize) -> f32,
        device: &Device,
    ) -> Result<Self> {
        let mut dialogs = Vec::new();
        let mut asking = Vec::new();
        let mut facts = Vec::new();
        let (mut next, mut asking_weights, mut answer_weights) =
            (Vec::new(), Vec::new(), Vec::new());
        let (mut seen, mut scenes, mut questions, mut answers) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for (game, Told { scene, caption, rounds }) in games.iter().enumerate() {
            let features = scene.features();
            let mut words = [&[START], &caption[..]].concat();
            seen.extend_from_slice(&features);
            facts.push(caption.clone());
            for (round, (question, answer)) in rounds.iter().enumerate() {
                for &word in question {
                    asking.push((game, words.len() - 1));
                    asking_weights.push(weight(game, round));
                    next.push(word);
                    words.push(word);
                }
                words.push(*answer);
                facts.push([&question[..], &[*answer]].concat());
                questions.push(question.clone());
                answers.push(*answer);
                answer_weights.push(weight(game, round));
                scenes.extend_from_slice(&features);
            }
            dialogs.push(words);
        }
        let (words, lengths) = padded(&dialogs, device)?;
        let (facts, fact_lengths) = padded(&facts, device)?;
        let (questions, question_lengths) = padded(&questions, device)?;
        let longest = words.dim(1)?;
        let places: Vec<u32> =
            asking.iter().map(|(game, word)| (game * longest + word) as u32).collect();
        let rows = |values: Vec<f32>| {
            let count = values.len() / FEATURES;
            Tensor::from_vec(values, (count, FEATURES), device)
        };
        Ok(Self {
            words,
            lengths,
            asking: [Tensor::new(places, device)?, Tensor::new(next, device)?],
            asking_weights: Tensor::new(asking_weights, device)?,
            facts,
            fact_lengths,
            imagined: scale.ordered(&rows(seen)?)?.unsqueeze(1)?,
            questions,
            question_lengths,
            scenes: rows(scenes)?,
            answers: Tensor::new(answers, device)?,
            answer_weights: Tensor::new(answer_weights, device)?,
        })
    }
}

/// Texts `[N, T]` with padding behind the shorter ones, and their lengths.
pub(super) fn padded(texts: &[Vec<u32>], device: &Device) -> Result<(Tensor, Vec<usize>)> {
    let lengths: Vec<usize> = texts.iter().map(Vec::len).collect();
    let longest = lengths.iter().copied().max().unwrap_or(0);
    let mut words = vec![PAD; texts.len() * longest];
    for (row, text) in words.chunks_mut(longest.max(1)).zip(texts) {
        row[..text.len()].copy_from_slice(text);
    }
    debug_assert!(words.iter().all(|&word| (word as usize) < VOCABULARY));
    Ok((Tensor::from_vec(words, (texts.len(), longest), device)?, lengths))
}
