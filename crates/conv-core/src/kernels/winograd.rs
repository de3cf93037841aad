//! Winograd's minimal filtering (Lavin and Gray 2016, §4): a tile of outputs from a window of inputs by as many multiplications as
//! the window has places, where the definition needs tile times kernel.
//!
//! | axis | window | tile | multiplications | instead of |
//! |---|---|---|---|---|
//! | 3 taps | 6 | 4 | 6 | 12 |
//! | 4 taps | 6 | 3 | 6 | 12 |
//! | 5 taps | 6 | 2 | 6 | 10 |
//! | 1 tap (the height of a sequence) | 1 | 1 | 1 | 1 |
//!
//! In two dimensions the factors multiply: 3×3 takes 36 for 144, 5×5 36 for 100. Window, kernel and tile are turned into a space where
//! convolution is elementwise product, `Y = Aᵀ [(G g Gᵀ) ⊙ (Bᵀ d B)] A`; over channels that is a matrix product for each place. All
//! windows of six are evaluated at the points 0, 1, -1, 2, -2 and ∞, so that B is the same for every kernel. Windows overlap and are
//! read as the taps of a kernel whose stride is the tile, so that a register holds one place of as many neighbouring windows. The
//! price is rounding: errors of 1e-5 of the largest value.
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

/// Places of a window along an axis, and outputs of the largest tile.
const WINDOW: usize = 6;
const TILE: usize = 4;
/// Taps of the largest kernel along an axis.
const TAPS: usize = 5;

/// Channels, on both sides, from which the products are worth the turning; in one dimension, where less is saved, and in two.
const CHANNELS_1D: usize = 64;
const CHANNELS_2D: usize = 24;
/// Input channels up to which the error is small enough: 3e-5 of the largest value.
const MOST_CHANNELS: usize = 1024;
/// Output tiles from which the turned weight is worth it.
const TILES: usize = 96;
/// Windows that are turned at once: as many as the widest instruction set's panel has; narrower sets take several panels.
const COLUMNS: usize = 48;
/// Elements of products that are held at once: what stays in the second cache.
const PRODUCTS: usize = 1 << 16;

/// What becomes of an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Turn {
    window: usize,
    tile: usize,
}

impl Turn {
    fn of(side: &Side) -> Option<Self> {
        match (side.taps, side.stride, side.dilation) {
            (1, 1, _) => Some(Self { window: 1, tile: 1 }),
            (taps @ 3..=TAPS, 1, 1) => Some(Self { window: WINDOW, tile: WINDOW + 1 - taps }),
            _ => None,
        }
    }

    fn tiles(&self, side: &Side) -> usize {
        side.output.div_ceil(self.tile)
    }

    /// The windows of an axis as those of a kernel.
    fn windows(&self, side: &Side) -> Side {
        Side { taps: self.window, stride: self.tile, output: self.tiles(side), ..*side }
    }
}

/// What becomes of both axes, where this kernel computes `plan`, and faster than the general one.
pub(super) fn turns<T: 'static>(plan: &Plan) -> Option<[Turn; 2]> {
    let (h, w) = (Turn::of(&plan.h)?, Turn::of(&plan.w)?);
    let (tiles, places) = (h.tiles(&plan.h) * w.tiles(&plan.w), h.window * w.window);
    let channels = if h.window == 1 { CHANNELS_1D } else { CHANNELS_2D };
    // Tiles that reach beyond the output are computed for nothing: what is saved must be a third in one dimension, and more in two.
    let (needed, computed) = (plan.pixels_out() * plan.taps(), tiles * places);
    let saves = if h.window == 1 { 2 * needed >= 3 * computed } else { 2 * needed >= 5 * computed };
    let suits = TypeId::of::<T>() == TypeId::of::<f32>()
        && w.window == WINDOW
        && plan.channels_in.min(plan.channels_out) >= channels
        && plan.channels_in <= MOST_CHANNELS
        && plan.batch * tiles >= TILES
        && saves;
    suits.then_some([h, w])
}

pub(super) fn convolve<T: Element>(
    plan: &Plan,
    [h, w]: [Turn; 2],
    x: &[T],
    weight: Weight<'_, T>,
    finish: Finish<'_, T>,
    y: &mut [T],
) -> Done {
    let weight = turned(plan, h, weight)?;
    let tiles = Plan { h: h.windows(&plan.h), w: w.windows(&plan.w), ..*plan };
    let layout = Layout::new(&tiles);
    let padded = Padded::new(&tiles, &layout, x)?;
    let columns = tiles.columns();
    let blocks = columns.div_ceil(COLUMNS);
    let y = Shared::new(y);
    blocks::each(plan.groups * blocks, plan.work(), |task| {
        let (group, block) = (task / blocks, task % blocks);
        let columns = block * COLUMNS..columns.min((block + 1) * COLUMNS);
        T::vectorize(Block {
            plan,
            tiles: &tiles,
            turns: [h, w],
            padded: &padded,
            weight: &weight,
            finish,
            group,
            columns,
            y: &y,
        })
    })
}

/// `G g Gᵀ` of all kernels, in panels: `[group][place][output channels / PANEL][input channels][PANEL]`.
fn turned<T: Element>(plan: &Plan, h: Turn, weight: Weight<'_, T>) -> Result<Buffer<T>, NoRoom> {
    let (inputs, panels) = (plan.channels_in, plan.channels_out.div_ceil(PANEL));
    let (places, place_len) = (h.window * WINDOW, panels * inputs * PANEL);
    let mut all = take(plan.groups * places * place_len)?;
    let work = 8 * all.len();
    let shared = Shared::new(&mut all);
    blocks::each(plan.groups * panels, work, |number| {
        let (group, panel) = (number / panels, number % panels);
        T::vectorize(TurnWeight { plan, h, weight, group, panel, place_len, turned: &shared });
        Ok(())
    })?;
    Ok(all)
}

struct TurnWeight<'a, T: Element> {
    plan: &'a Plan,
    h: Turn,
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
        let Self { plan, h, weight, group, panel, place_len, turned } = self;
        let (first, inputs) = (panel * PANEL, plan.channels_in);
        let rows = (plan.channels_out - first).min(PANEL);
        let start = weight.start + group * weight.group + first * weight.output;
        for c in 0..inputs {
            let mut columns = [[[T::zero(); PANEL]; TAPS]; WINDOW];
            for y in 0..plan.h.taps {
                let mut g = [[T::zero(); PANEL]; TAPS];
                for (x, g) in g.iter_mut().enumerate().take(plan.w.taps) {
                    let tap = y as isize * weight.row + x as isize * weight.column;
                    let start = (start + c * weight.input).wrapping_add_signed(tap);
                    for (i, g) in g.iter_mut().enumerate().take(rows) {
                        *g = weight.elements[start + i * weight.output];
                    }
                }
                for (column, g) in columns.iter_mut().zip(turn_kernel(g, plan.w.taps)) {
                    column[y] = g;
                }
            }
            for (x, column) in columns.into_iter().enumerate() {
                let column = match h.window {
                    1 => [column[0]; WINDOW],
                    _ => turn_kernel(column, plan.h.taps),
                };
                for (y, to) in column.into_iter().enumerate().take(h.window) {
                    let place = (group * h.window + y) * WINDOW + x;
                    let start = place * place_len + (panel * inputs + c) * PANEL;
                    // SAFETY: calls differ in group or panel, so that no two write the same element.
                    unsafe { turned.part(start, PANEL) }.copy_from_slice(&to);
                }
            }
        }
    }
}

/// `G` times the taps of PANEL kernels at once: the kernel, as a polynomial, at the six points, divided by the product of a point's
/// distances to the others.
#[inline(always)]
fn turn_kernel<T: Element>(g: [[T; PANEL]; TAPS], taps: usize) -> [[T; PANEL]; WINDOW] {
    let mut to = [[T::zero(); PANEL]; WINDOW];
    let factors = [1. / 4., -1. / 6., 1. / 24., 2., 4., 8., 16.];
    let mut constants = [T::zero(); 7];
    for (constant, factor) in constants.iter_mut().zip(factors) {
        *constant = T::from_f64(factor);
    }
    let [quarter, sixth, twenty_fourth, two, four, eight, sixteen] = constants;
    for i in 0..PANEL {
        let [a, b, c, d, e] = [g[0][i], g[1][i], g[2][i], g[3][i], g[4][i]];
        let (even, odd) = (a + c + e, b + d);
        let (even2, odd2) = (a + four * c + sixteen * e, two * b + eight * d);
        to[0][i] = a * quarter;
        to[1][i] = (even + odd) * sixth;
        to[2][i] = (even - odd) * sixth;
        to[3][i] = (even2 + odd2) * twenty_fourth;
        to[4][i] = (even2 - odd2) * twenty_fourth;
    }
    to[5] = g[taps - 1];
    to
}

struct Block<'a, T: Element> {
    plan: &'a Plan,
    /// The windows, as a convolution.
    tiles: &'a Plan,
    turns: [Turn; 2],
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
        // SAFETY: by contract.
        match self.turns[0].window {
            1 => unsafe { self.windows::<L, 1>() },
            _ => unsafe { self.windows::<L, WINDOW>() },
        }
    }
}

impl<T: Element> Block<'_, T> {
    /// The block's windows, which are `H` places high.
    ///
    /// # Safety
    /// The set of `L`, and no other writes these columns.
    #[inline(always)]
    unsafe fn windows<L: Lanes<Element = T>, const H: usize>(&self) -> Done {
        let (inputs, outputs) = (self.plan.channels_in, self.plan.channels_out);
        let (places, panels, width) = (H * WINDOW, outputs.div_ceil(PANEL), width::<L>());
        let mut windows = take::<T>(places * inputs * width)?;
        // Output channels whose products are held at once.
        let at_once = (PRODUCTS / (places * PANEL * width)).clamp(1, panels);
        let mut products = take::<T>(places * at_once * PANEL * width)?;
        let mut gathered = take::<T>(places * width)?;
        let taps = self.padded.layout.taps(self.tiles);
        let mut of_panel = Vec::new();
        for start in self.columns.clone().step_by(width) {
            let columns = width.min(self.columns.end - start);
            runs(self.tiles, self.padded.layout, self.group, start, columns, &mut of_panel);
            // SAFETY: see the two; panels of the weight and of the products are as long as `panel` reads and writes.
            unsafe {
                self.turn_windows::<L, H>(&taps, &of_panel, columns, &mut gathered, &mut windows);
                let registers = columns.next_multiple_of(L::WIDTH);
                for first in (0..panels).step_by(at_once) {
                    let count = at_once.min(panels - first);
                    for place in 0..places {
                        let right = windows[place * inputs * width..].as_ptr();
                        for number in 0..count {
                            let left = (self.group * places + place) * panels + first + number;
                            let left =
                                self.weight[left * inputs * PANEL..][..inputs * PANEL].as_ptr();
                            let to = (place * at_once + number) * PANEL * width;
                            let to = products[to..][..PANEL * width].as_mut_ptr();
                            let store = Store { add: false, bias: None, rectify: false };
                            let right = |k: usize| right.add(k * width);
                            let size = (PANEL, registers);
                            panel::<L>(inputs, left, right, store, to, width, size);
                        }
                    }
                    let some = first * PANEL..outputs.min((first + count) * PANEL);
                    let place_len = at_once * PANEL * width;
                    self.turn_back::<L, H>(&of_panel, start, columns, some, place_len, &products);
                }
            }
        }
        Ok(())
    }

    /// `Bᵀ d B` of the panel's windows: `[place][input channel][column]`.
    ///
    /// # Safety
    /// The set of `L`.
    #[inline(always)]
    unsafe fn turn_windows<L: Lanes<Element = T>, const H: usize>(
        &self,
        taps: &[usize],
        runs: &[Run],
        columns: usize,
        gathered: &mut [T],
        windows: &mut [T],
    ) {
        let width = width::<L>();
        let inputs = self.plan.channels_in;
        let elements = self.padded.elements().as_ptr();
        for (channel, taps) in taps.chunks_exact(H * WINDOW).enumerate() {
            // SAFETY: all taps of the runs lie inside the padded input, and the runs inside a panel's width.
            unsafe { gather::<L>(elements, taps, runs, gathered) };
            for first in (0..columns).step_by(L::WIDTH) {
                // SAFETY: whole registers of `gathered`, which has as many columns as the widest panel, and of `windows`.
                unsafe {
                    let zero = L::constant(0.0);
                    let mut rows = [[zero; WINDOW]; H];
                    for (y, row) in rows.iter_mut().enumerate() {
                        let mut window = [zero; WINDOW];
                        for (x, place) in window.iter_mut().enumerate() {
                            let from = (y * WINDOW + x) * width + first;
                            *place = L::load(gathered.as_ptr().add(from));
                        }
                        *row = turn_window(window);
                    }
                    for x in 0..WINDOW {
                        let mut column = [zero; H];
                        for (row, place) in rows.iter().zip(&mut column) {
                            *place = row[x];
                        }
                        let column = turn_column(column);
                        for (y, place) in column.into_iter().enumerate() {
                            let to = ((y * WINDOW + x) * inputs + channel) * width + first;
                            debug_assert!(to + L::WIDTH <= windows.len());
                            place.store(windows.as_mut_ptr().add(to));
                        }
                    }
                }
            }
        }
    }

    /// `Aᵀ m A` of some output channels' products, finished and written to the output.
    ///
    /// # Safety
    /// The set of `L`, and no other writes these columns.
    #[inline(always)]
    unsafe fn turn_back<L: Lanes<Element = T>, const H: usize>(
        &self,
        runs: &[Run],
        start: usize,
        columns: usize,
        outputs: Range<usize>,
        place_len: usize,
        products: &[T],
    ) {
        let Self { plan, tiles, turns: [h, w], group, .. } = *self;
        let width = width::<L>();
        let (height_out, width_out) = (plan.h.output, plan.w.output);
        // A row of outputs of each of the tiles' rows, tile beside tile.
        let mut lines = [[T::zero(); COLUMNS * TILE]; TILE];
        for (number, output) in outputs.enumerate() {
            let channel = group * plan.channels_out + output;
            let bias = self.finish.bias.map_or(T::zero(), |bias| bias[channel]);
            for first in (0..columns).step_by(L::WIDTH) {
                // SAFETY: whole registers of products, and of lines, which hold the widest panel's tiles.
                unsafe {
                    let zero = L::constant(0.0);
                    let mut rows = [[zero; TILE]; H];
                    for (y, row) in rows.iter_mut().enumerate() {
                        let mut of_row = [zero; WINDOW];
                        for (x, product) in of_row.iter_mut().enumerate() {
                            let from = (y * WINDOW + x) * place_len + number * width + first;
                            debug_assert!(from + L::WIDTH <= products.len());
                            *product = L::load(products.as_ptr().add(from));
                        }
                        *row = turn_product(of_row, w.tile);
                    }
                    let mut tile = [[L::splat(bias); TILE]; TILE];
                    for x in 0..TILE {
                        let mut column = [zero; H];
                        for (row, product) in rows.iter().zip(&mut column) {
                            *product = row[x];
                        }
                        let column = turn_back_column(column, h.tile);
                        for (y, (row, element)) in tile.iter_mut().zip(column).enumerate() {
                            if H == 1 && y > 0 {
                                break;
                            }
                            row[x] = row[x].add(element);
                            if self.finish.rectify {
                                row[x] = row[x].max(zero);
                            }
                        }
                    }
                    for (row, line) in tile.into_iter().zip(&mut lines).take(h.tile) {
                        let line = &mut line[first * w.tile..][..L::WIDTH * w.tile];
                        if w.tile == TILE {
                            L::interleave(row, line.as_mut_ptr());
                            continue;
                        }
                        for (x, column) in row.into_iter().enumerate().take(w.tile) {
                            let mut lanes = [T::zero(); 16];
                            column.store(lanes.as_mut_ptr());
                            for (to, &lane) in line[x..].iter_mut().step_by(w.tile).zip(&lanes) {
                                *to = lane;
                            }
                        }
                    }
                }
            }
            for run in runs {
                let (sample, tile) =
                    ((start + run.at) / tiles.pixels_out(), (start + run.at) % tiles.pixels_out());
                let (y, x) = (tile / tiles.w.output * h.tile, tile % tiles.w.output * w.tile);
                let len = (run.len * w.tile).min(width_out - x);
                let plane =
                    (sample * plan.groups * plan.channels_out + channel) * plan.pixels_out();
                for (y, line) in (y..height_out).zip(&lines).take(h.tile) {
                    // SAFETY: by contract.
                    let to = unsafe { self.y.part(plane + y * width_out + x, len) };
                    to.copy_from_slice(&line[run.at * w.tile..][..len]);
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

/// `Aᵀ` times six numbers: the first `tile` of the result.
#[inline(always)]
unsafe fn turn_product<L: Lanes>(m: [L; WINDOW], tile: usize) -> [L; TILE] {
    // SAFETY: the set is there by the caller's contract.
    unsafe {
        let (sum, difference) = (m[1].add(m[2]), m[1].sub(m[2]));
        let (sum2, difference2) = (m[3].add(m[4]), m[3].sub(m[4]));
        let mut to = [
            m[0].add(sum).add(sum2),
            difference.mul_add(L::constant(2.), difference2),
            sum.mul_add(L::constant(4.), sum2),
            difference.mul_add(L::constant(8.), difference2),
        ];
        match tile {
            4 => to[3] = to[3].add(m[5]),
            3 => to[2] = to[2].add(m[5]),
            _ => to[1] = to[1].add(m[5]),
        }
        to
    }
}

/// As [`turn_window`], along the height, which may have a single place.
#[inline(always)]
unsafe fn turn_column<L: Lanes, const H: usize>(d: [L; H]) -> [L; H] {
    if H == 1 {
        return d;
    }
    let mut to = d;
    // SAFETY: the set is there by the caller's contract.
    to.copy_from_slice(&unsafe { turn_window([d[0], d[1], d[2], d[3], d[4], d[5]]) });
    to
}

/// As [`turn_product`], along the height, which may have a single place.
#[inline(always)]
unsafe fn turn_back_column<L: Lanes, const H: usize>(m: [L; H], tile: usize) -> [L; TILE] {
    if H == 1 {
        return [m[0]; TILE];
    }
    // SAFETY: the set is there by the caller's contract.
    unsafe { turn_product([m[0], m[1], m[2], m[3], m[4], m[5]], tile) }
}
