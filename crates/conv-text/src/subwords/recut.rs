//! Words cut anew each time they are trained on (Provilkov et al. 2020, "BPE-Dropout", section 3):
//! the network sees many spellings of a word, and learns what its parts mean.

use conv_hub::InvalidField;
use std::collections::HashMap;

use rand::Rng;
use serde_json::Value;

use super::Subwords;
use crate::error::{Error, Result};

/// What a token that begins a word begins with.
const BLANK: char = '▁';

/// The merges of a byte-pair encoding, with which a sentence's tokens become other tokens of the
/// same text.
///
/// A word is taken apart into what no merge made, and put together again by the merges in their
/// order; each time one is to be done, each place where there is one is passed over with a
/// probability. Merges join the tokens of a word alone, since none was learnt across words.
#[derive(Debug, Clone)]
pub struct Recut {
    /// The place in the order and the result of joining two tokens.
    merges: HashMap<[u32; 2], (u32, u32)>,
    /// What each token is made of, by its number.
    parts: Vec<Vec<u32>>,
    begins_word: Vec<bool>,
}

impl Recut {
    /// The merges of `subwords`.
    ///
    /// # Errors
    /// [`Error::Field`] for a vocabulary that is no byte-pair encoding of words that begin with
    /// `▁`, as this crate trains.
    pub fn new(subwords: &Subwords) -> Result<Self> {
        let file: Value =
            serde_json::from_str(&subwords.to_json()?).map_err(|e| wrong(e.to_string()))?;
        let model = &file["model"];
        let begins_word: Vec<bool> =
            subwords.vocabulary().iter().map(|token| token.starts_with(BLANK)).collect();
        if model["type"] != "BPE" || !begins_word.contains(&true) {
            return Err(wrong(format!("set for a vocabulary of type {}", model["type"])));
        }
        // Not the file's: another maker's tokens are renumbered as they are read.
        let numbers: HashMap<&str, u32> =
            subwords.vocabulary().iter().map(String::as_str).zip(0..).collect();
        let number = |token: &Value| numbers.get(token.as_str()?).copied();
        let prefix = model["continuing_subword_prefix"].as_str().unwrap_or_default();
        let mut merges = HashMap::new();
        let mut parts: Vec<Vec<u32>> = (0..begins_word.len() as u32).map(|id| vec![id]).collect();
        for merge in model["merges"].as_array().map(Vec::as_slice).unwrap_or_default() {
            let whole = merge[0].as_str().zip(merge[1].as_str()).and_then(|(first, second)| {
                Some(Value::from(format!("{first}{}", second.strip_prefix(prefix)?)))
            });
            let (Some(first), Some(second), Some(whole)) =
                (number(&merge[0]), number(&merge[1]), whole.as_ref().and_then(number))
            else {
                return Err(wrong(format!("set for a vocabulary with the merge {merge}")));
            };
            let rank = merges.len() as u32;
            if merges.insert([first, second], (rank, whole)).is_none()
                && parts[whole as usize].len() == 1
            {
                parts[whole as usize] =
                    [&parts[first as usize][..], &parts[second as usize]].concat();
            }
        }
        Ok(Self { merges, parts, begins_word })
    }

    /// Other tokens of the same text: merges are passed over with probability `dropout`. With 0
    /// they are the same tokens, with 1 those that no merge makes.
    pub fn apply(&self, tokens: &[u32], dropout: f64, rng: &mut impl Rng) -> Vec<u32> {
        let mut recut = Vec::with_capacity(2 * tokens.len());
        let begins =
            |token: &u32| self.begins_word.get(*token as usize).is_some_and(|begins| *begins);
        for word in tokens.chunk_by(|_, next| !begins(next)) {
            let mut word: Vec<u32> =
                word.iter().flat_map(|token| self.parts_of(token)).copied().collect();
            while let Some((_, place, whole)) = self.next_merge(&word, dropout, rng) {
                word[place] = whole;
                word.remove(place + 1);
            }
            recut.append(&mut word);
        }
        recut
    }

    fn parts_of<'a>(&'a self, token: &'a u32) -> &'a [u32] {
        self.parts.get(*token as usize).map_or(std::slice::from_ref(token), Vec::as_slice)
    }

    /// The first merge in the order among those that are not passed over: its rank, place and
    /// result.
    fn next_merge(
        &self,
        word: &[u32],
        dropout: f64,
        rng: &mut impl Rng,
    ) -> Option<(u32, usize, u32)> {
        let merge = |(place, pair): (usize, &[u32])| {
            let (rank, whole) = self.merges.get(pair)?;
            (dropout == 0.0 || rng.random::<f64>() >= dropout).then_some((*rank, place, *whole))
        };
        word.windows(2).enumerate().filter_map(merge).min()
    }
}

fn wrong(found: String) -> Error {
    let expected = "0, or a byte-pair encoding of words that begin with `▁`";
    Error::from(InvalidField::new("subword_dropout", found, expected))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::{Model, Sample, SubwordConfig};
    use super::*;
    use conv_nn::rng::seeded;
    use std::collections::HashSet;

    const LINES: [&str; 6] = [
        "the lower towers were slower than the newest ones",
        "a newer, lower tower was the slowest of the lot",
        "lowest, newest, widest: the widest is the newest",
        "we know the lowest tower, they know the newest",
        "don't low-rise towers, even wide ones, lower the view?",
        "no one knows",
    ];

    fn subwords(model: Model) -> Subwords {
        let config = SubwordConfig { model, vocabulary: 90, ..SubwordConfig::default() };
        let mut sample = Sample::new(&config);
        LINES.iter().for_each(|line| sample.add(line));
        Subwords::train(&config, sample).unwrap()
    }

    #[test]
    fn without_dropout_the_tokens_are_the_tokenizers() {
        let subwords = subwords(Model::Bpe);
        let recut = Recut::new(&subwords).unwrap();
        for line in LINES.iter().chain(&["unseen “wörds”, slow-lower", "", "xx"]) {
            let tokens = subwords.encode(line).unwrap();
            assert_eq!(recut.apply(&tokens, 0.0, &mut seeded(1, "recut")), tokens, "{line}");
        }
    }

    #[test]
    fn the_text_stays_and_the_seed_decides_how_it_is_cut() {
        let subwords = subwords(Model::Bpe);
        let recut = Recut::new(&subwords).unwrap();
        let mut rng = seeded(1, "recut");
        for line in LINES {
            let tokens = subwords.encode(line).unwrap();
            let cut = |rng: &mut _, dropout| recut.apply(&tokens, dropout, rng);
            let many: HashSet<_> = (0..20).map(|_| cut(&mut rng, 0.3)).collect();
            assert!(many.len() > 5, "{line}: {} ways", many.len());
            assert!(many.iter().all(|cut| subwords.decode(cut).unwrap() == line));
            assert_eq!(cut(&mut seeded(2, "recut"), 0.3), cut(&mut seeded(2, "recut"), 0.3));
            // A character each, blanks with the word behind them.
            let letters = line.chars().count() + 1;
            assert_eq!(
                cut(&mut rng, 1.0).len(),
                letters,
                "{:?}",
                subwords.pieces(&cut(&mut rng, 1.0))
            );
        }
    }

    #[test]
    fn other_vocabularies_are_refused() {
        for model in [Model::Unigram, Model::Words] {
            let error = Recut::new(&subwords(model)).map(|_| ()).unwrap_err().to_string();
            assert!(error.contains("subword_dropout"), "{error}");
        }
    }
}
