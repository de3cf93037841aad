//! How well neighbours share a category.

use super::{Describer, MadeBy, Metric};
use crate::data::{Categories, Skipped, find};
use crate::picture::Limits;
use crate::{Error, Result};
use rayon::prelude::*;
use serde::Serialize;
use std::collections::HashMap;
use std::fmt;
use std::path::Path;

/// What retrieval got right, each picture in turn being asked for among all others.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Evaluation {
    /// Mean over the queries of the average precision: the precision at the place of each picture of the query's category,
    /// averaged over these.
    pub map: f64,
    /// The share of queries whose nearest picture is of their category.
    pub p_at_1: f64,
    /// Pictures.
    pub images: usize,
    /// Those with another of their category, which are asked for.
    pub queries: usize,
    /// Folders with pictures in them.
    pub categories: usize,
    /// How near is told.
    pub metric: Metric,
    /// What the descriptors depend on.
    pub made_by: MadeBy,
    /// Files that were left out.
    pub skipped: Vec<Skipped>,
}

/// Over a tree in which each folder is a category.
///
/// # Errors
/// A folder without two pictures of a category.
pub fn evaluate(
    describer: &Describer,
    folder: &Path,
    metric: Metric,
    limits: &Limits,
) -> Result<Evaluation> {
    let categories = Categories::new(folder, find(&[folder]));
    let of: HashMap<&Path, usize> =
        categories.files.iter().map(|(path, category)| (path.as_path(), *category)).collect();
    let files: Vec<_> = categories.files.iter().map(|(path, _)| path.clone()).collect();
    let mut described: Vec<(usize, Vec<f32>)> = Vec::new();
    let skipped = describer.describe_files(&files, limits, |path, descriptor| {
        described.push((of[path], descriptor));
    })?;
    let scores: Vec<(f64, bool)> = (0..described.len())
        .into_par_iter()
        .filter_map(|at| score(&described, at, metric))
        .collect();
    if scores.is_empty() {
        let hint = format!(
            " that another shares its folder with; {} pictures were read, {} files were not",
            described.len(),
            skipped.len()
        );
        return Err(Error::NoPictures { place: folder.display().to_string(), hint });
    }
    let mut present: Vec<usize> = described.iter().map(|(category, _)| *category).collect();
    present.sort_unstable();
    present.dedup();
    let queries = scores.len() as f64;
    Ok(Evaluation {
        map: scores.iter().map(|(precision, _)| precision).sum::<f64>() / queries,
        p_at_1: scores.iter().filter(|(_, first)| *first).count() as f64 / queries,
        images: described.len(),
        queries: scores.len(),
        categories: present.len(),
        metric,
        made_by: describer.made_by().clone(),
        skipped,
    })
}

/// A query's average precision and whether the nearest is of its category; `None` where no other is.
fn score(described: &[(usize, Vec<f32>)], query: usize, metric: Metric) -> Option<(f64, bool)> {
    let (category, descriptor) = &described[query];
    let mut others: Vec<(f32, usize)> = (0..described.len())
        .filter(|&at| at != query)
        .map(|at| (metric.distance(descriptor, &described[at].1), at))
        .collect();
    others.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let (mut found, mut precisions) = (0usize, 0.0);
    for (place, (_, at)) in others.iter().enumerate() {
        if described[*at].0 == *category {
            found += 1;
            precisions += found as f64 / (place + 1) as f64;
        }
    }
    let first = described[others.first()?.1].0 == *category;
    (found > 0).then(|| (precisions / found as f64, first))
}

impl fmt::Display for Evaluation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let MadeBy { network, layer, pooling, .. } = &self.made_by;
        let pooling = format!("{pooling:?}").to_lowercase();
        writeln!(f, "mAP              {:.4}", self.map)?;
        writeln!(f, "P@1              {:.4}", self.p_at_1)?;
        writeln!(f, "descriptor       {network} {layer}, {pooling} over places, {}", self.metric)?;
        write!(f, "queries          {} in {} categories", self.queries, self.categories)?;
        if !self.skipped.is_empty() {
            write!(f, "\nleft out         {}", self.skipped.len())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn average_precision_by_hand() {
        // From the first: a at 1, b at 2, a at 3.
        let described: Vec<(usize, Vec<f32>)> =
            [(0, 0.0), (0, 1.0), (1, 2.0), (0, 3.0)].map(|(c, x)| (c, vec![x])).to_vec();
        let scored = score(&described, 0, Metric::Euclidean);
        assert_eq!(scored, Some(((1.0 + 2.0 / 3.0) / 2.0, true)));
        assert_eq!(score(&described, 2, Metric::Euclidean), None);
    }
}
