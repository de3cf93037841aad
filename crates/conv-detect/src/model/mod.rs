//! Mask R-CNN as a whole. Parameter names are torchvision's `MaskRCNN`'s; the slim backbone has
//! group normalisation for its batch normalisation.

mod backbone;
mod detect;
mod heads;
mod layers;
mod loss;
mod proposals;
mod residual;
mod slim;

pub(crate) use detect::Found;
pub(crate) use heads::MASK_SIDE;
pub use loss::{Losses, Targets, UNKNOWN};
pub use proposals::Proposed;

use crate::{Config, Result};
use backbone::Backbone;
use candle_core::Tensor;
use conv_hub::ModelConfig;
use conv_nn::VarBuilder;
use heads::Heads;
use proposals::ProposalNetwork;

/// The network: backbone and pyramid, region proposals, and the heads over the boxes. On the CPU.
#[derive(Debug, Clone)]
pub struct MaskRcnn {
    config: Config,
    backbone: Backbone,
    proposals: ProposalNetwork,
    heads: Heads,
}

/// A [`MaskRcnn`] with parameters from `vb`.
///
/// # Errors
/// A field out of its range; a parameter that is missing or of another shape.
pub fn mask_rcnn(config: &Config, vb: &VarBuilder) -> Result<MaskRcnn> {
    config.check()?;
    Ok(MaskRcnn {
        backbone: Backbone::new(config, &vb.pp("backbone"))?,
        proposals: ProposalNetwork::new(config, &vb.pp("rpn"))?,
        heads: Heads::new(config, &vb.pp("roi_heads"))?,
        config: config.clone(),
    })
}

impl MaskRcnn {
    /// Its sizes.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The pyramid's levels, with a pixel every 4, 8, 16 and 32 of the pictures, and where the
    /// anchors have a fifth size 64; of `[B, 3, H, W]`, where H and W are multiples of 32.
    ///
    /// # Errors
    /// Another shape.
    pub fn features(&self, pictures: &Tensor) -> Result<Vec<Tensor>> {
        self.backbone.forward(pictures)
    }

    /// What the region proposal network says of the levels of pictures `[B, 3, H, W]`.
    ///
    /// # Errors
    /// Levels of another shape.
    pub fn propose(&self, levels: &[Tensor], pictures: &Tensor) -> Result<Proposed> {
        let (_, _, height, width) = pictures.dims4()?;
        self.proposals.forward(&self.config, levels, (height, width))
    }
}

#[cfg(test)]
mod tests;
