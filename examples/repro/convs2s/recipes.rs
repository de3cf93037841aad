//! The recipe that the table is made with, and what can be changed of it: a line each.

use anyhow::{Result, bail};
use conv_text::subwords::{Model, TextForm};
use conv_translate::Recipe;

/// A recipe by the name that kept results have.
#[derive(Debug, Clone, Copy)]
pub struct Variant {
    pub name: &'static str,
    /// What is other than in [`SMALL`].
    pub what: &'static str,
    change: fn(&mut Recipe),
}

/// [`Recipe::small`] for tokens with blanks between them.
pub const SMALL: Variant = Variant { name: "small", what: "the recipe", change: |_| () };

pub const VARIANTS: [Variant; 12] = [
    SMALL,
    Variant {
        name: "last-weights",
        what: "the last weights instead of the mean of five",
        change: |recipe| recipe.fit.average = 0,
    },
    Variant {
        name: "no-smoothing",
        what: "no label smoothing",
        change: |recipe| recipe.label_smoothing = 0.0,
    },
    Variant {
        name: "dropout-0.2",
        what: "dropout 0.2 instead of 0.3",
        change: |recipe| recipe.dropout = 0.2,
    },
    Variant {
        name: "own-output",
        what: "an output layer with weights of its own",
        change: |recipe| recipe.tie_output = false,
    },
    Variant {
        name: "own-tables",
        what: "tables of source, target and output apart",
        change: |recipe| (recipe.share_embeddings, recipe.tie_output) = (false, false),
    },
    Variant {
        name: "one-attention",
        what: "attention in the last decoder layer alone",
        change: |recipe| {
            let layers = recipe.decoder_layers.0.len();
            recipe.attention = format!("[False] * {} + [True]", layers.saturating_sub(1));
        },
    },
    Variant {
        name: "unigram",
        what: "a unigram model of pieces instead of BPE",
        change: |recipe| recipe.subwords.model = Model::Unigram,
    },
    Variant {
        name: "bpe-6000",
        what: "6,000 pieces instead of 10,000",
        change: |recipe| recipe.subwords.vocabulary = 6000,
    },
    Variant {
        name: "rate-1e-3",
        what: "a learning rate of 1e-3 instead of 4e-3",
        change: |recipe| recipe.fit.learning_rate = 1e-3,
    },
    Variant {
        name: "subword-dropout",
        what: "a tenth of the merges of BPE left out at random in training",
        change: |recipe| recipe.subword_dropout = 0.1,
    },
    Variant {
        name: "agreement",
        what: "two passes over each batch, made to agree (R-Drop, weight 1)",
        change: |recipe| {
            recipe.r_drop = 1.0;
            recipe.fit.epochs = 27;
        },
    },
];

impl Variant {
    /// The one called `name`, for the command line.
    pub fn parse(name: &str) -> Result<Self> {
        let names = || VARIANTS.map(|variant| variant.name).join(", ");
        match VARIANTS.iter().find(|variant| variant.name == name) {
            Some(variant) => Ok(*variant),
            None => bail!("{name:?} is no variant; there are {}", names()),
        }
    }

    /// Epochs as the recipe has them.
    pub fn epochs(&self) -> usize {
        self.whole().fit.epochs
    }

    /// With so many epochs. Fewer than the recipe's have a warm-up that is as much shorter.
    pub fn recipe(&self, epochs: usize, seed: u64) -> Recipe {
        let mut recipe = self.whole();
        let warm_up = &mut recipe.fit.schedule.warmup_steps;
        if epochs < recipe.fit.epochs {
            *warm_up = *warm_up * epochs as u64 / recipe.fit.epochs as u64;
        }
        recipe.fit.epochs = epochs;
        recipe.fit.seed = seed;
        recipe
    }

    fn whole(&self) -> Recipe {
        let mut recipe = Recipe::small();
        recipe.subwords.text = TextForm::Tokens;
        (self.change)(&mut recipe);
        recipe
    }
}
