//! Descriptors that take in those near them: of the query, and of the database.

use super::Metric;
use conv_hub::InvalidField;
use rayon::prelude::*;

/// Neighbours that descriptors take in; 0 for none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Expansion {
    /// Of the query: it becomes the mean of itself and its nearest, and is searched for again (Chum
    /// et al. 2007, section 3).
    pub query: usize,
    /// Of every picture of the database: it becomes a weighted mean of itself and its nearest
    /// (Turcot and Lowe 2009; Arandjelović and Zisserman 2012, section 5). The k-th of n weighs (n
    /// + 1 − k) / (n + 1), itself 1.
    pub database: usize,
}

impl Expansion {
    /// Whether nothing is taken in.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// Means are of descriptors of one length: of angles.
    ///
    /// # Errors
    /// Neighbours taken in, and another metric than the cosine.
    pub fn check(&self, metric: Metric) -> Result<(), InvalidField> {
        let fits = self.is_none() || metric == Metric::Cosine;
        InvalidField::unless(fits, "metric", &metric, "cosine, where neighbours are taken in")
    }
}

/// To a length of 1; zero stays.
pub(super) fn normalise(descriptor: &mut [f32]) {
    let length = descriptor.iter().map(|value| value * value).sum::<f32>().sqrt();
    if length > 0.0 {
        descriptor.iter_mut().for_each(|value| *value /= length);
    }
}

pub(super) fn add(sum: &mut [f32], other: &[f32], weight: f32) {
    sum.iter_mut().zip(other).for_each(|(sum, value)| *sum += weight * value);
}

/// The rows of `rows` by their distance from `from`, the nearest first; of equals the first.
pub(super) fn order(rows: &[Vec<f32>], from: &[f32], metric: Metric) -> Vec<(f32, usize)> {
    let distances = rows.iter().enumerate().map(|(at, row)| (metric.distance(from, row), at));
    let mut order: Vec<(f32, usize)> = distances.collect();
    order.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    order
}

/// Rows of a length of 1, each with the neighbours that [`Expansion::database`] wants, and one
/// more.
pub(super) struct Augmented {
    rows: Vec<Vec<f32>>,
    augmented: Vec<Vec<f32>>,
    neighbours: Vec<Vec<usize>>,
    expansion: Expansion,
}

impl Augmented {
    pub(super) fn new(mut rows: Vec<Vec<f32>>, expansion: Expansion) -> Self {
        rows.par_iter_mut().for_each(|row| normalise(row));
        let count = expansion.database;
        let near = |at: usize| {
            if count == 0 {
                return Vec::new();
            }
            let order = order(&rows, &rows[at], Metric::Cosine).into_iter().map(|(_, at)| at);
            order.filter(|&other| other != at).take(count + 1).collect()
        };
        let neighbours: Vec<Vec<usize>> = (0..rows.len()).into_par_iter().map(near).collect();
        let mut made = Self { rows, augmented: Vec::new(), neighbours, expansion };
        let all = 0..made.rows.len();
        made.augmented = all.into_par_iter().map(|at| made.without(at, None)).collect();
        made
    }

    /// A row with its neighbours taken in, but for one.
    fn without(&self, at: usize, left_out: Option<usize>) -> Vec<f32> {
        let count = self.expansion.database;
        let mut sum = self.rows[at].clone();
        let others = self.neighbours[at].iter().filter(|&&other| Some(other) != left_out);
        for (place, &other) in others.take(count).enumerate() {
            add(&mut sum, &self.rows[other], (count - place) as f32 / (count + 1) as f32);
        }
        normalise(&mut sum);
        sum
    }

    /// The others by their distance from a row, which is in no way part of them.
    pub(super) fn search_without(&self, query: usize) -> Vec<(f32, usize)> {
        let left_out = |at: usize| {
            if self.neighbours[at].contains(&query) {
                self.without(at, Some(query))
            } else {
                self.augmented[at].clone()
            }
        };
        let database: Vec<Vec<f32>> = (0..self.rows.len()).map(left_out).collect();
        let mut found = self.search_in(&database, &self.rows[query], Some(query));
        found.retain(|&(_, at)| at != query);
        found
    }

    /// All rows by their distance from a descriptor, which may be that of one of them.
    pub(super) fn search(&self, descriptor: &[f32], own: Option<usize>) -> Vec<(f32, usize)> {
        let mut query = descriptor.to_vec();
        normalise(&mut query);
        self.search_in(&self.augmented, &query, own)
    }

    fn search_in(
        &self,
        database: &[Vec<f32>],
        query: &[f32],
        own: Option<usize>,
    ) -> Vec<(f32, usize)> {
        let first = order(database, query, Metric::Cosine);
        if self.expansion.query == 0 {
            return first;
        }
        let mut sum = query.to_vec();
        let others = first.iter().filter(|&&(_, at)| Some(at) != own);
        others.take(self.expansion.query).for_each(|&(_, at)| add(&mut sum, &database[at], 1.0));
        normalise(&mut sum);
        order(database, &sum, Metric::Cosine)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Vec<Vec<f32>> {
        [[1.0, 0.0], [0.9, 0.1], [0.7, 0.7], [0.0, 2.0]].map(|row| row.to_vec()).into()
    }

    #[test]
    fn a_row_takes_in_its_nearest_but_not_the_query() {
        let expansion = Expansion { query: 0, database: 1 };
        let augmented = Augmented::new(rows(), expansion);
        let mut by_hand = augmented.rows[0].clone();
        add(&mut by_hand, &augmented.rows[1], 0.5);
        normalise(&mut by_hand);
        assert_eq!(augmented.augmented[0], by_hand);
        // Its second nearest stands in for the query.
        let mut by_hand = augmented.rows[0].clone();
        add(&mut by_hand, &augmented.rows[2], 0.5);
        normalise(&mut by_hand);
        assert_eq!(augmented.without(0, Some(1)), by_hand);
        let places: Vec<usize> =
            augmented.search_without(1).into_iter().map(|(_, at)| at).collect();
        assert_eq!(places, [0, 2, 3]);
    }

    #[test]
    fn an_expanded_query_is_the_mean_of_what_it_found() {
        let plain = Augmented::new(rows(), Expansion::default());
        let expanded = Augmented::new(rows(), Expansion { query: 2, database: 0 });
        let query = [1.0, 0.05];
        let mut mean = query.to_vec();
        normalise(&mut mean);
        for (_, at) in plain.search(&query, None).into_iter().take(2) {
            add(&mut mean, &plain.rows[at], 1.0);
        }
        let found = expanded.search(&query, None);
        let expected = plain.search(&mean, None);
        for (found, expected) in found.iter().zip(&expected) {
            assert!(found.1 == expected.1 && (found.0 - expected.0).abs() < 1e-6);
        }
        assert_eq!(found.len(), 4);
    }
}
