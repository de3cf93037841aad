//! Rounds of dialogs as the numbers of their words.

use crate::Result;
use crate::data::TextDialog;
use conv_text::tokenizer::{Tokenizer, UNK};

/// A question with what was said before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Turn {
    /// What the image shows.
    pub caption: Vec<u32>,
    /// Questions and answers before.
    pub rounds: Vec<[Vec<u32>; 2]>,
    /// The question.
    pub question: Vec<u32>,
}

/// A turn and its true answer.
#[derive(Debug, Clone)]
pub(crate) struct Answered {
    /// Which dialog it is of.
    pub dialog: usize,
    pub turn: Turn,
    pub answer: Vec<u32>,
}

/// A text's words, or one that nobody knows where it has none, so that every text is a sequence.
pub(crate) fn words(tokenizer: &Tokenizer, text: &str) -> Result<Vec<u32>> {
    let ids = tokenizer.ids(text)?;
    Ok(if ids.is_empty() { vec![UNK] } else { ids })
}

/// Each round of the dialogs.
pub(crate) fn rounds(dialogs: &[&TextDialog], tokenizer: &Tokenizer) -> Result<Vec<Answered>> {
    let mut all = Vec::new();
    for (dialog, TextDialog { caption, rounds, .. }) in dialogs.iter().enumerate() {
        let caption = words(tokenizer, caption)?;
        let mut before = Vec::new();
        for [question, answer] in rounds {
            let [question, answer] = [words(tokenizer, question)?, words(tokenizer, answer)?];
            let rounds = before.clone();
            before.push([question.clone(), answer.clone()]);
            let turn = Turn { caption: caption.clone(), rounds, question };
            all.push(Answered { dialog, turn, answer });
        }
    }
    Ok(all)
}

impl Turn {
    /// Questions and answers before, one after the other.
    pub fn history(&self) -> Vec<u32> {
        self.rounds.as_flattened().concat()
    }

    /// The caption and as much of the latest history as `most` words have room for.
    pub fn heard(&self, most: usize) -> Vec<u32> {
        let history = self.history();
        let caption = &self.caption[..self.caption.len().min(most)];
        let room = (most - caption.len()).min(history.len());
        [caption, &history[history.len() - room..]].concat()
    }

    /// The caption, then each question with its answer, of each the first `most` words.
    pub fn facts(&self, most: usize) -> Vec<Vec<u32>> {
        let rounds = self.rounds.iter().map(|round| round.concat());
        let mut facts: Vec<Vec<u32>> = [self.caption.clone()].into_iter().chain(rounds).collect();
        facts.iter_mut().for_each(|fact| fact.truncate(most));
        facts
    }

    /// The question that follows fact `number`.
    pub fn question_after(&self, number: usize) -> &[u32] {
        self.rounds.get(number).map_or(&self.question, |[question, _]| question)
    }
}
