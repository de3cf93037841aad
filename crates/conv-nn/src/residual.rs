//! The end of a residual block: a sum of two, and what becomes of it.

use crate::blocks::{BLOCK, fill};
use crate::kernel::{check_real, contiguous, elements};
use crate::real::Real;
use crate::{Error, Result, activation, gradients, relu};
use candle_core::{CpuStorage, CustomOp2, Layout, Shape, Tensor, bail};
use conv_core::cpu::check_first_order;

/// [`relu`](crate::relu)(x + y), the end of a residual block (He et al. 2016, figure 2), in one
/// walk: the graph keeps one tensor for the two.
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
    match apply(AddRelu, x, y)? {
        Some(sum) => Ok(sum),
        None => relu(&(x + y)?),
    }
}

/// (x + y) · `factor` in one walk: a sum of two of variance 1 keeps it with √½ (Gehring et al.
/// 2017, section 3.4). The graph keeps one tensor for the two.
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
/// assert_eq!(conv_nn::add_scaled(&x, &x, 0.25)?.to_vec1::<f32>()?, [-0.5, 0.25, 1.0]);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn add_scaled(x: &Tensor, y: &Tensor, factor: f64) -> Result<Tensor> {
    match apply(AddScaled { factor }, x, y)? {
        Some(sum) => Ok(sum),
        None => Ok(((x + y)? * factor)?),
    }
}

/// What is done to the sum of two tensors in one walk.
trait Sum: Send + Sync + 'static {
    /// The operation's name in errors.
    const NAME: &'static str;
    /// Changes some sums of elements.
    fn finish<T: Real>(&self, sums: &mut [T]);
    /// The gradient of either argument.
    fn gradient(&self, sum: &Tensor, gradient: &Tensor) -> Result<Tensor>;
}

struct AddRelu;

impl Sum for AddRelu {
    const NAME: &'static str = "add_relu";

    #[inline(always)]
    fn finish<T: Real>(&self, sums: &mut [T]) {
        activation::rectify(sums);
    }

    fn gradient(&self, sum: &Tensor, gradient: &Tensor) -> Result<Tensor> {
        // What is behind the rectifier's 0 says as much as what is before it.
        gradients::relu(sum, gradient)
    }
}

struct AddScaled {
    factor: f64,
}

impl Sum for AddScaled {
    const NAME: &'static str = "add_scaled";

    #[inline(always)]
    fn finish<T: Real>(&self, sums: &mut [T]) {
        let factor = T::from_f64(self.factor);
        sums.iter_mut().for_each(
            #[inline(always)]
            |sum| *sum *= factor,
        );
    }

    fn gradient(&self, _sum: &Tensor, gradient: &Tensor) -> Result<Tensor> {
        Ok((gradient * self.factor)?)
    }
}

/// Runs `sum` on arguments that fit each other, where they are on the CPU.
fn apply<S: Sum>(sum: S, x: &Tensor, y: &Tensor) -> Result<Option<Tensor>> {
    let (operation, argument) = (S::NAME, "its second argument");
    check_real(operation, "its first argument", x.dtype())?;
    if y.dims() != x.dims() {
        let found = y.dims().to_vec();
        let expected = format!("{:?}", x.dims());
        return Err(Error::Shape { operation, argument, found, expected });
    }
    if y.dtype() != x.dtype() {
        let found = y.dtype();
        let expected = format!("{:?}", x.dtype());
        return Err(Error::DType { operation, argument, found, expected });
    }
    if !x.device().is_cpu() {
        return Ok(None);
    }
    let [x, y] = [x, y].map(|t| contiguous(operation, t));
    Ok(Some(x?.apply_op2(&y?, Operation(sum))?))
}

struct Operation<S>(S);

impl<S: Sum> Operation<S> {
    fn forward<T: Real>(&self, x: &[T], y: &[T]) -> Vec<T> {
        fill(
            x.len(),
            BLOCK,
            #[inline(always)]
            |start, out| {
                for (out, (&x, &y)) in out.iter_mut().zip(x[start..].iter().zip(&y[start..])) {
                    *out = x + y;
                }
                self.0.finish(out);
            },
        )
    }
}

impl<S: Sum> CustomOp2 for Operation<S> {
    fn name(&self) -> &'static str {
        S::NAME
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
            _ => bail!("{} computes in F32 and F64", S::NAME),
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
        check_first_order(S::NAME, gradient)?;
        let gradient = self.0.gradient(sum, gradient)?;
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
    fn the_gradients_of_a_scaled_sum_are_right_too() {
        gradcheck::check("add_scaled", &[values((3, 4), 1), values((4, 3), 2)], |t| {
            Ok(add_scaled(&t[0], &t[1].t()?, 0.75)?)
        });
        gradcheck::check("add_scaled of one", &[values((3, 4), 1)], |t| {
            Ok(add_scaled(&t[0], &t[0], 0.75)?)
        });
    }

    #[test]
    fn it_is_a_rectifier_behind_a_sum() -> candle_core::Result<()> {
        let x = Var::from_tensor(&values((7, 9, 5), 1).to_dtype(DType::F32)?)?;
        let flat = |t: &Tensor| t.flatten_all()?.to_vec1::<f32>();
        // The same argument twice has both gradients.
        for y in [values((7, 9, 5), 2).to_dtype(DType::F32)?, x.as_tensor().clone()] {
            let found = add_relu(&x, &y)?;
            let expected = relu(&(x.as_tensor() + &y)?)?;
            assert_eq!(flat(&found)?, flat(&expected)?);
            let [found, expected] = [found, expected].map(|sum| sum.sqr()?.backward());
            let found = found?;
            let expected = expected?;
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
