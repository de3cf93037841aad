//! A matrix laid out once for products with rows that a loop of its own puts together, as a
//! recurrent layer's steps do.
//!
//! Rows are read where they lie. With few registers a tile has two of them a row and up to 6 rows:
//! of three, as the other kernels' tiles have, the compiler keeps one sum in memory where each row
//! has an address of its own.
#![allow(unsafe_code)]

use super::blocks::{self, each_chunk};
use super::scratch::{Buffer, acquire};
use super::transpose::Transpose;
use crate::element::Element;
use crate::simd::{Lanes, Work};
use crate::{Error, Result};

/// Bytes of a slice of a panel that is multiplied with all rows before the next: with a few rows
/// beside it, what the first cache holds.
const SLICE: usize = 16 << 10;
/// Rows of the largest tile.
const ROWS: usize = 8;

/// The types that [`Panels`] are of: f32 and f64.
#[expect(private_bounds, reason = "no other crate can have another type")]
pub trait PanelElement: Element {}

impl PanelElement for f32 {}
impl PanelElement for f64 {}

/// A matrix `[outputs, inputs]` for products with rows, in panels of some outputs side by side for
/// each input. What becomes of a row does not depend on the others, to the last bit.
///
/// ```
/// use conv_core::cpu::Panels;
///
/// let weight = [1f32, 2., 0., -1., 3., 0.];
/// let panels = Panels::new(&weight, [3, 2], [2, 1])?;
/// let rows = [&[1f32, 1.][..], &[2., 0.]];
/// let mut sums = vec![0.0; panels.room(rows.len())];
/// panels.multiply(0, &rows, &mut sums);
/// assert_eq!(sums[..3], [3., -1., 3.]);
/// assert_eq!(sums[panels.width()..][..3], [2., 0., 6.]);
/// # Ok::<(), conv_core::Error>(())
/// ```
pub struct Panels<T: PanelElement> {
    /// `[panel][input][width]`, zeros beyond the last output.
    elements: Buffer<T>,
    outputs: usize,
    inputs: usize,
    width: usize,
}

impl<T: PanelElement> Panels<T> {
    /// From the elements of `[outputs, inputs]`, of which the next output's lies `of_output` behind
    /// and the next input's `of_input`; one of the two is 1.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`].
    ///
    /// # Panics
    /// Where elements are missing, or lie otherwise.
    pub fn new(
        elements: &[T],
        [outputs, inputs]: [usize; 2],
        [of_output, of_input]: [usize; 2],
    ) -> Result<Self> {
        let is_empty = outputs == 0 || inputs == 0;
        let last = || (outputs - 1) * of_output + (inputs - 1) * of_input;
        assert!(is_empty || last() < elements.len(), "a matrix of fewer elements than it has");
        assert!(of_output == 1 || of_input == 1, "a matrix without neighbours");
        let width = T::vectorize(Width);
        let panel = width * inputs;
        let len = outputs.div_ceil(width) * panel;
        let no_room = |elements| Error::OutOfMemory { op: "panels", elements };
        let mut packed = acquire::<T>(len).map_err(|_| no_room(len))?;
        each_chunk(&mut packed, panel, len, |number, to| {
            let count = width.min(outputs - number * width);
            if count < width {
                to.fill(T::zero());
            }
            let from = &elements[number * width * of_output..];
            if of_output == 1 {
                for (input, to) in to.chunks_exact_mut(width).enumerate() {
                    to[..count].copy_from_slice(&from[input * of_input..][..count]);
                }
            } else {
                let size = (count, inputs);
                T::vectorize(Transpose {
                    from,
                    from_stride: of_output,
                    size,
                    to,
                    to_stride: width,
                });
            }
            Ok(())
        })
        .map_err(|_| no_room(len))?;
        Ok(Self { elements: packed, outputs, inputs, width })
    }

    /// Outputs of all panels.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// How many panels there are.
    pub fn count(&self) -> usize {
        self.outputs.div_ceil(self.width)
    }

    /// Outputs of a panel: as many as suit the processor. The last panel may have fewer, and what
    /// stands in their place says nothing.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Numbers that [`Panels::multiply`] needs to write the sums of so many rows.
    pub fn room(&self, rows: usize) -> usize {
        rows.next_multiple_of(ROWS) * self.width
    }

    /// The sums of products of each row with the outputs of a panel, [`Panels::width`] a row, one
    /// row behind the other. What `to` holds behind the last row is undefined.
    ///
    /// # Panics
    /// Where there is no such panel, a row has another number of elements than the matrix has
    /// inputs, or `to` has no [room](Panels::room).
    pub fn multiply(&self, panel: usize, rows: &[&[T]], to: &mut [T]) {
        let Self { outputs, inputs, width, .. } = *self;
        assert!(rows.iter().all(|row| row.len() == inputs), "a row of another length");
        assert!(to.len() >= self.room(rows.len()), "no room for the sums");
        assert!(panel < self.count(), "panel {panel} of {}", self.count());
        let columns = width.min(outputs - panel * width);
        let panel = &self.elements[panel * inputs * width..][..inputs * width];
        T::vectorize(Rows { panel, rows, width, columns, to });
    }
}

/// Whether the set has registers for three of them a row and 8 rows.
const fn has_many<L: Lanes>() -> bool {
    L::ROWS == ROWS
}

/// Columns of a tile.
struct Width;

impl<T: Element> Work<T, usize> for Width {
    #[inline(always)]
    unsafe fn run<L: Lanes<Element = T>>(self) -> usize {
        if has_many::<L>() { 3 * L::WIDTH } else { 2 * L::WIDTH }
    }
}

/// Rows, all as long as a panel is deep, by that panel.
struct Rows<'a, T> {
    panel: &'a [T],
    rows: &'a [&'a [T]],
    width: usize,
    /// Of the panel, those that are outputs.
    columns: usize,
    to: &'a mut [T],
}

impl<T: Element> Work<T> for Rows<'_, T> {
    #[inline(always)]
    unsafe fn run<L: Lanes<Element = T>>(self) {
        let Self { panel, rows, width, columns, to } = self;
        let depth = panel.len() / width;
        if depth == 0 {
            return to.fill(T::zero());
        }
        let registers = columns.div_ceil(L::WIDTH);
        for slice in blocks::cut(0..depth, SLICE / (width * size_of::<T>())) {
            let panel = &panel[slice.start * width..slice.end * width];
            let mut first = 0;
            while first < rows.len() {
                let count = tile_rows::<L>(rows.len() - first);
                // Beyond the last row the last one once more.
                let row = |i: usize| rows[(first + i).min(rows.len() - 1)][slice.clone()].as_ptr();
                let left: [_; ROWS] = std::array::from_fn(row);
                let to = &mut to[first * width..][..count * width];
                let tile = Tile { panel, left, width, add: slice.start > 0, to };
                // SAFETY: the set is there; rows have as many numbers as the slice has steps, each
                // of `width` columns, of which so many registers are inside, and `to` has `count`
                // rows of them.
                unsafe {
                    match (count, registers) {
                        (8, 1) => tile.run::<L, 8, 1>(),
                        (8, 2) => tile.run::<L, 8, 2>(),
                        (8, _) => tile.run::<L, 8, 3>(),
                        (6, 1) => tile.run::<L, 6, 1>(),
                        (6, _) => tile.run::<L, 6, 2>(),
                        (4, 1) => tile.run::<L, 4, 1>(),
                        (4, 2) => tile.run::<L, 4, 2>(),
                        (4, _) => tile.run::<L, 4, 3>(),
                        (_, 1) => tile.run::<L, 2, 1>(),
                        (_, 2) => tile.run::<L, 2, 2>(),
                        (_, _) => tile.run::<L, 2, 3>(),
                    }
                }
                first += count;
            }
        }
    }
}

/// Rows of the next tile, of so many that are left.
#[inline(always)]
fn tile_rows<L: Lanes>(left: usize) -> usize {
    match left {
        ..=2 => 2,
        3..=4 => 4,
        _ if has_many::<L>() => 8,
        // In two tiles of 4.
        7..=8 => 4,
        _ => 6,
    }
}

/// Some rows by the whole registers of a slice of a panel.
struct Tile<'a, T> {
    /// `[step][width]`.
    panel: &'a [T],
    left: [*const T; ROWS],
    width: usize,
    /// Whether the sums are added to what is there.
    add: bool,
    to: &'a mut [T],
}

impl<T: Element> Tile<'_, T> {
    /// # Safety
    /// The set of `L`; `R` rows of `left`, as long as there are steps, and of `to`; `V` registers
    /// in a step.
    #[inline(always)]
    unsafe fn run<L: Lanes<Element = T>, const R: usize, const V: usize>(self) {
        let Self { panel, left, width, add, to } = self;
        assert!(V * L::WIDTH <= width && R * width <= to.len() && panel.len() % width == 0);
        let depth = panel.len() / width;
        // SAFETY: by contract, and inside of `panel` and `to` by the assertion.
        unsafe {
            let mut sums = [[L::constant(0.0); V]; R];
            for k in 0..depth {
                let from = panel.as_ptr().add(k * width);
                let mut registers = [L::constant(0.0); V];
                for (v, register) in registers.iter_mut().enumerate() {
                    *register = L::load(from.add(v * L::WIDTH));
                }
                for (sums, row) in sums.iter_mut().zip(&left) {
                    let number = L::splat(*row.add(k));
                    for (sum, &register) in sums.iter_mut().zip(&registers) {
                        *sum = sum.mul_add(number, register);
                    }
                }
            }
            for (i, sums) in sums.into_iter().enumerate() {
                for (v, sum) in sums.into_iter().enumerate() {
                    let to = to.as_mut_ptr().add(i * width + v * L::WIDTH);
                    if add { L::load(to).add(sum) } else { sum }.store(to);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gradcheck::values;

    /// Below, at and above the edges of tiles, panels and slices.
    #[test]
    fn sums_are_those_of_products_and_a_row_is_the_same_among_any_others() -> Result<()> {
        fn check<T: PanelElement + std::fmt::Debug>(tolerance: f64) -> Result<()> {
            for (count, inputs, outputs) in [
                (1, 1, 1),
                (3, 5, 16),
                (4, 40, 18),
                (8, 256, 48),
                (9, 257, 50),
                (23, 700, 97),
                (2, 0, 3),
            ] {
                let numbers = |len: usize, seed| -> Result<Vec<T>> {
                    let values = values(len, seed).to_vec1::<f64>()?;
                    Ok(values.into_iter().map(T::from_f64).collect())
                };
                let x = numbers(count * inputs, 1)?;
                let weight = numbers(outputs * inputs, 2)?;
                let rows: Vec<_> = (0..count).map(|row| &x[row * inputs..][..inputs]).collect();
                for strides in [[inputs, 1], [1, outputs]] {
                    let panels = Panels::new(&weight, [outputs, inputs], strides)?;
                    for panel in 0..panels.count() {
                        let width = panels.width();
                        let mut sums = vec![T::from_f64(f64::NAN); panels.room(count)];
                        panels.multiply(panel, &rows, &mut sums);
                        for (row, x) in rows.iter().enumerate() {
                            let first = panel * width;
                            let found = &sums[row * width..][..width.min(outputs - first)];
                            for (i, found) in found.iter().enumerate() {
                                let weight =
                                    |k: usize| weight[(first + i) * strides[0] + k * strides[1]];
                                let products =
                                    (0..inputs).map(|k| x[k].to_f64() * weight(k).to_f64());
                                let expected: f64 = products.sum();
                                let apart = (found.to_f64() - expected).abs();
                                assert!(apart <= tolerance, "{inputs} → {outputs}: {apart}");
                            }
                            let mut alone = vec![T::zero(); panels.room(1)];
                            panels.multiply(panel, &[x], &mut alone);
                            assert!(
                                alone[..found.len()] == *found,
                                "{inputs} → {outputs}: row {row}"
                            );
                        }
                    }
                }
            }
            Ok(())
        }
        check::<f32>(1e-4)?;
        check::<f64>(1e-12)
    }

    #[test]
    #[should_panic(expected = "a matrix of fewer elements than it has")]
    fn elements_must_be_there() {
        drop(Panels::new(&[0f32; 5], [2, 3], [3, 1]));
    }

    #[test]
    #[should_panic(expected = "a row of another length")]
    fn rows_must_fit() {
        if let Ok(panels) = Panels::new(&[0f32; 6], [2, 3], [3, 1]) {
            panels.multiply(0, &[&[0.0; 2]], &mut vec![0.0; panels.room(1)]);
        }
    }

    #[test]
    #[should_panic(expected = "no room for the sums")]
    fn sums_must_have_room() {
        if let Ok(panels) = Panels::new(&[0f32; 6], [2, 3], [3, 1]) {
            panels.multiply(0, &[&[0.0; 3]], &mut [0.0; 4]);
        }
    }
}
