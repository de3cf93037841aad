//! What is said of a box: its class, its exact place, its mask, its attributes and measures (He et
//! al. 2017, section 3, figure 4 right).

use super::backbone::LEVELS;
use super::layers::{First, all_rectified, convolution, through};
use crate::{BoundingBox, Config, Result};
use candle_core::Tensor;
use conv_core::{ConvTranspose2dConfig, conv_transpose2d};
use conv_nn::{Conv2d, Init, Linear, Roi, RoiAlignConfig, VarBuilder, linear, relu, roi_align};

/// Rows and columns of what the box head sees, of what the mask head sees, and of a mask.
const BOX_CELLS: usize = 7;
const MASK_CELLS: usize = 14;
pub(crate) const MASK_SIDE: usize = 2 * MASK_CELLS;

/// Width of the hidden layer behind the measures.
const MEASURE_FEATURES: usize = 64;

/// A box of a picture of the batch.
pub(super) type Place = (usize, BoundingBox);

#[derive(Debug, Clone)]
pub(super) struct Heads {
    box_layers: [Linear; 2],
    classes: Linear,
    differences: Linear,
    mask_layers: Vec<Conv2d>,
    /// Weight and bias of the transposed convolution that doubles a mask's sides.
    mask_doubling: (Tensor, Tensor),
    masks: Conv2d,
    attributes: Vec<Linear>,
    measures: Option<[Linear; 2]>,
}

impl Heads {
    pub fn new(config: &Config, vb: &VarBuilder) -> Result<Self> {
        let Config { pyramid, box_features: features, mask_channels: channels, .. } = *config;
        let answers = config.classes + 1;
        let mut mask_layers = Vec::with_capacity(config.mask_layers);
        for at in 0..config.mask_layers {
            let inputs = if at == 0 { pyramid } else { channels };
            let vb = vb.pp(format!("mask_head.{at}.0"));
            mask_layers.push(convolution([inputs, channels, 3, 1], First::FanOut, true, &vb)?);
        }
        let predictor = vb.pp("mask_predictor");
        // Of a transposed convolution PyTorch counts fans the other way round.
        let spread = Init::Normal { mean: 0.0, std: (2.0 / (4 * channels) as f64).sqrt() };
        let doubling = predictor.pp("conv5_mask");
        let mask_doubling = (
            doubling.get_with_hints((channels, channels, 2, 2), "weight", spread)?,
            doubling.get_with_hints(channels, "bias", Init::Const(0.0))?,
        );
        let logits = predictor.pp("mask_fcn_logits");
        let attribute = |attribute: &crate::config::Attribute| {
            let vb = vb.pp(format!("attribute_predictor.{}", attribute.name));
            linear(features, attribute.values.len(), vb)
        };
        let measures = match config.measures.len() {
            0 => None,
            count => Some([
                linear(features + 4, MEASURE_FEATURES, vb.pp("measure_head.fc"))?,
                linear(MEASURE_FEATURES, count, vb.pp("measure_predictor"))?,
            ]),
        };
        Ok(Self {
            box_layers: [
                linear(pyramid * BOX_CELLS * BOX_CELLS, features, vb.pp("box_head.fc6"))?,
                linear(features, features, vb.pp("box_head.fc7"))?,
            ],
            classes: linear(features, answers, vb.pp("box_predictor.cls_score"))?,
            differences: linear(features, 4 * answers, vb.pp("box_predictor.bbox_pred"))?,
            mask_layers,
            mask_doubling,
            masks: convolution([channels, answers, 1, 1], First::FanOut, true, &logits)?,
            attributes: config
                .attributes
                .iter()
                .map(attribute)
                .collect::<candle_core::Result<_>>()?,
            measures,
        })
    }

    /// The features of R boxes, `[R, features]`.
    pub fn box_features(&self, levels: &[Tensor], boxes: &[Place]) -> Result<Tensor> {
        let mut x = pool(levels, boxes, BOX_CELLS)?.flatten_from(1)?;
        for layer in &self.box_layers {
            x = relu(&through(layer, &x)?)?;
        }
        Ok(x)
    }

    /// The classes of boxes before the softmax, `[R, K + 1]` with the background first, and how
    /// their places differ for each, `[R, K + 1, 4]`.
    pub fn classify(&self, features: &Tensor) -> Result<(Tensor, Tensor)> {
        let classes = through(&self.classes, features)?;
        let (boxes, answers) = classes.dims2()?;
        let differences = through(&self.differences, features)?.reshape((boxes, answers, 4))?;
        Ok((classes, differences))
    }

    /// The masks of P boxes for each class before the sigmoid, `[P, K + 1, 28, 28]`.
    pub fn masks(&self, levels: &[Tensor], boxes: &[Place]) -> Result<Tensor> {
        let x = all_rectified(&self.mask_layers, &pool(levels, boxes, MASK_CELLS)?)?;
        let config = ConvTranspose2dConfig { stride: (2, 2), ..ConvTranspose2dConfig::default() };
        let (weight, bias) = &self.mask_doubling;
        let x = relu(&conv_transpose2d(&x, weight, Some(bias), &config)?)?;
        Ok(through(&self.masks, &x)?)
    }

    /// The answers to each attribute before the softmax, `[R, values]`.
    pub fn attributes(&self, features: &Tensor) -> Result<Vec<Tensor>> {
        self.attributes.iter().map(|layer| Ok(through(layer, features)?)).collect()
    }

    /// The measures, `[R, measures]`, of boxes in pictures of so many pixels (width, height); none
    /// where there are none.
    pub fn measures(
        &self,
        features: &Tensor,
        boxes: &[Place],
        sides: &[(usize, usize)],
    ) -> Result<Option<Tensor>> {
        let Some([hidden, output]) = &self.measures else { return Ok(None) };
        let place = |(sample, found): &Place| {
            let width = sides[*sample].0 as f32;
            let height = sides[*sample].1 as f32;
            let [left, top, right, bottom] = found.corners();
            [left / width, top / height, right / width, bottom / height]
        };
        let places: Vec<f32> = boxes.iter().flat_map(place).collect();
        let places = Tensor::from_vec(places, (boxes.len(), 4), features.device())?;
        let places = places.to_dtype(features.dtype())?;
        let x = Tensor::cat(&[features, &places], 1)?;
        Ok(Some(through(output, &relu(&through(hidden, &x)?)?)?))
    }
}

/// What the pyramid has in each box, as `cells` × `cells`, from the level that suits its size (Lin
/// et al. 2017, equation 1): the coarsest level for boxes of 448 pixels and more, the finest below 112.
fn pool(levels: &[Tensor], boxes: &[Place], cells: usize) -> Result<Tensor> {
    let level_of = |found: &BoundingBox| {
        let level = (4.0 + (found.area().max(0.0).sqrt() / 224.0).log2() + 1e-6).floor();
        (level.clamp(2.0, 1.0 + LEVELS as f32) - 2.0) as usize
    };
    let mut pooled = Vec::new();
    let mut order = Vec::new();
    for (level, x) in levels.iter().take(LEVELS).enumerate() {
        let own: Vec<usize> =
            (0..boxes.len()).filter(|&at| level_of(&boxes[at].1) == level).collect();
        if own.is_empty() {
            continue;
        }
        let roi = |&at: &usize| Roi { sample: boxes[at].0, corners: boxes[at].1.corners() };
        let rois: Vec<Roi> = own.iter().map(roi).collect();
        let config = RoiAlignConfig {
            output: (cells, cells),
            scale: 0.25 / (1 << level) as f32,
            ..RoiAlignConfig::default()
        };
        pooled.push(roi_align(x, &rois, &config)?);
        order.extend(own);
    }
    let all = Tensor::cat(&pooled, 0)?;
    if pooled.len() == 1 {
        return Ok(all);
    }
    let mut places = vec![0; order.len()];
    order.iter().enumerate().for_each(|(at, &place)| places[place] = at);
    Ok(super::layers::rows(&all, &places)?)
}
