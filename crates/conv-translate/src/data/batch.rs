//! A batch of pairs as the network takes it.

use super::store::Pair;

/// Numbers in rows of one width, one row after the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matrix {
    /// The values, `rows` × `columns` of them.
    pub values: Vec<u32>,
    /// The rows: pairs, B.
    pub rows: usize,
    /// The columns: positions, T.
    pub columns: usize,
}

impl Matrix {
    /// Rows filled up on the right with `pad`.
    fn padded(rows: impl ExactSizeIterator<Item = Vec<u32>> + Clone, pad: u32) -> Self {
        let columns = rows.clone().map(|row| row.len()).max().unwrap_or(0);
        let count = rows.len();
        let mut values = Vec::with_capacity(count * columns);
        for row in rows {
            let missing = columns - row.len();
            values.extend(row);
            values.extend(std::iter::repeat_n(pad, missing));
        }
        Self { values, rows: count, columns }
    }
}

/// Pairs side by side, padded on the right.
///
/// ```
/// use conv_translate::data::{Batch, Pair};
/// const PAD: u32 = 1;
/// const EOS: u32 = 2;
///
/// let pairs = [Pair { source: vec![4, 5], target: vec![6] }, Pair { source: vec![7], target: vec![8, 9] }];
/// let batch = Batch::new(&pairs, PAD, EOS);
/// assert_eq!(batch.source.values, [4, 5, EOS, 7, EOS, PAD]);
/// assert_eq!(batch.input.values, [EOS, 6, PAD, EOS, 8, 9]);
/// assert_eq!(batch.output.values, [6, EOS, PAD, 8, 9, EOS]);
/// assert_eq!((batch.source_lengths, batch.target_lengths), (vec![3, 2], vec![2, 3]));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// What the encoder reads, `[B, S]`: the sentence and `</s>`.
    pub source: Matrix,
    /// What the decoder reads, `[B, T]`: `</s>`, which begins every translation, and the
    /// translation.
    pub input: Matrix,
    /// What the decoder is to say, `[B, T]`: the translation and `</s>`.
    pub output: Matrix,
    /// Positions of each source that are not padding, `</s>` included.
    pub source_lengths: Vec<usize>,
    /// The same of each target.
    pub target_lengths: Vec<usize>,
}

impl Batch {
    /// The batch of `pairs`, in their order, with the numbers of `<pad>` and `</s>`.
    pub fn new(pairs: &[Pair], pad: u32, eos: u32) -> Self {
        let ended = |ids: &[u32]| [ids, &[eos]].concat();
        let begun = |ids: &[u32]| [&[eos], ids].concat();
        Self {
            source: Matrix::padded(pairs.iter().map(|pair| ended(&pair.source)), pad),
            input: Matrix::padded(pairs.iter().map(|pair| begun(&pair.target)), pad),
            output: Matrix::padded(pairs.iter().map(|pair| ended(&pair.target)), pad),
            source_lengths: pairs.iter().map(|pair| pair.source.len() + 1).collect(),
            target_lengths: pairs.iter().map(|pair| pair.target.len() + 1).collect(),
        }
    }

    /// Target positions that are not padding: what the loss is the mean over.
    pub fn target_tokens(&self) -> usize {
        self.target_lengths.iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sides_have_widths_of_their_own_and_nothing_is_no_columns() {
        let pairs = [Pair { source: vec![9; 5], target: vec![] }];
        let batch = Batch::new(&pairs, 1, 2);
        assert_eq!((batch.source.rows, batch.source.columns), (1, 6));
        assert_eq!((batch.input.values, batch.output.values), (vec![2], vec![2]));
        let empty = Batch::new(&[], 1, 2);
        assert_eq!((empty.source.rows, empty.source.columns, empty.target_tokens()), (0, 0, 0));
    }
}
