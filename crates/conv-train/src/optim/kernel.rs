//! The pass over memory that all rules share: parameter, gradient and state side by side, block by
//! block.

use candle_core::{CpuStorage, InplaceOp1, InplaceOp2, Layout, Result, Tensor, WithDType, bail};
use rayon::prelude::*;
use std::cell::Cell;

/// Elements a task handles. Fixed, so that the split does not depend on the number of threads.
const BLOCK: usize = 1 << 14;

/// What a rule is written for: f32 and f64.
pub(super) trait Real: WithDType {
    fn sqrt(self) -> Self;
    fn slice_mut(storage: &mut CpuStorage) -> Option<&mut [Self]>;
}

macro_rules! real {
    ($type:ty, $variant:ident) => {
        impl Real for $type {
            fn sqrt(self) -> Self {
                self.sqrt()
            }
            fn slice_mut(storage: &mut CpuStorage) -> Option<&mut [Self]> {
                match storage {
                    CpuStorage::$variant(values) => Some(values),
                    _ => None,
                }
            }
        }
    };
}

real!(f32, F32);
real!(f64, F64);

/// A rule at one step: how equally long pieces of parameter, gradient and state change.
pub(super) trait Rule: Sync {
    /// `first` and `second` are the rule's buffers; one that it does not keep is empty.
    fn update<T: Real>(
        &self,
        parameter: &mut [T],
        gradient: &[T],
        first: &mut [T],
        second: &mut [T],
    );
}

/// Steps `parameter` in place. All tensors are contiguous and on the CPU; `state` is
/// `[buffers, …parameter]`.
pub(super) fn run(
    rule: &impl Rule,
    parameter: &Tensor,
    gradient: &Tensor,
    state: Option<&Tensor>,
) -> Result<()> {
    parameter.inplace_op2(gradient, &Step { rule, state })
}

struct Step<'a, R> {
    rule: &'a R,
    state: Option<&'a Tensor>,
}

impl<R: Rule> InplaceOp2 for Step<'_, R> {
    fn name(&self) -> &'static str {
        "optimizer step"
    }

    fn cpu_fwd(
        &self,
        parameter: &mut CpuStorage,
        parameter_layout: &Layout,
        gradient: &CpuStorage,
        gradient_layout: &Layout,
    ) -> Result<()> {
        let (Some((0, count)), Some((start, end))) =
            (parameter_layout.contiguous_offsets(), gradient_layout.contiguous_offsets())
        else {
            bail!("a parameter to step and its gradient must be contiguous")
        };
        if end - start != count {
            bail!("a parameter of {count} numbers has a gradient of {}", end - start)
        }
        match (parameter, gradient) {
            (CpuStorage::F32(p), CpuStorage::F32(g)) => self.typed(&mut p[..count], &g[start..end]),
            (CpuStorage::F64(p), CpuStorage::F64(g)) => self.typed(&mut p[..count], &g[start..end]),
            _ => bail!("a parameter and its gradient are of different types"),
        }
    }
}

impl<R: Rule> Step<'_, R> {
    fn typed<T: Real>(&self, parameter: &mut [T], gradient: &[T]) -> Result<()> {
        let Some(state) = self.state else {
            blocks(self.rule, parameter, gradient, &mut []);
            return Ok(());
        };
        with_memory(state, |state| match T::slice_mut(state) {
            Some(state) => {
                blocks(self.rule, parameter, gradient, state);
                Ok(())
            }
            None => bail!("optimiser state of another type than its parameter"),
        })
    }
}

fn blocks<T: Real>(rule: &impl Rule, parameter: &mut [T], gradient: &[T], state: &mut [T]) {
    let count = parameter.len().min(state.len());
    let (first, second) = state.split_at_mut(count);
    let mut first = first.chunks_mut(BLOCK);
    let mut second = second.chunks_mut(BLOCK);
    let mut blocks: Vec<_> = parameter
        .chunks_mut(BLOCK)
        .zip(gradient.chunks(BLOCK))
        .map(|(p, g)| {
            let first = first.next().unwrap_or_default();
            (p, g, first, second.next().unwrap_or_default())
        })
        .collect();
    match blocks.as_mut_slice() {
        // Most parameters are small; the pool would cost more than it saves.
        [(p, g, first, second)] => rule.update(p, g, first, second),
        blocks if rayon::current_num_threads() == 1 => {
            blocks.iter_mut().for_each(|(p, g, first, second)| rule.update(p, g, first, second));
        }
        _ => blocks
            .into_par_iter()
            .for_each(|(p, g, first, second)| rule.update(p, g, first, second)),
    }
}

/// Lends a tensor's memory, which candle gives out for writing only inside an in-place operation.
fn with_memory(tensor: &Tensor, f: impl FnOnce(&mut CpuStorage) -> Result<()>) -> Result<()> {
    struct Lend<F>(Cell<Option<F>>);
    impl<F: FnOnce(&mut CpuStorage) -> Result<()>> InplaceOp1 for Lend<F> {
        fn name(&self) -> &'static str {
            "optimizer state"
        }
        fn cpu_fwd(&self, storage: &mut CpuStorage, _: &Layout) -> Result<()> {
            self.0.take().map_or(Ok(()), |f| f(storage))
        }
    }
    tensor.inplace_op1(&Lend(Cell::new(Some(f))))
}
