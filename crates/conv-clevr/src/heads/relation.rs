//! Relation network (Santoro et al. 2017, "A simple neural network module for relational
//! reasoning").

use super::layers::{Classifier, Reader, Stem, places, with_coordinates};
use super::{Asked, Config, Head};
use crate::Result;
use candle_core::{Module, Tensor};
use conv_core::Conv2dConfig;
use conv_hub::InvalidField;
use conv_nn::{
    BatchNorm, BatchNormConfig, Conv2d, Linear, Mode, VarBuilder, batch_norm, conv2d, linear,
    linear_no_bias, relu,
};

/// f(mean over pairs of g(oᵢ, oⱼ, q)): the objects are the places of a coarse map that say where
/// they are, q the question (equation 1, whose sum is divided by the number of pairs).
///
/// The first layer of g is a sum of what each of oᵢ, oⱼ and q adds, so that each is multiplied once
/// and not once a pair.
#[derive(Debug)]
pub(super) struct RelationNetwork {
    reader: Reader,
    stem: Stem,
    coarse: Conv2d,
    norm: BatchNorm,
    first: [Linear; 3],
    others: Vec<Linear>,
    classifier: Classifier,
}

impl RelationNetwork {
    pub fn new(config: &Config, vb: &VarBuilder) -> Result<Self> {
        let [_, rows, columns] = config.maps.as_ref().map_or([0; 3], |maps| maps.shape);
        let sides = [rows, columns].map(|side| side.div_ceil(config.stride));
        // Windows that leave nothing out: so far apart that they fit, and as large as is left.
        let mut of = Conv2dConfig::default();
        let mut kernel = (0, 0);
        for (axis, (side, count)) in sides.into_iter().zip(config.objects).enumerate() {
            let stride = side / count.max(1);
            let expected = format!("at most {side}, the places of the map");
            InvalidField::unless(stride > 0, "objects", &count, &expected)?;
            let window = side - (count - 1) * stride;
            match axis {
                0 => (of.stride.0, kernel.0) = (stride, window),
                _ => (of.stride.1, kernel.1) = (stride, window),
            }
        }
        let (channels, hidden) = (config.channels, config.hidden);
        let stem = Config { coordinates: false, ..config.clone() };
        let pair = vb.pp("pair");
        let others = (1..config.steps).map(|at| linear(hidden, hidden, pair.pp(format!("{at}"))));
        Ok(Self {
            reader: Reader::new(config, false, vb)?,
            stem: Stem::new(&stem, vb)?,
            coarse: conv2d(channels, channels, kernel, of, vb.pp("coarse"))?,
            norm: batch_norm(channels, BatchNormConfig::default(), vb.pp("coarse_norm"))?,
            first: [
                linear_no_bias(channels + 2, hidden, pair.pp("0.one"))?,
                linear_no_bias(channels + 2, hidden, pair.pp("0.other"))?,
                linear(config.units, hidden, pair.pp("0.question"))?,
            ],
            others: others.collect::<candle_core::Result<_>>()?,
            classifier: Classifier::new(hidden, config, vb)?,
        })
    }
}

impl Head for RelationNetwork {
    fn logits(&self, asked: &Asked, mode: &mut Mode) -> Result<Tensor> {
        let (_, question) = self.reader.forward(asked, mode)?;
        let coarse = self.coarse.forward(&self.stem.forward(asked, mode)?)?;
        let objects = places(&with_coordinates(&self.norm.forward_relu(&coarse, mode)?)?)?;
        let [one, other, of_question] = &self.first;
        let (count, objects_each, _) = objects.dims3()?;
        // Both objects of a pair, once a picture: [P, S, S, hidden], as rows of each picture.
        let one = one.forward(&objects)?;
        let other = other.forward(&objects)?;
        let pairs = one.unsqueeze(2)?.broadcast_add(&other.unsqueeze(1)?)?;
        let pairs = pairs.reshape((count, objects_each * objects_each, ()))?;
        let question = of_question.forward(&question)?.unsqueeze(1)?;
        let pairs = pairs.index_select(&asked.of_map, 0)?.broadcast_add(&question)?;
        let mut x = relu(&pairs)?;
        for layer in &self.others {
            x = relu(&layer.forward(&x)?)?;
        }
        self.classifier.forward(&x.mean(1)?, mode)
    }
}
