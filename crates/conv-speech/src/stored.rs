//! A model folder of this crate, read and checked.

use crate::{Cldnn, Config, Result, cldnn};
use candle_core::{DType, Device};
use conv_nn::Parameters;
use std::path::Path;

/// The network of the folder at `path`; every tensor that it takes is there and of the shape that
/// the configuration says.
pub(crate) fn open(path: &Path, device: &Device) -> Result<Cldnn> {
    let stored = conv_hub::Stored::<Config>::open(path)?;
    let parameters = Parameters::frozen(stored.tensors);
    cldnn(&stored.config, None, &parameters.builder(DType::F32, device))
}
