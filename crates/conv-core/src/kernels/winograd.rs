//! Winograd's minimal filtering (Lavin and Gray 2016, §4): a tile of outputs from a window of
//! inputs by as many multiplications as the window has places, where the definition needs tile
//! times kernel.
//!
//! | axis | window | tile | multiplications | instead of |
//! |---|---|---|---|---|
//! | 3 taps | 6 | 4 | 6 | 12 |
//! | 4 taps | 6 | 3 | 6 | 12 |
//! | 5 taps | 6 | 2 | 6 | 10 |
//! | 1 tap (the height of a sequence) | 1 | 1 | 1 | 1 |
//!
//! In two dimensions the factors multiply: 3×3 takes 36 for 144, 5×5 36 for 100. Window, kernel and
//! tile are transformed into a space where convolution is elementwise product,
//! `Y = Aᵀ [(G g Gᵀ) ⊙ (Bᵀ d B)] A`; over channels that is a matrix product for each place. All
//! windows of six are evaluated at the points 0, 1, -1, 2, -2 and ∞, so that B is the same for
//! every kernel. Windows overlap and are read as the taps of a kernel whose stride is the tile, so
//! that a register holds one place of as many neighbouring windows. The price is rounding: errors
//! of 1e-5 of the largest value.
#![allow(unsafe_code)]

mod matrices;

use std::any::TypeId;
use std::ops::Range;

use super::epilogue::{Output, Piece};
use super::implicit_gemm::gather;
use super::layout::{Layout, Padded};
use super::packed::{Weight, packed};
use super::scratch::acquire;
use super::tile::{PANEL, REGISTERS, microkernel, width};
use super::{Arguments, blocks};
use crate::element::Element;
use crate::geometry::{Axis, Geometry};
use crate::memory::AllocResult;
use crate::simd::{Lanes, WIDEST, Work};
use matrices::{
    TAPS, TILE, WINDOW, along_both, filter_transform, input_transform, output_transform,
};

/// Channels, on both sides, from which the products are worth the transforms; in one dimension,
/// where less is saved, and in two.
const CHANNELS_1D: usize = 64;
const CHANNELS_2D: usize = 24;
/// Input channels up to which the error is small enough: 3e-5 of the largest value.
const MOST_CHANNELS: usize = 1024;
/// Output tiles from which the transformed weight is worth it, and from which there are more of
/// them than of the weight.
const TILES: usize = 16;
const FEW_TILES: usize = 96;
/// Windows that are transformed at once: as many as the widest instruction set's panel has;
/// narrower sets take several panels.
const COLUMNS: usize = REGISTERS * WIDEST;
/// Elements of products that are held at once, and of the weight that are transformed at once: both
/// stay in the second cache.
const PRODUCTS: usize = 1 << 16;
const TRANSFORMED: usize = 1 << 16;
/// Input channels whose kernels are packed at once: what is read and written stays in the nearest
/// cache.
const PACKED: usize = 64;
/// Panels of the weight that a task transforms and multiplies at most, and tasks below which it has
/// fewer.
const TOGETHER: usize = 4;
const TASKS: usize = 8;

/// Outputs of a row of tiles beside each other, and of all rows of a tile.
const LINE: usize = COLUMNS * TILE;
const LINES: usize = TILE * LINE;

/// What becomes of an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct AxisTransform {
    window: usize,
    tile: usize,
}

impl AxisTransform {
    fn of(axis: &Axis) -> Option<Self> {
        match (axis.kernel, axis.stride, axis.dilation) {
            (1, 1, _) => Some(Self { window: 1, tile: 1 }),
            (taps @ 3..=TAPS, 1, 1) => Some(Self { window: WINDOW, tile: WINDOW + 1 - taps }),
            _ => None,
        }
    }

    fn tiles(&self, axis: &Axis) -> usize {
        axis.output.div_ceil(self.tile)
    }

    /// The windows of an axis as those of a kernel.
    fn windows(&self, axis: &Axis) -> Axis {
        Axis { kernel: self.window, stride: self.tile, output: self.tiles(axis), ..*axis }
    }
}

/// What becomes of both axes, where this kernel computes `g`, and faster than the general one.
pub(super) fn transforms<T: 'static>(g: &Geometry) -> Option<[AxisTransform; 2]> {
    let h = AxisTransform::of(&g.h)?;
    let w = AxisTransform::of(&g.w)?;
    let tiles = h.tiles(&g.h) * w.tiles(&g.w);
    let places = h.window * w.window;
    let channels = if h.window == 1 { CHANNELS_1D } else { CHANNELS_2D };
    // Tiles that reach beyond the output are computed for nothing: what is saved must be a third in
    // one dimension, and more in two.
    let needed = g.pixels_out() * g.taps();
    let computed = tiles * places;
    let saves = if h.window == 1 { 2 * needed >= 3 * computed } else { 2 * needed >= 5 * computed };
    let suits = TypeId::of::<T>() == TypeId::of::<f32>()
        && w.window == WINDOW
        && g.channels_in.min(g.channels_out) >= channels
        && g.channels_in <= MOST_CHANNELS
        && g.batch * tiles >= TILES
        && saves;
    suits.then_some([h, w])
}

pub(super) fn convolve<T: Element>(
    of: Arguments<'_, T>,
    transforms: [AxisTransform; 2],
) -> AllocResult {
    let (Arguments { g, x, weight, epilogue, y }, [h, w]) = (of, transforms);
    let tiles = &Geometry { h: h.windows(&g.h), w: w.windows(&g.w), ..*g };
    let layout = &Layout::new(tiles);
    let elements = weight.strides.elements(g);
    let by_tap = (0..g.taps()).flat_map(|tap| elements[tap..].iter().step_by(g.taps()));
    let by_tap: Vec<usize> = by_tap.copied().collect();
    let job = Job {
        g,
        tiles,
        transforms,
        padded: &Padded::new(tiles, layout, x)?,
        taps: &layout.taps(tiles),
        weight,
        elements: &by_tap,
        keep: epilogue.keep,
        y: &Output::new(g, epilogue, y),
    };
    if h.window == 1 { job.convolve::<1>() } else { job.convolve::<WINDOW>() }
}

/// What all tasks need.
struct Job<'a, T: Element> {
    g: &'a Geometry,
    /// The windows, as a convolution, and its taps.
    tiles: &'a Geometry,
    taps: &'a [usize],
    transforms: [AxisTransform; 2],
    padded: &'a Padded<'a, T>,
    weight: Weight<'a, T>,
    /// From where a kernel starts to its elements, tap by tap.
    elements: &'a [usize],
    keep: bool,
    y: &'a Output<'a, T>,
}

impl<T: Element> Job<'_, T> {
    /// The pixels of some tiles, row by row, and where they are in lines of them.
    fn pieces(&self, columns: Range<usize>) -> Vec<Piece> {
        let Self { g, tiles, transforms: [h, w], .. } = self;
        let mut pieces = Vec::new();
        for run in tiles.rows(columns) {
            let y = run.pixel / tiles.w.output * h.tile;
            let x = run.pixel % tiles.w.output * w.tile;
            let len = (run.len * w.tile).min(g.w.output - x);
            for (line, y) in (y..g.h.output).enumerate().take(h.tile) {
                let at = line * LINE + run.at * w.tile;
                pieces.push(Piece { at, sample: run.sample, pixel: y * g.w.output + x, len });
            }
        }
        pieces
    }

    /// With windows that are `H` places high.
    fn convolve<const H: usize>(&self) -> AllocResult {
        let job = self;
        let g = self.g;
        let columns = self.tiles.columns();
        let panels = g.channels_out.div_ceil(PANEL);
        let blocks = columns.div_ceil(COLUMNS);
        // Elements of a panel of the weight, and of a block of windows.
        let of_panel = H * WINDOW * place(g.channels_in, PANEL);
        let of_block = H * WINDOW * place(g.channels_in, COLUMNS);
        let transform_windows = |number: usize, windows: &mut [T]| {
            let group = number / blocks;
            let start = number % blocks * COLUMNS;
            let columns = start..columns.min(start + COLUMNS);
            T::vectorize(InputTransform::<_, H> { job, group, columns, windows })
        };
        // What there is less of is transformed first, for all tasks; each of them transforms its
        // share of the other, which then is in its caches.
        if columns < FEW_TILES {
            let mut windows = acquire(g.groups * blocks * of_block)?;
            blocks::each_chunk(&mut windows, of_block, g.work(), transform_windows)?;
            let together = (panels / TASKS).clamp(1, TOGETHER);
            let tasks = panels.div_ceil(together);
            blocks::each(g.groups * tasks, g.work(), |number| {
                let group = number / tasks;
                let first = number % tasks * together;
                let windows = &windows[group * blocks * of_block..][..blocks * of_block];
                let panels = first..panels.min(first + together);
                let (columns, weight) = (0..columns, None);
                T::vectorize(Products::<_, H> { job, group, columns, windows, panels, weight })
            })
        } else {
            let all = g.groups * panels * of_panel;
            let weight = packed(self.keep, ("winograd", g), self.weight, all, |transformed| {
                blocks::each_chunk(transformed, of_panel, all * PANEL, |number, transformed| {
                    let group = number / panels;
                    let panel = number % panels;
                    let channels = 0..g.channels_in;
                    T::vectorize(FilterTransform::<_, H> {
                        job,
                        group,
                        panel,
                        channels,
                        transformed,
                    })
                })
            })?;
            blocks::each(g.groups * blocks, g.work(), |number| {
                let group = number / blocks;
                let start = number % blocks * COLUMNS;
                let mut windows = acquire(of_block)?;
                transform_windows(number, &mut windows)?;
                let windows = &windows[..];
                let panels = 0..panels;
                let weight = Some(&weight[group * panels.len() * of_panel..]);
                let columns = start..columns.min(start + COLUMNS);
                T::vectorize(Products::<_, H> { job, group, columns, windows, panels, weight })
            })
        }
    }
}

/// From a place's first element to the next one's, where each channel has so many: a channel more
/// than there are, lest that is a power of two and all places of a channel fall on the same few
/// lines of a cache.
fn place(channels: usize, width: usize) -> usize {
    (channels + 1) * width
}

/// `G g Gᵀ` of some input channels of a panel of output channels: `[place][input channel][PANEL]`.
struct FilterTransform<'a, T: Element, const H: usize> {
    job: &'a Job<'a, T>,
    group: usize,
    panel: usize,
    channels: Range<usize>,
    transformed: &'a mut [T],
}

impl<T: Element, const H: usize> Work<T, AllocResult> for FilterTransform<'_, T, H> {
    #[inline(always)]
    unsafe fn run<L: Lanes<Element = T>>(self) -> AllocResult {
        // SAFETY: by contract.
        unsafe {
            match (H, self.job.g.h.kernel) {
                (1, _) => self.transform::<L, 1>(),
                (_, 3) => self.transform::<L, 3>(),
                _ => self.transform::<L, TAPS>(),
            }
        }
    }
}

impl<T: Element, const H: usize> FilterTransform<'_, T, H> {
    /// Of kernels that have up to `K` rows.
    ///
    /// # Safety
    /// The set of `L`.
    #[inline(always)]
    unsafe fn transform<L: Lanes<Element = T>, const K: usize>(self) -> AllocResult {
        let Self { job: &Job { g, weight, elements, .. }, group, panel, channels, transformed } =
            self;
        let (height, width) = (g.h.kernel, g.w.kernel);
        let place = place(channels.len(), PANEL);
        // The channel more, which no register may reach: what is kept is written as a whole.
        for of_place in transformed.chunks_exact_mut(place) {
            of_place[channels.len() * PANEL..].fill(T::zero());
        }
        // Of each tap the kernels of some input channels, side by side.
        let mut packed = acquire::<T>(g.taps() * PACKED * PANEL)?;
        for some in blocks::cut(channels.clone(), PACKED) {
            let kernels = some.len() * PANEL;
            let by_tap = elements.chunks_exact(g.channels_in);
            for (elements, packed) in by_tap.zip(packed.chunks_exact_mut(kernels)) {
                weight.pack::<PANEL>(g, &elements[some.clone()], (group, panel), packed);
            }
            let start = (some.start - channels.start) * PANEL;
            for first in (0..kernels).step_by(L::WIDTH) {
                let count = L::WIDTH.min(kernels - first);
                // SAFETY: as many numbers of a tap as there are. A register may reach into the next
                // channel, which is written later, or of which there is one more than are read.
                unsafe {
                    let mut kernel = [[L::constant(0.0); TAPS]; K];
                    for (y, row) in kernel.iter_mut().enumerate().take(height) {
                        for (x, tap) in row.iter_mut().enumerate().take(width) {
                            let from = &packed[(y * width + x) * kernels + first..][..count];
                            *tap = L::load_first(from.as_ptr(), count);
                        }
                    }
                    along_both(
                        &kernel,
                        #[inline(always)]
                        |taps, is_row| filter_transform(taps, if is_row { width } else { height }),
                        #[inline(always)]
                        |y, x, element| {
                            let to = (y * WINDOW + x) * place + start + first;
                            element.store(transformed[to..][..L::WIDTH].as_mut_ptr());
                        },
                    );
                }
            }
        }
        Ok(())
    }
}

/// `Bᵀ d B` of a block of windows, panel by panel: `[place][input channel][column]`.
struct InputTransform<'a, T: Element, const H: usize> {
    job: &'a Job<'a, T>,
    group: usize,
    columns: Range<usize>,
    windows: &'a mut [T],
}

impl<T: Element, const H: usize> Work<T, AllocResult> for InputTransform<'_, T, H> {
    #[inline(always)]
    unsafe fn run<L: Lanes<Element = T>>(self) -> AllocResult {
        let Self { job: job @ Job { tiles, padded, .. }, group, columns, windows } = self;
        let (width, place) = (width::<L>(), place(job.g.channels_in, width::<L>()));
        let mut gathered = acquire::<T>(H * WINDOW * width)?;
        let panels = windows.chunks_exact_mut(H * WINDOW * place);
        for (start, windows) in columns.clone().step_by(width).zip(panels) {
            let columns = start..columns.end.min(start + width);
            let runs = padded.layout.runs(tiles, group, columns.clone());
            padded.assert_inside(job.taps, runs.iter().copied());
            for (channel, taps) in job.taps.chunks_exact(H * WINDOW).enumerate() {
                // SAFETY: all taps of the runs lie inside the padded input, and the runs inside a
                // panel's width.
                unsafe { gather::<L>(padded.elements().as_ptr(), taps, &runs, &mut gathered) };
                for first in (0..columns.len()).step_by(L::WIDTH) {
                    let to = &mut windows[channel * width + first..];
                    assert!((H * WINDOW - 1) * place + L::WIDTH <= to.len());
                    // SAFETY: whole registers, inside by the assertion.
                    unsafe {
                        along_both(
                            &read::<L, H>(&gathered[first..], width),
                            #[inline(always)]
                            |window, _| input_transform(window),
                            #[inline(always)]
                            |y, x, element| {
                                element.store(to.as_mut_ptr().add((y * WINDOW + x) * place));
                            },
                        );
                    }
                }
            }
        }
        Ok(())
    }
}

/// A register of each place, which lie a stride apart, of windows that are `H` high.
///
/// # Safety
/// The set of `L`.
#[inline(always)]
unsafe fn read<L: Lanes, const H: usize>(from: &[L::Element], stride: usize) -> [[L; WINDOW]; H] {
    assert!((H * WINDOW - 1) * stride + L::WIDTH <= from.len());
    // SAFETY: inside, by the assertion.
    unsafe {
        let mut window = [[L::constant(0.0); WINDOW]; H];
        for (number, place) in window.iter_mut().flatten().enumerate() {
            *place = L::load(from.as_ptr().add(number * stride));
        }
        window
    }
}

/// Products of some windows with some panels of the weight, transformed back and written to the
/// output.
struct Products<'a, T: Element, const H: usize> {
    job: &'a Job<'a, T>,
    group: usize,
    columns: Range<usize>,
    windows: &'a [T],
    panels: Range<usize>,
    /// The panels where they have been transformed; else they are transformed here, a few input
    /// channels at a time.
    weight: Option<&'a [T]>,
}

impl<T: Element, const H: usize> Work<T, AllocResult> for Products<'_, T, H> {
    #[inline(always)]
    unsafe fn run<L: Lanes<Element = T>>(self) -> AllocResult {
        let Self { job, group, ref columns, windows, ref panels, weight } = self;
        let places = H * WINDOW;
        let width = width::<L>();
        let inputs = job.g.channels_in;
        let of_windows = place(inputs, width);
        let windows = windows.chunks_exact(places * of_windows);
        let parts = columns.clone().step_by(width).zip(windows).map(|(start, windows)| {
            let columns = start..columns.end.min(start + width);
            let size = (PANEL, columns.len().next_multiple_of(L::WIDTH));
            (windows, size, job.pieces(columns))
        });
        let parts: Vec<_> = parts.collect();
        // Panels whose products are held at once.
        let at_once = (PRODUCTS / (places * PANEL * width * parts.len())).clamp(1, panels.len());
        let of_place = at_once * PANEL * width;
        let mut products = acquire::<T>(parts.len() * places * of_place)?;
        let slice = match weight {
            Some(_) => inputs,
            None => (TRANSFORMED / (places * PANEL * at_once)).clamp(1, inputs),
        };
        let of_transformed = at_once * places * place(slice, PANEL);
        let mut transformed = acquire::<T>(if weight.is_none() { of_transformed } else { 0 })?;
        for first in panels.clone().step_by(at_once) {
            let some = first..panels.end.min(first + at_once);
            for start in (0..inputs).step_by(slice) {
                let channels = start..inputs.min(start + slice);
                let of_weight = place(channels.len(), PANEL);
                let weight = match weight {
                    Some(weight) => &weight[(first - panels.start) * places * of_weight..],
                    None => {
                        let of_panels = transformed.chunks_exact_mut(places * of_weight);
                        for (panel, transformed) in some.clone().zip(of_panels) {
                            let channels = channels.clone();
                            let transform = FilterTransform::<_, H> {
                                job,
                                group,
                                panel,
                                channels,
                                transformed,
                            };
                            // SAFETY: by contract.
                            unsafe { transform.run::<L>()? };
                        }
                        &transformed[..]
                    }
                };
                for (number, (windows, size, _)) in parts.iter().enumerate() {
                    for at in 0..places {
                        let right = at * of_windows + start * width;
                        let right = windows[right..][..channels.len() * width].as_ptr();
                        let products = products[(number * places + at) * of_place..][..of_place]
                            .chunks_exact_mut(PANEL * width);
                        for (panel, products) in (0..some.len()).zip(products) {
                            let left = (panel * places + at) * of_weight;
                            let left = weight[left..][..channels.len() * PANEL].as_ptr();
                            let to = (products.as_mut_ptr(), width);
                            // SAFETY: panels of windows, weight and products are as long as is read
                            // and written.
                            unsafe {
                                let left = |k: usize, i: usize| *left.add(k * PANEL + i);
                                let right = |k: usize| right.add(k * width);
                                microkernel::<L>(channels.len(), left, right, start > 0, to, *size);
                            }
                        }
                    }
                }
            }
            for (number, (_, size, pieces)) in parts.iter().enumerate() {
                let products = &products[number * places * of_place..];
                // SAFETY: tasks differ in group, columns or panels.
                unsafe {
                    self.transform_back::<L>(some.clone(), pieces, size.1, products, of_place)
                };
            }
        }
        Ok(())
    }
}

impl<T: Element, const H: usize> Products<'_, T, H> {
    /// `Aᵀ m A` of the products of some panels with so many columns, whose places lie so far apart,
    /// written to the output.
    ///
    /// # Safety
    /// The set of `L`, and no other task writes these pieces of these channels.
    #[inline(always)]
    unsafe fn transform_back<L: Lanes<Element = T>>(
        &self,
        panels: Range<usize>,
        pieces: &[Piece],
        columns: usize,
        products: &[T],
        place: usize,
    ) {
        let Job { g, transforms: [h, w], y, .. } = self.job;
        let outputs = panels.start * PANEL..g.channels_out.min(panels.end * PANEL);
        // Of two channels, since one may gate the other.
        let mut lines = [T::zero(); 2 * LINES];
        let step = y.step();
        for (number, output) in outputs.enumerate() {
            let lines_of = &mut lines[number % step * LINES..];
            for first in (0..columns).step_by(L::WIDTH) {
                // SAFETY: whole registers of products, and four numbers of each tile's line.
                unsafe {
                    let mut tile = [[L::constant(0.0); TILE]; TILE];
                    along_both(
                        &read::<L, H>(&products[number * width::<L>() + first..], place),
                        #[inline(always)]
                        |products, is_row| {
                            output_transform(products, if is_row { w } else { h }.tile)
                        },
                        #[inline(always)]
                        |y, x, element| tile[y][x] = element,
                    );
                    for (y, row) in tile.into_iter().enumerate().take(h.tile) {
                        let line = &mut lines_of[y * LINE + first * w.tile..];
                        if w.tile == TILE {
                            L::transpose(row, line[..L::WIDTH * TILE].as_mut_ptr(), TILE);
                            continue;
                        }
                        let mut tiles = [T::zero(); TILE * WIDEST];
                        L::transpose(row, tiles.as_mut_ptr(), TILE);
                        // What a smaller tile does not have is written over by the next one.
                        for (i, tile) in tiles.as_chunks::<TILE>().0[..L::WIDTH].iter().enumerate()
                        {
                            line[i * w.tile..][..TILE].copy_from_slice(tile);
                        }
                    }
                }
            }
            if (number + 1) % step == 0 {
                let end = self.group * g.channels_out + output + 1;
                // SAFETY: by contract.
                unsafe { y.write(end - step..end, pieces, &lines, LINES) };
            }
        }
    }
}
