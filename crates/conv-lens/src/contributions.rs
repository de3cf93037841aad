//! Which units of a layer make a class.

use crate::attribute::gradient_times_activation;
use crate::render::square;
use crate::{Error, Objective, Result};
use conv_vision::data::{Skipped, find, load, truth};
use conv_vision::{Limits, Pretrained};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// A unit and what it gives to a class.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Contribution {
    /// Its channel.
    pub channel: usize,
    /// Activation × gradient of the class's logit, summed over positions, in the mean over
    /// photographs.
    pub value: f64,
}

/// The units of a layer by what they give to a class.
#[derive(Debug, Clone)]
pub struct Contributions {
    /// The largest first.
    pub units: Vec<Contribution>,
    /// The photographs of the class.
    pub photographs: Vec<PathBuf>,
    /// Files that were left out, and why.
    pub skipped: Vec<Skipped>,
}

impl Contributions {
    /// Of the photographs in `folder` and below it that are of the class, by their names or folders
    /// ([`truth`]); the middle square of each, with sides of `side` pixels.
    ///
    /// # Errors
    /// Weights without names of classes; no photograph of the class; else as
    /// [`gradient_times_activation`].
    pub fn measure(
        model: &Pretrained,
        class: usize,
        layer: &str,
        folder: &Path,
        side: usize,
    ) -> Result<Self> {
        let wrong = |hint: &str| Error::NoClass { found: class.to_string(), hint: hint.into() };
        let labels = model
            .labels
            .as_ref()
            .ok_or_else(|| wrong("the weights came without names of classes"))?;
        let label = labels.all().get(class).ok_or_else(|| wrong("there are fewer classes"))?;
        let is_of = |path: &PathBuf| truth(path, folder, labels) == Some(class);
        let files: Vec<PathBuf> = find(&[folder]).into_iter().filter(is_of).collect();
        let (read, skipped) = load(&files, &Limits::default());
        if read.is_empty() {
            let place = folder.display().to_string();
            let hint = format!(" of {} ({})", label.label, label.name);
            return Err(Error::NoPhotographs { place, hint });
        }
        let graph = model.network.graph();
        let logit = format!("{}:{class}", graph.layers()[graph.output()].name);
        let objective = Objective::unit(&logit, None, model)?;
        let mut sums: Vec<f64> = Vec::new();
        for (_, picture) in &read {
            let picture = square(picture, side)?;
            let carried = gradient_times_activation(model, &objective, &picture, layer)?;
            sums.resize(carried.channels.len(), 0.0);
            sums.iter_mut().zip(&carried.channels).for_each(|(sum, value)| *sum += value);
        }
        let count = read.len() as f64;
        let unit = |(channel, sum): (usize, f64)| Contribution { channel, value: sum / count };
        let mut units: Vec<Contribution> = sums.into_iter().enumerate().map(unit).collect();
        units.sort_by(|a, b| b.value.total_cmp(&a.value));
        let photographs = read.into_iter().map(|(at, _)| files[at].clone()).collect();
        Ok(Self { units, photographs, skipped })
    }
}
