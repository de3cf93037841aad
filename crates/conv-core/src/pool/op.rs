//! Pooling as a candle operation: the kernels over all planes, with their own backward pass.

use candle_core::{CpuStorage, CustomOp1, DType, Layout, Shape, Tensor};

use super::columns::Columns;
use super::plane::is_nan;
use super::window::Windows;
use crate::Result;
use crate::cpu::{InstructionSet, check_first_order};
use crate::element::{Element, read, row_major};
use crate::kernels::acquire;
use crate::planes::fill_planes;

/// What becomes of the elements under a window.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Reduction {
    Max,
    Mean { with_padding: bool },
}

/// Keeps nothing for the backward pass: the maximum is found again from the input and the output.
#[derive(Debug, Clone)]
pub(crate) struct Pool {
    pub op: &'static str,
    pub windows: Windows,
    pub reduction: Reduction,
    pub output: Shape,
}

impl Pool {
    fn forward<T: Element>(&self, x: &[T]) -> Result<Vec<T>> {
        let windows = &self.windows;
        let inputs = self.windows.inputs();
        let columns = Columns::new(self.op, &windows.cols)?;
        let counts = self.counts::<T>()?;
        fill_planes(self.op, x.len() / inputs, windows.outputs(), windows.cost(), |plane, y| {
            let x = &x[plane * inputs..][..inputs];
            InstructionSet::vectorize(
                #[inline(always)]
                || match self.reduction {
                    Reduction::Max => {
                        let lowest = T::from_f64(f64::NEG_INFINITY);
                        windows.fold::<T, true>(&columns, x, y, lowest, larger)
                    }
                    Reduction::Mean { .. } => {
                        windows.fold::<T, false>(&columns, x, y, T::zero(), T::add)?;
                        for (y, &count) in y.iter_mut().zip(&counts) {
                            *y /= count;
                        }
                        Ok(())
                    }
                },
            )
        })
    }

    fn backward<T: Element>(&self, x: &[T], y: &[T], dy: &[T]) -> Result<Vec<T>> {
        let windows = &self.windows;
        let inputs = windows.inputs();
        let outputs = windows.outputs();
        let columns = Columns::new(self.op, &windows.cols)?;
        let counts = self.counts::<T>()?;
        fill_planes(self.op, x.len() / inputs, inputs, windows.cost(), |plane, dx| {
            let dy = &dy[plane * outputs..][..outputs];
            InstructionSet::vectorize(
                #[inline(always)]
                || match self.reduction {
                    Reduction::Max => {
                        let x = &x[plane * inputs..][..inputs];
                        let y = &y[plane * outputs..][..outputs];
                        windows.send_to_first(&columns, [x, y, dy], dx)
                    }
                    Reduction::Mean { .. } => {
                        let mut shares = acquire::<T>(outputs)?;
                        for (share, (&dy, &count)) in shares.iter_mut().zip(dy.iter().zip(&counts))
                        {
                            *share = dy / count;
                        }
                        windows.spread(&columns, &shares, dx)
                    }
                },
            )
        })
    }

    fn counts<T: Element>(&self) -> Result<Vec<T>> {
        match self.reduction {
            Reduction::Max => Ok(Vec::new()),
            Reduction::Mean { with_padding } => self.windows.counts(self.op, with_padding),
        }
    }

    fn gradient<T: Element>(
        &self,
        x: &Tensor,
        y: &Tensor,
        dy: &Tensor,
    ) -> candle_core::Result<Tensor> {
        let dx = read::<T, _>(x, |x| read(y, |y| read(dy, |dy| Ok(self.backward(x, y, dy)?))))?;
        Tensor::from_vec(dx, x.shape(), x.device())
    }
}

/// The larger number, or the one that is none.
#[inline(always)]
fn larger<T: Element>(a: T, b: T) -> T {
    if (b > a) | is_nan(b) { b } else { a }
}

impl CustomOp1 for Pool {
    fn name(&self) -> &'static str {
        self.op
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> candle_core::Result<(CpuStorage, Shape)> {
        let y = match x {
            CpuStorage::F64(_) => CpuStorage::F64(self.forward(&row_major(x, layout)?)?),
            _ => CpuStorage::F32(self.forward(&row_major(x, layout)?)?),
        };
        Ok((y, self.output.clone()))
    }

    fn bwd(&self, x: &Tensor, y: &Tensor, dy: &Tensor) -> candle_core::Result<Option<Tensor>> {
        check_first_order(self.op, dy)?;
        let gradient = match x.dtype() {
            DType::F64 => self.gradient::<f64>(x, y, dy),
            _ => self.gradient::<f32>(x, y, dy),
        };
        gradient.map(Some)
    }
}
