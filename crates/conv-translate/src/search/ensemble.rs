//! What is searched: one network, or several that are asked together.

use crate::{ConvS2s, DecoderState, Error, PAD, Result, StepDecoder};
use candle_core::{D, DType, Tensor};
use conv_nn::log_softmax;

/// One network or more with the same words. Several say the mean of their probabilities and of
/// their attention, as fairseq's do.
#[derive(Debug, Clone)]
pub struct Ensemble {
    members: Vec<StepDecoder>,
    vocabularies: [usize; 2],
    positions: usize,
}

/// What the members remember of the prefixes.
pub(super) struct States(Vec<DecoderState>);

impl Ensemble {
    /// Of the present weights of at least one network.
    ///
    /// # Errors
    /// No network, or vocabularies of different sizes.
    pub fn new(networks: Vec<ConvS2s>) -> Result<Self> {
        let sizes = |network: &ConvS2s| {
            let config = network.config();
            [config.source_vocabulary, config.target_vocabulary]
        };
        let vocabularies = networks.first().map(sizes).ok_or(Error::NoModel)?;
        for (i, network) in networks.iter().enumerate() {
            let both = sizes(network).into_iter().zip(vocabularies);
            for (side, (found, expected)) in ["source", "target"].into_iter().zip(both) {
                if found != expected {
                    return Err(Error::Ensemble { model: i + 1, side, found, expected });
                }
            }
        }
        let positions = networks.iter().map(|network| network.config().longest_target()).min();
        let positions = positions.unwrap_or_default();
        let members = networks.into_iter().map(ConvS2s::step_decoder).collect::<Result<_>>()?;
        Ok(Self { members, vocabularies, positions })
    }

    /// The most tokens of a target that all members know, its `</s>` included.
    pub fn longest_target(&self) -> usize {
        self.positions
    }

    /// Words of the source and of the target.
    pub(super) fn vocabularies(&self) -> [usize; 2] {
        self.vocabularies
    }

    /// `[B, T]`, each row filled up.
    pub(super) fn batch(&self, rows: &[&[u32]]) -> Result<Tensor> {
        let longest = rows.iter().map(|row| row.len()).max().unwrap_or(0);
        let mut ids = vec![PAD; rows.len() * longest];
        for (to, row) in ids.chunks_mut(longest.max(1)).zip(rows) {
            to[..row.len()].copy_from_slice(row);
        }
        let device = self.members[0].device();
        Ok(Tensor::from_vec(ids, (rows.len(), longest), device)?)
    }

    /// Reads the sources; one row each to begin with.
    pub(super) fn begin(&self, sources: &[&[u32]]) -> Result<States> {
        let ids = self.batch(sources)?;
        let lengths: Vec<usize> = sources.iter().map(|source| source.len()).collect();
        let begin = |member: &StepDecoder| member.begin(&member.encode(&ids, &lengths)?, 1);
        Ok(States(self.members.iter().map(begin).collect::<Result<_>>()?))
    }

    /// Logarithms of the probabilities of what follows each row's next token, `[rows, V]`, and
    /// attention `[rows, S]`.
    pub(super) fn step(
        &self,
        tokens: &[u32],
        states: &mut States,
        temperature: f64,
    ) -> Result<[Tensor; 2]> {
        let tokens = Tensor::new(tokens, self.members[0].device())?;
        let mut said = Vec::with_capacity(self.members.len());
        for (member, state) in self.members.iter().zip(&mut states.0) {
            let step = member.step(&tokens, state)?;
            let mut values = step.log_probabilities.to_dtype(DType::F32)?;
            if temperature != 1.0 {
                // Softmax does not see what all logits have in common.
                values = log_softmax(&(values / temperature)?, D::Minus1)?;
            }
            said.push([values, step.attention.to_dtype(DType::F32)?]);
        }
        mean(said)
    }

    /// Logarithms of the probabilities `[B, T]` of the tokens `next` `[B, T]` after those of `ids`
    /// `[B, T]`, and attention `[B, T, S]`: a token at a time as in a search, so that they are a
    /// search's, whatever else is in the batch.
    pub(super) fn follow(
        &self,
        sources: &[&[u32]],
        ids: &Tensor,
        next: &Tensor,
    ) -> Result<[Tensor; 2]> {
        let mut states = self.begin(sources)?;
        let mut values = Vec::new();
        let mut attention = Vec::new();
        for position in 0..ids.dim(1)? {
            let tokens = ids.narrow(1, position, 1)?.flatten_all()?.to_vec1()?;
            let [said, read] = self.step(&tokens, &mut states, 1.0)?;
            let next = next.narrow(1, position, 1)?.contiguous()?;
            values.push(said.contiguous()?.gather(&next, D::Minus1)?);
            attention.push(read);
        }
        Ok([Tensor::cat(&values, 1)?, Tensor::stack(&attention, 1)?])
    }
}

/// The logarithm of the mean of probabilities given by their logarithms, and the mean of attention.
fn mean(mut said: Vec<[Tensor; 2]>) -> Result<[Tensor; 2]> {
    let count = said.len() as f64;
    match said.len() {
        1 => Ok(said.swap_remove(0)),
        _ => {
            let (values, attention): (Vec<_>, Vec<_>) =
                said.into_iter().map(|[values, attention]| (values, attention)).unzip();
            let values = (Tensor::stack(&values, 0)?.log_sum_exp(0)? - count.ln())?;
            Ok([values, Tensor::stack(&attention, 0)?.mean(0)?])
        }
    }
}

impl States {
    /// Row i goes on from what was row `rows[i]`.
    pub fn reorder(&mut self, rows: &[u32], ensemble: &Ensemble) -> Result<()> {
        let rows = Tensor::new(rows, ensemble.members[0].device())?;
        self.0.iter_mut().try_for_each(|state| state.reorder(&rows))
    }

    /// The same, and only these sentences go on.
    pub fn keep(&mut self, sentences: &[usize], rows: &[u32], ensemble: &Ensemble) -> Result<()> {
        let rows = Tensor::new(rows, ensemble.members[0].device())?;
        self.0.iter_mut().try_for_each(|state| state.keep(sentences, &rows))
    }
}
