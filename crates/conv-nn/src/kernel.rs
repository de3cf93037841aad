//! What the CPU kernels share: fixed blocks of work, and the candle operation around a kernel of one
//! argument.

use crate::real::Real;
use crate::{Error, Result};
use candle_core::{CpuStorage, CustomOp1, DType, Layout, Shape, Storage, Tensor, bail};
use conv_core::{InstructionSet, check_first_order};
use std::sync::{Mutex, PoisonError};

/// How many elements a thread takes at a time. It depends on nothing, so neither do the results.
pub(crate) const BLOCK: usize = 1 << 14;

/// Runs `f` on each of `blocks`, in as many threads as the pool has where there are several blocks. Marked `#[inline(always)]`, it is
/// compiled for the processor's vectors.
///
/// The caller's thread takes blocks too, from the first moment on: what has so little work as a normalisation would else wait longer
/// for two of the pool's threads to wake than it computes.
fn share<B>(
    blocks: impl DoubleEndedIterator<Item = B> + ExactSizeIterator + Send,
    f: impl Fn(B) + Sync,
) {
    let run = |block| {
        InstructionSet::vectorize(
            #[inline(always)]
            || f(block),
        )
    };
    let threads = rayon::current_num_threads().min(blocks.len());
    if threads <= 1 {
        return blocks.for_each(run);
    }
    let blocks = Mutex::new(blocks);
    let lock = || blocks.lock().unwrap_or_else(PoisonError::into_inner);
    rayon::in_place_scope(|scope| {
        for _ in 1..threads {
            scope.spawn(|_| {
                // From the other end: an operation and the next then find their halves in the caches of the same core.
                let next = || lock().next_back();
                while let Some(block) = next() {
                    run(block);
                }
            });
        }
        let next = || lock().next();
        while let Some(block) = next() {
            run(block);
        }
    });
}

/// `f` of each of `0..count`, in order, where each is the work of `cost` elements.
pub(crate) fn collect<R: Copy + Default + Send>(
    count: usize,
    cost: usize,
    f: impl Fn(usize) -> R + Sync,
) -> Vec<R> {
    let mut out = vec![R::default(); count];
    let block = (BLOCK / cost.max(1)).max(1);
    share(
        out.chunks_mut(block).enumerate(),
        #[inline(always)]
        |(number, out)| {
            for (i, out) in out.iter_mut().enumerate() {
                *out = f(number * block + i);
            }
        },
    );
    out
}

/// Makes `len` elements in blocks of `block`, each by `f(its first element's index, its elements)`.
pub(crate) fn fill<T: Real>(
    len: usize,
    block: usize,
    f: impl Fn(usize, &mut [T]) + Sync,
) -> Vec<T> {
    let mut out = vec![T::zero(); len];
    share(
        out.chunks_mut(block.max(1)).enumerate(),
        #[inline(always)]
        |(number, out)| f(number * block, out),
    );
    out
}

/// f of the elements of `a` and `b` in the same place, for each.
///
/// On one thread it writes no zeros first, which take a third of the time of so little work.
pub(crate) fn map<T: Real>(a: &[T], b: &[T], f: impl Fn(T, T) -> T + Sync) -> Vec<T> {
    let len = a.len();
    if len <= BLOCK || rayon::current_num_threads() == 1 {
        return InstructionSet::vectorize(
            #[inline(always)]
            || {
                // A loop would check for room at each element.
                a.iter()
                    .zip(b)
                    .map(
                        #[inline(always)]
                        |(&a, &b)| f(a, b),
                    )
                    .collect()
            },
        );
    }
    fill(
        len,
        BLOCK,
        #[inline(always)]
        |start, out| {
            for (out, (&a, &b)) in out.iter_mut().zip(a[start..].iter().zip(&b[start..])) {
                *out = f(a, b);
            }
        },
    )
}

/// Makes `len` elements in rows of `width`, each by `f(its number, its elements)`, where a row is
/// the work of `cost` elements.
pub(crate) fn fill_rows<T: Real>(
    len: usize,
    width: usize,
    cost: usize,
    f: impl Fn(usize, &mut [T]) + Sync,
) -> Vec<T> {
    let block = (BLOCK / cost.max(1)).max(1) * width;
    fill(
        len,
        block,
        #[inline(always)]
        |start, out| {
            for (row, out) in out.chunks_exact_mut(width).enumerate() {
                f(start / width + row, out);
            }
        },
    )
}

/// Sums of `width` over rows, each added by `f(its number, the sums)`: in blocks, whose sums are
/// added in their order.
pub(crate) fn sum_rows<T: Real>(
    rows: usize,
    width: usize,
    cost: usize,
    f: impl Fn(usize, &mut [T]) + Sync,
) -> Vec<T> {
    let (_, sums) = fill_and_sum_rows(
        rows,
        [0, width],
        cost,
        #[inline(always)]
        |row, _, sums| f(row, sums),
    );
    sums
}

/// Rows of a first width, and sums of a second one over all of them, both by `f(the row's number, its elements, the sums)`.
pub(crate) fn fill_and_sum_rows<T: Real>(
    rows: usize,
    [width, sums_width]: [usize; 2],
    cost: usize,
    f: impl Fn(usize, &mut [T], &mut [T]) + Sync,
) -> (Vec<T>, Vec<T>) {
    let block = (BLOCK / cost.max(1)).max(1);
    let mut out = vec![T::zero(); rows * width];
    let mut of_blocks = vec![T::zero(); rows.div_ceil(block) * sums_width];
    let mut rest = &mut out[..];
    let blocks: Vec<_> = (0..rows)
        .step_by(block)
        .zip(of_blocks.chunks_mut(sums_width.max(1)))
        .map(|(first, sums)| {
            let rows = first..rows.min(first + block);
            let (own, others) = std::mem::take(&mut rest).split_at_mut(rows.len() * width);
            rest = others;
            (rows, own, sums)
        })
        .collect();
    share(
        blocks.into_iter(),
        #[inline(always)]
        |(rows, out, sums)| {
            let first = rows.start;
            for row in rows {
                f(row, &mut out[(row - first) * width..][..width], sums);
            }
        },
    );
    let mut total = vec![T::zero(); sums_width];
    for sums in of_blocks.chunks(sums_width.max(1)) {
        for (total, sum) in total.iter_mut().zip(sums) {
            *total += *sum;
        }
    }
    (out, total)
}

/// Calls `f` with the elements of `tensors`, which must be on the CPU and of type `T`, in row-major
/// order.
pub(crate) fn with_elements<T: Real, R, const N: usize>(
    tensors: [&Tensor; N],
    f: impl FnOnce([&[T]; N]) -> R,
) -> candle_core::Result<R> {
    let tensors =
        tensors.into_iter().map(Tensor::contiguous).collect::<candle_core::Result<Vec<_>>>()?;
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
    let (argument, found, expected) = ("the gradient", dy.dims().to_vec(), format!("{expected:?}"));
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
    Ok(ids.flatten_all()?.to_vec1()?)
}

/// A differentiable operation of one argument on the CPU. Everything is row-major.
pub(crate) trait Kernel: Send + Sync + 'static {
    /// The operation's name in errors.
    const NAME: &'static str;
    /// The output's dimensions, from the argument's.
    fn output(&self, x: &[usize]) -> Vec<usize>;
    /// The output y.
    fn forward<T: Real>(&self, x: &[T]) -> Vec<T>;
    /// The gradient of x, from that of y.
    fn backward<T: Real>(&self, x: &[T], y: &[T], gradient: &[T]) -> Vec<T>;
}

/// Runs `kernel` on `x` as one node of the graph.
pub(crate) fn apply<K: Kernel>(kernel: K, x: &Tensor) -> Result<Tensor> {
    check_real(K::NAME, "its input", x.dtype())?;
    Ok(x.contiguous()?.apply_op1(Operation(kernel))?)
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

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{D, Device, Module};

    struct Square;

    impl Kernel for Square {
        const NAME: &'static str = "square";
        fn output(&self, x: &[usize]) -> Vec<usize> {
            x.to_vec()
        }
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
