//! The flags of a search, by fairseq's names where they are words.

use anyhow::Result;
use clap::{Args, ValueEnum};
use conv_translate::{Constraints, Sampling, SearchConfig};

#[derive(Debug, Args)]
#[command(next_help_heading = "Search")]
pub struct Flags {
    /// Translations that are followed at a time, 1 to 1024; 1 is greedy
    #[arg(long, default_value_t = 5)]
    beam: usize,
    /// Translations of each sentence, the best first; at most --beam
    #[arg(long, visible_alias = "nbest", default_value_t = 1)]
    n_best: usize,
    #[command(flatten)]
    pub normalisation: Normalisation,
    /// Tokens that a translation has at least
    #[arg(long, visible_alias = "min-len", default_value_t = 1)]
    min_length: usize,
    /// a: a translation of S tokens, the end's included, has at most a * S + b
    #[arg(
        long,
        visible_alias = "max-len-a",
        value_name = "A",
        default_value_t = 0.0,
        allow_negative_numbers = true
    )]
    max_length_a: f64,
    /// b, as above
    #[arg(long, visible_alias = "max-len-b", value_name = "B", default_value_t = 200)]
    max_length_b: usize,
    /// No sequence of so many tokens twice; 0 allows all
    #[arg(long, visible_alias = "no-repeat-ngram-size", value_name = "N", default_value_t = 0)]
    no_repeat_ngram: usize,
    /// Taken from the score for each unknown token; less than 0 favours them
    #[arg(long, visible_alias = "unkpen", default_value_t = 0.0, allow_negative_numbers = true)]
    unknown_penalty: f64,
    /// Below 1 the likely becomes likelier, above 1 all become more alike
    #[arg(long, default_value_t = 1.0)]
    temperature: f64,
    /// Groups of the beam that avoid each other's tokens; a divisor of --beam
    #[arg(long, visible_alias = "diverse-beam-groups", value_name = "N", default_value_t = 1)]
    diverse_groups: usize,
    /// What a token loses for each group before that has it at the same place
    #[arg(
        long,
        visible_alias = "diverse-beam-strength",
        default_value_t = 0.5,
        allow_negative_numbers = true
    )]
    diverse_strength: f64,
    /// Draw tokens instead of searching them, for --beam translations; --seed says which
    #[arg(long)]
    sampling: bool,
    /// Draw from the K likeliest tokens only
    #[arg(long, visible_alias = "sampling-topk", value_name = "K", requires = "sampling")]
    top_k: Option<usize>,
    /// Draw from the fewest tokens whose probabilities reach P only
    #[arg(long, visible_alias = "sampling-topp", value_name = "P", requires = "sampling")]
    top_p: Option<f64>,
}

/// How scores of different lengths are compared.
#[derive(Debug, Args)]
pub struct Normalisation {
    /// A score is divided by the length to this power; more favours long translations
    #[arg(long, visible_alias = "lenpen", default_value_t = 1.0, allow_negative_numbers = true)]
    length_penalty: f64,
    /// A score is the logarithm of the probability as it is
    #[arg(long, visible_alias = "unnormalized")]
    unnormalised: bool,
}

/// The order of the phrases that a translation must contain.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Order {
    Ordered,
    Unordered,
}

impl Normalisation {
    pub fn config(&self) -> SearchConfig {
        let Self { length_penalty, unnormalised } = *self;
        SearchConfig { length_penalty, unnormalised, ..SearchConfig::default() }
    }
}

impl Flags {
    /// What they say, if it can be searched so.
    pub fn config(&self, order: Option<Order>, seed: u64) -> Result<SearchConfig> {
        let sampling = Sampling { top_k: self.top_k, top_p: self.top_p, seed };
        let config = SearchConfig {
            beam: self.beam,
            n_best: self.n_best,
            min_length: self.min_length,
            max_length_a: self.max_length_a,
            max_length_b: self.max_length_b,
            no_repeat_ngram: self.no_repeat_ngram,
            unknown_penalty: self.unknown_penalty,
            temperature: self.temperature,
            constraints: match order {
                Some(Order::Ordered) => Constraints::Ordered,
                Some(Order::Unordered) => Constraints::Unordered,
                None => Constraints::default(),
            },
            diverse_groups: self.diverse_groups,
            diverse_strength: self.diverse_strength,
            sampling: self.sampling.then_some(sampling),
            ..self.normalisation.config()
        };
        config.check()?;
        Ok(config)
    }
}
