//! The fully connected layer, right for any leading dimensions and any layout.

use crate::blocks::{BLOCK, sum_rows, update};
use crate::kernel::{Argument, LayerKernel, apply_layer, check_room, slice, with_elements};
use crate::real::Real;
use crate::{Error, Init, Result, VarBuilder};
use candle_core::backend::BackendStorage;
use candle_core::{DType, Module, Shape, Tensor};
use conv_core::{Conv1dConfig, Precision};

/// Rows up to which a product without packing is mostly the faster one: 2.7 to 10 times as fast as
/// candle's with 17 rows (0.2 to 0.5 times for ten outputs, which is a microsecond), 0.7 to 2.2
/// times with 64, 0.8 to 1 with 300, 0.4 to 0.6 with a thousand.
const FEW: usize = 64;

/// y = x Wᵀ + b over the last dimension.
///
/// candle-nn's own layer is wrong, silently, for an `x` with a batch whose last two dimensions are
/// transposed.
///
/// # Shapes
/// `[…, in]` → `[…, out]`; weight `[out, in]`, bias `[out]`.
#[derive(Debug, Clone)]
pub struct Linear {
    weight: Tensor,
    bias: Option<Tensor>,
    precision: Precision,
}

/// A [`Linear`] from `weight` and `bias`, both at first as in PyTorch: uniform within 1/√in.
pub fn linear(in_size: usize, out_size: usize, vb: VarBuilder) -> candle_core::Result<Linear> {
    let bias = vb.get_with_hints(out_size, "bias", Init::uniform_fan_in(in_size))?;
    let layer = linear_no_bias(in_size, out_size, vb)?;
    Ok(Linear { bias: Some(bias), ..layer })
}

/// A [`Linear`] from `weight` alone.
pub fn linear_no_bias(
    in_size: usize,
    out_size: usize,
    vb: VarBuilder,
) -> candle_core::Result<Linear> {
    let init = Init::uniform_fan_in(in_size);
    let weight = vb.get_with_hints((out_size, in_size), "weight", init)?;
    Ok(Linear::new(weight, None))
}

impl Linear {
    /// From given tensors: weight `[out, in]`, bias `[out]`.
    pub fn new(weight: Tensor, bias: Option<Tensor>) -> Self {
        Self { weight, bias, precision: Precision::default() }
    }

    /// The same layer, with the same tensors, computed at another precision. With
    /// [`Precision::Exact`] a row's result is the same bits whatever the other rows are.
    pub fn at(&self, precision: Precision) -> Self {
        Self { precision, ..self.clone() }
    }

    /// The weight, `[out, in]`.
    pub fn weight(&self) -> &Tensor {
        &self.weight
    }

    /// The bias, `[out]`.
    pub fn bias(&self) -> Option<&Tensor> {
        self.bias.as_ref()
    }

    /// The numbers of outputs and inputs, of a layer and an input `[…, in]` that fit each other.
    pub(crate) fn check(&self, x: &Tensor) -> Result<[usize; 2]> {
        let operation = "linear";
        let misfit = |argument, tensor: &Tensor, expected| Error::Shape {
            operation,
            argument,
            found: tensor.dims().to_vec(),
            expected,
        };
        let &[out_size, in_size] = self.weight.dims() else {
            return Err(misfit("weight", &self.weight, "[out, in]".into()));
        };
        if let Some(bias) = self.bias.as_ref().filter(|bias| bias.dims() != [out_size]) {
            return Err(misfit("bias", bias, format!("[{out_size}]")));
        }
        if x.dims().last() != Some(&in_size) {
            return Err(misfit("its input", x, format!("[…, {in_size}]")));
        }
        for (argument, other) in [("weight", Some(&self.weight)), ("bias", self.bias.as_ref())] {
            if let Some(found) = other.map(Tensor::dtype).filter(|dtype| *dtype != x.dtype()) {
                let expected = format!("{:?}, as its input has", x.dtype());
                return Err(Error::DType { operation, argument, found, expected });
            }
        }
        Ok([out_size, in_size])
    }

    fn product(&self, x: &Tensor) -> Result<Tensor> {
        let [out_size, in_size] = self.check(x)?;
        let leading = &x.dims()[..x.rank() - 1];
        let count = leading.iter().product::<usize>();
        if !x.is_contiguous() {
            check_room("linear", x.elem_count(), x.dtype())?;
        }
        check_room("linear", count.saturating_mul(out_size), x.dtype())?;
        let rows = x.reshape((count, in_size))?;
        let is_tracked = [Some(x), Some(&self.weight), self.bias.as_ref()];
        let is_tracked = is_tracked.into_iter().flatten().any(Tensor::track_op);
        let y = if x.device().is_cpu() && matches!(x.dtype(), DType::F32 | DType::F64) {
            let bias = match &self.bias {
                None => Tensor::zeros(0, x.dtype(), x.device())?,
                Some(bias) => bias.contiguous()?,
            };
            let is_exact = self.precision == Precision::Exact;
            let is_empty = self.weight.elem_count() == 0;
            if !is_empty && (is_exact || !is_tracked && rows.dim(0)? <= FEW) {
                self.convolved(&rows)?
            } else {
                apply_layer(Product, [&rows, &self.weight, &bias])?
            }
        } else {
            self.composed(&rows)?
        };
        Ok(y.reshape([leading, &[out_size]].concat())?)
    }

    /// As the convolution of inputs that are one window.
    fn convolved(&self, x: &Tensor) -> Result<Tensor> {
        let weight = self.weight.unsqueeze(2)?;
        let config = Conv1dConfig { precision: self.precision, ..Default::default() };
        Ok(conv_core::conv1d(&x.unsqueeze(2)?, &weight, self.bias.as_ref(), &config)?.squeeze(2)?)
    }

    /// Of matrices, for which candle's own operations are right.
    fn composed(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        let y = x.matmul(&self.weight.t()?)?;
        match &self.bias {
            None => Ok(y),
            Some(bias) => y.broadcast_add(bias),
        }
    }
}

impl Module for Linear {
    fn forward(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        Ok(self.product(x)?)
    }
}

/// x Wᵀ + b of matrices; a bias of no elements is none. candle's own node would compute the
/// gradient of an untracked side too, which in a first layer is half of the work, and would lose
/// the bias's gradient in a batch of none.
struct Product;

impl LayerKernel for Product {
    const NAME: &'static str = "linear";

    fn forward<T: Real>(
        &self,
        [(x, x_layout), (weight, weight_layout), bias]: [Argument; 3],
    ) -> candle_core::Result<(Vec<T>, Shape)> {
        let (rows, in_size) = x_layout.shape().dims2()?;
        let (out_size, _) = weight_layout.shape().dims2()?;
        let size = (1, rows, out_size, in_size);
        let y = x.matmul(weight, size, x_layout, &weight_layout.transpose(0, 1)?)?;
        let mut y = T::cpu_storage_data(y)?;
        let bias = slice::<T>(bias)?;
        if !bias.is_empty() {
            let rows = (BLOCK / bias.len()).max(1);
            update(
                &mut y,
                rows * bias.len(),
                #[inline(always)]
                |_, y| {
                    for y in y.chunks_exact_mut(bias.len()) {
                        for (y, bias) in y.iter_mut().zip(bias) {
                            *y += *bias;
                        }
                    }
                },
            );
        }
        Ok((y, (rows, out_size).into()))
    }

    fn backward<T: Real>(
        &self,
        [x, weight, bias]: [&Tensor; 3],
        _y: &Tensor,
        gradient: &Tensor,
    ) -> candle_core::Result<[Option<Tensor>; 3]> {
        product_gradients([x, weight], gradient, [x, weight, bias].map(Tensor::track_op))
    }
}

/// The gradients of x, weight and bias in [`Product`], those that are `wanted`.
pub(crate) fn product_gradients(
    [x, weight]: [&Tensor; 2],
    gradient: &Tensor,
    wanted: [bool; 3],
) -> candle_core::Result<[Option<Tensor>; 3]> {
    let of_x = wanted[0].then(|| gradient.matmul(weight));
    let of_weight = wanted[1].then(|| gradient.t()?.matmul(x));
    let of_bias = wanted[2].then(|| match gradient.dtype() {
        DType::F64 => of_columns::<f64>(gradient),
        _ => of_columns::<f32>(gradient),
    });
    Ok([of_x.transpose()?, of_weight.transpose()?, of_bias.transpose()?])
}

fn of_columns<T: Real>(of: &Tensor) -> candle_core::Result<Tensor> {
    let (rows, width) = of.dims2()?;
    let sums = with_elements::<T, _, 1>([of], |[of]| column_sums(of, rows, width))?;
    Tensor::from_vec(sums, width, of.device())
}

/// The sum of each column of rows.
pub(crate) fn column_sums<T: Real>(of: &[T], rows: usize, width: usize) -> Vec<T> {
    sum_rows(
        rows,
        width,
        width,
        #[inline(always)]
        |row, sums: &mut [T]| {
            for (sum, of) in sums.iter_mut().zip(&of[row * width..]) {
                *sum += *of;
            }
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{DType, Device, Var};
    use gradcheck::values;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_gradients_are_right_for_transposed_input(
            batch in 0usize..4,
            steps in 1usize..4,
            in_size in 1usize..5,
            out_size in 1usize..5,
            seed: u64,
        ) {
            let inputs = [
                values((batch, in_size, steps), seed),
                values((in_size, out_size), seed ^ 1),
                values(out_size, seed ^ 2),
            ];
            gradcheck::check("linear", &inputs, |t| {
                Linear::new(t[1].t()?, Some(t[2].clone())).forward(&t[0].transpose(1, 2)?)
            });
        }
    }

    #[test]
    fn leading_dimensions_do_not_matter() -> candle_core::Result<()> {
        let layer = Linear::new(values((3, 4), 1), Some(values(3, 2)));
        let x = values(24, 3);
        let expected = layer.forward(&x.reshape((6, 4))?)?.flatten_all()?.to_vec1::<f64>()?;
        for leading in [vec![6], vec![2, 3], vec![1, 3, 2]] {
            let y = layer.forward(&x.reshape([leading.as_slice(), &[4]].concat())?)?;
            assert_eq!(y.dims(), [leading.as_slice(), &[3]].concat());
            assert_eq!(y.flatten_all()?.to_vec1::<f64>()?, expected);
        }
        let vector = layer.forward(&x.narrow(0, 0, 4)?)?.to_vec1::<f64>()?;
        assert_eq!(vector, expected[..3]);
        Ok(())
    }

    #[test]
    fn only_tracked_arguments_get_a_gradient() -> candle_core::Result<()> {
        let plain = [values((2, 4), 1), values((3, 4), 2), values(3, 3)];
        // Of stride 0 in one dimension, as broadcasting leaves it.
        let gradient = values((1, 3), 4).broadcast_as((2, 3))?;
        for tracked in 0..3 {
            let mut inputs = plain.clone();
            inputs[tracked] = Var::from_tensor(&plain[tracked])?.affine(1.0, 0.0)?;
            let made = Product.backward::<f64>(inputs.each_ref(), &gradient, &gradient)?;
            assert_eq!(made.map(|made| made.is_some()), [0, 1, 2].map(|i| i == tracked));
        }
        Ok(())
    }

    #[test]
    fn the_composition_agrees() -> candle_core::Result<()> {
        let x = values((5, 4), 1);
        for bias in [None, Some(values(3, 2))] {
            let layer = Linear::new(values((3, 4), 3), bias);
            let kernel = layer.forward(&x)?;
            let composed = layer.composed(&x)?;
            assert_eq!(kernel.to_vec2::<f64>()?, composed.to_vec2::<f64>()?);
        }
        Ok(())
    }

    /// Tracked or not, which a layer that is trained and evaluated is.
    #[test]
    fn an_exact_row_does_not_depend_on_the_others() -> candle_core::Result<()> {
        let x = values((200, 37), 1);
        let weight = Var::from_tensor(&values((11, 37), 2))?;
        let bias = values(11, 3);
        for dtype in [DType::F32, DType::F64] {
            let [x, bias] = [&x, &bias].map(|t| t.to_dtype(dtype));
            let (x, bias) = (x?, bias?);
            for weight in [weight.to_dtype(dtype)?, weight.detach().to_dtype(dtype)?] {
                let layer = Linear::new(weight, Some(bias.clone())).at(Precision::Exact);
                let y = layer.forward(&x)?;
                for row in [0, 64, 199] {
                    let alone = layer.forward(&x.narrow(0, row, 1)?)?;
                    let bits = |t: &Tensor| t.to_dtype(DType::F64)?.to_vec2::<f64>();
                    assert_eq!(bits(&alone)?, bits(&y.narrow(0, row, 1)?)?, "{dtype:?}, {row}");
                }
            }
        }
        Ok(())
    }

    #[test]
    fn exact_gradients_are_right_too() {
        let inputs = [values((5, 4), 1), values((3, 4), 2), values(3, 3)];
        gradcheck::check("exact linear", &inputs, |t| {
            let layer = Linear::new(t[1].clone(), Some(t[2].clone()));
            layer.at(Precision::Exact).forward(&t[0])
        });
    }

    #[test]
    fn first_values_lie_within_the_fan_in_bound() -> candle_core::Result<()> {
        let parameters = crate::Parameters::new(1);
        linear(25, 40, parameters.builder(DType::F32, &Device::Cpu).pp("fc"))?;
        let names: Vec<String> = parameters.vars().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["fc.bias", "fc.weight"]);
        for (name, var) in parameters.vars() {
            let largest = var.abs()?.flatten_all()?.max(0)?.to_scalar::<f32>()?;
            assert!((0.15..=0.2).contains(&largest), "{name}: {largest}");
        }
        Ok(())
    }

    #[test]
    fn more_rows_than_memory_has_room_for_are_refused() -> candle_core::Result<()> {
        let layer = Linear::new(values((3, 4), 1).to_dtype(DType::F32)?, None);
        let x = Tensor::zeros((1, 4), DType::F32, &Device::Cpu)?.broadcast_as((1 << 40, 4))?;
        for precision in [Precision::Fast, Precision::Exact] {
            let message = layer.at(precision).forward(&x).err().map(|e| e.to_string());
            let message = message.unwrap_or_default();
            assert!(message.starts_with("linear: no memory for a result of"), "{message}");
        }
        Ok(())
    }

    #[test]
    fn misfits_are_named() {
        let layer = Linear::new(values((3, 4), 1), Some(values(3, 2)));
        let message =
            layer.forward(&values((2, 5), 1)).err().map(|e| e.to_string()).unwrap_or_default();
        assert!(
            message.starts_with("linear: its input has shape [2, 5], expected […, 4]"),
            "{message}"
        );
    }
}
