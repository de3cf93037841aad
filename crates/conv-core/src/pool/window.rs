//! The windows over one plane (one channel of one sample).

use crate::Result;
use crate::element::{Element, room};
use crate::geometry::Axis;

/// Height and width of a pooling; 1-D pooling has height 1.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Windows {
    pub rows: Axis,
    pub cols: Axis,
    /// Padding after the end of both.
    pub after: (usize, usize),
}

impl Windows {
    /// Elements of an input plane.
    pub fn inputs(&self) -> usize {
        self.rows.input * self.cols.input
    }

    /// Elements of an output plane.
    pub fn outputs(&self) -> usize {
        self.rows.output * self.cols.output
    }

    /// About how many elements one plane reads.
    pub fn cost(&self) -> usize {
        let taps = self.rows.kernel.saturating_mul(self.cols.kernel);
        self.inputs().saturating_add(self.outputs().saturating_mul(taps))
    }

    /// Each output's number of elements, for the mean.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory).
    pub fn counts<T: Element>(&self, op: &'static str, with_padding: bool) -> Result<Vec<T>> {
        let count = |axis: &Axis, window, after| {
            if with_padding { axis.padded_taps(window, after) } else { axis.taps(window).len() }
        };
        let mut counts = room(op, self.outputs())?;
        let mut cols = room(op, self.cols.output)?;
        cols.extend((0..self.cols.output).map(|col| count(&self.cols, col, self.after.1) as f64));
        for row in 0..self.rows.output {
            let row = count(&self.rows, row, self.after.0) as f64;
            counts.extend(cols.iter().map(|col| T::from_f64(row * col)));
        }
        Ok(counts)
    }
}
