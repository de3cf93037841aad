//! What photographs make of every channel of some layers: each photograph goes through the network
//! once, for all of them.

use crate::objective::Values;
use crate::photographs::each;
use crate::render::square;
use crate::{Error, Result, Subject};
use candle_core::{Device, Tensor};
use conv_vision::data::Skipped;
use conv_vision::{Address, Graph, Operation, Picture};
use std::path::Path;

/// The layers of a network that are looked at one after the other: where branches are joined, the
/// joints and the rectified convolution before the first of them; otherwise every rectified layer
/// that has positions.
///
/// Of GoogLeNet `conv2/3x3` and `inception_3a/output` to `inception_5b/output`.
pub fn stages(graph: &Graph) -> Vec<String> {
    let layers = graph.layers();
    let joins = |at: &usize| matches!(layers[*at].operation, Operation::Concat);
    let fields = graph.receptive_fields();
    let rectified = |at: &usize| layers[*at].rectified && fields[*at].is_some();
    let Some(first) = (0..layers.len()).find(joins) else {
        return (0..layers.len()).filter(rectified).map(|at| layers[at].name.clone()).collect();
    };
    // What the branches begin with is before the first joint too, and they stand on what comes
    // before all of them.
    let mut at = layers[first].inputs.first().copied();
    let mut branch = first;
    while let Some(here) = at.filter(|at| layers[*at].rectified) {
        branch = here;
        at = layers[here].inputs.first().copied();
    }
    let before = (0..branch).rev().find(rectified);
    let joints = (first..layers.len()).filter(joins);
    before.into_iter().chain(joints).map(|at| layers[at].name.clone()).collect()
}

/// A picture's answer at a channel.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Answer {
    /// Its mean over the positions.
    pub mean: f64,
    /// Its largest value.
    pub maximum: f64,
}

impl Answer {
    /// None yet.
    const NONE: Self = Self { mean: f64::NEG_INFINITY, maximum: f64::NEG_INFINITY };

    /// The larger of each.
    fn best(self, other: Self) -> Self {
        Self { mean: self.mean.max(other.mean), maximum: self.maximum.max(other.maximum) }
    }
}

/// The best that photographs make of every channel of some layers.
#[derive(Debug, Clone)]
pub struct Survey {
    /// The layers as they were asked for, and a channel's best answer each: its mean and its
    /// maximum may be of two photographs.
    pub layers: Vec<(String, Vec<Answer>)>,
    /// Photographs that were measured.
    pub photographs: usize,
    /// Files that were left out, and why.
    pub skipped: Vec<Skipped>,
}

impl Survey {
    /// The best answer of a channel of a layer, by the name that was asked for.
    pub fn best(&self, layer: &str, channel: usize) -> Option<Answer> {
        let (_, best) = self.layers.iter().find(|(name, _)| name == layer)?;
        best.get(channel).copied()
    }

    /// Measures the middle square of each photograph in `folder` and below it, at each of `sides`;
    /// the larger value counts.
    ///
    /// # Errors
    /// A layer that there is not; a folder without a photograph; a picture that is too small for a
    /// layer; answers that are not finite.
    pub fn measure(
        subject: &dyn Subject,
        layers: &[String],
        folder: &Path,
        sides: &[usize],
    ) -> Result<Self> {
        let find_layer = |layer: &String| subject.find(layer);
        let addresses: Vec<Address> = layers.iter().map(find_layer).collect::<Result<_>>()?;
        let mut best: Vec<Vec<Answer>> = vec![Vec::new(); layers.len()];
        let (photographs, skipped) = each(folder, |_, picture| {
            for &side in sides {
                let found = answers(subject, &addresses, &square(picture, side)?)?;
                for (best, found) in best.iter_mut().zip(found) {
                    best.resize(found.len(), Answer::NONE);
                    best.iter_mut().zip(found).for_each(|(best, found)| *best = best.best(found));
                }
            }
            Ok(())
        })?;
        let layers = layers.iter().cloned().zip(best).collect();
        Ok(Self { layers, photographs, skipped })
    }
}

/// What a picture as it is makes of every channel of some layers.
pub(crate) fn answers(
    subject: &dyn Subject,
    layers: &[Address],
    picture: &Picture,
) -> Result<Vec<Vec<Answer>>> {
    let x = subject.read(&picture.tensor(&Device::Cpu)?)?;
    let mut all: Vec<Address> = Vec::new();
    for layer in layers {
        let whole = Address { channel: None, ..layer.clone() };
        if !all.contains(&whole) {
            all.push(whole);
        }
    }
    let values = Values::new(subject, false, &x, all)?;
    layers.iter().map(|layer| of_channels(subject, values.of(layer)?)).collect()
}

/// Of `[1, C, …]` each channel's answer.
fn of_channels(subject: &dyn Subject, values: &Tensor) -> Result<Vec<Answer>> {
    let positions = values.elem_count() / values.dim(1)?.max(1);
    let values = values.flatten_all()?.to_vec1::<f32>()?;
    let of_channel = |values: &[f32]| {
        let sum: f64 = values.iter().map(|&value| f64::from(value)).sum();
        if !sum.is_finite() {
            let path = subject.name().into();
            return Err(Error::Vision(conv_vision::Error::NotFinite { value: sum, path }));
        }
        let maximum = values.iter().fold(f64::NEG_INFINITY, |most, &x| most.max(f64::from(x)));
        Ok(Answer { mean: sum / values.len() as f64, maximum })
    };
    values.chunks_exact(positions.max(1)).map(of_channel).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use conv_vision::Architecture;

    #[test]
    fn stages_are_joints_or_rectified_layers() {
        let of = |architecture: Architecture| stages(&architecture.graph());
        let inceptions = ["3a", "3b", "4a", "4b", "4c", "4d", "4e", "5a", "5b"];
        let mut expected = vec!["conv2/3x3".to_string()];
        expected.extend(inceptions.map(|name| format!("inception_{name}/output")));
        assert_eq!(of(Architecture::GoogLeNet), expected);
        assert_eq!(of(Architecture::Conv4), ["bn1", "bn2", "bn3", "bn4"]);
        let squeezenet = of(Architecture::SqueezeNet);
        assert_eq!((squeezenet[0].as_str(), squeezenet[1].as_str()), ("conv1", "fire2/concat"));
    }
}
