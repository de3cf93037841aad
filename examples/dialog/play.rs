//! `play`: one guessing game; `train-bots`: the agents that play it.

use anyhow::{Context, Result, bail};
use candle_core::Device;
use clap::builder::RangedU64ValueParser;
use clap::{Args, ValueEnum};
use conv_cli::settings;
use conv_cli::train::{FitFlags, TrainFlags};
use conv_dialog::guess::{
    Agents, AgentsRecipe, AgentsTraining, Learning, ScenePool, Survey, agents_card, draw_scenes,
    read_scenes, section,
};
use conv_train::report::Report;
use conv_vision::Features;
use std::collections::BTreeMap;
use std::path::PathBuf;

const SHIPPED: &str = "data/models/guess-agents";

/// Agents, and the scenes that they play about.
#[derive(Debug, Args)]
pub struct Game {
    /// A model folder, or an id on the hub; its default learnt from scenes and dialogs that the
    /// program draws
    #[arg(long, default_value = SHIPPED)]
    model: String,
    /// Scene graphs of CLEVR; several files make one pool
    #[arg(long, num_args = 1..)]
    data: Vec<PathBuf>,
    /// What a detector saw on the scenes' pictures, which `detect features` keeps: A-Bot then
    /// answers by that
    #[arg(long, requires = "data")]
    features: Option<PathBuf>,
    /// Scenes of the pool, where no files give it
    #[arg(long, default_value = "1000", value_parser = RangedU64ValueParser::<usize>::new().range(2..=100_000))]
    pool: usize,
}

impl Game {
    pub fn open(&self, common: &conv_cli::Common, device: &Device) -> Result<(Agents, ScenePool)> {
        conv_cli::check_shipped(&self.model, SHIPPED, "dialog train-bots --out DIR")?;
        let agents = Agents::open(&conv_hub::resolve(&self.model)?, device)?;
        let scenes = match &self.data[..] {
            [] => draw_scenes(self.pool, common.seed()),
            files => read_scenes(files)?,
        };
        let Some(path) = &self.features else { return Ok((agents, ScenePool::new(scenes))) };
        let (pool, left_out) = ScenePool::seen(scenes, path, &Features::read(path)?)?;
        if left_out > 0 {
            let name = path.display();
            conv_cli::note(format_args!(
                "{left_out} scenes without a picture in {name} are left out"
            ));
        }
        Ok((agents, pool))
    }
}

#[derive(Debug, Args)]
pub struct Options {
    #[command(flatten)]
    game: Game,
    /// Which scene of the pool A-Bot sees
    #[arg(long, default_value = "0")]
    target: usize,
    #[arg(long, default_value = "10", value_parser = RangedU64ValueParser::<usize>::new().range(1..=40))]
    rounds: usize,
    /// Plays about so many scenes, the pool's first ones, and prints what the games come to
    #[arg(long, conflicts_with_all = ["target", "out"], value_parser = RangedU64ValueParser::<usize>::new().range(1..=100_000))]
    games: Option<usize>,
    /// An HTML page of the game
    #[arg(long)]
    out: Option<PathBuf>,
}

impl Options {
    pub fn run(&self, common: &conv_cli::Common, device: &Device) -> Result<()> {
        let (agents, pool) = self.game.open(common, device)?;
        if let Some(games) = self.games {
            let targets: Vec<usize> = (0..games.min(pool.scenes().len())).collect();
            let games = agents.play_all(&pool, &targets, self.rounds, common.seed())?;
            let survey = Survey::of(&games).context("no scene to play about")?;
            return conv_cli::print(common.json, &survey);
        }
        let last = pool.scenes().len().saturating_sub(1);
        if self.target > last {
            bail!("--target {}, expected 0 to {last}", self.target);
        }
        let game = agents.play(&pool, self.target, self.rounds, common.seed())?;
        if let Some(path) = &self.out {
            let subtitle = format!("Q-Bot and A-Bot on {}, after Das et al. (2017)", game.scene);
            Report::new("A guessing game", &subtitle)
                .section("The game", section(&game))
                .write(path)?;
        }
        conv_cli::print(common.json, &game)
    }
}

#[derive(Debug, Args)]
pub struct TrainOptions {
    /// What the agents learn from; all but the first need agents to go on from
    #[arg(long)]
    learning: Option<LearningName>,
    /// Agents to go on from, a model folder
    #[arg(long)]
    start: Option<PathBuf>,
    #[command(flatten)]
    fit: FitFlags,
    /// Games drawn for an epoch
    #[arg(long)]
    games: Option<usize>,
    #[command(flatten)]
    train: TrainFlags,
}

/// What agents learn from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum LearningName {
    /// True dialogs that the program writes
    Supervised,
    /// What their own words earn, in a round more each epoch
    Full,
    /// The same, Q-Bot's way of asking stays as it is
    FrozenQ,
    /// The same, A-Bot stays as it is
    FrozenA,
}

impl From<LearningName> for Learning {
    fn from(name: LearningName) -> Self {
        match name {
            LearningName::Supervised => Self::Supervised,
            LearningName::Full => Self::Full,
            LearningName::FrozenQ => Self::FrozenQ,
            LearningName::FrozenA => Self::FrozenA,
        }
    }
}

pub fn train(options: &TrainOptions, common: &conv_cli::Common, device: &Device) -> Result<()> {
    if options.train.overfit.is_none() {
        options.train.run_folder()?;
    }
    let mut recipe =
        options.fit.over(&AgentsRecipe::default(), |recipe| &mut recipe.fit, common)?;
    settings::set(&mut recipe.games, options.games);
    settings::set(&mut recipe.learning, options.learning.map(Into::into));
    if recipe.learning != Learning::Supervised && options.start.is_none() {
        bail!("agents that play without having learnt earn nothing, expected --start MODEL");
    }
    let training = AgentsTraining::new(&recipe, options.start.as_deref(), device)?;
    let figures =
        || -> Result<BTreeMap<String, f64>> { Ok(conv_train::Learner::evaluate(&training)?) };
    let subtitle = "drawn scenes and dialogs about them";
    options.train.run(&training, subtitle, figures, agents_card, common)
}
