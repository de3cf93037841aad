//! Weights of timm (`timm/*` on the hub). Its ResNets have torchvision's names; its VGGs have a
//! classifier of convolutions.

use crate::Result;
use candle_core::Tensor;
use std::collections::BTreeMap;

/// The classifier's layers in timm and in torchvision.
const LAYERS: [(&str, &str); 3] = [
    ("pre_logits.fc1", "classifier.0"),
    ("pre_logits.fc2", "classifier.3"),
    ("head.fc", "classifier.6"),
];

/// Gives a VGG of timm torchvision's names and shapes: a convolution over all places is a linear
/// layer over the map laid flat, channel by channel. Others stay as they are.
pub(crate) fn rename(tensors: &mut BTreeMap<String, Tensor>) -> Result<()> {
    if !tensors.contains_key("pre_logits.fc1.weight") {
        return Ok(());
    }
    for (theirs, ours) in LAYERS {
        for part in ["weight", "bias"] {
            if let Some(tensor) = tensors.remove(&format!("{theirs}.{part}")) {
                let tensor = if tensor.rank() == 4 { tensor.flatten_from(1)? } else { tensor };
                tensors.insert(format!("{ours}.{part}"), tensor);
            }
        }
    }
    Ok(())
}
