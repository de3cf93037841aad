//! From a picture to its instances (He et al. 2017, section 3.1, inference): the mask head sees
//! only the boxes that are the answer.

use super::MaskRcnn;
use super::heads::{MASK_SIDE, Place};
use super::layers::rows;
use crate::boxes::{BoxCoder, nms_by_class};
use crate::{BoundingBox, Error, Result};
use candle_core::{D, Tensor};
use conv_nn::softmax;

/// An instance as the network gives it, in pixels of what it saw.
pub(crate) struct Found {
    pub bounding_box: BoundingBox,
    pub score: f32,
    /// From 0.
    pub class: usize,
    /// The probability of each of 28 × 28 cells of the box.
    pub mask: Vec<f32>,
    /// For each attribute the probability of each value.
    pub attributes: Vec<Vec<f32>>,
    pub measures: Vec<f32>,
}

/// A box that may be an instance.
struct Candidate {
    bounding_box: BoundingBox,
    score: f32,
    class: usize,
    /// The proposal that it came from.
    proposal: usize,
}

impl MaskRcnn {
    /// The instances of one picture, `[1, 3, H, W]`, which itself has the sides (width, height), by
    /// falling score.
    pub(crate) fn find(&self, picture: &Tensor, sides: (usize, usize)) -> Result<Vec<Found>> {
        let levels = self.features(picture)?;
        let proposed = self.propose(&levels, picture)?;
        let counts = self.config.proposals.counts_in_detection();
        let proposals = proposed.best(&self.config, &[sides], counts)?.swap_remove(0);
        if proposals.is_empty() {
            return Ok(Vec::new());
        }
        let proposals: Vec<Place> = proposals.into_iter().map(|found| (0, found)).collect();
        let features = self.heads.box_features(&levels, &proposals)?;
        let candidates = self.candidates(&features, &proposals, sides)?;
        if candidates.is_empty() {
            return Ok(Vec::new());
        }
        let sources: Vec<usize> = candidates.iter().map(|found| found.proposal).collect();
        let features = rows(&features, &sources)?;
        let boxes: Vec<Place> = candidates.iter().map(|found| (0, found.bounding_box)).collect();
        let masks = self.masks(&levels, &candidates, &boxes)?;
        let mut attributes = Vec::new();
        for logits in self.heads.attributes(&features)? {
            attributes.push(softmax(&logits, D::Minus1)?.to_vec2::<f32>()?);
        }
        // A measure was learnt from the place of the proposal.
        let places: Vec<Place> = sources.iter().map(|&at| proposals[at]).collect();
        let measures = match self.heads.measures(&features, &places, &[sides])? {
            Some(found) => found.to_vec2::<f32>()?,
            None => vec![Vec::new(); candidates.len()],
        };
        let instances = candidates.into_iter().zip(masks).zip(measures).enumerate();
        let found = instances.map(|(at, ((candidate, mask), measures))| Found {
            bounding_box: candidate.bounding_box,
            score: candidate.score,
            class: candidate.class,
            mask,
            attributes: attributes.iter().map(|of| of[at].clone()).collect(),
            measures,
        });
        Ok(found.collect())
    }

    /// The boxes that are the answer, by falling score.
    fn candidates(
        &self,
        features: &Tensor,
        proposals: &[Place],
        (width, height): (usize, usize),
    ) -> Result<Vec<Candidate>> {
        /// The shortest side of an instance, in pixels.
        const SHORTEST: f32 = 1e-2;
        let thresholds = self.config.detections;
        let (logits, differences) = self.heads.classify(features)?;
        let shares = softmax(&logits, D::Minus1)?.to_vec2::<f32>()?;
        let differences = differences.to_vec3::<f32>()?;
        let mut candidates = Vec::new();
        for (proposal, (shares, differences)) in shares.iter().zip(&differences).enumerate() {
            for (answer, &score) in shares.iter().enumerate().skip(1) {
                let numbers = [0, 1, 2, 3].map(|place| differences[answer][place]);
                if let Some(&value) = numbers.iter().chain([&score]).find(|v| !v.is_finite()) {
                    return Err(Error::NotFinite { value, name: "boxes" });
                }
                let found = BoxCoder::PROPOSALS.decode(numbers, &proposals[proposal].1);
                let bounding_box = found.clipped(width as f32, height as f32);
                if score > thresholds.score && bounding_box.is_at_least(SHORTEST) {
                    candidates.push(Candidate { bounding_box, score, class: answer - 1, proposal });
                }
            }
        }
        let boxes: Vec<BoundingBox> = candidates.iter().map(|found| found.bounding_box).collect();
        let scores: Vec<f32> = candidates.iter().map(|found| found.score).collect();
        let class = |found: &Candidate| if thresholds.agnostic { 0 } else { found.class };
        let classes: Vec<usize> = candidates.iter().map(class).collect();
        let stay = nms_by_class(&boxes, &scores, &classes, thresholds.nms);
        let mut candidates: Vec<Option<Candidate>> = candidates.into_iter().map(Some).collect();
        let stay = stay.into_iter().take(thresholds.in_picture);
        Ok(stay.filter_map(|at| candidates[at].take()).collect())
    }

    /// The masks' probabilities for each candidate's own class.
    fn masks(
        &self,
        levels: &[Tensor],
        candidates: &[Candidate],
        boxes: &[Place],
    ) -> Result<Vec<Vec<f32>>> {
        let logits = self.heads.masks(levels, boxes)?;
        let (count, answers, _, _) = logits.dims4()?;
        let flat = logits.reshape((count * answers, MASK_SIDE * MASK_SIDE))?;
        let own = candidates.iter().enumerate().map(|(at, found)| at * answers + found.class + 1);
        let logits = rows(&flat, &own.collect::<Vec<_>>())?.to_vec2::<f32>()?;
        let sigmoid = |logit: f32| 1.0 / (1.0 + (-logit).exp());
        Ok(logits.into_iter().map(|mask| mask.into_iter().map(sigmoid).collect()).collect())
    }
}
