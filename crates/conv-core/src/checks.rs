//! What the tests of pooling and upsampling ask of every operation `f` of one tensor.

use std::cell::Cell;
use std::collections::HashMap;
use std::slice::from_ref;

use candle_core::{DType, Device, Tensor, Var};
use gradcheck::Kinds;
use proptest::prelude::*;

use crate::Result;

/// How a tensor comes to an operation, and what becomes of the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Usage {
    Plain,
    TransposedInput,
    NarrowedInput,
    TransposedOutput,
    SummedOutput,
    UsedTwice,
}

pub(crate) fn usage() -> impl Strategy<Value = Usage> {
    use Usage::*;
    prop::sample::select(vec![
        Plain,
        TransposedInput,
        NarrowedInput,
        TransposedOutput,
        SummedOutput,
        UsedTwice,
    ])
}

/// Checks the gradient of `f` at `x` against finite differences, and says what kinds of use that
/// was.
pub(crate) fn check_gradient(
    name: &str,
    x: &Tensor,
    usage: Usage,
    f: impl Fn(&Tensor) -> Result<Tensor>,
) -> Result<Kinds> {
    let (first, last) = (1, x.rank() - 1);
    let strided = Cell::new(false);
    let f = |x: &Tensor| {
        strided.set(!x.is_contiguous());
        f(x)
    };
    match usage {
        Usage::Plain => gradcheck::check(name, from_ref(x), |t| Ok(f(&t[0])?)),
        Usage::TransposedInput => {
            let transposed = x.transpose(first, last)?.contiguous()?;
            gradcheck::check(name, &[transposed], |t| Ok(f(&t[0].transpose(first, last)?)?));
        }
        Usage::NarrowedInput => {
            let wider = x.pad_with_same(last, 1, 1)?;
            gradcheck::check(name, &[wider], |t| Ok(f(&t[0].narrow(last, 1, x.dim(last)?)?)?));
        }
        Usage::TransposedOutput => {
            gradcheck::check(name, from_ref(x), |t| f(&t[0])?.transpose(0, 1)?.contiguous());
        }
        Usage::SummedOutput => gradcheck::check(name, from_ref(x), |t| f(&t[0])?.sum(0)),
        Usage::UsedTwice => gradcheck::check(name, from_ref(x), |t| {
            let once = f(&t[0])?;
            once.broadcast_mul(&t[0].sqr()?.mean_all()?)
        }),
    }
    Ok(vec![
        ("input not contiguous", strided.get()),
        ("output transposed", usage == Usage::TransposedOutput),
        ("output summed", usage == Usage::SummedOutput),
        ("tensors used twice", usage == Usage::UsedTwice),
    ])
}

/// The result of `f` at `x`, and the gradient of `x` where that of the result is `dy`.
pub(crate) fn forward_backward(
    x: &Tensor,
    dy: impl Fn(&Tensor) -> Result<Tensor>,
    f: impl Fn(&Tensor) -> Result<Tensor>,
) -> Result<(Tensor, Tensor)> {
    let x = Var::from_tensor(x)?;
    let y = f(x.as_tensor())?;
    let gradients = y.mul(&dy(&y)?)?.sum_all()?.backward()?;
    let dx = gradients.get(&x).expect("x is part of y").clone();
    Ok((y.detach(), dx))
}

/// Checks `f` of each geometry against PyTorch's results.
pub(crate) fn check_fixtures(
    name: &str,
    f: impl Fn(&Tensor, &[usize]) -> Result<Tensor>,
) -> Result<()> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/reference/pool.safetensors");
    let all: HashMap<String, Tensor> = candle_core::safetensors::load(path, &Device::Cpu)?;
    let numbers: Vec<usize> =
        (0..).take_while(|number| all.contains_key(&format!("{name}.{number}.x"))).collect();
    assert!(numbers.len() >= 20, "{name}: {} fixtures", numbers.len());
    for number in numbers {
        let part = |part: &str| &all[&format!("{name}.{number}.{part}")];
        let geometry: Vec<usize> =
            part("geometry").to_vec1::<i64>()?.into_iter().map(|n| n as usize).collect();
        let (y, dx) = forward_backward(part("x"), |_| Ok(part("g").clone()), |x| f(x, &geometry))?;
        for (what, found, expected) in [("y", y, part("y")), ("dx", dx, part("dx"))] {
            assert_eq!(found.dims(), expected.dims(), "{name} {number} {geometry:?}: {what}");
            let difference = distance(&found, expected)?;
            assert!(
                difference < 1e-5,
                "{name} {number} {geometry:?}: {what} differs by {difference}"
            );
        }
    }
    Ok(())
}

/// The largest difference of two elements.
pub(crate) fn distance(a: &Tensor, b: &Tensor) -> Result<f64> {
    let difference = (a - b)?.abs()?.flatten_all()?.to_dtype(DType::F64)?;
    Ok(difference.to_vec1::<f64>()?.into_iter().fold(0.0, f64::max))
}

/// Checks that `f` at `x`, of several blocks of planes, and its gradient have the same bits for 1,
/// 2 and 4 threads.
pub(crate) fn check_threads(
    name: &str,
    x: &Tensor,
    f: impl Fn(&Tensor) -> Result<Tensor> + Sync,
) -> Result<()> {
    let run = |threads| -> Result<Vec<u64>> {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .expect("a few threads can be had");
        let (y, dx) = pool.install(|| {
            let dy = |y: &Tensor| Ok(gradcheck::values(y.shape(), 1).to_dtype(x.dtype())?);
            forward_backward(x, dy, &f)
        })?;
        let bits = |t: Tensor| -> Result<Vec<u64>> {
            let values = t.flatten_all()?.to_dtype(DType::F64)?.to_vec1::<f64>()?;
            Ok(values.into_iter().map(f64::to_bits).collect())
        };
        Ok([bits(y)?, bits(dx)?].concat())
    };
    let one = run(1)?;
    for threads in [2, 4] {
        assert!(one == run(threads)?, "{name}: {threads} threads give other bits than 1");
    }
    Ok(())
}
