//! The same bits on 1, 2 and 4 threads, forward and backward, on sizes that are cut into several
//! tasks in every kernel.

use candle_core::{DType, Result, Tensor, Var};

use crate::cases::{Axis, Case, Operation};

fn axis(size: usize, kernel: usize, stride: usize) -> Axis {
    Axis { size, kernel, stride, padding: (kernel / 2, 0), dilation: 1, output_padding: stride - 1 }
}

/// The output and all gradients, as bits, where of `one_of` elements of the output one has a
/// gradient.
fn bits(case: &Case, one_of: usize) -> Result<Vec<Vec<u32>>> {
    let input = |shape: Vec<usize>, seed| -> Result<Var> {
        Var::from_tensor(&gradcheck::values(shape, seed).to_dtype(DType::F32)?)
    };
    let x = input(case.x_shape(), 1)?;
    let weight = input(case.weight_shape(), 2)?;
    let bias = input(vec![case.groups * case.outputs], 3)?;
    let y = case.run(&x, &weight, Some(&bias))?;
    let counts: Vec<f32> =
        (0..y.elem_count()).map(|i| if i.is_multiple_of(one_of) { 1.0 } else { 0.0 }).collect();
    let counts = Tensor::from_vec(counts, y.shape(), y.device())?;
    let gradients = (y.sqr()? * counts)?.sum_all()?.backward()?;
    let bits = |t: &Tensor| -> Result<Vec<u32>> {
        let values = t.flatten_all()?.to_vec1::<f32>()?;
        Ok(values.into_iter().map(f32::to_bits).collect())
    };
    let mut all = vec![bits(&y)?];
    for argument in [&x, &weight, &bias] {
        let Some(gradient) = gradients.get(argument) else { panic!("a gradient is missing") };
        all.push(bits(gradient)?);
    }
    Ok(all)
}

fn same_on_any_number_of_threads(operation: Operation, h: Axis, w: Axis) -> Result<()> {
    // Dense, one wide enough to share out its channels, and depthwise.
    for (batch, groups, inputs, outputs) in [(9, 1, 40, 24), (1, 2, 70, 70), (3, 20, 1, 1)] {
        let case = Case { operation, batch, groups, inputs, outputs, h, w, bias: true };
        let on = |threads| -> Result<Vec<Vec<u32>>> {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
            let pool = pool.map_err(candle_core::Error::wrap)?;
            let [dense, sparse] = [1, 33].map(|one_of| pool.install(|| bits(&case, one_of)));
            Ok([dense?, sparse?].concat())
        };
        let one = on(1)?;
        assert!(one == on(2)?, "two threads: {case:?}");
        assert!(one == on(4)?, "four threads: {case:?}");
    }
    Ok(())
}

#[test]
fn conv1d_gives_the_same_bits() -> Result<()> {
    let unused = axis(1, 1, 1);
    same_on_any_number_of_threads(Operation::Conv1d, unused, axis(300, 7, 2))
}

#[test]
fn conv2d_gives_the_same_bits() -> Result<()> {
    same_on_any_number_of_threads(Operation::Conv2d, axis(19, 3, 1), axis(23, 3, 1))
}

#[test]
fn windows_that_are_the_whole_input_give_the_same_bits() -> Result<()> {
    let whole = |size| Axis { padding: (0, 0), ..axis(size, size, 1) };
    same_on_any_number_of_threads(Operation::Conv2d, whole(9), whole(11))
}

#[test]
fn conv_transpose1d_gives_the_same_bits() -> Result<()> {
    let unused = axis(1, 1, 1);
    same_on_any_number_of_threads(Operation::ConvTranspose1d, unused, axis(120, 7, 2))
}

#[test]
fn conv_transpose2d_gives_the_same_bits() -> Result<()> {
    same_on_any_number_of_threads(Operation::ConvTranspose2d, axis(9, 3, 2), axis(11, 3, 2))
}
