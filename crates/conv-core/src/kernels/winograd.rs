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

mod matrices;

use std::any::TypeId;
use std::ops::Range;

use super::blocks;
use super::gate::gate;
use super::kept::packed;
use super::plan::{Layout, Padded, Plan, Run, Side, runs};
use super::product::gather;
use super::scratch::{Done, take};
use super::shared::Shared;
use super::tile::{PANEL, Store, panel, width};
use super::{Finish, Weight};
use crate::element::Element;
use crate::simd::{Lanes, Work};
use matrices::{
    TAPS, TILE, WINDOW, turn_back_column, turn_column, turn_kernel, turn_product, turn_window,
};

/// Channels, on both sides, from which the products are worth the turning; in one dimension, where less is saved, and in two.
const CHANNELS_1D: usize = 64;
const CHANNELS_2D: usize = 24;
/// Input channels up to which the error is small enough: 3e-5 of the largest value.
const MOST_CHANNELS: usize = 1024;
/// Output tiles from which the turned weight is worth it, and from which there are more of them than of the weight.
const TILES: usize = 16;
const FEW_TILES: usize = 96;
/// Windows that are turned at once: as many as the widest instruction set's panel has; narrower sets take several panels.
const COLUMNS: usize = 48;
/// Channels below which a share of them is not worth a task of its own.
const FEWEST_CHANNELS: usize = 32;
/// Elements of products that are held at once: what stays in the second cache.
const PRODUCTS: usize = 1 << 16;
/// Numbers of a tap of the kernels that are turned at once.
const KERNELS: usize = 8 * PANEL;

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
    turns: [Turn; 2],
    x: &[T],
    weight: Weight<'_, T>,
    finish: Finish<'_, T>,
    y: &mut [T],
) -> Done {
    let [h, w] = turns;
    let tiles = Plan { h: h.windows(&plan.h), w: w.windows(&plan.w), ..*plan };
    let layout = Layout::new(&tiles);
    let padded = Padded::new(&tiles, &layout, x)?;
    let y = Shared::new(y);
    let job = Job {
        plan,
        tiles: &tiles,
        turns,
        padded: &padded,
        taps: &layout.taps(&tiles),
        weight,
        finish,
        y: &y,
    };
    let (columns, panels) = (tiles.columns(), plan.channels_out.div_ceil(PANEL));
    let blocks = columns.div_ceil(COLUMNS);
    let of_block = |block: usize| block * COLUMNS..columns.min((block + 1) * COLUMNS);
    // What there is less of is turned first, for all tasks; each of them turns its share of the other, which then is in its caches.
    if columns < FEW_TILES {
        let len = job.len(COLUMNS);
        let mut windows = take(plan.groups * blocks * len)?;
        let shares = blocks::worth(plan.groups * blocks, plan.channels_in / FEWEST_CHANNELS);
        let shares: Vec<_> = blocks::parts(plan.channels_in, shares).collect();
        let shared = Shared::new(&mut windows);
        blocks::each(plan.groups * blocks * shares.len(), plan.work(), |task| {
            let (number, channels) = (task / shares.len(), shares[task % shares.len()].clone());
            let (group, columns) = (number / blocks, of_block(number % blocks));
            let windows = shared.pointer(number * len, len);
            T::vectorize(TurnWindows { job: &job, group, columns, channels, windows })
        })?;
        blocks::each(plan.groups * panels, plan.work(), |task| {
            let (group, panel) = (task / panels, task % panels);
            let mut weight = take(job.len(PANEL))?;
            T::vectorize(TurnWeight { job: &job, group, panel, turned: &mut weight });
            (0..blocks).try_for_each(|block| {
                let windows = &windows[(group * blocks + block) * len..][..len];
                let (columns, panels) = (of_block(block), panel..panel + 1);
                T::vectorize(Products {
                    job: &job,
                    group,
                    columns,
                    windows,
                    panels,
                    weight: &weight,
                })
            })
        })
    } else {
        let len = job.len(PANEL);
        let all = plan.groups * panels * len;
        let weight = packed(finish.keep, ("winograd", plan), weight, all, |turned| {
            blocks::each_chunk(turned, len, all * PANEL, |number, turned| {
                let (group, panel) = (number / panels, number % panels);
                T::vectorize(TurnWeight { job: &job, group, panel, turned });
                Ok(())
            })
        })?;
        blocks::each(plan.groups * blocks, plan.work(), |task| {
            let (group, columns) = (task / blocks, of_block(task % blocks));
            let mut windows = take(job.len(COLUMNS))?;
            let turn = TurnWindows {
                job: &job,
                group,
                columns: columns.clone(),
                channels: 0..plan.channels_in,
                windows: windows.as_mut_ptr(),
            };
            T::vectorize(turn)?;
            let weight = &weight[group * panels * len..][..panels * len];
            let windows = &windows;
            T::vectorize(Products { job: &job, group, columns, windows, panels: 0..panels, weight })
        })
    }
}

/// What all tasks need.
struct Job<'a, T: Element> {
    plan: &'a Plan,
    /// The windows, as a convolution, and its taps.
    tiles: &'a Plan,
    taps: &'a [usize],
    turns: [Turn; 2],
    padded: &'a Padded<'a, T>,
    weight: Weight<'a, T>,
    finish: Finish<'a, T>,
    y: &'a Shared<'a, T>,
}

impl<T: Element> Job<'_, T> {
    /// From a place's first element to the next one's, where each input channel has so many: a channel more than there are, lest that
    /// is a power of two and all places of a channel fall on the same few lines of a cache.
    fn place(&self, width: usize) -> usize {
        (self.plan.channels_in + 1) * width
    }

    /// Elements of all places.
    fn len(&self, width: usize) -> usize {
        self.turns[0].window * WINDOW * self.place(width)
    }
}

/// `G g Gᵀ` of a panel of output channels: `[place][input channel][PANEL]`.
struct TurnWeight<'a, T: Element> {
    job: &'a Job<'a, T>,
    group: usize,
    panel: usize,
    turned: &'a mut [T],
}

impl<T: Element> Work<T> for TurnWeight<'_, T> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<L: Lanes<Element = T>>(self) {
        let Self { job: job @ &Job { plan, turns: [h, _], weight, .. }, group, panel, turned } =
            self;
        let (first, place, inputs) = (panel * PANEL, job.place(PANEL), plan.channels_in);
        let (height, width) = (plan.h.taps, plan.w.taps);
        let rows = (plan.channels_out - first).min(PANEL);
        let of_rows = weight.kernels(group, first);
        // Each tap of some channels' kernels, side by side.
        let mut kernels = [[T::zero(); KERNELS]; TAPS * TAPS];
        for c in (0..inputs).step_by(KERNELS / PANEL) {
            let channels = (inputs - c).min(KERNELS / PANEL);
            for (y, of_row) in kernels.chunks_exact_mut(width).enumerate().take(height) {
                for (x, of_tap) in of_row.iter_mut().enumerate() {
                    let tap = y as isize * weight.row + x as isize * weight.column;
                    let start = (c * weight.input).wrapping_add_signed(tap);
                    for (channel, to) in of_tap.chunks_exact_mut(PANEL).enumerate().take(channels) {
                        let tap = start.wrapping_add(channel * weight.input);
                        for (to, kernel) in to.iter_mut().zip(of_rows).take(rows) {
                            *to = weight.elements[kernel.wrapping_add(tap)];
                        }
                    }
                }
            }
            for number in (0..channels * PANEL).step_by(L::WIDTH) {
                // SAFETY: a register does not reach beyond KERNELS, nor beyond the channel that follows a place's.
                unsafe {
                    let zero = L::constant(0.0);
                    let mut columns = [[zero; TAPS]; WINDOW];
                    for (y, of_row) in kernels.chunks_exact(width).enumerate().take(height) {
                        let mut row = [zero; TAPS];
                        for (tap, of_tap) in row.iter_mut().zip(of_row) {
                            *tap = L::load(of_tap[number..].as_ptr());
                        }
                        for (column, tap) in columns.iter_mut().zip(turn_kernel(row, width)) {
                            column[y] = tap;
                        }
                    }
                    for (x, column) in columns.into_iter().enumerate() {
                        let column = match h.window {
                            1 => [column[0]; WINDOW],
                            _ => turn_kernel(column, height),
                        };
                        for (y, element) in column.into_iter().enumerate().take(h.window) {
                            let to = (y * WINDOW + x) * place + c * PANEL + number;
                            element.store(turned[to..][..L::WIDTH].as_mut_ptr());
                        }
                    }
                }
            }
        }
    }
}

/// `Bᵀ d B` of a block of windows in some channels, panel by panel: `[place][input channel][column]`.
struct TurnWindows<'a, T: Element> {
    job: &'a Job<'a, T>,
    group: usize,
    columns: Range<usize>,
    channels: Range<usize>,
    /// Writable for a block of all channels; no other writes these.
    windows: *mut T,
}

impl<T: Element> Work<T> for TurnWindows<'_, T> {
    type Output = Done;

    #[inline(always)]
    unsafe fn run<L: Lanes<Element = T>>(self) -> Done {
        // SAFETY: by contract.
        match self.job.turns[0].window {
            1 => unsafe { self.turn::<L, 1>() },
            _ => unsafe { self.turn::<L, WINDOW>() },
        }
    }
}

impl<T: Element> TurnWindows<'_, T> {
    /// Windows that are `H` places high.
    ///
    /// # Safety
    /// The set of `L`.
    #[inline(always)]
    unsafe fn turn<L: Lanes<Element = T>, const H: usize>(self) -> Done {
        let Self { job, group, columns, channels, windows } = self;
        let (width, place) = (width::<L>(), job.place(width::<L>()));
        let mut gathered = take::<T>(H * WINDOW * width)?;
        let mut of_panel = Vec::new();
        let elements = job.padded.elements().as_ptr();
        let taps = &job.taps[channels.start * H * WINDOW..channels.end * H * WINDOW];
        for (panel, start) in columns.clone().step_by(width).enumerate() {
            let windows = windows.wrapping_add(panel * H * WINDOW * place);
            let columns = width.min(columns.end - start);
            runs(job.tiles, job.padded.layout, group, start, columns, &mut of_panel);
            for (channel, taps) in channels.clone().zip(taps.chunks_exact(H * WINDOW)) {
                // SAFETY: all taps of the runs lie inside the padded input, and the runs inside a panel's width.
                unsafe { gather::<L>(elements, taps, &of_panel, &mut gathered) };
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
                            for (y, element) in column.into_iter().enumerate() {
                                let to = (y * WINDOW + x) * place + channel * width + first;
                                element.store(windows.add(to));
                            }
                        }
                    }
                }
            }
        }
        Ok(())
    }
}

/// Products of a block of windows with some panels of the weight, turned back and written to the output.
struct Products<'a, T: Element> {
    job: &'a Job<'a, T>,
    group: usize,
    columns: Range<usize>,
    windows: &'a [T],
    panels: Range<usize>,
    weight: &'a [T],
}

impl<T: Element> Work<T> for Products<'_, T> {
    type Output = Done;

    #[inline(always)]
    unsafe fn run<L: Lanes<Element = T>>(self) -> Done {
        // SAFETY: by contract.
        match self.job.turns[0].window {
            1 => unsafe { self.multiply::<L, 1>() },
            _ => unsafe { self.multiply::<L, WINDOW>() },
        }
    }
}

impl<T: Element> Products<'_, T> {
    /// Windows that are `H` places high.
    ///
    /// # Safety
    /// The set of `L`, and no other writes these columns of these panels.
    #[inline(always)]
    unsafe fn multiply<L: Lanes<Element = T>, const H: usize>(&self) -> Done {
        let Self { job, group, ref columns, windows, ref panels, weight } = *self;
        let (inputs, outputs) = (job.plan.channels_in, job.plan.channels_out);
        let (places, width) = (H * WINDOW, width::<L>());
        // Output channels whose products are held at once.
        let at_once = (PRODUCTS / (places * PANEL * width)).clamp(1, panels.len());
        let mut products = take::<T>(places * at_once * PANEL * width)?;
        let mut of_panel = Vec::new();
        let (of_windows, of_weight) = (job.place(width), job.place(PANEL));
        let in_panels =
            columns.clone().step_by(width).zip(windows.chunks_exact(places * of_windows));
        for (start, windows) in in_panels {
            let columns = width.min(columns.end - start);
            runs(job.tiles, job.padded.layout, group, start, columns, &mut of_panel);
            let registers = columns.next_multiple_of(L::WIDTH);
            for first in panels.clone().step_by(at_once) {
                let count = at_once.min(panels.end - first);
                for place in 0..places {
                    let right = windows[place * of_windows..][..inputs * width].as_ptr();
                    for number in 0..count {
                        let left = (first - panels.start + number) * places + place;
                        let left = weight[left * of_weight..][..inputs * PANEL].as_ptr();
                        let to = (place * at_once + number) * PANEL * width;
                        let to = products[to..][..PANEL * width].as_mut_ptr();
                        let store = Store { add: false, bias: None, rectify: false };
                        let right = |k: usize| right.wrapping_add(k * width);
                        // SAFETY: panels of windows, weight and products are as long as `panel` reads and writes.
                        unsafe {
                            panel::<L>(inputs, left, right, store, to, width, (PANEL, registers));
                        }
                    }
                }
                let some = first * PANEL..outputs.min((first + count) * PANEL);
                let place_len = at_once * PANEL * width;
                // SAFETY: by contract.
                unsafe {
                    self.turn_back::<L, H>(&of_panel, start, columns, some, place_len, &products);
                }
            }
        }
        Ok(())
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
        let Self { job: &Job { plan, tiles, turns: [h, w], finish, y: to, .. }, group, .. } = *self;
        let width = width::<L>();
        let (height_out, width_out) = (plan.h.output, plan.w.output);
        // A row of outputs of each of the tiles' rows, tile beside tile; of the channel before too, which this one may gate.
        let mut both = [[[T::zero(); COLUMNS * TILE]; TILE]; 2];
        for (number, output) in outputs.enumerate() {
            let awaits_gate = finish.gate && output % 2 == 0;
            let (before, after) = both.split_at_mut(1);
            let (before, lines) = match awaits_gate {
                true => (&after[0], &mut before[0]),
                false => (&before[0], &mut after[0]),
            };
            let channel = group * plan.channels_out + output;
            let bias = finish.bias.map_or(T::zero(), |bias| bias[channel]);
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
                            if finish.rectify {
                                row[x] = row[x].max(zero);
                            }
                        }
                    }
                    for (row, line) in tile.into_iter().zip(lines.iter_mut()).take(h.tile) {
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
            if awaits_gate {
                continue;
            }
            // Of two channels, one is left.
            let (channels, channel) = match finish.gate {
                true => (plan.channels_out / 2, channel / 2),
                false => (plan.groups * plan.channels_out, channel),
            };
            for run in runs {
                let (sample, tile) =
                    ((start + run.at) / tiles.pixels_out(), (start + run.at) % tiles.pixels_out());
                let (y, x) = (tile / tiles.w.output * h.tile, tile % tiles.w.output * w.tile);
                let len = (run.len * w.tile).min(width_out - x);
                let plane = (sample * channels + channel) * plan.pixels_out();
                let lines = before.iter().zip(lines.iter());
                for (y, (before, line)) in (y..height_out).zip(lines).take(h.tile) {
                    // SAFETY: by contract.
                    let to = unsafe { to.part(plane + y * width_out + x, len) };
                    let line = &line[run.at * w.tile..][..len];
                    match finish.gate {
                        true => gate(&before[run.at * w.tile..], line, to),
                        false => to.copy_from_slice(line),
                    }
                }
            }
        }
    }
}
