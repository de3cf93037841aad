//! The decoder word by word: what a convolution has seen is kept, so that a word costs the same
//! wherever it stands.

use super::attention::{Attention, scaled_values};
use super::decoder::{Decoder, Layer};
use super::residual::{Residuals, halved};
use super::rows::{RowEmbed, RowEncoder, gated, linear, row_embed, row_encoder};
use super::{ConvS2s, Encoded};
use crate::Result;
use candle_core::{D, Device, Tensor};
use conv_core::Dense;
use conv_nn::{dot_attention, log_softmax};

/// The network as a search asks it: its weights laid out for single positions. Many searches may
/// share it.
#[derive(Debug, Clone)]
pub struct StepDecoder {
    encoder: RowEncoder,
    embed: RowEmbed,
    first: Dense,
    layers: Vec<StepLayer>,
    residuals: Residuals<Dense>,
    last: Dense,
    output: Dense,
}

#[derive(Debug, Clone)]
struct StepLayer {
    /// Of a window's positions side by side, gated: from K · C to C'.
    convolution: Dense,
    /// The numbers of a position, C, and the positions before the present one, K - 1.
    seen: [usize; 2],
    attention: Option<[Dense; 2]>,
}

/// What a search remembers of the prefixes so far: B sentences with as many rows each.
#[derive(Debug, Clone)]
pub struct DecoderState {
    /// Tokens read.
    position: usize,
    /// Of each layer the last K - 1 inputs, `[rows, (K - 1) · C]`.
    seen: Vec<Tensor>,
    /// `[B, S, E]`.
    keys: Tensor,
    /// `[B, S, E]`, scaled.
    values: Tensor,
    lengths: Vec<usize>,
}

/// What follows each prefix.
#[derive(Debug, Clone)]
pub struct Step {
    /// Logarithms of the probabilities of the next token, `[rows, V]`.
    pub log_probabilities: Tensor,
    /// The share of each source position in what was read, the mean over the layers, `[rows, S]`.
    pub attention: Tensor,
}

pub(super) fn step_decoder(ConvS2s { encoder, decoder, .. }: ConvS2s) -> Result<StepDecoder> {
    let (weight, output) = {
        let (weight, bias) = decoder.output()?;
        (weight.id(), Dense::new(&weight.detach(), Some(&bias.detach()))?)
    };
    let Decoder { embed, first, layers, residuals, last, .. } = decoder;
    let embed = row_embed(embed, (weight, &output));
    let encoder = row_encoder(encoder, (weight, &output))?;
    let of_layer = |layer: Layer| {
        let of_attention = |attention: Attention| -> Result<_> {
            let [query, output] = attention.maps();
            Ok([linear(query)?, linear(output)?])
        };
        let [inputs, width] = layer.convolution.window()?;
        Ok(StepLayer {
            convolution: gated(layer.convolution)?,
            seen: [inputs, width - 1],
            attention: layer.attention.map(of_attention).transpose()?,
        })
    };
    Ok(StepDecoder {
        encoder,
        embed,
        first: linear(first)?,
        layers: layers.into_iter().map(of_layer).collect::<Result<_>>()?,
        residuals: residuals.map(linear)?,
        last: linear(last)?,
        output,
    })
}

impl StepDecoder {
    /// Where its weights are.
    pub(crate) fn device(&self) -> &Device {
        self.embed.positions().device()
    }

    /// Reads source sentences, as [`ConvS2s::encode`]. What it says of a sentence does not depend
    /// on the others.
    ///
    /// # Errors
    /// As there.
    pub fn encode(&self, ids: &Tensor, lengths: &[usize]) -> Result<Encoded> {
        self.encoder.forward(ids, lengths)
    }

    /// The beginning of a search with `rows` prefixes of each sentence.
    ///
    /// # Errors
    /// Only those of the tensor library.
    pub fn begin(&self, source: &Encoded, rows: usize) -> Result<DecoderState> {
        let sentences = source.lengths.len();
        let seen = |layer: &StepLayer| {
            let [inputs, positions] = layer.seen;
            let of = self.embed.positions();
            Tensor::zeros((sentences * rows, positions * inputs), of.dtype(), of.device())
        };
        Ok(DecoderState {
            position: 0,
            seen: self.layers.iter().map(seen).collect::<candle_core::Result<_>>()?,
            keys: source.keys.transpose(1, 2)?.contiguous()?,
            values: scaled_values(source)?.transpose(1, 2)?.contiguous()?,
            lengths: source.lengths.clone(),
        })
    }

    /// Reads the next token of each row, `[rows]`. What it says of a row does not depend on the
    /// others.
    ///
    /// # Errors
    /// A position beyond the table, or a token beyond the vocabulary.
    pub fn step(&self, tokens: &Tensor, state: &mut DecoderState) -> Result<Step> {
        self.embed.check(state.position + 1)?;
        let embedded = self.embed.forward(tokens, vec![state.position; tokens.dim(0)?])?;
        state.position += 1;
        let mut inputs = vec![self.first.forward(&embedded)?];
        let mut attended: Option<Tensor> = None;
        for (i, layer) in self.layers.iter().enumerate() {
            let window = Tensor::cat(&[&state.seen[i], &inputs[i]], 1)?;
            let mut x = layer.convolution.forward(&window)?;
            let size = inputs[i].dim(1)?;
            state.seen[i] = window.narrow(1, size, window.dim(1)? - size)?.contiguous()?;
            if let Some(attention) = &layer.attention {
                let (read, shares) = attend(attention, &x, &embedded, state)?;
                attended = Some(attended.map_or(Ok(shares.clone()), |sum| sum + shares)?);
                x = read;
            }
            if let Some(residual) = self.residuals.of(i, &inputs)? {
                x = halved(&x, &residual)?;
            }
            inputs.push(x);
        }
        let x = self.last.forward(&inputs[self.layers.len()])?;
        let log_probabilities = log_softmax(&self.output.forward(&x)?, D::Minus1)?;
        let attended =
            attended.unwrap_or_else(|| unreachable!("a configuration attends somewhere"));
        let attention = (attended / self.layers.len() as f64)?;
        Ok(Step { log_probabilities, attention })
    }
}

/// What rows `x` and `embedded` become after reading the source, and the shares of its positions
/// `[rows, S]`.
fn attend(
    [query, output]: &[Dense; 2],
    x: &Tensor,
    embedded: &Tensor,
    state: &DecoderState,
) -> Result<(Tensor, Tensor)> {
    let queries = halved(&query.forward(x)?, embedded)?;
    let (rows, size) = queries.dims2()?;
    let sentences = state.lengths.len();
    let queries = queries.reshape((sentences, rows / sentences, size))?;
    let (context, shares) = dot_attention(&queries, &state.keys, &state.values, &state.lengths)?;
    let x = halved(&output.forward(&context.reshape((rows, size))?)?, x)?;
    Ok((x, shares.reshape((rows, ()))?))
}

impl DecoderState {
    /// Sentences that are still searched.
    pub fn sentences(&self) -> usize {
        self.lengths.len()
    }

    /// Row `i` goes on from what was row `rows[i]`, which is of the same sentence; each sentence
    /// has as many rows as the others, more or fewer than before.
    ///
    /// # Errors
    /// A row that there is not.
    pub fn reorder(&mut self, rows: &Tensor) -> Result<()> {
        for seen in &mut self.seen {
            if seen.dim(1)? > 0 {
                *seen = seen.index_select(rows, 0)?;
            } else {
                *seen = Tensor::zeros((rows.elem_count(), 0), seen.dtype(), seen.device())?;
            }
        }
        Ok(())
    }

    /// Goes on with these `sentences` alone, by their places, and with `rows` as
    /// [`DecoderState::reorder`] has them.
    ///
    /// # Errors
    /// A sentence or row that there is not.
    pub fn keep(&mut self, sentences: &[usize], rows: &Tensor) -> Result<()> {
        let places: Vec<u32> = sentences.iter().map(|place| *place as u32).collect();
        let places = Tensor::from_vec(places, sentences.len(), self.keys.device())?;
        self.keys = self.keys.index_select(&places, 0)?;
        self.values = self.values.index_select(&places, 0)?;
        self.lengths = sentences.iter().map(|place| self.lengths[*place]).collect();
        self.reorder(rows)
    }
}
