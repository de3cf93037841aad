//! Every operation of every instruction set present, against numbers in arrays.

use super::{Lanes, Work};
use crate::cpu::InstructionSet;
use crate::element::Element;

struct Operations;

impl Work<f32> for Operations {
    unsafe fn run<L: Lanes<Element = f32>>(self) {
        let width = L::WIDTH;
        let numbers: Vec<f32> = (0..8 * width * width).map(|i| i as f32 - 7.0).collect();
        let a = &numbers[..width];
        let b = &numbers[width..];
        let c = &numbers[3 * width..];
        let list = |f: &dyn Fn(usize) -> f32| (0..width).map(f).collect::<Vec<_>>();
        // SAFETY: the set is there, and all lengths are those of registers.
        unsafe {
            let read = |register: L| {
                let mut to = vec![0.0; width];
                register.store(to.as_mut_ptr());
                to
            };
            let load = |from: &[f32]| L::load(from[..width].as_ptr());
            let la = load(a);
            let lb = load(b);
            let lc = load(c);
            assert_eq!(read(la), a);
            assert_eq!(read(L::splat(3.5)), vec![3.5; width]);
            assert_eq!(read(la.add(lb)), list(&|i| a[i] + b[i]));
            assert_eq!(read(la.sub(lb)), list(&|i| a[i] - b[i]));
            assert_eq!(read(la.mul(lb)), list(&|i| a[i] * b[i]));
            assert_eq!(read(la.mul_add(lb, lc)), list(&|i| a[i] + b[i] * c[i]));
            assert_eq!(la.sum(), a.iter().sum::<f32>());
            // Rounded alike, so added in the same order.
            let four = [la, lb, lc, lb.add(lc)].map(|register| register.mul(L::splat(0.1)));
            assert_eq!(L::sums(four), four.map(|register| register.sum()));
            for count in 0..=width {
                let first = read(L::load_first(a.as_ptr(), count));
                assert_eq!(first, list(&|i| if i < count { a[i] } else { 0.0 }));
                let mut to = vec![9.0; width];
                la.store_first(to.as_mut_ptr(), count);
                assert_eq!(to, list(&|i| if i < count { a[i] } else { 9.0 }));
            }
            let from = [a, b, c, a];
            for stride in [4, width + 1] {
                let mut to = vec![9.0; width * stride];
                L::transpose([la, lb, lc, la], to.as_mut_ptr(), stride);
                let transposed = |n: usize, i: usize| from.get(i).map_or(9.0, |from| from[n]);
                let expected = (0..to.len()).map(|at| transposed(at / stride, at % stride));
                assert_eq!(to, expected.collect::<Vec<_>>());
            }
        }
    }
}

#[test]
fn every_set_does_what_its_operations_say() {
    for set in InstructionSet::available() {
        f32::vectorize_with(set, Operations);
    }
}
