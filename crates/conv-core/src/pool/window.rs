//! The kernels of one plane (one channel of one sample). Each walks its windows in row-major order.

use std::ops::Range;

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

    /// `y[o] = fold of f over the elements that window o sees`, from `identity` on.
    pub fn fold<T: Element>(
        &self,
        x: &[T],
        y: &mut [T],
        identity: T,
        f: impl Fn(T, T) -> T + Copy,
    ) {
        y.fill(identity);
        if self.is_wide() {
            self.each_run(|output, run| y[output] = f(y[output], fold_run(&x[run], identity, f)));
        } else {
            self.each_tap(|outputs, first| {
                let y = &mut y[outputs];
                match self.cols.stride {
                    1 => y.iter_mut().zip(&x[first..]).for_each(|(y, &x)| *y = f(*y, x)),
                    stride => y
                        .iter_mut()
                        .zip(x[first..].iter().step_by(stride))
                        .for_each(|(y, &x)| *y = f(*y, x)),
                }
            });
        }
    }

    /// `dx[i] += g[o]` for each element `i` that window `o` sees.
    pub fn spread<T: Element>(&self, g: &[T], dx: &mut [T]) {
        if self.is_wide() {
            self.each_run(|output, run| dx[run].iter_mut().for_each(|dx| *dx += g[output]));
        } else {
            self.each_tap(|outputs, first| {
                let g = &g[outputs];
                match self.cols.stride {
                    1 => dx[first..].iter_mut().zip(g).for_each(|(dx, &g)| *dx += g),
                    stride => {
                        dx[first..].iter_mut().step_by(stride).zip(g).for_each(|(dx, &g)| *dx += g)
                    }
                }
            });
        }
    }

    /// `dx[i] += g[o]` for the first element `i` of window `o` which is its maximum `y[o]`.
    pub fn send_to_first<T: Element>(&self, x: &[T], y: &[T], g: &[T], dx: &mut [T]) {
        let (rows, cols) = (self.rows, self.cols);
        let runs = self.runs();
        for row in 0..rows.output {
            let taps = rows.taps(row);
            for (col, run) in runs.iter().enumerate() {
                let output = row * cols.output + col;
                let found = taps.clone().find_map(|i| {
                    let start = rows.position(row, i) * cols.input;
                    let seen = &x[start + run.start..start + run.end];
                    let place = first(seen, cols.dilation, y[output])?;
                    Some(start + run.start + place * cols.dilation)
                });
                // There is none where the input was written over since.
                if let Some(place) = found {
                    dx[place] += g[output];
                }
            }
        }
    }

    /// Each output's number of elements, for the mean.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory).
    pub fn counts<T: Element>(&self, op: &'static str, with_padding: bool) -> Result<Vec<T>> {
        let count = |axis: &Axis, window, after| match with_padding {
            true => axis.padded_taps(window, after),
            false => axis.taps(window).len(),
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

    /// Few wide windows are walked window by window, many narrow ones tap by tap: both keep the inner loop long.
    fn is_wide(&self) -> bool {
        self.cols.dilation == 1 && self.cols.kernel > self.cols.output
    }

    /// The columns from the first to the last that each window of a row sees.
    fn runs(&self) -> Vec<Range<usize>> {
        let cols = self.cols;
        (0..cols.output)
            .map(|col| {
                let taps = cols.taps(col);
                cols.position(col, taps.start)..cols.position(col, taps.end - 1) + 1
            })
            .collect()
    }

    /// For each output row and each tap over the input: the outputs that have it there, and the first one's
    /// element; the next ones' follow at the stride.
    fn each_tap(&self, mut visit: impl FnMut(Range<usize>, usize)) {
        let (rows, cols) = (self.rows, self.cols);
        // A kernel can be much larger than the input, and its taps over padding many more than those that count.
        let seen = cols.taps(cols.output - 1).start..cols.taps(0).end;
        for row in 0..rows.output {
            for i in rows.taps(row) {
                for j in seen.clone() {
                    let outputs = cols.inside(j);
                    if !outputs.is_empty() {
                        let first =
                            rows.position(row, i) * cols.input + cols.position(outputs.start, j);
                        visit(
                            row * cols.output + outputs.start..row * cols.output + outputs.end,
                            first,
                        );
                    }
                }
            }
        }
    }

    /// For each output and each of its rows of taps: the output, and the elements side by side that it sees there.
    fn each_run(&self, mut visit: impl FnMut(usize, Range<usize>)) {
        let (rows, cols) = (self.rows, self.cols);
        let runs = self.runs();
        for row in 0..rows.output {
            for i in rows.taps(row) {
                let start = rows.position(row, i) * cols.input;
                for (col, run) in runs.iter().enumerate() {
                    visit(row * cols.output + col, start + run.start..start + run.end);
                }
            }
        }
    }
}

/// A fold over eight interleaved parts, so that the processor's vector units can do them side by side.
fn fold_run<T: Element>(run: &[T], identity: T, f: impl Fn(T, T) -> T + Copy) -> T {
    let mut lanes = [identity; 8];
    let chunks = run.chunks_exact(lanes.len());
    let rest = chunks.remainder().iter().fold(identity, |a, &x| f(a, x));
    for chunk in chunks {
        for (lane, &x) in lanes.iter_mut().zip(chunk) {
            *lane = f(*lane, x);
        }
    }
    lanes.into_iter().fold(rest, f)
}

/// The place, counted in steps, of the first element which is `maximum`.
fn first<T: Element>(seen: &[T], step: usize, maximum: T) -> Option<usize> {
    let mut seen = seen.iter().step_by(step);
    if is_nan(maximum) { seen.position(|&x| is_nan(x)) } else { seen.position(|&x| x == maximum) }
}

/// Whether `x` is not a number.
pub(crate) fn is_nan<T: Element>(x: T) -> bool {
    x.partial_cmp(&x).is_none()
}
