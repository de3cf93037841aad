//! The columns of a plane's windows, and rows whose columns are split by the stride's phases: with
//! a stride of 2, `a b c d e` becomes `a c e | b d`. Then what neighbouring windows see at one of
//! their columns lies side by side, and runs in vectors.

use std::ops::Range;

use crate::Result;
use crate::element::{Element, room};
use crate::geometry::Axis;

/// The largest stride by which rows are split. Beyond, windows are few and so is what is to be won.
const LARGEST_STRIDE: usize = 8;

/// What the windows of a row see of it.
#[derive(Debug)]
pub(super) struct Columns {
    /// Elements of a row.
    pub input: usize,
    /// Phases of a row, and elements of each.
    phases: usize,
    part: usize,
    /// From one window's element in a split row to the next window's.
    pub step: usize,
    /// For each column of a window: the outputs that have it over the input, and where in a split
    /// row the first of them has.
    pub taps: Vec<(Range<usize>, usize)>,
    /// Where few wide windows are walked one by one, and not many narrow ones column by column:
    /// what each sees.
    pub runs: Option<Vec<Range<usize>>>,
}

impl Columns {
    /// # Errors
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory).
    pub fn new(op: &'static str, axis: &Axis) -> Result<Self> {
        // So many windows there must be room for, before they are looked at.
        let mut runs = room(op, axis.output)?;
        let stride = if axis.output == 1 { 1 } else { axis.stride };
        let phases = if stride <= LARGEST_STRIDE { stride } else { 1 };
        let part = axis.input.div_ceil(phases);
        let mut columns = Self {
            input: axis.input,
            phases,
            part,
            step: stride / phases,
            taps: vec![],
            runs: None,
        };
        if axis.dilation == 1 && axis.kernel > axis.output {
            runs.extend((0..axis.output).map(|output| {
                let taps = axis.taps(output);
                axis.position(output, taps.start)..axis.position(output, taps.end - 1) + 1
            }));
            columns.runs = Some(runs);
            return Ok(columns);
        }
        // A kernel can be much larger than the input, and its taps over padding many more than
        // those that count. By strides longer than the input no two windows have the same ones, and
        // there are many between theirs.
        let seen: Box<dyn Iterator<Item = usize>> = if axis.stride > axis.input {
            Box::new((0..axis.output).rev().flat_map(|output| axis.taps(output)))
        } else {
            Box::new(axis.taps(axis.output - 1).start..axis.taps(0).end)
        };
        for tap in seen {
            let outputs = axis.inside(tap);
            if !outputs.is_empty() {
                let column = axis.position(outputs.start, tap);
                columns.taps.push((outputs, column % phases * part + column / phases));
            }
        }
        Ok(columns)
    }

    /// Elements of a split row, some of which are never read.
    pub fn split_len(&self) -> usize {
        self.phases * self.part
    }

    #[inline(always)]
    pub fn split<T: Element>(&self, row: &[T], into: &mut [T]) {
        match self.phases {
            1 => into.copy_from_slice(row),
            2 => {
                let (even, odd) = into.split_at_mut(self.part);
                let pairs = row.chunks_exact(2);
                if let [last] = pairs.remainder() {
                    even[self.part - 1] = *last;
                }
                for ((even, odd), pair) in even.iter_mut().zip(odd).zip(pairs) {
                    (*even, *odd) = (pair[0], pair[1]);
                }
            }
            phases => {
                for (phase, part) in into.chunks_exact_mut(self.part).enumerate() {
                    let row = row[phase.min(row.len())..].iter().step_by(phases);
                    for (to, &x) in part.iter_mut().zip(row) {
                        *to = x;
                    }
                }
            }
        }
    }

    /// Undoes [`split`](Self::split).
    #[inline(always)]
    pub fn merge<T: Element>(&self, parts: &[T], row: &mut [T]) {
        match self.phases {
            1 => row.copy_from_slice(parts),
            2 => {
                let (even, odd) = parts.split_at(self.part);
                let mut pairs = row.chunks_exact_mut(2);
                for (pair, (&even, &odd)) in (&mut pairs).zip(even.iter().zip(odd)) {
                    (pair[0], pair[1]) = (even, odd);
                }
                if let [last] = pairs.into_remainder() {
                    *last = even[self.part - 1];
                }
            }
            phases => {
                for (phase, part) in parts.chunks_exact(self.part).enumerate() {
                    let start = phase.min(row.len());
                    let row = row[start..].iter_mut().step_by(phases);
                    for (to, &x) in row.zip(part) {
                        *to = x;
                    }
                }
            }
        }
    }
}
