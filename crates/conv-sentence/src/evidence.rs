//! Why a class was chosen: the windows that max-over-time picked, each with its exact share of the
//! logit.
//!
//! The last layer is linear and each feature is one window's response, so the logit of class k
//! falls apart exactly: `logit_k = b_k + Σ_j W_kj z_j`, z_j the response of the window where
//! feature map j is strongest. Feature maps that picked the same words are one entry, and their
//! terms one share. Words outside the windows had no influence.

use crate::{KimCnn, Result};
use conv_nn::argmax_over_time;
use serde::Serialize;
use std::collections::BTreeMap;

/// The windows behind one class's logit: `bias` and all `share`s sum to `logit`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Evidence {
    /// The class whose logit is explained, as an index into the labels.
    pub class: usize,
    /// The logit.
    pub logit: f64,
    /// The part that no word has to do with.
    pub bias: f64,
    /// The windows, strongest influence first.
    pub windows: Vec<Window>,
}

/// A window of the sentence and what it adds to the logit.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Window {
    /// First word, counted from 0.
    pub start: usize,
    /// One past the last word; equal to `start` where the window lay in the padding alone.
    pub end: usize,
    /// Feature maps that are strongest here.
    pub maps: usize,
    /// Sum of their `W_kj z_j`: what this window adds to the logit.
    pub share: f64,
}

impl Window {
    /// Its words out of the sentence's.
    pub fn text(&self, words: &[String]) -> String {
        match words.get(self.start..self.end) {
            Some([]) | None => "(padding)".into(),
            Some(words) => words.join(" "),
        }
    }
}

impl Evidence {
    /// Adds up, for each of `words` words, the shares of the windows over it, each window's share
    /// spread evenly over its words: what colours a sentence.
    pub fn by_word(&self, words: usize) -> Vec<f64> {
        let mut totals = vec![0.0; words];
        for window in &self.windows {
            let range = window.start..window.end.min(words);
            let part = window.share / range.len().max(1) as f64;
            range.for_each(|word| totals[word] += part);
        }
        totals
    }
}

/// Where a feature map is strongest in a sentence: what max-over-time picked.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Peak {
    /// The feature map: its place in the penultimate layer.
    pub map: usize,
    /// First word, counted from 0.
    pub start: usize,
    /// One past the last word; equal to `start` where the window lay in the padding alone.
    pub end: usize,
    /// z_j: the response there.
    pub value: f64,
}

/// The peak of every feature map, in the order of the penultimate layer; of equal responses the
/// first counts.
///
/// # Errors
/// A word number that the network does not have.
pub fn peaks(model: &KimCnn, sentence: &[u32]) -> Result<Vec<Peak>> {
    let padding = model.config().padding();
    let inside = |at: usize| at.saturating_sub(padding).min(sentence.len());
    let mut peaks = Vec::with_capacity(model.config().features());
    for (map, bank) in model.feature_maps(sentence)?.iter().zip(&model.config().filters) {
        let (values, positions) = argmax_over_time(&map.unsqueeze(0)?, None)?;
        let values: Vec<f32> = values.flatten_all()?.to_vec1()?;
        let positions: Vec<u32> = positions.flatten_all()?.to_vec1()?;
        for (value, position) in values.into_iter().zip(positions) {
            let first = position as usize;
            let start = inside(first);
            let end = inside(first + bank.width);
            peaks.push(Peak { map: peaks.len(), start, end, value: f64::from(value) });
        }
    }
    Ok(peaks)
}

/// Explains the logit of `class` for one sentence of word numbers.
///
/// # Errors
/// A class or word number that the network does not have.
pub fn evidence(model: &KimCnn, sentence: &[u32], class: usize) -> Result<Evidence> {
    let weight: Vec<f32> = model.output().weight().get(class)?.to_vec1()?;
    let bias = match model.output().bias() {
        Some(bias) => f64::from(bias.get(class)?.to_scalar::<f32>()?),
        None => 0.0,
    };
    let mut shares: BTreeMap<(usize, usize), (usize, f64)> = BTreeMap::new();
    for (peak, weight) in peaks(model, sentence)?.iter().zip(weight) {
        let entry = shares.entry((peak.start, peak.end)).or_default();
        entry.0 += 1;
        entry.1 += f64::from(weight) * peak.value;
    }
    let mut windows: Vec<Window> = shares
        .into_iter()
        .map(|((start, end), (maps, share))| Window { start, end, maps, share })
        .collect();
    let logit = bias + windows.iter().map(|window| window.share).sum::<f64>();
    windows.sort_by(|a, b| b.share.abs().total_cmp(&a.share.abs()));
    Ok(Evidence { class, logit, bias, windows })
}
