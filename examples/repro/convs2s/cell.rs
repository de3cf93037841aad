//! A run of the table as it is kept.

use serde::{Deserialize, Serialize};

/// One training run, and what came out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    /// The languages, `de-en`.
    pub pair: String,
    /// What was changed of the recipe, by name.
    pub variant: String,
    pub seed: u64,
    /// Epochs that the recipe's course was laid out for, and that were run.
    pub epochs: usize,
    pub parameters: usize,
    /// Optimiser steps.
    pub steps: u64,
    /// Seconds of training, with the evaluations after each epoch and without the search.
    pub seconds: f64,
    pub threads: usize,
    /// What it was trained on, as `--device` has it; translations are searched for on the CPU.
    pub device: String,
    /// Target tokens, ends included, learnt from in a second.
    pub target_tokens_per_second: f64,
    /// Of a token of val.
    pub perplexity: f64,
    pub search: Search,
    pub val: Found,
    /// None where recipes were still being chosen among.
    pub test: Option<Found>,
    /// How BLEU was counted, in sacreBLEU's words.
    pub signature: String,
    /// How chrF was.
    pub chrf_signature: String,
    pub version: String,
    /// The commit that ran it.
    pub commit: String,
}

/// How translations were searched.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Search {
    pub beam: usize,
    /// The best on val of those tried.
    pub length_penalty: f64,
    /// Each length penalty tried, and BLEU on val with it.
    pub tried: Vec<[f64; 2]>,
}

/// What a part of the data came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Found {
    pub beam: Scores,
    /// With a beam of 1.
    pub greedy: Scores,
}

/// How good translations are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scores {
    /// sacreBLEU's, of the tokens as they are.
    pub bleu: f64,
    pub chrf: f64,
    /// As `multi-bleu.perl` counts, without smoothing.
    pub multi_bleu: f64,
}

impl crate::cells::Cell for Cell {
    type Run = (String, String, u64, usize);

    fn run(&self) -> Self::Run {
        (self.pair.clone(), self.variant.clone(), self.seed, self.epochs)
    }
}
