//! How translations are searched: the options of fairseq's `generate`, by our names.

use crate::{Error, Result};
use conv_hub::InvalidField;
use serde::{Deserialize, Serialize};

/// How the translation of a sentence is searched. The default is that of fairseq's `generate`: the
/// best of a beam of 5.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SearchConfig {
    /// Prefixes kept after each word, 1 to 1,024; 1 is greedy search (`--beam`).
    pub beam: usize,
    /// Translations handed back, the best first: 1 to `beam` (`--nbest`).
    pub n_best: usize,
    /// A score is divided by the length, with its `</s>`, to this power; more favours long
    /// translations (`--lenpen`).
    pub length_penalty: f64,
    /// A score is the sum as it is (`--unnormalized`).
    pub unnormalised: bool,
    /// Words that a translation has at least; where fewer are allowed, those (`--min-len`). Words
    /// of a forced prefix count.
    pub min_length: usize,
    /// a: a translation of a source of S tokens, its `</s>` included, has at most a · S + b words,
    /// and no more than the model has positions for (`--max-len-a`).
    pub max_length_a: f64,
    /// b, as above (`--max-len-b`).
    pub max_length_b: usize,
    /// No sequence of so many words comes twice in a translation; 0 allows all
    /// (`--no-repeat-ngram-size`). Words of a forced prefix are not held to it.
    pub no_repeat_ngram: usize,
    /// Taken from the logarithm of the probability of `<unk>`; below 0 it favours it (`--unkpen`).
    pub unknown_penalty: f64,
    /// Logits are divided by it; below 1 the likely becomes likelier (`--temperature`).
    pub temperature: f64,
    /// In which order the constraints of a sentence must come (`--constraints`).
    pub constraints: Constraints,
    /// Groups of the beam that avoid each other's words (Vijayakumar et al. 2016); 1 is the plain
    /// beam, otherwise it divides `beam` (`--diverse-beam-groups`). Each group is a beam of its own
    /// to its end, as in the paper; fairseq lets groups mix once a prefix has ended, so its
    /// translations are others.
    pub diverse_groups: usize,
    /// What a word loses for each earlier group's prefix that was continued with it at the same
    /// place: the paper's λ with its Hamming diversity (`--diverse-beam-strength`). The loss stays
    /// in the score, as fairseq has it.
    pub diverse_strength: f64,
    /// Words are drawn instead of searched, for `beam` translations that do not know of each other
    /// (`--sampling`).
    pub sampling: Option<Sampling>,
}

/// The order in which the phrases that a translation must contain come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Constraints {
    /// As they are given.
    Ordered,
    /// Any.
    #[default]
    Unordered,
}

/// How words are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sampling {
    /// Only from so many of the likeliest (`--sampling-topk`).
    pub top_k: Option<usize>,
    /// Only from the fewest whose probabilities reach this sum (`--sampling-topp`, Holtzman et al.
    /// 2020).
    pub top_p: Option<f64>,
    /// What is drawn for a sentence depends on this and on the sentence's place in the input
    /// (`--seed`).
    pub seed: u64,
}

impl Default for SearchConfig {
    fn default() -> Self {
        Self {
            beam: 5,
            n_best: 1,
            length_penalty: 1.0,
            unnormalised: false,
            min_length: 1,
            max_length_a: 0.0,
            max_length_b: 200,
            no_repeat_ngram: 0,
            unknown_penalty: 0.0,
            temperature: 1.0,
            constraints: Constraints::default(),
            diverse_groups: 1,
            diverse_strength: 0.5,
            sampling: None,
        }
    }
}

impl SearchConfig {
    /// Whether it can be searched so.
    ///
    /// # Errors
    /// The first field out of range.
    pub fn check(&self) -> Result<()> {
        let wrong = |field, found: String, expected: &str| {
            Err(Error::from(InvalidField::new(field, found, expected)))
        };
        if !(1..=1024).contains(&self.beam) {
            return wrong("beam", self.beam.to_string(), "1 to 1024");
        }
        if !(1..=self.beam).contains(&self.n_best) {
            return wrong(
                "n_best",
                self.n_best.to_string(),
                &format!("1 to {}, the beam", self.beam),
            );
        }
        for (field, found) in [
            ("length_penalty", self.length_penalty),
            ("unknown_penalty", self.unknown_penalty),
            ("diverse_strength", self.diverse_strength),
        ] {
            if !found.is_finite() {
                return wrong(field, found.to_string(), "a finite number");
            }
        }
        if !(self.max_length_a >= 0.0 && self.max_length_a.is_finite()) {
            return wrong("max_length_a", self.max_length_a.to_string(), "at least 0");
        }
        if !(self.temperature > 0.0 && self.temperature.is_finite()) {
            return wrong("temperature", self.temperature.to_string(), "more than 0");
        }
        if self.diverse_groups == 0 || !self.beam.is_multiple_of(self.diverse_groups) {
            let expected = format!("a divisor of {}, the beam", self.beam);
            return wrong("diverse_groups", self.diverse_groups.to_string(), &expected);
        }
        let Some(Sampling { top_k, top_p, .. }) = self.sampling else { return Ok(()) };
        if self.diverse_groups > 1 {
            return wrong("diverse_groups", self.diverse_groups.to_string(), "1 with sampling");
        }
        match (top_k, top_p) {
            (Some(0), _) => wrong("sampling.top_k", "0".into(), "at least 1"),
            (_, Some(p)) if !(p > 0.0 && p <= 1.0) => {
                wrong("sampling.top_p", p.to_string(), "more than 0 and at most 1")
            }
            (Some(_), Some(p)) => wrong("sampling.top_p", p.to_string(), "none beside top_k"),
            _ => Ok(()),
        }
    }

    /// The most words of a translation of a source of so many tokens, where the model has positions
    /// for so many, `</s>` included.
    pub(super) fn longest(&self, source: usize, positions: usize) -> usize {
        // A float beyond the integers becomes the largest one.
        let asked = (self.max_length_a * source as f64 + self.max_length_b as f64) as usize;
        asked.min(positions - 1)
    }

    /// The score of a translation whose logarithms of probabilities have this sum, of so many
    /// tokens with its `</s>`.
    pub(crate) fn score(&self, sum: f32, length: usize) -> f32 {
        if self.unnormalised {
            sum
        } else {
            (f64::from(sum) / (length as f64).powf(self.length_penalty)) as f32
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_searched_is_named() {
        let good = SearchConfig::default();
        assert!(good.check().is_ok());
        let drawn = |top_k, top_p| Some(Sampling { top_k, top_p, seed: 1 });
        for (config, field) in [
            (SearchConfig { beam: 0, ..good.clone() }, "beam is 0"),
            (SearchConfig { n_best: 6, ..good.clone() }, "n_best is 6, expected 1 to 5"),
            (SearchConfig { length_penalty: f64::NAN, ..good.clone() }, "length_penalty"),
            (SearchConfig { max_length_a: -1.0, ..good.clone() }, "max_length_a"),
            (SearchConfig { temperature: 0.0, ..good.clone() }, "temperature"),
            (SearchConfig { diverse_groups: 2, ..good.clone() }, "diverse_groups"),
            (
                SearchConfig { diverse_groups: 5, sampling: drawn(None, None), ..good.clone() },
                "diverse_groups is 5, expected 1",
            ),
            (SearchConfig { sampling: drawn(Some(0), None), ..good.clone() }, "top_k"),
            (SearchConfig { sampling: drawn(None, Some(1.5)), ..good.clone() }, "top_p"),
            (SearchConfig { sampling: drawn(Some(3), Some(0.5)), ..good.clone() }, "beside top_k"),
        ] {
            let message = config.check().map_or_else(|error| error.to_string(), |()| "".into());
            assert!(message.contains(field), "{field}: `{message}`");
        }
    }

    #[test]
    fn fields_left_out_are_the_default() -> serde_json::Result<()> {
        let config: SearchConfig =
            serde_json::from_str(r#"{"beam": 3, "sampling": {"top_k": 4}}"#)?;
        let sampling = Some(Sampling { top_k: Some(4), ..Default::default() });
        assert_eq!(config, SearchConfig { beam: 3, sampling, ..Default::default() });
        assert!(serde_json::from_str::<SearchConfig>(r#"{"beem": 3}"#).is_err());
        Ok(())
    }

    #[test]
    fn the_longest_is_that_of_the_source_within_the_positions() {
        let config = SearchConfig { max_length_a: 1.5, max_length_b: 2, ..Default::default() };
        assert_eq!(config.longest(5, 100), 9);
        assert_eq!(config.longest(5, 8), 7);
    }
}
