//! `toy`: agents that invent a language, and what one may expect of them.

use anyhow::Result;
use clap::builder::RangedU64ValueParser;
use clap::{Args, ValueEnum};
use conv_dialog::toy::{Language, Tabular, TabularConfig, World};
use serde::Serialize;
use std::fmt;
use std::path::PathBuf;
use std::time::Instant;

#[derive(Debug, Args)]
pub struct Options {
    /// What the agents are
    #[arg(long, default_value = "tabular")]
    agents: Agents,
    /// A split of the objects into seen and unseen ones, as JSON [default: all are seen]
    #[arg(long)]
    data: Option<PathBuf>,
    /// A-Bot forgets the first round in the second
    #[arg(long)]
    memoryless: bool,
    /// Seeds in a row, from --seed on
    #[arg(long, default_value = "1", value_parser = RangedU64ValueParser::<u64>::new().range(1..=1000))]
    seeds: u64,
    /// Games that are played in training
    #[arg(long, value_parser = RangedU64ValueParser::<u32>::new().range(1..))]
    episodes: Option<u32>,
}

/// Kinds of agents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Agents {
    /// Tables of the value of each symbol in each state (Das et al. 2017, section 5)
    Tabular,
}

impl Options {
    pub fn run(&self, common: &conv_cli::Common) -> Result<()> {
        let Agents::Tabular = self.agents;
        let world = match &self.data {
            Some(path) => World::read(path)?,
            None => World::all(),
        };
        let mut config =
            if self.memoryless { TabularConfig::memoryless() } else { TabularConfig::default() };
        conv_cli::settings::set(&mut config.episodes, self.episodes);
        let (mut runs, mut language) = (Vec::new(), None);
        for seed in (0..self.seeds).map(|number| common.seed().wrapping_add(number)) {
            let begun = Instant::now();
            let agents = Tabular::train(&config, &world, seed);
            let seconds = begun.elapsed().as_secs_f64();
            let (seen, unseen) =
                (agents.accuracy(&world.seen).unwrap_or_default(), agents.accuracy(&world.unseen));
            runs.push(Run { seed, seen, unseen, seconds });
            language.get_or_insert_with(|| Language::of(&agents, &world.seen));
        }
        let mean = |of: &dyn Fn(&Run) -> f64| runs.iter().map(of).sum::<f64>() / runs.len() as f64;
        let found = Toy {
            agents: "tabular",
            memory: config.memory,
            episodes: config.episodes,
            objects: [world.seen.len(), world.unseen.len()],
            seen: mean(&|run| run.seen),
            unseen: (!world.unseen.is_empty()).then(|| mean(&|run| run.unseen.unwrap_or_default())),
            seconds: mean(&|run| run.seconds),
            perfect: runs.iter().filter(|run| run.seen == 1.0).count(),
            expected: Expected::of(config.memory),
            runs,
            language: language
                .unwrap_or_else(|| Language { meanings: Vec::new(), tasks: Vec::new() }),
        };
        conv_cli::print(common.json, &found)
    }
}

/// Agents of one seed.
#[derive(Debug, Serialize)]
struct Run {
    seed: u64,
    seen: f64,
    unseen: Option<f64>,
    seconds: f64,
}

/// What one may expect of 2 million games on all objects: what seeds 1 to 60 gave.
#[derive(Debug, Serialize)]
struct Expected {
    /// Seeds of 60 that do every task on every seen object.
    perfect_of_60: u32,
    /// Seeds of the first ten.
    perfect_of_10: u32,
    /// The least and the most of any seed.
    seen: [f64; 2],
    /// Chance, 1 of 16, and around: a table has learnt nothing of an object that it never saw.
    unseen: [f64; 2],
}

impl Expected {
    fn of(memory: bool) -> Self {
        let (perfect_of_60, perfect_of_10, least) =
            if memory { (58, 10, 0.97) } else { (52, 9, 0.69) };
        Self { perfect_of_60, perfect_of_10, seen: [least, 1.0], unseen: [0.0, 0.2] }
    }
}

#[derive(Debug, Serialize)]
struct Toy {
    agents: &'static str,
    memory: bool,
    episodes: u32,
    /// Seen and unseen ones.
    objects: [usize; 2],
    /// Means over the seeds.
    seen: f64,
    unseen: Option<f64>,
    seconds: f64,
    /// Seeds that do every task on every seen object.
    perfect: usize,
    expected: Expected,
    runs: Vec<Run>,
    /// Of the first seed.
    language: Language,
}

impl fmt::Display for Toy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { memory, episodes, objects: [seen, unseen], expected, runs, language, .. } = self;
        let kind = if *memory { "with A-Bot's memory" } else { "without A-Bot's memory" };
        writeln!(
            f,
            "Tabular agents {kind}, {episodes} games on {seen} objects, {unseen} kept from them\n"
        )?;
        for Run { seed, seen, unseen, seconds } in runs {
            let unseen =
                unseen.map_or(String::new(), |unseen| format!(", unseen {:.1} %", 100.0 * unseen));
            writeln!(f, "  seed {seed:<4} seen {:.1} %{unseen}, {seconds:.1} s", 100.0 * seen)?;
        }
        let Expected { perfect_of_60, perfect_of_10, seen: [least, most], unseen: [low, high] } =
            expected;
        let [least, most, low, high] = [least, most, low, high].map(|share| 100.0 * share);
        writeln!(
            f,
            "\n  expected   seen {least:.0} to {most:.0} %; 100 % for {perfect_of_10} of seeds 1 to 10, {perfect_of_60} of seeds 1 to 60"
        )?;
        writeln!(
            f,
            "             unseen {low:.0} to {high:.0} %, about chance: a table knows nothing of what it never saw"
        )?;
        writeln!(
            f,
            "             (Kottur et al. 2017, memoryless LSTM agents: seen 100 %, unseen about 75 %)"
        )?;
        write!(f, "\nThe language of seed {}\n\n{language}", runs.first().map_or(0, |run| run.seed))
    }
}
