//! The question beside the picture as a whole.

use super::layers::{Classifier, Reader, Stem};
use super::{Asked, Config, Head};
use crate::Result;
use candle_core::Tensor;
use conv_core::global_avg_pool;
use conv_nn::{Mode, VarBuilder};

/// The last output over the question beside the mean over the map's places (Johnson et al. 2016,
/// section 4.1).
#[derive(Debug)]
pub(super) struct CnnLstm {
    reader: Reader,
    stem: Stem,
    classifier: Classifier,
}

impl CnnLstm {
    pub fn new(config: &Config, vb: &VarBuilder) -> Result<Self> {
        let inputs = config.units + Stem::channels(config);
        Ok(Self {
            reader: Reader::new(config, false, vb)?,
            stem: Stem::new(config, vb)?,
            classifier: Classifier::new(inputs, config, vb)?,
        })
    }
}

impl Head for CnnLstm {
    fn logits(&self, asked: &Asked, mode: &mut Mode) -> Result<Tensor> {
        let (_, question) = self.reader.forward(asked, mode)?;
        let picture = global_avg_pool(&self.stem.forward(asked, mode)?)?;
        let picture = picture.index_select(&asked.of_map, 0)?;
        self.classifier.forward(&Tensor::cat(&[question, picture], 1)?, mode)
    }
}
