//! The recipes that cells are trained with: the paper's, and one for each thing tried beyond it.

use anyhow::{Result, bail};
use conv_text::data::KimSet;
use conv_text::{FilterBank, Recipe, Variant};
use conv_train::optim::{Adam, OptimizerConfig};

/// A recipe by the name that kept results have.
#[derive(Debug, Clone, Copy)]
pub struct Named {
    pub name: &'static str,
    /// What it changes of the paper's.
    pub says: &'static str,
    change: fn(&mut Recipe),
}

/// The paper's own first.
const ALL: [Named; 10] = [
    Named { name: "kim", says: "the paper's", change: |_| () },
    Named {
        name: "word-dropout",
        says: "dropout 0.3 on the words' vectors too",
        change: |recipe| recipe.word_dropout = 0.3,
    },
    Named {
        name: "narrow",
        says: "widths 1 to 5 of 60 maps instead of 3 to 5 of 100",
        change: |recipe| recipe.filters = banks(1..=5, 60),
    },
    Named {
        name: "wide",
        says: "300 maps a width instead of 100",
        change: |recipe| recipe.filters = banks(3..=5, 300),
    },
    Named {
        name: "smoothing",
        says: "label smoothing 0.1",
        change: |recipe| recipe.label_smoothing = 0.1,
    },
    Named {
        name: "patience",
        says: "early stopping after 10 epochs without gain instead of 5",
        change: |recipe| recipe.fit.patience = Some(10),
    },
    Named {
        name: "slow",
        says: "Adadelta at rate 0.3 instead of 1",
        change: |recipe| recipe.fit.learning_rate = 0.3,
    },
    Named { name: "adam", says: "AdamW at rate 0.001 instead of Adadelta", change: adam },
    Named {
        name: "unbounded",
        says: "no bound on the norm of the last layer's rows",
        change: |recipe| recipe.fit.max_norm.clear(),
    },
    Named {
        name: "adam-wide",
        says: "AdamW at 0.001, widths 1 to 5 of 200 maps, dropout 0.3 on the words' vectors",
        change: |recipe| {
            adam(recipe);
            recipe.filters = banks(1..=5, 200);
            recipe.word_dropout = 0.3;
        },
    },
];

fn adam(recipe: &mut Recipe) {
    recipe.fit.optimizer = OptimizerConfig::Adam(Adam::w());
    recipe.fit.learning_rate = 1e-3;
}

fn banks(widths: std::ops::RangeInclusive<usize>, maps: usize) -> Vec<FilterBank> {
    widths.map(|width| FilterBank { width, maps }).collect()
}

impl Named {
    pub fn paper() -> Self {
        ALL[0]
    }

    /// The recipes beyond the paper's, in the order in which they were tried.
    pub fn tried() -> &'static [Self] {
        &ALL[1..]
    }

    /// The recipe `name`, for the command line.
    pub fn parse(name: &str) -> Result<Self> {
        let Some(&found) = ALL.iter().find(|named| named.name == name) else {
            let names: Vec<_> = ALL.iter().map(|named| named.name).collect();
            bail!("{name:?} is no recipe; there are {}", names.join(", "));
        };
        Ok(found)
    }

    pub fn of(&self, variant: Variant, set: KimSet) -> Recipe {
        let mut recipe = Recipe { style: set.style(), ..Recipe::kim(variant) };
        (self.change)(&mut recipe);
        recipe
    }
}
