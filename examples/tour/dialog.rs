//! Visual dialog: two agents that invent a language while one looks on, and a guessing game.

use anyhow::Result;
use candle_core::Device;
use conv_dialog::guess::{self, Agents, Game, ScenePool, draw_scenes};
use conv_dialog::toy::{Language, Tabular, TabularConfig, World};
use conv_train::report::{Html, Report};
use serde::Serialize;
use std::fmt;
use std::path::Path;
use std::time::Instant;

/// What the agents came to.
#[derive(Debug, Serialize)]
pub struct Dialog {
    /// The share of tasks that the tabular agents do right.
    accuracy: f64,
    seconds: f64,
    language: Language,
    game: Game,
}

/// Trains the tabular agents, plays a game of the shipped ones, and adds both to the report.
pub fn section(data: &Path, device: &Device, report: Report) -> Result<(Dialog, Report)> {
    let begun = Instant::now();
    let world = World::all();
    let agents = Tabular::train(&TabularConfig::memoryless(), &world, 1);
    let seconds = begun.elapsed().as_secs_f64();
    let accuracy = agents.accuracy(&world.seen).unwrap_or_default();
    let language = Language::of(&agents, &world.seen);
    let game = Agents::open(&data.join("models/guess-agents"), device)?.play(
        &ScenePool::new(draw_scenes(1000, 1)),
        0,
        10,
        1,
    )?;
    let written = Html::trusted(format!("<pre>{}</pre>", Html::text(&language.to_string())));
    let report = report
        .section("A language that two agents invented", written)
        .section("A guessing game", guess::section(&game));
    Ok((Dialog { accuracy, seconds, language, game }, report))
}

impl fmt::Display for Dialog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { accuracy, seconds, language, game } = self;
        writeln!(
            f,
            "A language that two agents invented in {seconds:.1} s (Das et al. 2017), {:.1} % of tasks right\n",
            100.0 * accuracy
        )?;
        writeln!(f, "{language}\n")?;
        write!(f, "A guessing game\n\n{game}")
    }
}
