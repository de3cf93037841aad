//! The question alone.

use super::layers::{Classifier, Reader};
use super::{Asked, Config, Head};
use crate::Result;
use candle_core::Tensor;
use conv_nn::{Mode, VarBuilder};

/// What an LSTM makes of the question (Johnson et al. 2016, section 4.1): what can be answered
/// without looking.
#[derive(Debug)]
pub(super) struct QuestionLstm {
    reader: Reader,
    classifier: Classifier,
}

impl QuestionLstm {
    pub fn new(config: &Config, vb: &VarBuilder) -> Result<Self> {
        Ok(Self {
            reader: Reader::new(config, false, vb)?,
            classifier: Classifier::new(config.units, config, vb)?,
        })
    }
}

impl Head for QuestionLstm {
    fn logits(&self, asked: &Asked, mode: &mut Mode) -> Result<Tensor> {
        let (_, question) = self.reader.forward(asked, mode)?;
        self.classifier.forward(&question, mode)
    }
}
