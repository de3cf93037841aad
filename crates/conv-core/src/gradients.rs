//! The backward passes alone, for operations that are made of these and for whoever walks the graph
//! himself.
//!
//! A gradient is computed for those arguments that are tracked (a variable, or computed from one);
//! the others have none, and cost nothing. What a caller gives as `dy` has the shape and type of
//! the operation's result. On the CPU alone, in f32 and f64.

use candle_core::{CustomOp1, DType, Device, Tensor};

use crate::cpu::check_first_order;
use crate::operation::Convolution;
use crate::pool::{Pool, Reduction, pool2d};
use crate::{
    Conv2dConfig, ConvTranspose2dConfig, Error, Pool2dConfig, Result, conv, conv_transpose, relu,
};

/// The gradients of `x`, `weight` and `bias` in [`conv2d`](crate::conv2d).
///
/// # Errors
/// Those of the operation, and a `dy` of another shape or type than its result.
pub fn conv2d(
    x: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
    dy: &Tensor,
    config: &Conv2dConfig,
) -> Result<[Option<Tensor>; 3]> {
    convolution(conv::call(x, weight, bias).convolution(config)?, x, weight, bias, dy)
}

/// The gradients of `x`, `weight` and `bias` in [`conv_transpose2d`](crate::conv_transpose2d).
///
/// # Errors
/// As [`conv2d`].
pub fn conv_transpose2d(
    x: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
    dy: &Tensor,
    config: &ConvTranspose2dConfig,
) -> Result<[Option<Tensor>; 3]> {
    convolution(conv_transpose::call(x, weight, bias).transposed(config)?, x, weight, bias, dy)
}

/// The gradient of `x` in max(x, 0), 0 at 0 as in PyTorch, where `y` is `x` or the result.
///
/// # Errors
/// As [`conv2d`].
pub fn relu(y: &Tensor, dy: &Tensor) -> Result<Tensor> {
    let op = "relu";
    check(op, y, dy, y.dims())?;
    check_first_order(op, dy)?;
    Ok(match dy.dtype() {
        DType::F64 => relu::gradient::<f64>(op, y, dy)?,
        _ => relu::gradient::<f32>(op, y, dy)?,
    })
}

/// Refuses what the backward passes do not compute in, and a gradient that is not of its result's
/// shape.
fn check(op: &'static str, x: &Tensor, dy: &Tensor, expected: &[usize]) -> Result<()> {
    if !matches!(x.dtype(), DType::F32 | DType::F64) {
        return Err(Error::DType { op, found: x.dtype() });
    }
    let argument = "gradient";
    let found = dy.dtype();
    if found != x.dtype() {
        return Err(Error::DTypeMismatch { op, argument, found, expected: x.dtype() });
    }
    if let Some(other) = [x, dy].into_iter().find(|tensor| !tensor.device().is_cpu()) {
        let found = other.device().location();
        let expected = Device::Cpu.location();
        return Err(Error::DeviceMismatch { op, argument, found, expected });
    }
    if dy.dims() == expected {
        return Ok(());
    }
    Err(Error::Gradient { op, found: dy.dims().to_vec(), expected: expected.to_vec() })
}

fn convolution(
    convolution: Convolution,
    x: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
    dy: &Tensor,
) -> Result<[Option<Tensor>; 3]> {
    check(convolution.op, x, dy, convolution.output.dims())?;
    Ok(convolution.gradients(x, weight, bias, (None, dy))?)
}

/// The gradient of `x` in [`max_pool2d`](crate::max_pool2d), whose result is `y`.
///
/// # Errors
/// As [`conv2d`].
pub fn max_pool2d(x: &Tensor, y: &Tensor, dy: &Tensor, config: &Pool2dConfig) -> Result<Tensor> {
    pool(pool2d("max_pool2d", x, config, Reduction::Max)?, x, y, dy)
}

/// The gradient of `x` in [`avg_pool2d`](crate::avg_pool2d).
///
/// # Errors
/// As [`conv2d`].
pub fn avg_pool2d(x: &Tensor, dy: &Tensor, config: &Pool2dConfig) -> Result<Tensor> {
    let with_padding = config.count_include_pad;
    pool(pool2d("avg_pool2d", x, config, Reduction::Mean { with_padding })?, x, dy, dy)
}

fn pool(pool: Pool, x: &Tensor, y: &Tensor, dy: &Tensor) -> Result<Tensor> {
    for dy in [y, dy] {
        check(pool.op, x, dy, pool.output.dims())?;
    }
    Ok(pool.bwd(x, y, dy)?.map_or_else(|| x.zeros_like(), Ok)?)
}

#[cfg(test)]
mod tests {
    use candle_core::Var;
    use gradcheck::values;

    use super::*;
    use crate::Padding2d;

    fn same(found: &Tensor, expected: Option<&Tensor>) -> Result<()> {
        let expected = expected.map(|g| g.flatten_all()?.to_vec1::<f64>()).transpose()?;
        assert_eq!(Some(found.flatten_all()?.to_vec1::<f64>()?), expected);
        Ok(())
    }

    #[test]
    fn they_are_those_of_the_graph_and_only_of_what_is_tracked() -> Result<()> {
        let var = |shape: &[usize], seed| Var::from_tensor(&values(shape, seed));
        let x = var(&[2, 3, 6, 5], 1)?;
        let weight = var(&[3, 3, 2, 2], 2)?;
        let bias = var(&[3], 3)?;
        let config = Conv2dConfig { padding: Padding2d::all(1), ..Default::default() };
        let transposed = ConvTranspose2dConfig { stride: (2, 2), ..Default::default() };
        let results = [
            crate::conv2d(&x, &weight, Some(&bias), &config)?,
            crate::conv_transpose2d(&x, &weight, Some(&bias), &transposed)?,
        ];
        for (number, y) in results.into_iter().enumerate() {
            let dy = values(y.shape(), 4);
            let run = |x: &Tensor, bias, dy: &Tensor| match number {
                0 => conv2d(x, &weight, bias, dy, &config),
                _ => conv_transpose2d(x, &weight, bias, dy, &transposed),
            };
            let store = y.mul(&dy)?.sum_all()?.backward()?;
            for (found, var) in run(&x, Some(&bias), &dy)?.iter().zip([&x, &weight, &bias]) {
                let found = found.as_ref().ok_or(candle_core::Error::Msg("none".into()))?;
                same(found, store.get(var))?;
            }
            let found = run(&x.detach(), None, &dy)?.map(|gradient| gradient.is_some());
            assert_eq!(found, [false, true, false]);
            let half = run(&x, None, &dy.to_dtype(DType::F32)?);
            assert!(matches!(half, Err(Error::DTypeMismatch { argument: "gradient", .. })));
            let text = run(&x, None, &x).err().map(|e| e.to_string()).unwrap_or_default();
            assert!(text.contains("the output's gradient has shape [2, 3, 6, 5]"), "{text}");
        }
        Ok(())
    }

    #[test]
    fn of_pooling_too() -> Result<()> {
        let x = Var::from_tensor(&values((2, 3, 6, 5), 1))?;
        let config = Pool2dConfig { kernel: (3, 2), stride: Some((2, 1)), ..Default::default() };
        let largest = crate::max_pool2d(&x, &config)?;
        let mean = crate::avg_pool2d(&x, &config)?;
        let dy = values(mean.shape(), 2);
        let of = |y: &Tensor| y.mul(&dy)?.sum_all()?.backward();
        same(&max_pool2d(&x, &largest, &dy, &config)?, of(&largest)?.get(&x))?;
        same(&avg_pool2d(&x, &dy, &config)?, of(&mean)?.get(&x))?;
        assert!(matches!(avg_pool2d(&x, &x, &config), Err(Error::Gradient { .. })));
        Ok(())
    }
}
