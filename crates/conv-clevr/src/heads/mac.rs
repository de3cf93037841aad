//! Memory, attention and composition (Hudson and Manning 2018, "Compositional Attention Networks
//! for Machine Reasoning").

use super::layers::{self, Classifier, Reader, Stem, places};
use super::{Asked, Config, Head};
use crate::Result;
use candle_core::{D, Module, Tensor};
use conv_nn::{
    Init, Linear, Mode, VarBuilder, dropout, linear, linear_no_bias, softmax, softmax_of_first,
};

/// A recurrent cell of three units that share a width d: the control attends to words, the read
/// unit to places, the write unit remembers (sections 3.2.1 to 3.2.3; without the optional gates).
#[derive(Debug)]
pub(super) struct Mac {
    reader: Reader,
    stem: Stem,
    /// Of the places, to d.
    knowledge: Linear,
    /// Of words and the question, to d.
    words: Linear,
    question: Linear,
    /// The question as each step sees it (equation c1).
    positions: Vec<Linear>,
    control: Linear,
    /// How much of each number counts, `[1, d]`; a bias would change no softmax.
    control_score: Tensor,
    first_control: Tensor,
    first_memory: Tensor,
    /// Of the memory and the places, whose product says how they are related (r1).
    of_memory: Linear,
    of_place: Linear,
    /// Of that product and of the places themselves (r2).
    related: Linear,
    itself: Linear,
    read_score: Tensor,
    /// Of what was read and the memory before (w1).
    write: [Linear; 2],
    classifier: Classifier,
    dropout: f64,
    /// Rows and columns of places.
    sides: [usize; 2],
}

impl Mac {
    pub fn new(config: &Config, vb: &VarBuilder) -> Result<Self> {
        let d = config.channels;
        let both = 2 * config.units;
        let layer = |name: &str| linear(d, d, vb.pp(name));
        let bare = |name: &str| linear_no_bias(d, d, vb.pp(name));
        let first =
            |name: &str| vb.get_with_hints((1, d), name, Init::Normal { mean: 0.0, std: 1.0 });
        let [_, rows, columns] = config.maps.as_ref().map_or([0; 3], |maps| maps.shape);
        let positions = (0..config.steps).map(|at| linear(d, d, vb.pp(format!("positions.{at}"))));
        Ok(Self {
            reader: Reader::new(config, true, vb)?,
            stem: Stem::new(config, vb)?,
            knowledge: linear(Stem::channels(config), d, vb.pp("knowledge"))?,
            words: linear(both, d, vb.pp("of_words"))?,
            question: linear(both, d, vb.pp("of_question"))?,
            positions: positions.collect::<candle_core::Result<_>>()?,
            control: linear(2 * d, d, vb.pp("control"))?,
            control_score: linear_no_bias(d, 1, vb.pp("control_score"))?.weight().clone(),
            first_control: first("first_control")?,
            first_memory: first("first_memory")?,
            of_memory: layer("of_memory")?,
            of_place: layer("of_place")?,
            related: bare("related")?,
            itself: layer("itself")?,
            read_score: linear_no_bias(d, 1, vb.pp("read_score"))?.weight().clone(),
            write: [layer("write.read")?, bare("write.before")?],
            classifier: Classifier::new(2 * d, config, vb)?,
            dropout: config.dropout,
            sides: [rows, columns].map(|side| side.div_ceil(config.stride)),
        })
    }

    /// The question and the last memory, `[N, 2 d]`, and where each step read, `[N, S]`.
    fn reason(&self, asked: &Asked, mode: &mut Mode) -> Result<(Tensor, Vec<Tensor>)> {
        let (words, question) = self.reader.forward(asked, mode)?;
        let words = self.words.forward(&words)?;
        let question = self.question.forward(&question)?;
        let places = places(&self.stem.forward(asked, mode)?)?;
        // What does not depend on the question is computed once a picture.
        let places = self.knowledge.forward(&places)?.elu(1.0)?;
        let of = |x: Tensor| x.index_select(&asked.of_map, 0);
        let of_place = self.of_place.forward(&places)?;
        let itself = self.itself.forward(&places)?;
        let [of_place, itself] = [of(of_place)?, of(itself)?];
        let all = |first: &Tensor| first.broadcast_as((asked.len(), first.dim(1)?))?.contiguous();
        let mut control = all(&self.first_control)?;
        let mut memory = all(&self.first_memory)?;
        let mut read = Vec::new();
        for position in &self.positions {
            let step = position.forward(&question)?;
            let sought = self.control.forward(&Tensor::cat(&[control, step], 1)?)?;
            let scores = products(&words, &sought.broadcast_mul(&self.control_score)?)?;
            let attention = softmax_of_first(&scores, &asked.lengths)?;
            control = attention.unsqueeze(1)?.matmul(&words)?.squeeze(1)?;

            let known = self.of_memory.forward(&dropout(&memory, self.dropout, mode)?)?;
            let related = of_place.broadcast_mul(&known.unsqueeze(1)?)?;
            let related = (self.related.forward(&related)? + &itself)?.elu(1.0)?;
            let scores = products(&related, &control.broadcast_mul(&self.read_score)?)?;
            let attention = softmax(&scores, D::Minus1)?;
            let found = layers::read(asked, &attention, &places)?;
            read.push(attention);

            let [of_read, before] = &self.write;
            memory = (of_read.forward(&found)? + before.forward(&memory)?)?;
        }
        Ok((Tensor::cat(&[question, memory], 1)?, read))
    }
}

/// The products of rows `[N, S, d]` with their question's vector `[N, d]`: `[N, S]`.
fn products(rows: &Tensor, vector: &Tensor) -> Result<Tensor> {
    Ok(rows.matmul(&vector.unsqueeze(2)?)?.squeeze(2)?)
}

impl Head for Mac {
    fn logits(&self, asked: &Asked, mode: &mut Mode) -> Result<Tensor> {
        let (found, _) = self.reason(asked, mode)?;
        self.classifier.forward(&found, mode)
    }

    fn attention(&self, asked: &Asked) -> Result<Option<Tensor>> {
        let (_, read) = self.reason(asked, &mut Mode::Eval)?;
        let [rows, columns] = self.sides;
        let shape = (asked.len(), self.positions.len(), rows, columns);
        Ok(Some(Tensor::stack(&read, 1)?.reshape(shape)?))
    }
}
