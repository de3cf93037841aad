//! Values and gradients in f32 against PyTorch's, from `tests/reference/conv.safetensors`.

use std::collections::HashMap;
use std::path::Path;

use candle_core::{Device, Result, Tensor, Var};

use crate::cases::{Axis, Case, OPERATIONS, Operation};

struct Fixtures(HashMap<String, Tensor>);

impl Fixtures {
    fn load() -> Result<Self> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/conv.safetensors");
        candle_core::safetensors::load(path, &Device::Cpu).map(Self)
    }

    fn get(&self, operation: Operation, number: usize, part: &str) -> Option<&Tensor> {
        self.0.get(&format!("{}.{number}.{part}", operation.name()))
    }
}

fn case(operation: Operation, x: &Tensor, weight: &Tensor, geometry: &[i64]) -> Case {
    let geometry: Vec<usize> = geometry.iter().map(|&v| v as usize).collect();
    let rank = x.rank() - 2;
    let axis = |i: usize| Axis {
        size: x.dims()[2 + i],
        kernel: weight.dims()[2 + i],
        stride: geometry[5 * i],
        padding: (geometry[5 * i + 1], geometry[5 * i + 2]),
        dilation: geometry[5 * i + 3],
        output_padding: geometry[5 * i + 4],
    };
    let groups = geometry[5 * rank];
    let outputs =
        if operation.is_transposed() { weight.dims()[1] } else { weight.dims()[0] / groups };
    Case {
        operation,
        batch: x.dims()[0],
        groups,
        inputs: x.dims()[1] / groups,
        outputs,
        h: axis(0),
        w: axis(rank - 1),
        bias: true,
    }
}

fn assert_close(what: &str, found: &Tensor, expected: &Tensor) -> Result<()> {
    assert_eq!(found.dims(), expected.dims(), "{what}");
    let found = found.flatten_all()?.to_vec1::<f32>()?;
    let expected = expected.flatten_all()?.to_vec1::<f32>()?;
    for (i, (f, e)) in found.iter().zip(&expected).enumerate() {
        let close = (f - e).abs() <= 2e-5 * e.abs().max(1.0);
        assert!(close, "{what}[{i}]: {f}, PyTorch has {e}");
    }
    Ok(())
}

#[test]
fn values_and_gradients_equal_pytorch() -> Result<()> {
    let fixtures = Fixtures::load()?;
    for operation in OPERATIONS {
        let (mut number, mut products) = (0, 0);
        while let (Some(x), Some(weight), Some(y), Some(g), Some(geometry)) = (
            fixtures.get(operation, number, "x"),
            fixtures.get(operation, number, "weight"),
            fixtures.get(operation, number, "y"),
            fixtures.get(operation, number, "g"),
            fixtures.get(operation, number, "geometry"),
        ) {
            let case = case(operation, x, weight, &geometry.to_vec1()?);
            let what = format!("{case:?} (number {number})");
            let x = Var::from_tensor(x)?;
            let weight = Var::from_tensor(weight)?;
            let bias = fixtures.get(operation, number, "bias");
            let bias = bias.map(Var::from_tensor).transpose()?;
            let found = case.run(&x, &weight, bias.as_ref().map(|b| b.as_tensor()))?;
            assert_close(&what, &found, y)?;

            let gradients = found.mul(g)?.sum_all()?.backward()?;
            let arguments =
                [("dx", Some(&x)), ("dweight", Some(&weight)), ("dbias", bias.as_ref())];
            for (part, argument) in arguments {
                let Some(argument) = argument else { continue };
                let (Some(found), Some(expected)) =
                    (gradients.get(argument), fixtures.get(operation, number, part))
                else {
                    panic!("{what}: {part} is missing");
                };
                assert_close(&format!("{part} of {what}"), found, expected)?;
            }
            number += 1;
            // Groups of four output channels and more go by matrix products; a transpose's output
            // is the input.
            let channels = if operation.is_transposed() { case.inputs } else { case.outputs };
            products += usize::from(channels >= 4);
        }
        let name = operation.name();
        let others = number - products;
        assert!(products >= 8 && others >= 8, "{name}: {products} by products, {others} directly");
    }
    Ok(())
}
