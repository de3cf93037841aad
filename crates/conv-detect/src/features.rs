//! A detector's pyramid as features of pictures, for others to learn from.

use crate::input::{DEVIATION, MEAN, batch};
use crate::{Config, Error, MaskRcnn, Pretrained, Result};
use candle_core::{Device, Tensor};
use conv_hub::InvalidField;
use conv_vision::{FeatureSource, FeaturesMadeBy, Picture};
use serde_json::json;
use std::collections::BTreeMap;
use std::path::Path;

/// The levels of a detector's feature pyramid: `fpn.0` has a place for every 4 pixels of what the
/// network sees, `fpn.1` for every 8, `fpn.2` for every 16, `fpn.3` for every 32. Boxes, attributes
/// and masks of small things are read from `fpn.0`.
#[derive(Debug, Clone)]
pub struct Pyramid {
    model: MaskRcnn,
    hash: String,
}

impl Pyramid {
    /// Opens a model folder or a file of weights, as [`Pretrained::open`].
    ///
    /// # Errors
    /// As there.
    pub fn open(path: &Path, device: &Device) -> Result<Self> {
        let weights =
            if path.is_dir() { path.join(conv_hub::folder::WEIGHTS) } else { path.to_path_buf() };
        let model = Pretrained::open(path)?.detector(device)?.model().clone();
        Ok(Self { model, hash: conv_vision::hash(&weights)? })
    }

    fn config(&self) -> &Config {
        self.model.config()
    }
}

impl FeatureSource for Pyramid {
    type Error = Error;

    fn made_by(&self) -> FeaturesMadeBy {
        let input = self.config().input;
        FeaturesMadeBy {
            network: "mask-rcnn".into(),
            layers: Vec::new(),
            weights: self.hash.clone(),
            preprocessing: json!({"input": input, "mean": MEAN, "std": DEVIATION}),
            names: BTreeMap::new(),
        }
    }

    fn layers(
        &self,
        pictures: Vec<Picture>,
        layers: &[&str],
        device: &Device,
    ) -> Result<Vec<Vec<Tensor>>> {
        let known: Vec<String> = (0..4).map(|level| format!("fpn.{level}")).collect();
        let level = |layer: &&str| {
            let level = known.iter().position(|known| known == layer);
            level.ok_or_else(|| InvalidField::name("layers", layer, known.join(", ")).into())
        };
        let wanted = layers.iter().map(level).collect::<Result<Vec<_>>>()?;
        let resized = pictures.into_iter().map(|picture| self.config().input.resize(picture));
        let resized = resized.collect::<Result<Vec<_>>>()?;
        let sides = |picture: &Picture| (picture.width(), picture.height());
        let mut features = Vec::with_capacity(resized.len());
        // Pictures of the same sides share a batch, so that none has another's padding.
        for pictures in resized.chunk_by(|a, b| sides(a) == sides(b)) {
            let levels = self.model.features(&batch(pictures, device)?)?;
            let (width, height) = sides(&pictures[0]);
            for at in 0..pictures.len() {
                let of = |&level: &usize| {
                    // Without the padding behind the picture's own places.
                    let stride = 4 << level;
                    let own = levels[level].get(at)?.narrow(1, 0, height.div_ceil(stride))?;
                    own.narrow(2, 0, width.div_ceil(stride))
                };
                features.push(wanted.iter().map(of).collect::<candle_core::Result<_>>()?);
            }
        }
        Ok(features)
    }
}
