//! The recipes that cells are trained with: the paper's, and the one that a search on dev parts led
//! to.

use anyhow::{Result, bail};
use conv_sentence::data::KimSet;
use conv_sentence::{Recipe, Variant};
use conv_train::Interval;
use conv_train::optim::{Adam, OptimizerConfig};

/// A recipe by the name that kept results have.
#[derive(Debug, Clone, Copy)]
pub struct Named {
    pub name: &'static str,
    change: fn(&mut Recipe, KimSet),
}

/// As §3.1 has it.
pub const PAPER: Named = Named { name: "kim", change: |_, _| () };

/// What did best on dev parts in `tests/reference/peers/kim_search.py`; docs/kim2014.md has a line
/// for each thing tried.
pub const TUNED: Named = Named { name: "tuned", change: tuned };

fn tuned(recipe: &mut Recipe, set: KimSet) {
    recipe.fit.optimizer = OptimizerConfig::Adam(Adam::w());
    if matches!(set, KimSet::Sst1 | KimSet::Sst2) {
        // An epoch of phrases is thousands of steps, and what drops elements of a phrase's few
        // words costs more than it brings.
        recipe.fit.learning_rate = 5e-4;
        recipe.fit.evaluate_every = Interval::Steps(500);
        recipe.fit.patience = Some(12);
    } else {
        recipe.fit.learning_rate = 1e-3;
        recipe.vector_dropout = 0.3;
        recipe.label_smoothing = 0.1;
    }
}

impl Named {
    /// The recipe `name`, for the command line.
    pub fn parse(name: &str) -> Result<Self> {
        match name {
            "kim" => Ok(PAPER),
            "tuned" => Ok(TUNED),
            _ => bail!("{name:?} is no recipe; there are kim and tuned"),
        }
    }

    pub fn of(&self, variant: Variant, set: KimSet) -> Recipe {
        let mut recipe = Recipe { style: set.style(), ..Recipe::kim(variant) };
        (self.change)(&mut recipe, set);
        recipe
    }
}
