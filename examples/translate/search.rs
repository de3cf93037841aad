//! The flags of a search.

use clap::Args;
use conv_translate::SearchConfig;

#[derive(Debug, Args)]
pub struct Flags {
    /// Prefixes kept after each word; 1 is greedy
    #[arg(long, default_value_t = 5)]
    beam: usize,
    /// Translations of each sentence
    #[arg(long, default_value_t = 1)]
    n_best: usize,
    /// Scores are divided by the length to this power
    #[arg(long, default_value_t = 1.0)]
    length_penalty: f64,
    /// No sequence of so many tokens twice; 0 allows all
    #[arg(long, default_value_t = 0)]
    no_repeat_ngram: usize,
}

impl Flags {
    pub fn config(&self) -> SearchConfig {
        let Self { beam, n_best, length_penalty, no_repeat_ngram } = *self;
        SearchConfig { beam, n_best, length_penalty, no_repeat_ngram, ..SearchConfig::default() }
    }
}
