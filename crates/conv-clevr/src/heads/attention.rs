//! Stacked attention (Yang et al. 2016, "Stacked Attention Networks for Image Question Answering").

use super::layers::{self, Classifier, Reader, Stem, places};
use super::{Asked, Config, Head};
use crate::Result;
use candle_core::{D, Module, Tensor};
use conv_nn::{Linear, Mode, VarBuilder, linear, linear_no_bias, softmax};

/// A glimpse: where the question looks, and what it is with what it saw (equations 15 to 17).
#[derive(Debug)]
struct Glimpse {
    of_place: Linear,
    of_question: Linear,
    /// `[1, inner]`; a bias would change no softmax.
    score: Tensor,
}

/// The question looks at the map some times, each time knowing what it saw before; what it has
/// become answers.
#[derive(Debug)]
pub(super) struct StackedAttention {
    reader: Reader,
    stem: Stem,
    /// Of the places, as wide as the question (equation 4).
    project: Linear,
    glimpses: Vec<Glimpse>,
    classifier: Classifier,
    /// Rows of places, all places.
    sides: [usize; 2],
}

impl StackedAttention {
    pub fn new(config: &Config, vb: &VarBuilder) -> Result<Self> {
        let (units, inner) = (config.units, config.channels);
        let mut glimpses = Vec::new();
        for at in 0..config.steps {
            let vb = vb.pp(format!("glimpses.{at}"));
            glimpses.push(Glimpse {
                of_place: linear_no_bias(units, inner, vb.pp("of_place"))?,
                of_question: linear(units, inner, vb.pp("of_question"))?,
                score: linear_no_bias(inner, 1, vb.pp("score"))?.weight().clone(),
            });
        }
        let [_, rows, columns] = config.maps.as_ref().map_or([0; 3], |maps| maps.shape);
        Ok(Self {
            reader: Reader::new(config, false, vb)?,
            stem: Stem::new(config, vb)?,
            project: linear(Stem::channels(config), units, vb.pp("project"))?,
            glimpses,
            classifier: Classifier::new(units, config, vb)?,
            sides: [rows, columns].map(|side| side.div_ceil(config.stride)),
        })
    }

    /// What the question has become, `[N, H]`, and where it looked, `[N, S]` each time.
    fn look(&self, asked: &Asked, mode: &mut Mode) -> Result<(Tensor, Vec<Tensor>)> {
        let (_, mut question) = self.reader.forward(asked, mode)?;
        let seen = places(&self.stem.forward(asked, mode)?)?;
        let seen = self.project.forward(&seen)?.tanh()?;
        let mut looked = Vec::new();
        for Glimpse { of_place, of_question: of, score } in &self.glimpses {
            let places = of_place.forward(&seen)?.index_select(&asked.of_map, 0)?;
            let hidden = places.broadcast_add(&of.forward(&question)?.unsqueeze(1)?)?.tanh()?;
            let (count, places, inner) = hidden.dims3()?;
            let scores = hidden.reshape((count * places, inner))?.matmul(&score.t()?)?;
            let attention = softmax(&scores.reshape((count, places))?, D::Minus1)?;
            let glimpse = layers::read(asked, &attention, &seen)?;
            question = (question + glimpse)?;
            looked.push(attention);
        }
        Ok((question, looked))
    }
}

impl Head for StackedAttention {
    fn logits(&self, asked: &Asked, mode: &mut Mode) -> Result<Tensor> {
        let (question, _) = self.look(asked, mode)?;
        self.classifier.forward(&question, mode)
    }

    fn attention(&self, asked: &Asked) -> Result<Option<Tensor>> {
        let (_, looked) = self.look(asked, &mut Mode::Eval)?;
        let [rows, columns] = self.sides;
        let shape = (asked.len(), self.glimpses.len(), rows, columns);
        Ok(Some(Tensor::stack(&looked, 1)?.reshape(shape)?))
    }
}
