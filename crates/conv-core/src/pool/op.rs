//! Pooling as a candle operation: the kernels over all planes, with their own backward pass.

use candle_core::{CpuStorage, CustomOp1, DType, Layout, Shape, Tensor};

use super::window::{Windows, is_nan};
use crate::element::{Element, read, row_major};
use crate::planes::fill_planes;
use crate::{Result, check_first_order};

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
        let (windows, inputs) = (&self.windows, self.windows.inputs());
        let counts = self.counts::<T>()?;
        fill_planes(self.op, x.len() / inputs, windows.outputs(), windows.cost(), |plane, y| {
            let x = &x[plane * inputs..][..inputs];
            match self.reduction {
                Reduction::Max => {
                    let larger = |a: T, b: T| if b > a || is_nan(b) { b } else { a };
                    windows.fold(x, y, T::from_f64(f64::NEG_INFINITY), larger);
                }
                Reduction::Mean { .. } => {
                    windows.fold(x, y, T::zero(), |a, b| a + b);
                    y.iter_mut().zip(&counts).for_each(|(y, &count)| *y /= count);
                }
            }
        })
    }

    fn backward<T: Element>(&self, x: &[T], y: &[T], dy: &[T]) -> Result<Vec<T>> {
        let windows = &self.windows;
        let (inputs, outputs) = (windows.inputs(), windows.outputs());
        let counts = self.counts::<T>()?;
        fill_planes(self.op, x.len() / inputs, inputs, windows.cost(), |plane, dx| {
            let dy = &dy[plane * outputs..][..outputs];
            match self.reduction {
                Reduction::Max => {
                    let (x, y) = (&x[plane * inputs..][..inputs], &y[plane * outputs..][..outputs]);
                    windows.send_to_first(x, y, dy, dx);
                }
                Reduction::Mean { .. } => {
                    let shares: Vec<T> =
                        dy.iter().zip(&counts).map(|(&dy, &count)| dy / count).collect();
                    windows.spread(&shares, dx);
                }
            }
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
