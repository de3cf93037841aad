//! The end of a residual block.

use crate::blocks::{BLOCK, fill};
use crate::kernel::{check_real, elements};
use crate::real::Real;
use crate::{Error, Result, activation, gradients, relu};
use candle_core::{CpuStorage, CustomOp2, Layout, Shape, Tensor, bail};
use conv_core::check_first_order;

/// [`relu`](crate::relu)(x + y), the end of a residual block (He et al. 2016, figure 2), in one walk: the graph keeps one tensor
/// for the two.
///
/// # Shapes
/// Any, of f32 or f64; both arguments and the result have the same.
///
/// # Errors
/// Arguments of different shapes or types.
///
/// ```
/// use candle_core::{Device, Tensor};
/// let x = Tensor::new(&[-1f32, 0.5, 2.0], &Device::Cpu)?;
/// let y = Tensor::new(&[0.5f32, -2.0, 1.0], &Device::Cpu)?;
/// assert_eq!(conv_nn::add_relu(&x, &y)?.to_vec1::<f32>()?, [0.0, 0.0, 3.0]);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn add_relu(x: &Tensor, y: &Tensor) -> Result<Tensor> {
    let (operation, argument) = (AddRelu::NAME, "its second argument");
    check_real(operation, "its first argument", x.dtype())?;
    if y.dims() != x.dims() {
        let (found, expected) = (y.dims().to_vec(), format!("{:?}", x.dims()));
        return Err(Error::Shape { operation, argument, found, expected });
    }
    if y.dtype() != x.dtype() {
        let (found, expected) = (y.dtype(), format!("{:?}", x.dtype()));
        return Err(Error::DType { operation, argument, found, expected });
    }
    match x.device().is_cpu() {
        true => Ok(x.contiguous()?.apply_op2(&y.contiguous()?, AddRelu)?),
        false => relu(&(x + y)?),
    }
}

struct AddRelu;

impl AddRelu {
    const NAME: &'static str = "add_relu";

    fn forward<T: Real>(&self, x: &[T], y: &[T]) -> Vec<T> {
        fill(
            x.len(),
            BLOCK,
            #[inline(always)]
            |start, out| {
                for (out, (&x, &y)) in out.iter_mut().zip(x[start..].iter().zip(&y[start..])) {
                    *out = x + y;
                }
                activation::rectify(out);
            },
        )
    }
}

impl CustomOp2 for AddRelu {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        y: &CpuStorage,
        y_layout: &Layout,
    ) -> candle_core::Result<(CpuStorage, Shape)> {
        let sum = match (x, y) {
            (CpuStorage::F32(x), CpuStorage::F32(y)) => {
                CpuStorage::F32(self.forward(elements(x, x_layout)?, elements(y, y_layout)?))
            }
            (CpuStorage::F64(x), CpuStorage::F64(y)) => {
                CpuStorage::F64(self.forward(elements(x, x_layout)?, elements(y, y_layout)?))
            }
            _ => bail!("{} computes in F32 and F64", Self::NAME),
        };
        Ok((sum, x_layout.shape().clone()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        y: &Tensor,
        sum: &Tensor,
        gradient: &Tensor,
    ) -> candle_core::Result<(Option<Tensor>, Option<Tensor>)> {
        check_first_order(Self::NAME, gradient)?;
        // What is behind the rectifier's 0 says as much as what is before it.
        let gradient = gradients::relu(sum, gradient)?;
        let of = |argument: &Tensor| argument.track_op().then(|| gradient.clone());
        Ok((of(x), of(y)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{DType, Device, Var};
    use gradcheck::values;

    #[test]
    fn the_gradients_are_right_in_any_layout() {
        gradcheck::check("add_relu", &[values((3, 4), 1), values((4, 3), 2)], |t| {
            Ok(add_relu(&t[0], &t[1].t()?)?)
        });
    }

    #[test]
    fn it_is_a_rectifier_behind_a_sum() -> candle_core::Result<()> {
        let x = Var::from_tensor(&values((7, 9, 5), 1).to_dtype(DType::F32)?)?;
        let flat = |t: &Tensor| t.flatten_all()?.to_vec1::<f32>();
        // The same argument twice has both gradients.
        for y in [values((7, 9, 5), 2).to_dtype(DType::F32)?, x.as_tensor().clone()] {
            let (found, expected) = (add_relu(&x, &y)?, relu(&(x.as_tensor() + &y)?)?);
            assert_eq!(flat(&found)?, flat(&expected)?);
            let [found, expected] = [found, expected].map(|sum| sum.sqr()?.backward());
            let (found, expected) = (found?, expected?);
            let both = found.get(&x).zip(expected.get(&x));
            assert!(both.is_some_and(|(f, e)| flat(f).ok() == flat(e).ok()));
        }
        Ok(())
    }

    #[test]
    fn arguments_that_do_not_fit_are_named() -> candle_core::Result<()> {
        let x = Tensor::zeros((2, 3), DType::F32, &Device::Cpu)?;
        let message = |y: &Tensor| add_relu(&x, y).err().map(|e| e.to_string()).unwrap_or_default();
        let other = message(&x.t()?);
        assert!(other.contains("add_relu") && other.contains("[2, 3]"), "{other}");
        let other = message(&x.to_dtype(DType::F64)?);
        assert!(other.contains("add_relu") && other.contains("F64"), "{other}");
        assert!(add_relu(&x.to_dtype(DType::U8)?, &x).is_err());
        Ok(())
    }
}
