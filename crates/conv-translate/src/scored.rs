//! What the scores of many given translations come to.

use crate::Translation;
use std::fmt;

/// Sums over translations that were given; its `Display` is one line.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Scored {
    /// Translations.
    pub pairs: u64,
    /// Their tokens, each with its end.
    pub tokens: u64,
    /// The sum of the logarithms of the tokens' probabilities.
    pub sum: f64,
}

impl Scored {
    /// Adds one.
    pub fn add(&mut self, translation: &Translation) {
        self.pairs += 1;
        self.tokens += translation.positional.len() as u64;
        self.sum += translation.positional.iter().map(|value| f64::from(*value)).sum::<f64>();
    }

    /// The exponential of the mean negative logarithm of a token's probability; 1 of no tokens.
    pub fn perplexity(&self) -> f64 {
        (-self.sum / (self.tokens.max(1) as f64)).exp()
    }
}

impl fmt::Display for Scored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { pairs, tokens, .. } = self;
        write!(f, "{pairs} pairs, {tokens} tokens with ends, perplexity {:.4}", self.perplexity())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn perplexity_is_that_of_all_tokens() {
        let mut scored = Scored::default();
        assert_eq!(scored.perplexity(), 1.0);
        for positional in [vec![-1.0, -3.0], vec![-2.0]] {
            scored.add(&Translation { positional, ..Translation::default() });
        }
        assert!((scored.perplexity() - 2f64.exp()).abs() < 1e-9);
        assert_eq!(scored.to_string(), "2 pairs, 3 tokens with ends, perplexity 7.3891");
    }
}
