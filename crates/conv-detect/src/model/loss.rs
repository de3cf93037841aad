//! The losses of a batch: two of the proposals, three of the boxes (He et al. 2017, section 3), and
//! those of attributes and measures.

use super::heads::{MASK_SIDE, Place};
use super::layers::rows;
use super::{MaskRcnn, Proposed};
use crate::boxes::BoxCoder;
use crate::config::Sampling;
use crate::matching::{Match, Matcher, draw};
use crate::{BoundingBox, Result};
use candle_core::Tensor;
use conv_nn::{
    CrossEntropyConfig, Reduction, Roi, RoiAlignConfig, binary_cross_entropy, cross_entropy,
    roi_align, smooth_l1,
};
use rand::Rng;

/// An attribute's value that nobody knows: it is not learnt.
pub const UNKNOWN: u32 = u32::MAX;

/// The share of the anchors that are drawn for a step, and of the proposals, that may have an
/// object.
const OF_ANCHORS: f64 = 0.5;
const OF_PROPOSALS: f64 = 0.25;

/// Where a box's loss turns from a square into a line.
const BETA: f64 = 1.0 / 9.0;

/// The objects of a picture as the network sees it.
#[derive(Debug, Clone)]
pub struct Targets {
    /// Width and height of the picture in pixels, without what fills up the batch.
    pub sides: (usize, usize),
    /// Of G objects.
    pub boxes: Vec<BoundingBox>,
    /// The class of each, from 0.
    pub classes: Vec<usize>,
    /// Their pixels, 0 or 1, `[G, 1, height, width]`.
    pub masks: Tensor,
    /// For each attribute the value of each object, or [`UNKNOWN`].
    pub attributes: Vec<Vec<u32>>,
    /// For each object its measures, in the configuration's order; NaN where nobody knows.
    pub measures: Vec<Vec<f32>>,
}

/// The losses of a batch, each one number.
#[derive(Debug, Clone)]
pub struct Losses {
    /// Whether an anchor has an object: the mean over those drawn.
    pub objectness: Tensor,
    /// How the objects' boxes differ from their anchors.
    pub proposal_boxes: Tensor,
    /// The classes of proposals.
    pub classes: Tensor,
    /// How the objects' boxes differ from their proposals.
    pub boxes: Tensor,
    /// The pixels of the objects' masks.
    pub masks: Tensor,
    /// The attributes of proposals with an object, summed over the attributes.
    pub attributes: Tensor,
    /// Their measures.
    pub measures: Tensor,
}

impl Losses {
    /// The sum that training makes small.
    ///
    /// # Errors
    /// Only those of the tensor library.
    pub fn total(&self) -> Result<Tensor> {
        let Self { objectness, proposal_boxes, classes, boxes, masks, attributes, measures } = self;
        let all = [objectness, proposal_boxes, classes, boxes, masks, attributes, measures];
        Ok(Tensor::stack(&all, 0)?.sum_all()?)
    }

    /// Each by its name.
    pub fn named(&self) -> [(&'static str, &Tensor); 7] {
        [
            ("objectness", &self.objectness),
            ("proposal_boxes", &self.proposal_boxes),
            ("classes", &self.classes),
            ("boxes", &self.boxes),
            ("masks", &self.masks),
            ("attributes", &self.attributes),
            ("measures", &self.measures),
        ]
    }
}

/// Proposals that were drawn for a step, of all pictures.
#[derive(Default)]
struct Drawn {
    places: Vec<Place>,
    /// 0 is the background.
    classes: Vec<u32>,
    /// Which of the places have an object, and which of their picture's that is.
    objects: Vec<(usize, usize)>,
}

impl MaskRcnn {
    /// The losses of pictures `[B, 3, H, W]`; `rng` draws the anchors and proposals.
    ///
    /// # Errors
    /// Targets that do not fit, or a number that is not finite.
    pub fn losses(
        &self,
        pictures: &Tensor,
        targets: &[Targets],
        rng: &mut impl Rng,
    ) -> Result<Losses> {
        let levels = self.features(pictures)?;
        let proposed = self.propose(&levels, pictures)?;
        let Sampling { anchors, proposals } = self.config.sampling;
        let (objectness, proposal_boxes) = proposal_losses(&proposed, targets, anchors, rng)?;
        let sides: Vec<(usize, usize)> = targets.iter().map(|targets| targets.sides).collect();
        let counts = self.config.proposals.counts_in_training();
        let boxes = proposed.best(&self.config, &sides, counts)?;
        let drawn = draw_proposals(boxes, targets, proposals, rng);

        let features = self.heads.box_features(&levels, &drawn.places)?;
        let (logits, differences) = self.heads.classify(&features)?;
        let wanted = Tensor::new(drawn.classes.as_slice(), pictures.device())?;
        let classes = cross_entropy(&logits, &wanted, &CrossEntropyConfig::default())?;
        let zero = classes.zeros_like()?;
        let mut losses = Losses {
            objectness,
            proposal_boxes,
            classes,
            boxes: zero.clone(),
            masks: zero.clone(),
            attributes: zero.clone(),
            measures: zero,
        };
        if drawn.objects.is_empty() {
            return Ok(losses);
        }
        losses.boxes = box_loss(&drawn, targets, &differences)?;
        let with_object: Vec<Place> =
            drawn.objects.iter().map(|(at, _)| drawn.places[*at]).collect();
        losses.masks = self.mask_loss(&levels, &drawn, &with_object, targets)?;
        let places: Vec<usize> = drawn.objects.iter().map(|(at, _)| *at).collect();
        let features = rows(&features, &places)?;
        if !self.config.attributes.is_empty() {
            losses.attributes = self.attribute_loss(&features, &drawn, targets)?;
        }
        if let Some(found) = self.heads.measures(&features, &with_object, &sides)? {
            losses.measures = measure_loss(&found, &drawn, targets)?;
        }
        Ok(losses)
    }

    fn mask_loss(
        &self,
        levels: &[Tensor],
        drawn: &Drawn,
        with_object: &[Place],
        targets: &[Targets],
    ) -> Result<Tensor> {
        let logits = self.heads.masks(levels, with_object)?;
        let (count, answers, _, _) = logits.dims4()?;
        let class = |(at, (place, _)): (usize, &(usize, usize))| {
            at * answers + drawn.classes[*place] as usize
        };
        let own: Vec<usize> = drawn.objects.iter().enumerate().map(class).collect();
        let flat = logits.reshape((count * answers, MASK_SIDE, MASK_SIDE))?;
        let logits = if answers == 1 { flat } else { rows(&flat, &own)? };
        // The object's mask within the proposal, as torchvision cuts it: shares of a cell's pixels.
        let config = RoiAlignConfig {
            output: (MASK_SIDE, MASK_SIDE),
            sampling: None,
            ..RoiAlignConfig::default()
        };
        let mut wanted = Vec::new();
        for (picture, targets) in targets.iter().enumerate() {
            let own = drawn.objects.iter().filter(|(at, _)| drawn.places[*at].0 == picture);
            let rois: Vec<Roi> = own
                .map(|&(at, sample)| Roi { sample, corners: drawn.places[at].1.corners() })
                .collect();
            if !rois.is_empty() {
                wanted.push(roi_align(&targets.masks, &rois, &config)?);
            }
        }
        let wanted = Tensor::cat(&wanted, 0)?.squeeze(1)?.to_dtype(logits.dtype())?;
        Ok(binary_cross_entropy(&logits, &wanted)?.mean_all()?)
    }

    fn attribute_loss(
        &self,
        features: &Tensor,
        drawn: &Drawn,
        targets: &[Targets],
    ) -> Result<Tensor> {
        let config = CrossEntropyConfig {
            ignore_index: Some(UNKNOWN),
            reduction: Reduction::Sum,
            ..CrossEntropyConfig::default()
        };
        let mut losses = Vec::new();
        for (attribute, logits) in self.heads.attributes(features)?.iter().enumerate() {
            let wanted = drawn
                .objects
                .iter()
                .map(|(at, object)| targets[drawn.places[*at].0].attributes[attribute][*object]);
            let wanted: Vec<u32> = wanted.collect();
            let known = wanted.iter().filter(|value| **value != UNKNOWN).count().max(1);
            let wanted = Tensor::new(wanted, logits.device())?;
            losses.push((cross_entropy(logits, &wanted, &config)? / known as f64)?);
        }
        Ok(Tensor::stack(&losses, 0)?.sum_all()?)
    }
}

/// The losses of drawn anchors.
fn proposal_losses(
    proposed: &Proposed,
    targets: &[Targets],
    count: usize,
    rng: &mut impl Rng,
) -> Result<(Tensor, Tensor)> {
    let anchors = &proposed.anchors;
    let mut positive = Vec::new();
    let mut negative = Vec::new();
    let mut numbers = Vec::new();
    for (picture, targets) in targets.iter().enumerate() {
        let matches = Matcher::ANCHORS.matches(&targets.boxes, anchors);
        let (objects, background) = draw(&matches, count, OF_ANCHORS, rng);
        for at in objects {
            if let Match::Object(object) = matches[at] {
                numbers.extend(BoxCoder::ANCHORS.encode(&targets.boxes[object], &anchors[at]));
                positive.push(picture * anchors.len() + at);
            }
        }
        negative.extend(background.into_iter().map(|at| picture * anchors.len() + at));
    }
    let drawn = (positive.len() + negative.len()).max(1);
    let places = [&positive[..], &negative].concat();
    let objectness = &proposed.objectness;
    let device = proposed.objectness.device();
    let logits = rows(&objectness.flatten_all()?, &places)?;
    let wanted: Vec<f32> =
        (0..places.len()).map(|at| if at < positive.len() { 1.0 } else { 0.0 }).collect();
    let wanted = Tensor::new(wanted, device)?.to_dtype(logits.dtype())?;
    let of_objects = binary_cross_entropy(&logits, &wanted)?.mean_all()?;
    if positive.is_empty() {
        let zero = of_objects.zeros_like()?;
        return Ok((of_objects, zero));
    }
    let found = rows(&proposed.differences.reshape(((), 4))?, &positive)?;
    let wanted = Tensor::from_vec(numbers, (positive.len(), 4), device)?.to_dtype(found.dtype())?;
    Ok((of_objects, (smooth_l1(&found, &wanted, BETA)?.sum_all()? / drawn as f64)?))
}

/// Draws proposals; the objects' own boxes are among them, so that there is always something to
/// learn (Girshick 2015).
fn draw_proposals(
    proposals: Vec<Vec<BoundingBox>>,
    targets: &[Targets],
    count: usize,
    rng: &mut impl Rng,
) -> Drawn {
    let mut drawn = Drawn::default();
    for (picture, (mut boxes, targets)) in proposals.into_iter().zip(targets).enumerate() {
        boxes.extend(&targets.boxes);
        let matches = Matcher::PROPOSALS.matches(&targets.boxes, &boxes);
        let (objects, background) = draw(&matches, count, OF_PROPOSALS, rng);
        for at in objects {
            if let Match::Object(object) = matches[at] {
                drawn.objects.push((drawn.places.len(), object));
                drawn.places.push((picture, boxes[at]));
                drawn.classes.push(targets.classes[object] as u32 + 1);
            }
        }
        for at in background {
            drawn.places.push((picture, boxes[at]));
            drawn.classes.push(0);
        }
    }
    drawn
}

fn box_loss(drawn: &Drawn, targets: &[Targets], differences: &Tensor) -> Result<Tensor> {
    let (_, answers, _) = differences.dims3()?;
    let mut own = Vec::new();
    let mut numbers = Vec::new();
    for &(at, object) in &drawn.objects {
        let (picture, proposal) = &drawn.places[at];
        own.push(at * answers + drawn.classes[at] as usize);
        numbers.extend(BoxCoder::PROPOSALS.encode(&targets[*picture].boxes[object], proposal));
    }
    let found = rows(&differences.reshape(((), 4))?, &own)?;
    let wanted = Tensor::from_vec(numbers, (own.len(), 4), found.device())?;
    let loss = smooth_l1(&found, &wanted.to_dtype(found.dtype())?, BETA)?.sum_all()?;
    Ok((loss / drawn.places.len() as f64)?)
}

/// The mean over the measures that are known.
fn measure_loss(found: &Tensor, drawn: &Drawn, targets: &[Targets]) -> Result<Tensor> {
    let wanted = drawn
        .objects
        .iter()
        .flat_map(|(at, object)| targets[drawn.places[*at].0].measures[*object].iter().copied());
    let wanted: Vec<f32> = wanted.collect();
    let known: Vec<usize> = (0..wanted.len()).filter(|&at| wanted[at].is_finite()).collect();
    if known.is_empty() {
        return Ok(Tensor::zeros((), found.dtype(), found.device())?);
    }
    let values: Vec<f32> = known.iter().map(|&at| wanted[at]).collect();
    let values = Tensor::new(values, found.device())?.to_dtype(found.dtype())?;
    let found = rows(&found.flatten_all()?, &known)?;
    Ok(smooth_l1(&found, &values, 1.0)?.mean_all()?)
}
