//! Where the steps of a batch's sequences lie, whose lengths may differ and which may be read from
//! their ends.

use crate::kernel::check_view;
use crate::{Error, Result};
use candle_core::Tensor;
use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

/// Sequences that share a batch `[B, T, …]`, and rows without padding: those of one behind those of
/// the other, in the order of time.
#[derive(Debug, Clone)]
pub(super) struct Sequences {
    /// Where each sequence's rows start, and their end.
    starts: Arc<[usize]>,
    /// Steps that the batch has room for.
    pub steps: usize,
    /// Whether a sequence's first step is its last in time.
    pub is_reversed: bool,
}

impl Sequences {
    /// Of `x`, `[B, T, D]`; without lengths each has all steps.
    pub fn of(operation: &'static str, x: &Tensor, lengths: Option<&[usize]>) -> Result<Self> {
        check_view(operation, x)?;
        let misfit = |expected| {
            let argument = "its input";
            let found = x.dims().to_vec();
            Error::Shape { operation, argument, found, expected }
        };
        let &[batch, steps, _] = x.dims() else { return Err(misfit("[B, T, D]".into())) };
        let given = lengths.map_or(batch, <[usize]>::len);
        if given != batch {
            return Err(misfit(format!("[{given}, T, D] as there are lengths")));
        }
        let length = |sequence: usize| lengths.map_or(steps, |lengths| lengths[sequence]);
        if let Some(longest) = (0..batch).map(length).max().filter(|longest| *longest > steps) {
            return Err(misfit(format!("[B, T, D] with T of at least {longest}")));
        }
        let mut starts = vec![0];
        for sequence in 0..batch {
            starts.push(starts[sequence] + length(sequence));
        }
        Ok(Self { starts: starts.into(), steps, is_reversed: false })
    }

    /// The same from their ends.
    pub fn reversed(&self) -> Self {
        Self { is_reversed: true, ..self.clone() }
    }

    /// How many there are.
    pub fn batch(&self) -> usize {
        self.starts.len() - 1
    }

    /// Rows of all sequences, or of some.
    pub fn rows(&self) -> usize {
        self.starts[self.batch()]
    }

    /// The rows of some sequences.
    pub fn rows_of(&self, sequences: Range<usize>) -> Range<usize> {
        self.starts[sequences.start]..self.starts[sequences.end]
    }

    /// Steps of a sequence.
    pub fn length(&self, sequence: usize) -> usize {
        self.starts[sequence + 1] - self.starts[sequence]
    }

    /// The place in time of a sequence's step.
    #[inline(always)]
    pub fn time(&self, sequence: usize, step: usize) -> usize {
        if self.is_reversed { self.length(sequence) - 1 - step } else { step }
    }

    /// The row of a sequence's step.
    #[inline(always)]
    pub fn row(&self, sequence: usize, step: usize) -> usize {
        self.starts[sequence] + self.time(sequence, step)
    }

    /// Some sequences, the longest first: those that have a step are in front.
    pub fn longest_first(&self, sequences: Range<usize>) -> Vec<usize> {
        let mut order: Vec<_> = sequences.collect();
        order.sort_by_key(|sequence| std::cmp::Reverse(self.length(*sequence)));
        order
    }

    /// Sequences in shares for as many threads as there are: each is computed alike in any share.
    pub fn shares(&self) -> Vec<Range<usize>> {
        /// Rows that a product's tile has at least.
        const ROWS: usize = 4;
        let size =
            self.batch().div_ceil(rayon::current_num_threads()).next_multiple_of(ROWS).max(ROWS);
        (0..self.batch()).step_by(size).map(|i| i..self.batch().min(i + size)).collect()
    }

    /// The rows of `[B, T, width]`.
    pub fn packed<'a, T: Copy>(&self, x: &'a [T], width: usize) -> Cow<'a, [T]> {
        if self.rows() == self.batch() * self.steps {
            return Cow::Borrowed(x);
        }
        let of = |sequence| &x[sequence * self.steps * width..][..self.length(sequence) * width];
        Cow::Owned((0..self.batch()).flat_map(of).copied().collect())
    }

    /// `[B, T, width]` of rows, with zeros behind the ends.
    pub fn padded<T: Copy + Default>(&self, rows: Vec<T>, width: usize) -> Vec<T> {
        if self.rows() == self.batch() * self.steps {
            return rows;
        }
        let mut padded = vec![T::default(); self.batch() * self.steps * width];
        for sequence in 0..self.batch() {
            let rows = &rows[self.starts[sequence] * width..][..self.length(sequence) * width];
            padded[sequence * self.steps * width..][..rows.len()].copy_from_slice(rows);
        }
        padded
    }
}
