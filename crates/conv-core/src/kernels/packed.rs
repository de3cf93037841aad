//! Weights, packed as kernels read them, and kept so from one inference to the next.
//!
//! A kept one is found again by what it was packed from: the weight itself is compared, so that a
//! weight that has changed in place, as an optimiser changes it, is packed anew. Comparing reads
//! twice what packing reads, in order, and writes nothing.

use std::ops::Deref;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, MutexGuard, PoisonError};

use super::blocks;
use super::scratch::{Buffer, acquire};
use crate::element::{Element, try_zeros};
use crate::geometry::Geometry;
use crate::memory::{AllocError, AllocResult};

/// Elements of all weights that are kept, and of what they are packed into: 64 MiB in f32. One may
/// have a quarter of it.
const KEPT: usize = 1 << 24;
/// How many are kept at most: each call walks over them.
const ENTRIES: usize = 256;
/// Calls after which one that was of no use meanwhile is given up where there is no room. A network
/// whose weights do not all fit comes back to those that do before: were the oldest given up at
/// once, it would find none of them.
const IDLE: u64 = 1024;

/// Elements that are taken from a kernel at a time: a cache line of f32.
const LINE: usize = 16;

/// Calls until now.
static CALLS: AtomicU64 = AtomicU64::new(0);

/// A weight as a kernel is to read it, which may be flipped.
#[derive(Debug, Clone, Copy)]
pub(super) struct Weight<'a, T> {
    pub elements: &'a [T],
    pub strides: Strides,
}

/// Where a weight's first element lies, and from one group, output channel, input channel, row and
/// column to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Strides {
    pub start: usize,
    pub group: usize,
    pub output: usize,
    pub input: usize,
    pub row: isize,
    pub column: isize,
    /// Half the output channels where a kernel is to take them from both halves by turns, so that
    /// it holds what gates each other at once; else 0.
    pub half: usize,
}

impl Strides {
    /// That of a weight as callers have it: output channel by output channel, in each as its
    /// elements are counted.
    pub fn plain(g: &Geometry, glu: bool) -> Self {
        Self {
            start: 0,
            group: g.channels_out * g.depth(),
            output: g.depth(),
            input: g.taps(),
            row: g.w.kernel as isize,
            column: 1,
            half: if glu { g.channels_out / 2 } else { 0 },
        }
    }

    /// Where the kernel of an output channel starts.
    pub fn kernel(&self, group: usize, output: usize) -> usize {
        let channel = if self.half > 0 { output / 2 + output % 2 * self.half } else { output };
        self.start + group * self.group + channel * self.output
    }

    /// From where a kernel starts to each of its elements: channel by channel, row by row. It may
    /// be a way back, by wrapping around.
    pub fn elements(&self, g: &Geometry) -> Vec<usize> {
        let rows = (0..g.channels_in * g.h.kernel).map(|row| (row / g.h.kernel, row % g.h.kernel));
        let row =
            |(c, y): (usize, usize)| (c * self.input).wrapping_add_signed(y as isize * self.row);
        let taps = |row: usize| {
            (0..g.w.kernel as isize).map(move |x| row.wrapping_add_signed(x * self.column))
        };
        rows.map(row).flat_map(taps).collect()
    }

    /// Whether a kernel's elements lie side by side, channel by channel.
    pub fn is_plain(&self, g: &Geometry) -> bool {
        let taps = g.taps();
        self.input == taps && (taps == 1 || (self.row, self.column) == (g.w.kernel as isize, 1))
    }
}

impl<T: Element> Weight<'_, T> {
    /// The kernels of a panel of `P` output channels: `[element][P]`, with zeros beyond the last
    /// channel. `elements` are all or some of those of [`Strides`], in any order.
    pub fn pack<const P: usize>(
        &self,
        g: &Geometry,
        elements: &[usize],
        (group, panel): (usize, usize),
        to: &mut [T],
    ) {
        let outputs = panel * P..g.channels_out.min((panel + 1) * P);
        if outputs.len() < P {
            to.fill(T::zero());
        }
        let count = outputs.len();
        let mut kernels = [0; P];
        for (kernel, output) in kernels.iter_mut().zip(outputs) {
            *kernel = self.strides.kernel(group, output);
        }
        // A line of each kernel at a time: where kernels lie a power of two apart, as those of 512
        // channels nearly do, no more than a few of their lines are in the nearest cache at once.
        for (steps, elements) in to.chunks_mut(LINE * P).zip(elements.chunks(LINE)) {
            for (output, kernel) in kernels[..count].iter().enumerate() {
                for (step, element) in steps.chunks_exact_mut(P).zip(elements) {
                    step[output] = self.elements[kernel.wrapping_add(*element)];
                }
            }
        }
    }
}

/// A packed weight.
pub(super) enum Packed<T: Element> {
    Own(Buffer<T>),
    Kept(Arc<Entry<T>>),
}

/// One that is kept, and what it was packed from.
#[derive(Debug)]
pub(crate) struct Entry<T> {
    /// The kernel that it was packed for; groups, their channels and their taps; and where its
    /// elements lay.
    key: (&'static str, [usize; 5], Strides),
    /// Where the first was: what was packed from the same place before is of no use any more.
    address: usize,
    /// The call that it was of use to last.
    used: AtomicU64,
    weight: Vec<T>,
    packed: Vec<T>,
}

impl<T> Entry<T> {
    fn elements(&self) -> usize {
        self.weight.len() + self.packed.len()
    }
}

impl<T: Element> Deref for Packed<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        match self {
            Self::Own(packed) => packed,
            Self::Kept(entry) => &entry.packed,
        }
    }
}

fn kept<T: Element>() -> MutexGuard<'static, Vec<Arc<Entry<T>>>> {
    T::packed().lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether two weights are the same.
fn same<T: Element>(a: &[T], b: &[T]) -> bool {
    /// Elements of a task, and of a piece without a way out, which vector registers can compare.
    const TASK: usize = 1 << 15;
    const PIECE: usize = 1 << 8;
    let alike = |(a, b): (&[T], &[T])| !a.iter().zip(b).fold(false, |any, (a, b)| any | (a != b));
    let task = |number: usize| {
        let [a, b] = [a, b].map(|all| &all[number * TASK..all.len().min((number + 1) * TASK)]);
        a.chunks(PIECE).zip(b.chunks(PIECE)).all(alike).then_some(()).ok_or(())
    };
    a.len() == b.len() && blocks::each(a.len().div_ceil(TASK), a.len(), task).is_ok()
}

/// What `pack` writes, `len` elements, for the weight of `g` in `kernel`; from one call to the next
/// where it is to `keep`.
pub(super) fn packed<T: Element>(
    keep: bool,
    (kernel, g): (&'static str, &Geometry),
    weight: Weight<'_, T>,
    len: usize,
    pack: impl Fn(&mut [T]) -> AllocResult,
) -> Result<Packed<T>, AllocError> {
    let Weight { elements, strides } = weight;
    let own = || {
        let mut packed = acquire(len)?;
        pack(&mut packed)?;
        Ok(Packed::Own(packed))
    };
    let size = elements.len().saturating_add(len);
    if !keep || size > KEPT / 4 {
        return own();
    }
    let call = CALLS.fetch_add(1, Ordering::Relaxed);
    let Geometry { groups, channels_in, channels_out, h, w, .. } = *g;
    let key = (kernel, [groups, channels_in, channels_out, h.kernel, w.kernel], strides);
    let alike: Vec<_> = kept::<T>().iter().filter(|entry| entry.key == key).cloned().collect();
    if let Some(found) = alike.into_iter().find(|entry| same(&entry.weight, elements)) {
        found.used.store(call, Ordering::Relaxed);
        return Ok(Packed::Kept(found));
    }
    let address = elements.as_ptr() as usize;
    let make_room = |kept: &mut Vec<Arc<Entry<T>>>| {
        kept.retain(|entry| !(entry.key == key && entry.address == address));
        let fits = |kept: &[Arc<Entry<T>>]| {
            let elements: usize = kept.iter().map(|entry| entry.elements()).sum();
            kept.len() < ENTRIES && elements + size <= KEPT
        };
        if !fits(kept) {
            kept.retain(|entry| entry.used.load(Ordering::Relaxed) + IDLE >= call);
        }
        fits(kept)
    };
    if !make_room(&mut kept()) {
        return own();
    }
    let mut packed = try_zeros(len).ok_or(AllocError { elements: len })?;
    pack(&mut packed)?;
    let weight = elements.to_vec();
    let used = AtomicU64::new(call);
    let entry = Arc::new(Entry { key, address, used, weight, packed });
    // Another thread may have filled it meanwhile.
    let mut kept = kept();
    if make_room(&mut kept) {
        kept.push(entry.clone());
    }
    Ok(Packed::Kept(entry))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Result;
    use crate::geometry::{Axis, Geometry, Request};

    /// Packed by doubling it, as the weight of so many output channels.
    fn pack(elements: &[f32], outputs: usize) -> Result<Packed<f32>> {
        let axis = |kernel| {
            let (size, padding) = (9, (0, 0));
            let request = Request { axis: "width", size, kernel, stride: 1, dilation: 1, padding };
            Axis::convolution("conv", request)
        };
        let (h, w) = (axis(1)?, axis(3)?);
        let geometry =
            Geometry { batch: 1, groups: 1, channels_in: 1, channels_out: outputs, h, w };
        let strides =
            Strides { start: 0, group: 0, output: 3, input: 3, row: 3, column: 1, half: 0 };
        let weight = Weight { elements, strides };
        packed(true, ("test", &geometry), weight, elements.len(), |to| {
            to.iter_mut().zip(elements).for_each(|(to, from)| *to = 2.0 * from);
            Ok(())
        })
        .map_err(|no_room| no_room.in_operation("conv"))
    }

    fn entry(packed: &Packed<f32>) -> Option<&Arc<Entry<f32>>> {
        match packed {
            Packed::Kept(entry) => Some(entry),
            Packed::Own(_) => None,
        }
    }

    /// In a process of its own, where no other test keeps anything.
    #[test]
    fn a_weight_is_packed_once_again_when_it_has_changed_and_not_kept_for_ever() -> Result<()> {
        let test = "kernels::packed::tests::a_weight_is_packed_once_again_when_it_has_changed_and_not_kept_for_ever";
        if !gradcheck::in_process_with("CONVOKE_ALONE", "1", test) {
            return Ok(());
        }
        let is_same = |a: &Packed<f32>, b: &Packed<f32>| {
            entry(a).zip(entry(b)).is_some_and(|(a, b)| Arc::ptr_eq(a, b))
        };
        let mut weight = vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        let first = pack(&weight, 2)?;
        assert_eq!(first[..], [2.0, 4.0, 6.0, 8.0, 10.0, 12.0]);
        assert!(is_same(&first, &pack(&weight.clone(), 2)?));
        weight[5] = -6.0;
        let second = pack(&weight, 2)?;
        assert_eq!((first[5], second[5]), (12.0, -12.0));
        assert!(is_same(&second, &pack(&weight, 2)?));
        assert!(!is_same(&second, &pack(&weight, 1)?), "another shape");
        let stale = |entry: &Arc<Entry<f32>>| entry.weight == [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        assert!(!kept().iter().any(stale), "what has lain there before is given up");

        let weights: Vec<_> = (0..12).map(|i| vec![i as f32; KEPT / 10]).collect();
        let kept_of = |weights: &[Vec<f32>]| -> Result<Vec<bool>> {
            let is_kept = |weight: &Vec<f32>| Ok(entry(&pack(weight, weight.len() / 3)?).is_some());
            weights.iter().map(is_kept).collect()
        };
        let those_that_fit: Vec<bool> = (0..12).map(|i| i < 4).collect();
        for _ in 0..3 {
            assert_eq!(kept_of(&weights)?, those_that_fit, "and they stay");
        }
        let sum: usize = kept::<f32>().iter().map(|entry| entry.elements()).sum();
        assert!(sum <= KEPT && sum > KEPT / 2);
        assert!(entry(&pack(&vec![0.5; KEPT / 8 + 1], 1)?).is_none(), "too large");
        for _ in 0..=IDLE {
            pack(&weight, 2)?;
        }
        assert_eq!(kept_of(&weights[11..])?, [true], "in the place of what was of no use");

        let many: Vec<_> = (0..2 * ENTRIES).map(|i| vec![i as f32; 6]).collect();
        for weight in &many {
            pack(weight, 2)?;
        }
        assert!(kept::<f32>().len() <= ENTRIES);
        Ok(())
    }
}
