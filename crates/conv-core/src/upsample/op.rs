//! Upsampling as a candle operation: the kernels over all planes, with their own backward pass.

use candle_core::{CpuStorage, CustomOp1, DType, Layout, Shape, Tensor};

use super::kernel::{interpolate, interpolate_back, taps};
use super::source::Source;
use crate::Result;
use crate::cpu::check_first_order;
use crate::element::{Element, read, row_major};
use crate::planes::fill_planes;

/// A linear map of each plane, an axis at a time. It keeps nothing for the backward pass.
#[derive(Debug, Clone)]
pub(crate) struct Upsample {
    pub op: &'static str,
    /// The height and width of a plane of the input.
    pub input: (usize, usize),
    pub rows: Vec<Source>,
    pub cols: Vec<Source>,
    pub output: Shape,
}

impl Upsample {
    fn forward<T: Element>(&self, x: &[T]) -> Result<Vec<T>> {
        let ((inputs, outputs), width) = (self.plane_sizes(), self.input.1);
        let rows = taps(self.op, &self.rows)?;
        let cols = taps(self.op, &self.cols)?;
        fill_planes(self.op, x.len() / inputs, outputs, inputs + outputs, |plane, y| {
            interpolate(&rows, &cols, width, &x[plane * inputs..][..inputs], y);
            Ok(())
        })
    }

    fn backward<T: Element>(&self, dy: &[T]) -> Result<Vec<T>> {
        let ((inputs, outputs), width) = (self.plane_sizes(), self.input.1);
        let rows = taps(self.op, &self.rows)?;
        let cols = taps(self.op, &self.cols)?;
        fill_planes(self.op, dy.len() / outputs, inputs, inputs + outputs, |plane, dx| {
            interpolate_back(&rows, &cols, width, &dy[plane * outputs..][..outputs], dx);
            Ok(())
        })
    }

    fn plane_sizes(&self) -> (usize, usize) {
        (self.input.0 * self.input.1, self.rows.len() * self.cols.len())
    }

    fn gradient<T: Element>(&self, x: &Tensor, dy: &Tensor) -> candle_core::Result<Tensor> {
        let dx = read::<T, _>(dy, |dy| Ok(self.backward(dy)?))?;
        Tensor::from_vec(dx, x.shape(), x.device())
    }
}

impl CustomOp1 for Upsample {
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

    fn bwd(&self, x: &Tensor, _: &Tensor, dy: &Tensor) -> candle_core::Result<Option<Tensor>> {
        check_first_order(self.op, dy)?;
        let gradient = match dy.dtype() {
            DType::F64 => self.gradient::<f64>(x, dy),
            _ => self.gradient::<f32>(x, dy),
        };
        gradient.map(Some)
    }
}
