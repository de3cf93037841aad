//! Winograd's F(4×4, 3×3) (Lavin and Gray 2016, §4.2): a 4×4 tile of a 3×3 convolution by 36 multiplications instead of 144.
//!
//! A 6×6 window of the input, a 3×3 kernel and a 4×4 tile of the output are turned into a space where convolution is elementwise
//! product: `Y = Aᵀ [(G g Gᵀ) ⊙ (Bᵀ d B)] A`. Over channels that is 36 matrix products. Windows overlap by two and are read as the
//! 36 taps of a kernel of stride 4, so that a register holds one place of as many neighbouring windows. The price is rounding:
//! errors of 1e-5 of the largest value, where the definition's are 20 to 50 times smaller.
#![allow(unsafe_code)]

use std::any::TypeId;
use std::ops::Range;

use super::blocks;
use super::plan::{Layout, Padded, Plan, Run, Side, runs};
use super::product::gather;
use super::scratch::{Buffer, Done, NoRoom, take};
use super::shared::Shared;
use super::tile::{PANEL, Store, panel, width};
use super::{Finish, Weight};
use crate::element::Element;
use crate::simd::{Lanes, Work};

/// Rows and columns of a window and of an output tile, and places of a window.
const WINDOW: usize = 6;
const TILE: usize = 4;
const PLACES: usize = WINDOW * WINDOW;

/// Channels, on both sides, from which the products are worth the turning.
const CHANNELS: usize = 24;
/// Input channels up to which its error is small enough: 3e-5 of the largest value.
const MOST_CHANNELS: usize = 1024;
/// Output tiles from which the turned weight is.
const TILES: usize = 96;

/// Whether this kernel computes `plan`, and faster than the general one.
pub(super) fn suits<T: 'static>(plan: &Plan) -> bool {
    let is_3_by_1 = |side: &Side| side.taps == 3 && side.stride == 1 && side.dilation == 1;
    // Tiles that reach beyond the output are computed for nothing.
    let tiles = |side: &Side| side.output.div_ceil(TILE);
    let computed = tiles(&plan.h) * tiles(&plan.w) * TILE * TILE;
    TypeId::of::<T>() == TypeId::of::<f32>()
        && is_3_by_1(&plan.h)
        && is_3_by_1(&plan.w)
        && plan.channels_in.min(plan.channels_out) >= CHANNELS
        && plan.channels_in <= MOST_CHANNELS
        && plan.batch * tiles(&plan.h) * tiles(&plan.w) >= TILES
        && 5 * computed <= 8 * plan.pixels_out()
}

pub(super) fn convolve<T: Element>(
    plan: &Plan,
    x: &[T],
    weight: Weight<'_, T>,
    finish: Finish<'_, T>,
    y: &mut [T],
) -> Done {
    let weight = turned(plan, weight)?;
    let windows = |side: &Side| Side {
        taps: WINDOW,
        stride: TILE,
        output: side.output.div_ceil(TILE),
        ..*side
    };
    let tiles = Plan { h: windows(&plan.h), w: windows(&plan.w), ..*plan };
    let layout = Layout::new(&tiles);
    let padded = Padded::new(&tiles, &layout, x)?;
    let columns = tiles.columns();
    // As many as the widest set's panel has; narrower sets take several panels.
    let column_blocks: Vec<_> =
        (0..columns.div_ceil(48)).map(|i| i * 48..columns.min((i + 1) * 48)).collect();
    let y = Shared::new(y);
    blocks::each(plan.groups * column_blocks.len(), plan.work(), |task| {
        let (group, block) = (task / column_blocks.len(), task % column_blocks.len());
        T::vectorize(Block {
            plan,
            tiles: &tiles,
            padded: &padded,
            weight: &weight,
            finish,
            group,
            columns: column_blocks[block].clone(),
            y: &y,
        })
    })
}

/// `G g Gᵀ` of all kernels, in panels: `[group][place][output channels / PANEL][input channels][PANEL]`.
fn turned<T: Element>(plan: &Plan, weight: Weight<'_, T>) -> Result<Buffer<T>, NoRoom> {
    let (inputs, panels) = (plan.channels_in, plan.channels_out.div_ceil(PANEL));
    let place_len = panels * inputs * PANEL;
    let mut all = take(plan.groups * PLACES * place_len)?;
    let work = 8 * all.len();
    let shared = Shared::new(&mut all);
    blocks::each(plan.groups * panels, work, |number| {
        let (group, panel) = (number / panels, number % panels);
        T::vectorize(TurnWeight { plan, weight, group, panel, place_len, turned: &shared });
        Ok(())
    })?;
    Ok(all)
}

struct TurnWeight<'a, T: Element> {
    plan: &'a Plan,
    weight: Weight<'a, T>,
    group: usize,
    panel: usize,
    place_len: usize,
    turned: &'a Shared<'a, T>,
}

impl<T: Element> Work<T> for TurnWeight<'_, T> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<L: Lanes<Element = T>>(self) {
        let Self { plan, weight, group, panel, place_len, turned } = self;
        let (first, inputs) = (panel * PANEL, plan.channels_in);
        let rows = (plan.channels_out - first).min(PANEL);
        let [quarter, sixth, twelfth, twenty_fourth] =
            [4., 6., 12., 24.].map(|x| T::from_f64(1.0 / x));
        // Columns of G applied to three numbers, for PANEL kernels at once.
        let turn = |g: [[T; PANEL]; 3]| -> [[T; PANEL]; WINDOW] {
            let mut to = [[T::zero(); PANEL]; WINDOW];
            for i in 0..PANEL {
                let [a, b, c] = [g[0][i], g[1][i], g[2][i]];
                let (outer, far) = ((a + c) * sixth, a * twenty_fourth + c * sixth);
                to[0][i] = a * quarter;
                to[1][i] = T::zero() - outer - b * sixth;
                to[2][i] = b * sixth - outer;
                to[3][i] = far + b * twelfth;
                to[4][i] = far - b * twelfth;
                to[5][i] = c;
            }
            to
        };
        for c in 0..inputs {
            let mut columns = [[[T::zero(); PANEL]; 3]; WINDOW];
            for x in 0..3 {
                let mut g = [[T::zero(); PANEL]; 3];
                for (y, g) in g.iter_mut().enumerate() {
                    for (i, g) in g.iter_mut().enumerate().take(rows) {
                        *g = weight.at(group, first + i, c, y, x);
                    }
                }
                let to = turn(g);
                for (row, to) in columns.iter_mut().zip(to) {
                    row[x] = to;
                }
            }
            for (row, g) in columns.into_iter().enumerate() {
                for (column, to) in turn(g).into_iter().enumerate() {
                    let place = group * PLACES + row * WINDOW + column;
                    let start = place * place_len + (panel * inputs + c) * PANEL;
                    // SAFETY: calls differ in group or panel, so that no two write the same element.
                    unsafe { turned.part(start, PANEL) }.copy_from_slice(&to);
                }
            }
        }
    }
}

struct Block<'a, T: Element> {
    plan: &'a Plan,
    tiles: &'a Plan,
    padded: &'a Padded<'a, T>,
    weight: &'a [T],
    finish: Finish<'a, T>,
    group: usize,
    columns: Range<usize>,
    y: &'a Shared<'a, T>,
}

impl<T: Element> Work<T> for Block<'_, T> {
    type Output = Done;

    #[inline(always)]
    unsafe fn run<L: Lanes<Element = T>>(self) -> Done {
        let (inputs, outputs) = (self.plan.channels_in, self.plan.channels_out);
        let (panels, width) = (outputs.div_ceil(PANEL), width::<L>());
        let mut windows = take::<T>(PLACES * inputs * width)?;
        let mut products = take::<T>(PLACES * panels * PANEL * width)?;
        let taps = self.padded.layout.taps(self.tiles);
        let mut of_panel = Vec::new();
        for start in self.columns.clone().step_by(width) {
            let columns = width.min(self.columns.end - start);
            runs(self.tiles, self.padded.layout, self.group, start, columns, &mut of_panel);
            // SAFETY: see the three.
            unsafe {
                self.turn_windows::<L>(&taps, &of_panel, columns, &mut windows)?;
                let registers = columns.next_multiple_of(L::WIDTH);
                for place in 0..PLACES {
                    let right = windows[place * inputs * width..].as_ptr();
                    for number in 0..panels {
                        let left = ((self.group * PLACES + place) * panels + number) * inputs;
                        let left = self.weight[left * PANEL..][..inputs * PANEL].as_ptr();
                        let to = (place * panels + number) * PANEL * width;
                        let to = products[to..][..PANEL * width].as_mut_ptr();
                        let store = Store { add: false, bias: None, rectify: false };
                        let right = |k: usize| right.add(k * width);
                        let size = (PANEL, registers);
                        panel::<L>(inputs, left, right, store, to, width, size);
                    }
                }
                self.turn_back::<L>(&of_panel, start, columns, &products);
            }
        }
        Ok(())
    }
}

impl<T: Element> Block<'_, T> {
    /// `Bᵀ d B` of the panel's windows: `[place][input channel][column]`.
    ///
    /// # Safety
    /// The set of `L`.
    #[inline(always)]
    unsafe fn turn_windows<L: Lanes<Element = T>>(
        &self,
        taps: &[usize],
        runs: &[Run],
        columns: usize,
        windows: &mut [T],
    ) -> Done {
        let width = width::<L>();
        let inputs = self.plan.channels_in;
        let elements = self.padded.elements().as_ptr();
        let mut gathered = take::<T>(PLACES * width)?;
        for (channel, taps) in taps.chunks_exact(PLACES).enumerate() {
            // SAFETY: all taps of the runs lie inside the padded input, and the runs inside a panel's width.
            unsafe { gather::<L>(elements, taps, runs, &mut gathered) };
            for first in (0..columns).step_by(L::WIDTH) {
                // SAFETY: whole registers of `gathered`, which has as many columns as the widest panel, and of `windows`.
                unsafe {
                    let zero = L::constant(0.0);
                    let mut rows = [[zero; WINDOW]; WINDOW];
                    for (y, row) in rows.iter_mut().enumerate() {
                        let mut window = [zero; WINDOW];
                        for (x, place) in window.iter_mut().enumerate() {
                            let from = (y * WINDOW + x) * width + first;
                            *place = L::load(gathered.as_ptr().add(from));
                        }
                        *row = turn_window(window);
                    }
                    for x in 0..WINDOW {
                        let [a, b, c, d, e, f] = &rows;
                        let column = turn_window([a[x], b[x], c[x], d[x], e[x], f[x]]);
                        for (y, place) in column.into_iter().enumerate() {
                            let to = ((y * WINDOW + x) * inputs + channel) * width + first;
                            debug_assert!(to + L::WIDTH <= windows.len());
                            place.store(windows.as_mut_ptr().add(to));
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// `Aᵀ m A` of the panel's products, finished and written to the output.
    ///
    /// # Safety
    /// The set of `L`, and no other writes these columns.
    #[inline(always)]
    unsafe fn turn_back<L: Lanes<Element = T>>(
        &self,
        runs: &[Run],
        start: usize,
        columns: usize,
        products: &[T],
    ) {
        let Self { plan, tiles, group, .. } = *self;
        let (width, outputs) = (width::<L>(), plan.channels_out);
        let panels = outputs.div_ceil(PANEL);
        let (height_out, width_out) = (plan.h.output, plan.w.output);
        // A row of outputs of each of the tiles' four, tile beside tile.
        let mut lines = [[T::zero(); 48 * TILE]; TILE];
        for output in 0..outputs {
            let channel = group * outputs + output;
            let bias = self.finish.bias.map_or(T::zero(), |bias| bias[channel]);
            for first in (0..columns).step_by(L::WIDTH) {
                // SAFETY: whole registers of products, and of lines, which hold the widest panel's tiles.
                unsafe {
                    let mut rows = [[L::constant(0.0); TILE]; WINDOW];
                    for (y, row) in rows.iter_mut().enumerate() {
                        let mut products_of_row = [L::constant(0.0); WINDOW];
                        for (x, product) in products_of_row.iter_mut().enumerate() {
                            let place = (y * WINDOW + x) * panels * PANEL + output;
                            *product = L::load(products.as_ptr().add(place * width + first));
                        }
                        *row = turn_product(products_of_row);
                    }
                    let mut tile = [[L::splat(bias); TILE]; TILE];
                    for x in 0..TILE {
                        let [a, b, c, d, e, f] = &rows;
                        let column = turn_product([a[x], b[x], c[x], d[x], e[x], f[x]]);
                        for (y, element) in column.into_iter().enumerate() {
                            tile[y][x] = tile[y][x].add(element);
                            if self.finish.rectify {
                                tile[y][x] = tile[y][x].max(L::splat(T::zero()));
                            }
                        }
                    }
                    for (row, line) in tile.into_iter().zip(&mut lines) {
                        L::interleave(row, line[first * TILE..][..L::WIDTH * TILE].as_mut_ptr());
                    }
                }
            }
            for run in runs {
                let (sample, tile) =
                    ((start + run.at) / tiles.pixels_out(), (start + run.at) % tiles.pixels_out());
                let (y, x) = (tile / tiles.w.output * TILE, tile % tiles.w.output * TILE);
                let len = (run.len * TILE).min(width_out - x);
                let plane = (sample * plan.groups * outputs + channel) * plan.pixels_out();
                for (y, line) in (y..height_out).zip(&lines) {
                    // SAFETY: by contract.
                    let to = unsafe { self.y.part(plane + y * width_out + x, len) };
                    to.copy_from_slice(&line[run.at * TILE..][..len]);
                }
            }
        }
    }
}

/// `Bᵀ` times six numbers.
#[inline(always)]
unsafe fn turn_window<L: Lanes>(d: [L; WINDOW]) -> [L; WINDOW] {
    // SAFETY: the set is there by the caller's contract.
    unsafe {
        let (even, odd) =
            (d[4].mul_add(L::constant(-4.), d[2]), d[3].mul_add(L::constant(-4.), d[1]));
        let (even2, odd2) = (d[4].sub(d[2]), d[3].sub(d[1]).mul(L::constant(2.)));
        [
            d[4].mul_add(L::constant(-5.), d[2]).mul_add(L::constant(4.), d[0]),
            even.add(odd),
            even.sub(odd),
            even2.add(odd2),
            even2.sub(odd2),
            d[5].mul_add(L::constant(-5.), d[3]).mul_add(L::constant(4.), d[1]),
        ]
    }
}

/// `Aᵀ` times six numbers.
#[inline(always)]
unsafe fn turn_product<L: Lanes>(m: [L; WINDOW]) -> [L; TILE] {
    // SAFETY: the set is there by the caller's contract.
    unsafe {
        let (sum, difference) = (m[1].add(m[2]), m[1].sub(m[2]));
        let (sum2, difference2) = (m[3].add(m[4]), m[3].sub(m[4]));
        [
            m[0].add(sum).add(sum2),
            difference.mul_add(L::constant(2.), difference2),
            sum.mul_add(L::constant(4.), sum2),
            difference.mul_add(L::constant(8.), difference2).add(m[5]),
        ]
    }
}
