//! The encoder as a search asks it: its weights laid out once, and the tokens of all sentences as
//! rows one below the other, without padding between them.

use super::Encoded;
use super::embed::Embed;
use super::encoder::Encoder;
use super::normed::Normed;
use super::residual::{Residuals, Side, halved};
use crate::config::POSITIONS_FROM;
use crate::{Error, Result};
use candle_core::{Device, Tensor, TensorId};
use conv_core::Dense;

/// Where rows begin: the tables of words and positions.
#[derive(Debug, Clone)]
pub(super) struct RowEmbed {
    side: Side,
    words: Words,
    positions: Tensor,
}

#[derive(Debug, Clone)]
enum Words {
    Table(Tensor),
    /// The output layer, whose weight is the table.
    Tied(Dense),
}

/// The tables of `embed`. Words that are the weight of the output layer, by its identity, are read
/// there and not kept beside it.
pub(super) fn row_embed(embed: Embed, (weight, output): (TensorId, &Dense)) -> RowEmbed {
    let words = if embed.words().id() == weight {
        Words::Tied(output.clone())
    } else {
        Words::Table(embed.words().detach())
    };
    RowEmbed { side: embed.side(), words, positions: embed.positions().detach() }
}

impl RowEmbed {
    pub fn positions(&self) -> &Tensor {
        &self.positions
    }

    /// Refuses a sequence of more positions than the table has.
    pub fn check(&self, found: usize) -> Result<()> {
        let expected = self.positions.dim(0)? - POSITIONS_FROM;
        if found > expected {
            return Err(Error::TooLong { side: self.side.name(), found, expected });
        }
        Ok(())
    }

    /// Tokens `ids` `[rows]` at `places` `[rows]`, counted from 0 → `[rows, E]`.
    pub fn forward(&self, ids: &Tensor, places: Vec<usize>) -> Result<Tensor> {
        let words = match &self.words {
            Words::Table(table) => table.index_select(ids, 0)?,
            Words::Tied(output) => output.weight_rows(ids)?,
        };
        let positions = places.into_iter().map(|place| Some(POSITIONS_FROM + place)).collect();
        let positions = self.positions.index_select(&index(positions, 0, ids.device())?, 0)?;
        Ok((words + positions)?)
    }
}

/// [`Encoder`] for inference. What it says of a row does not depend on the others, to the last bit.
#[derive(Debug, Clone)]
pub(super) struct RowEncoder {
    embed: RowEmbed,
    first: Dense,
    layers: Vec<RowLayer>,
    residuals: Residuals<Dense>,
    last: Dense,
}

#[derive(Debug, Clone)]
struct RowLayer {
    /// Of a window's positions side by side, gated: from K · C to C'.
    convolution: Dense,
    /// K, and how many of the positions lie before the present one.
    window: [usize; 2],
}

/// A map of every position as one of rows: its weight, `[O, K · C]`, and its bias.
fn of_rows(map: Normed) -> candle_core::Result<(Tensor, Tensor)> {
    let weight = map.weight()?.detach();
    let (outputs, inputs, width) = weight.dims3()?;
    let weight = weight.transpose(1, 2)?.contiguous()?.reshape((outputs, inputs * width))?;
    Ok((weight, map.bias().detach()))
}

pub(super) fn linear(map: Normed) -> Result<Dense> {
    let (weight, bias) = of_rows(map)?;
    Ok(Dense::new(&weight, Some(&bias))?)
}

pub(super) fn gated(map: Normed) -> Result<Dense> {
    let (weight, bias) = of_rows(map)?;
    Ok(Dense::glu(&weight, Some(&bias))?)
}

/// With the output layer for [`row_embed`].
pub(super) fn row_encoder(encoder: Encoder, output: (TensorId, &Dense)) -> Result<RowEncoder> {
    let Encoder { embed, first, convolutions, residuals, last, .. } = encoder;
    let layer = |convolution: Normed| {
        let window = [convolution.window()?[1], convolution.padding().0];
        Ok(RowLayer { convolution: gated(convolution)?, window })
    };
    Ok(RowEncoder {
        embed: row_embed(embed, output),
        first: linear(first)?,
        layers: convolutions.into_iter().map(layer).collect::<Result<_>>()?,
        residuals: residuals.map(linear)?,
        last: linear(last)?,
    })
}

impl RowEncoder {
    /// As [`Encoder::forward`] in evaluation.
    pub fn forward(&self, ids: &Tensor, lengths: &[usize]) -> Result<Encoded> {
        let (sentences, longest) = ids.dims2()?;
        self.embed.check(longest)?;
        let tokens = places(lengths, |sentence, place| Some(sentence * longest + place));
        let tokens = ids.flatten_all()?.index_select(&index(tokens, 0, ids.device())?, 0)?;
        let embedded = self.embed.forward(&tokens, places(lengths, |_, place| place))?;
        let rows = embedded.dim(0)?;
        let mut inputs = vec![self.first.forward(&embedded)?];
        for (i, RowLayer { convolution, window: [width, before] }) in self.layers.iter().enumerate()
        {
            let taken = windows(lengths, *width, *before);
            let mut x = convolution.forward(&select(&inputs[i], taken)?.reshape((rows, ()))?)?;
            if let Some(residual) = self.residuals.of(i, &inputs)? {
                x = halved(&x, &residual)?;
            }
            inputs.push(x);
        }
        let keys = self.last.forward(&inputs[self.layers.len()])?;
        let values = halved(&keys, &embedded)?;
        let padded = |x: &Tensor| {
            let starts = starts(lengths);
            let row = |(start, length): (usize, usize)| {
                (0..longest).map(move |place| (place < length).then_some(start + place))
            };
            let taken = starts.zip(lengths.iter().copied()).flat_map(row).collect();
            select(x, taken)?.reshape((sentences, longest, ()))?.transpose(1, 2)
        };
        Ok(Encoded { keys: padded(&keys)?, values: padded(&values)?, lengths: lengths.to_vec() })
    }
}

/// The first row of each sentence.
fn starts(lengths: &[usize]) -> impl Iterator<Item = usize> {
    lengths.iter().scan(0, |start, length| {
        let first = *start;
        *start += length;
        Some(first)
    })
}

/// Something of each row, by its sentence and its place there.
fn places<R>(lengths: &[usize], of: impl Fn(usize, usize) -> R) -> Vec<R> {
    let sentences = lengths.iter().enumerate();
    let sentence = |(i, length): (usize, &usize)| (0..*length).map(move |place| (i, place));
    sentences.flat_map(sentence).map(|(i, place)| of(i, place)).collect()
}

/// The rows of each row's window, `width` of them from `before` places before it on; none beyond
/// the sentence.
fn windows(lengths: &[usize], width: usize, before: usize) -> Vec<Option<usize>> {
    let mut rows = Vec::with_capacity(lengths.iter().sum::<usize>() * width);
    for (start, length) in starts(lengths).zip(lengths) {
        for place in 0..*length {
            let tap = |tap: usize| (place + tap).checked_sub(before).filter(|at| at < length);
            rows.extend((0..width).map(|i| tap(i).map(|at| start + at)));
        }
    }
    rows
}

/// Numbers of rows, `none` where there is none.
fn index(rows: Vec<Option<usize>>, none: usize, device: &Device) -> candle_core::Result<Tensor> {
    let rows: Vec<u32> = rows.into_iter().map(|row| row.unwrap_or(none) as u32).collect();
    let count = rows.len();
    Tensor::from_vec(rows, count, device)
}

/// These rows of `x`, zeros where there is none.
fn select(x: &Tensor, rows: Vec<Option<usize>>) -> candle_core::Result<Tensor> {
    let (count, size) = x.dims2()?;
    let zeros = Tensor::zeros((1, size), x.dtype(), x.device())?;
    Tensor::cat(&[x, &zeros], 0)?.index_select(&index(rows, count, x.device())?, 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_ends_with_its_sentence() {
        let none = None;
        // Three tokens and one: a row has itself and its neighbours.
        let taken = windows(&[3, 1], 3, 1);
        let [a, b, c, d] = [0, 1, 2, 3].map(Some);
        assert_eq!(taken, [none, a, b, a, b, c, b, c, none, none, d, none]);
        // An even width reaches further behind.
        assert_eq!(windows(&[2, 2], 2, 0), [a, b, b, none, c, d, d, none]);
        // Wider than a sentence.
        assert_eq!(windows(&[1], 5, 2), [none, none, a, none, none]);
        assert_eq!(windows(&[], 3, 1), []);
    }

    #[test]
    fn rows_that_are_not_there_are_zeros() -> candle_core::Result<()> {
        let x = Tensor::new(&[[1f32, 2.], [3., 4.]], &Device::Cpu)?;
        let rows = select(&x, vec![Some(1), None, Some(0)])?;
        assert_eq!(rows.to_vec2::<f32>()?, [[3., 4.], [0., 0.], [1., 2.]]);
        Ok(())
    }
}
