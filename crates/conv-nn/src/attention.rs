//! Attention over the positions of a sequence, its padding left out.

use crate::blocks::fill_rows;
use crate::kernel::{check_real, contiguous, with_elements};
use crate::real::{Real, exponentials, maximum, sum};
use crate::{Error, Result, softmax_of_first};
use candle_core::{D, DType, Tensor};

const NAME: &str = "dot_attention";

/// Dot-product attention: each query reads the values of a sequence by how well their keys fit it
/// (Luong et al. 2015; Gehring et al. 2017, equations 1 and 2). With q a query, kₜ and vₜ the keys
/// and values of the sequence's own positions:
///
/// `aₜ = exp(q · kₜ) / Σᵤ exp(q · kᵤ)`, `c = Σₜ aₜ vₜ`
///
/// Differentiable. On the CPU, where nothing is tracked, what becomes of a query is the same bits
/// whatever the other queries, sequences and their padding are.
///
/// # Shapes
/// queries `[B, Q, D]`, keys `[B, T, D]`, values `[B, T, E]`, B lengths of at most T → c
/// `[B, Q, E]` and a `[B, Q, T]`, zero beyond the lengths; f32 or f64. A sequence of length 0 gives
/// zeros.
///
/// # Errors
/// Shapes or types that do not fit each other.
///
/// ```
/// use candle_core::{Device, Tensor};
/// let query = Tensor::new(&[[[1f32, 0.0]]], &Device::Cpu)?;
/// let keys = Tensor::new(&[[[9f32, 0.0], [-9.0, 0.0], [9.0, 9.0]]], &Device::Cpu)?;
/// let values = Tensor::new(&[[[1f32], [2.0], [3.0]]], &Device::Cpu)?;
/// let (read, shares) = conv_nn::dot_attention(&query, &keys, &values, &[2])?;
/// assert!((read.to_vec3::<f32>()?[0][0][0] - 1.0).abs() < 1e-6);
/// assert_eq!(shares.to_vec3::<f32>()?[0][0][2], 0.0);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn dot_attention(
    queries: &Tensor,
    keys: &Tensor,
    values: &Tensor,
    lengths: &[usize],
) -> Result<(Tensor, Tensor)> {
    let sizes = Sizes::of(queries, keys, values, lengths)?;
    let is_tracked = [queries, keys, values].into_iter().any(Tensor::track_op);
    if is_tracked || !queries.device().is_cpu() {
        let own = |x: &Tensor| contiguous(NAME, x);
        let fit = own(queries)?.matmul(&own(&keys.transpose(1, 2)?)?)?;
        let shares = softmax_of_first(&fit, lengths)?;
        return Ok((shares.matmul(&own(values)?)?, shares));
    }
    let both = match queries.dtype() {
        DType::F64 => sizes.attend::<f64>([queries, keys, values], lengths)?,
        _ => sizes.attend::<f32>([queries, keys, values], lengths)?,
    };
    let read = both.narrow(D::Minus1, 0, sizes.values)?.contiguous()?;
    let shares = both.narrow(D::Minus1, sizes.values, sizes.positions)?.contiguous()?;
    Ok((read, shares))
}

struct Sizes {
    batch: usize,
    /// Of each sequence.
    queries: usize,
    /// T.
    positions: usize,
    /// D.
    keys: usize,
    /// E.
    values: usize,
}

impl Sizes {
    fn of(queries: &Tensor, keys: &Tensor, values: &Tensor, lengths: &[usize]) -> Result<Self> {
        let misfit = |argument, tensor: &Tensor, expected: String| Error::Shape {
            operation: NAME,
            argument,
            found: tensor.dims().to_vec(),
            expected,
        };
        let &[batch, count, size] = queries.dims() else {
            return Err(misfit("queries", queries, "[B, Q, D]".into()));
        };
        let longest = lengths.iter().copied().max().unwrap_or(0);
        let fits = |dims: &[usize]| dims.len() == 3 && dims[0] == batch && dims[1] >= longest;
        if lengths.len() != batch || !fits(keys.dims()) || keys.dims()[2] != size {
            let expected = format!("[{}, T, {size}] with T of at least {longest}", lengths.len());
            return Err(misfit("keys", keys, expected));
        }
        if !fits(values.dims()) || values.dims()[1] != keys.dims()[1] {
            let expected = format!("[{batch}, {}, E]", keys.dims()[1]);
            return Err(misfit("values", values, expected));
        }
        check_real(NAME, "queries", queries.dtype())?;
        for (argument, tensor) in [("keys", keys), ("values", values)] {
            if tensor.dtype() != queries.dtype() {
                let found = tensor.dtype();
                let expected = format!("{:?}", queries.dtype());
                return Err(Error::DType { operation: NAME, argument, found, expected });
            }
        }
        let positions = keys.dims()[1];
        let values = values.dims()[2];
        Ok(Self { batch, queries: count, positions, keys: size, values })
    }

    /// What each query reads, and behind it the shares of the positions.
    fn attend<T: Real>(&self, tensors: [&Tensor; 3], lengths: &[usize]) -> Result<Tensor> {
        let Self { batch, queries: count, positions, keys: size, values: width } = *self;
        let row = width + positions;
        let both = with_elements::<T, _, 3>(tensors, |[queries, keys, values]| {
            fill_rows(
                batch * count * row,
                row,
                positions * (size + width),
                #[inline(always)]
                |number, out| {
                    let sequence = number / count;
                    let query = &queries[number * size..][..size];
                    let (read, shares) = out.split_at_mut(width);
                    let shares = &mut shares[..lengths[sequence]];
                    let first = sequence * positions;
                    let fits: Vec<T> = (0..shares.len())
                        .map(
                            #[inline(always)]
                            |t| {
                                let key = &keys[(first + t) * size..][..size];
                                sum(
                                    [query, key],
                                    #[inline(always)]
                                    |[q, k]| q * k,
                                )
                            },
                        )
                        .collect();
                    let scale = T::one() / exponentials(&fits, maximum(&fits), shares);
                    for (t, share) in shares.iter_mut().enumerate() {
                        *share *= scale;
                        let value = &values[(first + t) * width..][..width];
                        for (read, value) in read.iter_mut().zip(value) {
                            *read += *share * *value;
                        }
                    }
                },
            )
        })?;
        Ok(Tensor::from_vec(both, (batch, count, row), tensors[0].device())?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;
    use gradcheck::values;

    #[test]
    fn the_gradients_are_right() {
        let inputs = [values((2, 3, 4), 1), values((2, 5, 4), 2), values((2, 5, 3), 3)];
        gradcheck::check("dot_attention", &inputs, |t| {
            let (read, shares) = dot_attention(&t[0], &t[1], &t[2], &[5, 2])?;
            Tensor::cat(&[read, shares], 2)
        });
    }

    #[test]
    fn the_kernel_is_the_composition() -> candle_core::Result<()> {
        let [q, k, v] = [values((3, 4, 40), 1), values((3, 9, 40), 2), values((3, 9, 33), 3)];
        let lengths = [9, 1, 4];
        let (read, shares) = dot_attention(&q, &k, &v, &lengths)?;
        let tracked = candle_core::Var::from_tensor(&q)?;
        let (expected, of_shares) = dot_attention(&tracked, &k, &v, &lengths)?;
        for (found, expected) in [(read, expected), (shares, of_shares)] {
            let apart = (found - expected.detach())?.abs()?.max_all()?.to_scalar::<f64>()?;
            assert!(apart < 1e-12, "{apart}");
        }
        Ok(())
    }

    #[test]
    fn a_sequence_is_read_the_same_alone_and_in_any_batch() -> candle_core::Result<()> {
        let of = |shape: (usize, usize, usize), seed| values(shape, seed).to_dtype(DType::F32);
        let q = of((1, 5, 64), 1)?;
        let k = of((1, 3, 64), 2)?;
        let v = of((1, 3, 48), 3)?;
        let bits = |t: &Tensor| t.flatten_all()?.to_vec1::<f32>();
        let (alone, _) = dot_attention(&q, &k, &v, &[3])?;
        for longest in [4, 17, 200] {
            let grown = |tensor: &Tensor, seed| {
                let padding = of((1, longest - 3, tensor.dim(2)?), seed)?;
                let own = Tensor::cat(&[tensor, &padding], 1)?;
                Tensor::cat(&[&own, &of((1, longest, tensor.dim(2)?), seed + 1)?], 0)
            };
            let both = Tensor::cat(&[&q, &of((1, 5, 64), 9)?], 0)?;
            let (read, _) = dot_attention(&both, &grown(&k, 4)?, &grown(&v, 6)?, &[3, longest])?;
            assert_eq!(bits(&read.narrow(0, 0, 1)?)?, bits(&alone)?, "beside {longest}");
        }
        Ok(())
    }

    #[test]
    fn misfits_are_named() {
        let zeros = |shape: &[usize]| Tensor::zeros(shape, DType::F32, &Device::Cpu);
        let message = |q: &[usize], k: &[usize], v: &[usize]| {
            let [q, k, v] =
                [zeros(q), zeros(k), zeros(v)].map(|t| t.unwrap_or_else(|e| panic!("{e}")));
            dot_attention(&q, &k, &v, &[2]).err().map(|e| e.to_string()).unwrap_or_default()
        };
        let text = message(&[1, 1, 4], &[1, 2, 3], &[1, 2, 4]);
        assert!(text.contains("keys has shape [1, 2, 3], expected [1, T, 4]"), "{text}");
        let text = message(&[1, 1, 4], &[1, 2, 4], &[1, 3, 4]);
        assert!(text.contains("values has shape [1, 3, 4], expected [1, 2, E]"), "{text}");
        assert!(message(&[1, 4], &[1, 2, 4], &[1, 2, 4]).contains("expected [B, Q, D]"));
    }
}
