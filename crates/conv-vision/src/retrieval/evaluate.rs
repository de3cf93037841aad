//! How well neighbours share a category.

use super::expand::{Augmented, order};
use super::{Describer, Expansion, MadeBy, Metric};
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
    /// Mean over the queries of the average precision: the precision at the place of each picture
    /// of the query's category, averaged over these.
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
    /// What descriptors take in.
    pub expansion: Expansion,
    /// What the descriptors depend on.
    pub made_by: MadeBy,
    /// Files that were left out.
    pub skipped: Vec<Skipped>,
}

/// Over a tree in which each folder is a category. What is searched in for a query stands on the
/// others alone, also where these take their neighbours in.
///
/// # Errors
/// A folder without two pictures of a category; an expansion by another metric than the cosine.
pub fn evaluate(
    describer: &Describer,
    folder: &Path,
    metric: Metric,
    expansion: Expansion,
    limits: &Limits,
) -> Result<Evaluation> {
    expansion.check(metric)?;
    let categories = Categories::new(folder, find(&[folder]));
    let of: HashMap<&Path, usize> =
        categories.files.iter().map(|(path, category)| (path.as_path(), *category)).collect();
    let files: Vec<_> = categories.files.iter().map(|(path, _)| path.clone()).collect();
    let (mut present, mut rows): (Vec<usize>, Vec<Vec<f32>>) = Default::default();
    let skipped = describer.describe_files(&files, limits, |path, descriptor| {
        present.push(of[path]);
        rows.push(descriptor);
    })?;
    let images = rows.len();
    let scores: Vec<(f64, bool)> = if expansion.is_none() {
        let found = |query: usize| {
            let mut found = order(&rows, &rows[query], metric);
            found.retain(|&(_, at)| at != query);
            score(&present, query, &found)
        };
        (0..images).into_par_iter().filter_map(found).collect()
    } else {
        let augmented = Augmented::new(rows, expansion);
        let found = |query| score(&present, query, &augmented.search_without(query));
        (0..images).into_par_iter().filter_map(found).collect()
    };
    if scores.is_empty() {
        let hint = format!(
            " that another shares its folder with; {} pictures were read, {} files were not",
            images,
            skipped.len()
        );
        return Err(Error::NoPictures { place: folder.display().to_string(), hint });
    }
    present.sort_unstable();
    present.dedup();
    let queries = scores.len() as f64;
    Ok(Evaluation {
        map: scores.iter().map(|(precision, _)| precision).sum::<f64>() / queries,
        p_at_1: scores.iter().filter(|(_, first)| *first).count() as f64 / queries,
        images,
        queries: scores.len(),
        categories: present.len(),
        metric,
        expansion,
        made_by: describer.made_by().clone(),
        skipped,
    })
}

/// A query's average precision and whether the nearest is of its category, by the categories and
/// what was found; `None` where no other is of its own.
fn score(categories: &[usize], query: usize, others: &[(f32, usize)]) -> Option<(f64, bool)> {
    let is_right = |at: usize| categories[at] == categories[query];
    let (mut found, mut precisions) = (0usize, 0.0);
    for (place, (_, at)) in others.iter().enumerate() {
        if is_right(*at) {
            found += 1;
            precisions += found as f64 / (place + 1) as f64;
        }
    }
    let first = is_right(others.first()?.1);
    (found > 0).then(|| (precisions / found as f64, first))
}

impl fmt::Display for Evaluation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let MadeBy { network, layer, pooling, views, .. } = &self.made_by;
        let Expansion { query, database } = self.expansion;
        writeln!(f, "mAP              {:.4}", self.map)?;
        writeln!(f, "P@1              {:.4}", self.p_at_1)?;
        writeln!(f, "descriptor       {network} {layer}, {pooling} over places, {}", self.metric)?;
        writeln!(f, "views            {views}")?;
        writeln!(
            f,
            "takes in         {query} neighbours of the query, {database} in the database"
        )?;
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
        let rows = [0.0, 1.0, 2.0, 3.0].map(|x| vec![x]);
        let mut found = order(&rows, &rows[0], Metric::Euclidean);
        found.remove(0);
        assert_eq!(score(&[0, 0, 1, 0], 0, &found), Some(((1.0 + 2.0 / 3.0) / 2.0, true)));
        assert_eq!(score(&[1, 0, 0, 0], 0, &found), None);
    }
}
