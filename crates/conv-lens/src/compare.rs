//! What photographs make of the same unit.

use crate::photographs::each;
use crate::render::{square, value};
use crate::{Objective, Result, Subject};
use conv_vision::Picture;
use conv_vision::data::Skipped;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// The objective's value for a picture as it is, without being moved about; of `picture` read back
/// from its 8-bit pixels.
///
/// # Errors
/// A picture that is too small for a layer; weights that give numbers that are not finite.
pub fn excitement(subject: &dyn Subject, objective: &Objective, picture: &Picture) -> Result<f64> {
    value(subject, objective, picture)
}

/// A photograph and what it makes of an objective.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Excitement {
    /// The file.
    pub path: PathBuf,
    /// The objective.
    pub value: f64,
    /// The sides of the square that gave it, in pixels.
    pub side: usize,
}

/// What the photographs of a folder make of an objective.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Photographs {
    /// Each once, with the better of its sizes, the best first.
    pub ranking: Vec<Excitement>,
    /// Files that were left out, and why.
    pub skipped: Vec<Skipped>,
}

impl Photographs {
    /// Measures the middle square of each photograph in `folder` and below it, at each of `sides`;
    /// the larger value counts.
    ///
    /// # Errors
    /// A folder without a photograph; else as [`excitement`].
    pub fn measure(
        subject: &dyn Subject,
        objective: &Objective,
        folder: &Path,
        sides: &[usize],
    ) -> Result<Self> {
        let mut ranking = Vec::new();
        let (_, skipped) = each(folder, |path, picture| {
            let mut best: Option<Excitement> = None;
            for &side in sides {
                let value = value(subject, objective, &square(picture, side)?)?;
                if best.as_ref().is_none_or(|best| value > best.value) {
                    best = Some(Excitement { path: path.into(), value, side });
                }
            }
            ranking.extend(best);
            Ok(())
        })?;
        ranking.sort_by(|a, b| b.value.total_cmp(&a.value));
        Ok(Self { ranking, skipped })
    }
}
