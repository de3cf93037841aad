//! What many games come to.

use super::game::Game;
use serde::Serialize;
use std::fmt;

/// Means over games of as many rounds each.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Survey {
    /// Games.
    pub games: usize,
    /// Scenes of the pool.
    pub pool: usize,
    /// [`Game::percentile`] before any question, then after each round.
    pub percentiles: Vec<f64>,
    /// The share of true answers among those to questions that ask something; `None` where none
    /// does.
    pub right: Option<f64>,
}

impl Survey {
    /// Of some games; `None` of none.
    pub fn of(games: &[Game]) -> Option<Self> {
        let first = games.first()?;
        let mean =
            |of: &dyn Fn(&Game) -> f64| games.iter().map(of).sum::<f64>() / games.len() as f64;
        let at = |round: usize| mean(&|game| game.rounds[round].percentile);
        let percentiles =
            [mean(&|game| game.percentile)].into_iter().chain((0..first.rounds.len()).map(at));
        let rounds = || games.iter().flat_map(|game| &game.rounds);
        let (asked, right) = rounds()
            .filter_map(|round| round.is_true)
            .fold((0, 0), |(asked, right), is_true| (asked + 1, right + usize::from(is_true)));
        Some(Self {
            games: games.len(),
            pool: first.pool,
            percentiles: percentiles.collect(),
            right: (asked > 0).then(|| right as f64 / asked as f64),
        })
    }
}

impl fmt::Display for Survey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { games, pool, percentiles, right } = self;
        writeln!(f, "{games} games among {pool} scenes; the right scene's percentile, mean")?;
        for (round, percentile) in percentiles.iter().enumerate() {
            writeln!(f, "  round {round:>2}  {percentile:5.1}")?;
        }
        match right {
            Some(right) => write!(f, "{:.1} % of the answers are true", 100.0 * right),
            None => write!(f, "no question asked anything"),
        }
    }
}
