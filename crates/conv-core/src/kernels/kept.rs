//! Packed weights that are kept from one inference to the next.
//!
//! One is found again by what it was packed from: the weight itself is compared, so that a weight that has changed in place, as an
//! optimiser changes it, is packed anew. Comparing reads twice what packing reads, in order, and writes nothing.

use std::ops::Deref;
use std::sync::{Arc, MutexGuard, PoisonError};

use super::Weight;
use super::plan::Plan;
use super::scratch::{Buffer, Done, NoRoom, take, written};
use crate::element::Element;

/// Elements of all weights that are kept, and of what they are packed into: 64 MiB in f32. One may have a quarter of it.
const KEPT: usize = 1 << 24;
/// How many are kept at most: each call walks over them.
const ENTRIES: usize = 256;

/// A packed weight.
pub(super) enum Packed<T: Element> {
    Own(Buffer<T>),
    Kept(Arc<Entry<T>>),
}

/// One that is kept, and what it was packed from.
#[derive(Debug)]
pub(crate) struct Entry<T> {
    kernel: &'static str,
    plan: Plan,
    /// Where the weight's elements lay, how far apart, and in which order; what was packed from the same place before is of no use any more.
    address: usize,
    strides: [isize; 7],
    weight: Vec<T>,
    packed: Vec<T>,
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

/// What `pack` writes, `len` elements, for the weight of `plan` in `kernel`; from one call to the next where it is to `keep`.
pub(super) fn packed<T: Element>(
    keep: bool,
    (kernel, plan): (&'static str, &Plan),
    weight: Weight<'_, T>,
    len: usize,
    pack: impl FnOnce(&mut [T]) -> Done,
) -> Result<Packed<T>, NoRoom> {
    let Weight { elements, start, group, output, input, row, column, half } = weight;
    if !keep || elements.len().saturating_add(len) > KEPT / 4 {
        let mut packed = take(len)?;
        pack(&mut packed)?;
        return Ok(Packed::Own(packed));
    }
    let [start, group, output, input, half] =
        [start, group, output, input, half].map(|n| n as isize);
    let strides = [start, group, output, input, row, column, half];
    // Of the plan counts what is the weight's.
    let plan = Plan { batch: 0, h: plan.h.of_taps(), w: plan.w.of_taps(), ..*plan };
    let is_alike =
        |entry: &Entry<T>| (entry.kernel, entry.plan, entry.strides) == (kernel, plan, strides);
    let kept = || -> MutexGuard<'_, Vec<Arc<Entry<T>>>> {
        T::packed().lock().unwrap_or_else(PoisonError::into_inner)
    };
    let alike: Vec<_> = kept().iter().filter(|entry| is_alike(entry)).cloned().collect();
    if let Some(found) = alike.into_iter().find(|entry| entry.weight == elements) {
        let mut kept = kept();
        if let Some(place) = kept.iter().position(|entry| Arc::ptr_eq(entry, &found)) {
            // The latest is the last, and the first is what is given up.
            kept[place..].rotate_left(1);
        }
        return Ok(Packed::Kept(found));
    }
    let address = elements.as_ptr() as usize;
    let (weight, packed) = (elements.to_vec(), written(len, pack)?);
    let entry = Arc::new(Entry { kernel, plan, address, strides, weight, packed });
    let mut kept = kept();
    kept.retain(|entry| !(is_alike(entry) && entry.address == address));
    kept.push(entry.clone());
    let elements = |kept: &[Arc<Entry<T>>]| -> usize {
        kept.iter().map(|entry| entry.weight.len() + entry.packed.len()).sum()
    };
    while kept.len() > ENTRIES || elements(&kept) > KEPT {
        kept.remove(0);
    }
    Ok(Packed::Kept(entry))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Result;
    use crate::geometry::{Axis, Geometry, Request};
    use crate::kernels::scratch::HasScratch;

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
        let weight = Weight {
            elements,
            start: 0,
            group: 0,
            output: 3,
            input: 3,
            row: 3,
            column: 1,
            half: 0,
        };
        packed(true, ("test", &Plan::from(&geometry)), weight, elements.len(), |to| {
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

    fn kept() -> Vec<Arc<Entry<f32>>> {
        f32::packed().lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// One test: other ones would give up what this one has packed.
    #[test]
    fn a_weight_is_packed_once_again_when_it_has_changed_and_not_kept_for_ever() -> Result<()> {
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
        for weight in &weights {
            assert!(entry(&pack(weight, weight.len() / 3)?).is_some());
        }
        let sum: usize = kept().iter().map(|entry| entry.weight.len() + entry.packed.len()).sum();
        assert!(sum <= KEPT && sum > KEPT / 2);
        assert!(entry(&pack(&vec![0.5; KEPT / 8 + 1], 1)?).is_none(), "too large");

        let many: Vec<_> = (0..2 * ENTRIES).map(|i| vec![i as f32; 6]).collect();
        for weight in &many {
            pack(weight, 2)?;
        }
        assert!(kept().len() <= ENTRIES);
        Ok(())
    }
}
