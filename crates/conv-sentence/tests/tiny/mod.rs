//! Made-up sentences of two classes, and networks small enough to train in a moment.
#![allow(dead_code, clippy::unwrap_used)]

use candle_core::{Device, Tensor};
use conv_sentence::{FilterBank, Recipe, Sentences, Table, Training, Variant};
use conv_text::data::{Corpus, Dataset, Example, Split};
use conv_text::tokenizer::Style;
use conv_train::batch::BatchSize;
use conv_train::{Run, fit};
use std::collections::BTreeMap;

pub fn corpus() -> Corpus {
    let subjects = ["the film", "this story", "a scene", "her song", "the whole cast"];
    let words = [("dull", "good"), ("sadly weak", "really fine"), ("not good", "not dull")];
    let mut examples = Vec::new();
    for subject in subjects {
        for (bad, good) in words {
            examples.push(Example { text: format!("{subject} is {bad} ."), label: 0 });
            examples.push(Example { text: format!("{subject} is {good} !"), label: 1 });
        }
    }
    Corpus::new(vec!["no".into(), "yes".into()], examples).unwrap()
}

pub fn sentences() -> (Sentences, Split) {
    let Dataset { corpus, split } = Dataset::join(corpus(), None, None, 1).unwrap();
    (Sentences::fit(&corpus, Style::Kim, None).unwrap(), split)
}

pub fn recipe(variant: Variant) -> Recipe {
    let mut recipe = Recipe::kim(variant);
    recipe.dimension = 12;
    recipe.filters = vec![FilterBank { width: 1, maps: 3 }, FilterBank { width: 3, maps: 8 }];
    recipe.fit.epochs = 8;
    recipe.fit.patience = None;
    recipe.fit.batching.size = BatchSize::Examples(8);
    recipe
}

pub fn training<'a>(
    recipe: &'a Recipe,
    sentences: &'a Sentences,
    split: &'a Split,
    warm: BTreeMap<String, Tensor>,
) -> Training<'a> {
    let table = Table::random(recipe.dimension).unwrap();
    Training::new(recipe, sentences, split, &table, warm, &Device::Cpu).unwrap()
}

/// Trains in a folder that is gone afterwards.
pub fn train(training: &Training, recipe: &Recipe) {
    let folder = tempfile::tempdir().unwrap();
    fit(training, &recipe.fit, Run::new(folder.path())).unwrap();
}
