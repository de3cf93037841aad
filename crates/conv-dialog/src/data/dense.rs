//! Dense annotations: how many people of five found each candidate of a round right.

use super::{VisDial, json};
use crate::{Error, Result};
use serde::Deserialize;
use std::collections::HashMap;
use std::path::Path;

/// Relevance of the candidates of one round of each annotated dialog.
#[derive(Debug, Clone)]
pub struct Dense {
    /// By place of dialog and round, from 0.
    relevance: HashMap<(usize, usize), Vec<f32>>,
}

#[derive(Deserialize)]
struct Annotation {
    image_id: u64,
    round_id: u64,
    /// Called `relevance` in the training split.
    #[serde(alias = "relevance")]
    gt_relevance: Vec<f32>,
}

impl Dense {
    /// Reads the annotations of `data`.
    ///
    /// # Errors
    /// No JSON of this kind; an image that is not in `data` or is there twice, a round that the
    /// dialog does not have or in which nothing is asked, another number of candidates, or a
    /// relevance outside 0 to 1: by image and round.
    pub fn read(path: &Path, data: &VisDial) -> Result<Self> {
        let annotations: Vec<Annotation> = json(path)?;
        let places: HashMap<u64, usize> = data
            .dialogs
            .iter()
            .enumerate()
            .map(|(place, dialog)| (dialog.image_id, place))
            .collect();
        let mut relevance = HashMap::new();
        let mut of_dialog = HashMap::new();
        for (number, Annotation { image_id, round_id, gt_relevance }) in
            annotations.into_iter().enumerate()
        {
            let round = usize::try_from(round_id).unwrap_or(usize::MAX);
            let refuse = |reason: String| {
                let dialog = format!("annotation {} (image {image_id})", number + 1);
                let file = path.display().to_string();
                Err(Error::Dialog { file, dialog, round: Some(round), reason })
            };
            let Some(&place) = places.get(&image_id) else {
                return refuse(format!("no such image, expected one of {}", data.name));
            };
            if let Some(earlier) = of_dialog.insert(image_id, round) {
                return refuse(format!(
                    "round {earlier} of the same image is annotated too, expected one round"
                ));
            }
            let rounds = &data.dialogs[place].rounds;
            let Some(asked) = round.checked_sub(1).and_then(|round| rounds.get(round)) else {
                return refuse(format!("no such round, expected 1 to {}", rounds.len()));
            };
            if gt_relevance.len() != asked.candidates.len() {
                let found = gt_relevance.len();
                let expected = asked.candidates.len();
                return refuse(format!(
                    "relevance of {found} candidates, expected {expected} as the round has"
                ));
            }
            if let Some(value) = gt_relevance.iter().find(|value| !(0.0..=1.0).contains(*value)) {
                return refuse(format!("relevance {value}, expected 0 to 1"));
            }
            relevance.insert((place, round - 1), gt_relevance);
        }
        Ok(Self { relevance })
    }

    /// The relevance of each candidate of a round, by places from 0, where it is annotated.
    pub fn of(&self, dialog: usize, round: usize) -> Option<&[f32]> {
        self.relevance.get(&(dialog, round)).map(Vec::as_slice)
    }
}
