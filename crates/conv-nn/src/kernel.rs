//! The candle operations around a CPU kernel of one argument and around one with a weight and a
//! bias.

use crate::real::Real;
use crate::{Error, Result};
use candle_core::{CpuStorage, CustomOp1, CustomOp3, DType, Layout, Shape, Storage, Tensor, bail};
use conv_core::cpu::check_first_order;

/// Calls `f` with the elements of `tensors`, which must be on the CPU and of type `T`, in row-major
/// order.
pub(crate) fn with_elements<T: Real, R, const N: usize>(
    tensors: [&Tensor; N],
    f: impl FnOnce([&[T]; N]) -> R,
) -> candle_core::Result<R> {
    let tensors = tensors.into_iter().map(|x| contiguous("a kernel", x));
    let tensors = tensors.collect::<Result<Vec<_>>>()?;
    let guards: Vec<_> = tensors.iter().map(Tensor::storage_and_layout).collect();
    let mut slices = [&[][..]; N];
    for (slice, (storage, layout)) in slices.iter_mut().zip(&guards) {
        let Storage::Cpu(storage) = &**storage else {
            bail!("a CPU kernel was given a tensor on another device")
        };
        *slice = elements(T::cpu_storage_as_slice(storage)?, layout)?;
    }
    Ok(f(slices))
}

/// The part of a storage that a contiguous tensor occupies.
pub(crate) fn elements<'a, T>(all: &'a [T], layout: &Layout) -> candle_core::Result<&'a [T]> {
    match layout.contiguous_offsets() {
        Some((start, end)) => Ok(&all[start..end]),
        None => bail!("a CPU kernel was given a tensor that is not contiguous"),
    }
}

/// [`elements`] to be changed.
pub(crate) fn elements_mut<'a, T>(
    all: &'a mut [T],
    layout: &Layout,
) -> candle_core::Result<&'a mut [T]> {
    match layout.contiguous_offsets() {
        Some((start, end)) => Ok(&mut all[start..end]),
        None => bail!("a CPU kernel was given a tensor that is not contiguous"),
    }
}

/// Refuses as many elements as memory has no room for: asked for as a tensor, they would end the
/// process.
pub(crate) fn check_room(operation: &'static str, elements: usize, dtype: DType) -> Result<()> {
    /// Elements above which the allocator is asked first, at the price of a second call.
    const LARGE: usize = 1 << 26;
    let bytes = elements.saturating_mul(dtype.size_in_bytes());
    if elements > LARGE && Vec::<u8>::new().try_reserve_exact(bytes).is_err() {
        return Err(conv_core::Error::OutOfMemory { op: operation, elements }.into());
    }
    Ok(())
}

/// Refuses an expanded view that claims more elements than there is memory for.
pub(crate) fn check_view(operation: &'static str, x: &Tensor) -> Result<()> {
    if x.is_contiguous() { Ok(()) } else { check_room(operation, x.elem_count(), x.dtype()) }
}

/// `x` in row-major order, if there is room.
pub(crate) fn contiguous(operation: &'static str, x: &Tensor) -> Result<Tensor> {
    check_view(operation, x)?;
    Ok(x.contiguous()?)
}

/// Refuses types that the kernels do not compute in, by name.
pub(crate) fn check_real(
    operation: &'static str,
    argument: &'static str,
    found: DType,
) -> Result<()> {
    match found {
        DType::F32 | DType::F64 => Ok(()),
        found => Err(Error::DType { operation, argument, found, expected: "F32 or F64".into() }),
    }
}

/// Refuses a gradient of another shape than its result.
pub(crate) fn check_gradient(
    operation: &'static str,
    expected: &[usize],
    dy: &Tensor,
) -> Result<()> {
    if dy.dims() == expected {
        return Ok(());
    }
    let argument = "the gradient";
    let found = dy.dims().to_vec();
    let expected = format!("{expected:?}");
    Err(Error::Shape { operation, argument, found, expected })
}

/// The ids of a `u32` tensor of any shape, in row-major order.
pub(crate) fn read_ids(
    operation: &'static str,
    argument: &'static str,
    ids: &Tensor,
) -> Result<Vec<u32>> {
    if ids.dtype() != DType::U32 {
        return Err(Error::DType {
            operation,
            argument,
            found: ids.dtype(),
            expected: "U32".into(),
        });
    }
    Ok(contiguous(operation, ids)?.flatten_all()?.to_vec1()?)
}

/// A differentiable operation of one argument on the CPU. Everything is row-major.
pub(crate) trait Kernel: Send + Sync + 'static {
    /// The operation's name in errors.
    const NAME: &'static str;
    /// The output's dimensions, from the argument's: the same, where nothing else is said.
    fn output(&self, x: &[usize]) -> Vec<usize> {
        x.to_vec()
    }
    /// The output y.
    fn forward<T: Real>(&self, x: &[T]) -> Vec<T>;
    /// The gradient of x, from that of y.
    fn backward<T: Real>(&self, x: &[T], y: &[T], gradient: &[T]) -> Vec<T>;
}

/// Runs `kernel` on `x` as one node of the graph.
pub(crate) fn apply<K: Kernel>(kernel: K, x: &Tensor) -> Result<Tensor> {
    check_real(K::NAME, "its input", x.dtype())?;
    Ok(contiguous(K::NAME, x)?.apply_op1(Operation(kernel))?)
}

/// The gradient of `x` in [`apply`], whose result is `y`.
pub(crate) fn gradient<K: Kernel>(
    kernel: K,
    x: &Tensor,
    y: &Tensor,
    dy: &Tensor,
) -> Result<Tensor> {
    check_gradient(K::NAME, &kernel.output(x.dims()), dy)?;
    Ok(Operation(kernel).bwd(x, y, dy)?.map_or_else(|| x.zeros_like(), Ok)?)
}

struct Operation<K>(K);

impl<K: Kernel> CustomOp1 for Operation<K> {
    fn name(&self) -> &'static str {
        K::NAME
    }

    fn cpu_fwd(
        &self,
        storage: &CpuStorage,
        layout: &Layout,
    ) -> candle_core::Result<(CpuStorage, Shape)> {
        let y = match storage {
            CpuStorage::F32(x) => CpuStorage::F32(self.0.forward(elements(x, layout)?)),
            CpuStorage::F64(x) => CpuStorage::F64(self.0.forward(elements(x, layout)?)),
            _ => bail!("{} computes in F32 and F64", K::NAME),
        };
        Ok((y, self.0.output(layout.dims()).into()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        y: &Tensor,
        gradient: &Tensor,
    ) -> candle_core::Result<Option<Tensor>> {
        check_first_order(K::NAME, gradient)?;
        fn run<T: Real, K: Kernel>(
            kernel: &K,
            tensors: [&Tensor; 3],
        ) -> candle_core::Result<Tensor> {
            let gradient = with_elements::<T, _, 3>(tensors, |[x, y, gradient]| {
                kernel.backward(x, y, gradient)
            })?;
            Tensor::from_vec(gradient, tensors[0].shape(), tensors[0].device())
        }
        Ok(Some(match x.dtype() {
            DType::F64 => run::<f64, K>(&self.0, [x, y, gradient])?,
            _ => run::<f32, K>(&self.0, [x, y, gradient])?,
        }))
    }
}

/// An argument as candle hands it to an operation.
pub(crate) type Argument<'a> = (&'a CpuStorage, &'a Layout);

/// The elements of a contiguous argument.
pub(crate) fn slice<'a, T: Real>((storage, layout): Argument<'a>) -> candle_core::Result<&'a [T]> {
    elements(T::cpu_storage_as_slice(storage)?, layout)
}

/// A differentiable operation of an input, a weight and a bias on the CPU.
pub(crate) trait LayerKernel: Send + Sync + 'static {
    /// The operation's name in errors.
    const NAME: &'static str;
    /// The output y and its shape, from x, weight and bias.
    fn forward<T: Real>(&self, arguments: [Argument; 3]) -> candle_core::Result<(Vec<T>, Shape)>;
    /// The gradients of those of x, weight and bias that are tracked, from y and its gradient.
    fn backward<T: Real>(
        &self,
        arguments: [&Tensor; 3],
        y: &Tensor,
        gradient: &Tensor,
    ) -> candle_core::Result<[Option<Tensor>; 3]>;
}

/// Runs `kernel` on x, weight and bias as one node of the graph.
pub(crate) fn apply_layer<K: LayerKernel>(
    kernel: K,
    [x, weight, bias]: [&Tensor; 3],
) -> candle_core::Result<Tensor> {
    x.apply_op3(weight, bias, Operation(kernel))
}

/// The gradients of x, weight and bias in [`apply_layer`], whose result has the shape of x.
pub(crate) fn layer_gradients<K: LayerKernel>(
    kernel: K,
    [x, weight, bias]: [&Tensor; 3],
    dy: &Tensor,
) -> Result<[Option<Tensor>; 3]> {
    check_gradient(K::NAME, x.dims(), dy)?;
    let (x, weight, bias) = Operation(kernel).bwd(x, weight, bias, dy, dy)?;
    Ok([x, weight, bias])
}

impl<K: LayerKernel> CustomOp3 for Operation<K> {
    fn name(&self) -> &'static str {
        K::NAME
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        weight: &CpuStorage,
        weight_layout: &Layout,
        bias: &CpuStorage,
        bias_layout: &Layout,
    ) -> candle_core::Result<(CpuStorage, Shape)> {
        let arguments = [(x, x_layout), (weight, weight_layout), (bias, bias_layout)];
        Ok(match x {
            CpuStorage::F32(_) => {
                let (y, shape) = self.0.forward(arguments)?;
                (CpuStorage::F32(y), shape)
            }
            CpuStorage::F64(_) => {
                let (y, shape) = self.0.forward(arguments)?;
                (CpuStorage::F64(y), shape)
            }
            _ => bail!("{} computes in F32 and F64", K::NAME),
        })
    }

    fn bwd(
        &self,
        x: &Tensor,
        weight: &Tensor,
        bias: &Tensor,
        y: &Tensor,
        gradient: &Tensor,
    ) -> candle_core::Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        check_first_order(K::NAME, gradient)?;
        let [x, weight, bias] = match x.dtype() {
            DType::F64 => self.0.backward::<f64>([x, weight, bias], y, gradient)?,
            _ => self.0.backward::<f32>([x, weight, bias], y, gradient)?,
        };
        Ok((x, weight, bias))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blocks::fill;
    use candle_core::{D, Device, Module};

    struct Square;

    impl Kernel for Square {
        const NAME: &'static str = "square";
        fn forward<T: Real>(&self, x: &[T]) -> Vec<T> {
            fill(x.len(), 4, |start, y| {
                for (i, y) in y.iter_mut().enumerate() {
                    *y = x[start + i] * x[start + i];
                }
            })
        }
        fn backward<T: Real>(&self, x: &[T], _y: &[T], gradient: &[T]) -> Vec<T> {
            (0..x.len()).map(|i| (x[i] + x[i]) * gradient[i]).collect()
        }
    }

    #[test]
    fn any_layout_of_argument_and_gradient_is_read_in_its_own_order() -> candle_core::Result<()> {
        let x = gradcheck::values((3, 2, 5), 1);
        let whole = std::slice::from_ref(&x);
        gradcheck::check("square of a view", whole, |t| {
            Ok(apply(Square, &t[0].narrow(2, 1, 3)?.transpose(0, 2)?)?)
        });
        let y = apply(Square, &x)?;
        let transposed = gradcheck::values((5, 2, 3), 2).transpose(0, 2)?;
        let broadcast = gradcheck::values((3, 2, 1), 3).broadcast_as((3, 2, 5))?;
        for gradient in [transposed, broadcast] {
            let found = Operation(Square).bwd(&x, &y, &gradient)?;
            let expected = (&x * 2.0)?.mul(&gradient)?.flatten_all()?.to_vec1::<f64>()?;
            let found = found.map(|g| g.flatten_all()?.to_vec1::<f64>()).transpose()?;
            assert_eq!(found, Some(expected));
        }
        Ok(())
    }

    #[test]
    fn other_types_are_refused_by_name() -> candle_core::Result<()> {
        let half = Tensor::zeros(3, DType::F16, &Device::Cpu)?;
        let message = apply(Square, &half).err().map(|e| e.to_string());
        let expected = "square: its input is F16, expected F32 or F64";
        assert_eq!(message.as_deref(), Some(expected));
        Ok(())
    }

    #[test]
    fn a_second_derivative_is_refused_by_name() -> candle_core::Result<()> {
        let x = gradcheck::values(3, 1);
        let tracked = candle_core::Var::from_tensor(&x)?;
        let message = Operation(Square).bwd(&x, &x, &tracked).err().map(|e| e.to_string());
        let message = message.unwrap_or_default();
        let expected = conv_core::Error::SecondOrder { op: "square" }.to_string();
        assert!(message.starts_with(&expected), "{message}");
        Ok(())
    }

    #[test]
    fn no_second_derivative_is_lost_where_candle_keeps_the_graph() -> candle_core::Result<()> {
        let test = "kernel::tests::no_second_derivative_is_lost_where_candle_keeps_the_graph";
        if !gradcheck::in_process_with("CANDLE_GRAD_DO_NOT_DETACH", "1", test) {
            return Ok(());
        }
        let x = candle_core::Var::from_tensor(&gradcheck::values((3, 4), 1))?;
        let vector = gradcheck::values(4, 2);
        let norm = crate::LayerNorm::new(vector.clone(), vector, Default::default());
        let matrix = gradcheck::values((2, 4), 3);
        for (name, y) in [
            ("square", apply(Square, &x)?),
            ("layer_norm", norm.forward(&x)?),
            ("linear", crate::Linear::new(matrix, None).forward(&x)?),
        ] {
            let message = y.sum_all()?.backward().err().map(|e| e.to_string()).unwrap_or_default();
            let expected = conv_core::Error::SecondOrder { op: name }.to_string();
            assert!(message.starts_with(&expected), "{name}: {message}");
        }
        Ok(())
    }

    #[test]
    fn a_batch_of_none_passes_both_ways() -> candle_core::Result<()> {
        let x = candle_core::Var::zeros((0, 3), DType::F32, &Device::Cpu)?;
        let loss = apply(Square, &x)?.sum(D::Minus1)?.sum_all()?;
        let gradient = loss.backward()?.get(&x).map(|g| g.dims().to_vec());
        assert_eq!(gradient, Some(vec![0, 3]));
        Ok(())
    }
}
