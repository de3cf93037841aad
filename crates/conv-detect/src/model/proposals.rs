//! The region proposal network (Ren et al. 2015, section 3.1).

use super::layers::{First, convolution, rectified, through};
use crate::boxes::{BoxCoder, nms_by_class};
use crate::{BoundingBox, Config, Error, Result};
use candle_core::{DType, Tensor};
use conv_nn::{Conv2d, VarBuilder};

/// One 3 × 3 convolution on every level, and of each of its pixels, for each anchor, whether an
/// object is there and how its box differs.
#[derive(Debug, Clone)]
pub(super) struct ProposalNetwork {
    convolution: Conv2d,
    objectness: Conv2d,
    differences: Conv2d,
}

/// What the region proposal network says of a batch: N is the number of anchors of all levels.
#[derive(Debug, Clone)]
pub struct Proposed {
    /// How likely an object is at each anchor, before the sigmoid, `[B, N]`.
    pub objectness: Tensor,
    /// How its box differs from the anchor, `[B, N, 4]`.
    pub differences: Tensor,
    /// The anchors.
    pub anchors: Vec<BoundingBox>,
    /// How many of them are of each level.
    pub levels: Vec<usize>,
}

impl ProposalNetwork {
    pub fn new(config: &Config, vb: &VarBuilder) -> Result<Self> {
        let width = config.pyramid;
        let anchors = config.anchors.aspects.len();
        let layer = |sizes, name: &str| convolution(sizes, First::Small, true, &vb.pp(name));
        Ok(Self {
            convolution: layer([width, width, 3, 1], "head.conv.0.0")?,
            objectness: layer([width, anchors, 1, 1], "head.cls_logits")?,
            differences: layer([width, 4 * anchors, 1, 1], "head.bbox_pred")?,
        })
    }

    /// Of the levels of a batch whose pictures lie in `height` × `width` pixels.
    pub fn forward(
        &self,
        config: &Config,
        levels: &[Tensor],
        (height, width): (usize, usize),
    ) -> Result<Proposed> {
        let mut objectness = Vec::new();
        let mut differences = Vec::new();
        let mut anchors = Vec::new();
        let mut counts = Vec::new();
        for (level, x) in levels.iter().enumerate() {
            let (_, _, rows, columns) = x.dims4()?;
            let stride = [height / rows, width / columns];
            let of_level = config.anchors.of_level(level, [rows, columns], stride);
            counts.push(of_level.len());
            anchors.extend(of_level);
            let x = rectified(&self.convolution, x)?;
            objectness.push(by_place(&through(&self.objectness, &x)?, 1)?.squeeze(2)?);
            differences.push(by_place(&through(&self.differences, &x)?, 4)?);
        }
        Ok(Proposed {
            objectness: Tensor::cat(&objectness, 1)?,
            differences: Tensor::cat(&differences, 1)?,
            anchors,
            levels: counts,
        })
    }
}

/// `[B, A · width, H, W]` as `[B, H · W · A, width]`.
fn by_place(x: &Tensor, width: usize) -> Result<Tensor> {
    let (batch, channels, rows, columns) = x.dims4()?;
    let x = x.reshape((batch, channels / width, width, rows, columns))?;
    let x = x.permute((0, 3, 4, 1, 2))?.contiguous()?;
    Ok(x.reshape((batch, rows * columns * (channels / width), width))?)
}

impl Proposed {
    /// The best `after` proposals of each picture, whose sides are (width, height): the best
    /// `before` of each level as boxes within the picture, less those that a better one of the same
    /// level covers. Nothing of it is tracked.
    ///
    /// # Errors
    /// A number that is not finite.
    pub fn best(
        &self,
        config: &Config,
        sides: &[(usize, usize)],
        counts: [usize; 2],
    ) -> Result<Vec<Vec<BoundingBox>>> {
        let objectness = self.objectness.detach().to_dtype(DType::F32)?.to_vec2::<f32>()?;
        let differences = self.differences.detach().to_dtype(DType::F32)?.to_vec3::<f32>()?;
        let pictures = objectness.iter().zip(&differences).zip(sides);
        pictures
            .map(|((scores, numbers), &sides)| {
                self.of_picture(config, scores, numbers, sides, counts)
            })
            .collect()
    }

    fn of_picture(
        &self,
        config: &Config,
        scores: &[f32],
        numbers: &[Vec<f32>],
        (width, height): (usize, usize),
        [before, after]: [usize; 2],
    ) -> Result<Vec<BoundingBox>> {
        /// The shortest side of a proposal, in pixels.
        const SHORTEST: f32 = 1e-3;
        if let Some(&value) = scores.iter().chain(numbers.iter().flatten()).find(|v| !v.is_finite())
        {
            return Err(Error::NotFinite { value, name: "proposals" });
        }
        let mut boxes = Vec::new();
        let mut kept = Vec::new();
        let mut of_level = Vec::new();
        let mut first = 0;
        for (level, &anchors) in self.levels.iter().enumerate() {
            let mut order: Vec<usize> = (first..first + anchors).collect();
            order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
            for &at in order.iter().take(before) {
                let differences = [0, 1, 2, 3].map(|place| numbers[at][place]);
                let found = BoxCoder::ANCHORS.decode(differences, &self.anchors[at]);
                let found = found.clipped(width as f32, height as f32);
                if found.is_at_least(SHORTEST) {
                    boxes.push(found);
                    kept.push(scores[at]);
                    of_level.push(level);
                }
            }
            first += anchors;
        }
        let stay = nms_by_class(&boxes, &kept, &of_level, config.proposals.nms);
        Ok(stay.into_iter().take(after).map(|at| boxes[at]).collect())
    }
}
