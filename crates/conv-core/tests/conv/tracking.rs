//! What takes part in the graph: only arguments that need a gradient get one, and nothing is kept
//! where none does.

use candle_core::{DType, Device, Result, Tensor, Var};
use half::{bf16, f16};

use crate::cases::{Axis, Case, OPERATIONS, Operation};

fn case(operation: Operation, batch: usize) -> Case {
    let axis =
        Axis { size: 6, kernel: 3, stride: 2, padding: (1, 0), dilation: 1, output_padding: 0 };
    Case { operation, batch, groups: 1, inputs: 2, outputs: 3, h: axis, w: axis, bias: true }
}

fn arguments(case: &Case) -> [Tensor; 3] {
    [
        gradcheck::values(case.x_shape(), 1),
        gradcheck::values(case.weight_shape(), 2),
        gradcheck::values(case.outputs, 3),
    ]
}

#[test]
fn without_variables_nothing_is_kept() -> Result<()> {
    for operation in OPERATIONS {
        let case = case(operation, 2);
        let [x, weight, bias] = arguments(&case);
        assert!(!case.run(&x, &weight, Some(&bias))?.track_op());
        let x = x.to_dtype(DType::F16)?;
        let weight = weight.to_dtype(DType::F16)?;
        let bias = bias.to_dtype(DType::F16)?;
        assert!(!case.run(&x, &weight, Some(&bias))?.track_op());
    }
    Ok(())
}

/// Each argument is a plain tensor, a variable or made from a variable: all 27 combinations. A
/// plain one's gradient is not computed; one that is withheld from a variable would be lost in
/// silence, from an intermediate it would panic.
#[test]
fn exactly_the_arguments_that_need_a_gradient_get_one() -> Result<()> {
    for operation in OPERATIONS {
        let case = case(operation, 2);
        let variables = arguments(&case).map(|t| Var::from_tensor(&t));
        let [x, weight, bias] = variables;
        let variables = [x?, weight?, bias?];
        let run = |kinds: [usize; 3]| -> Result<Vec<Option<Tensor>>> {
            let as_kind = |variable: &Var, kind: usize| match kind {
                0 => Ok(variable.as_detached_tensor()),
                1 => Ok(variable.as_tensor().clone()),
                _ => variable.as_tensor().affine(1.0, 0.0),
            };
            let x = as_kind(&variables[0], kinds[0])?;
            let weight = as_kind(&variables[1], kinds[1])?;
            let bias = as_kind(&variables[2], kinds[2])?;
            let y = case.run(&x, &weight, Some(&bias))?;
            let gradients = y.sqr()?.sum_all()?.backward()?;
            Ok(variables.iter().map(|variable| gradients.get(variable).cloned()).collect())
        };
        let all = run([1, 1, 1])?;
        for number in 0..27 {
            let kinds = [number / 9, number / 3 % 3, number % 3];
            for ((found, all), kind) in run(kinds)?.iter().zip(&all).zip(kinds) {
                assert_eq!(found.is_some(), kind > 0, "{} {kinds:?}", operation.name());
                if let (Some(found), Some(all)) = (found, all) {
                    let difference = (found - all)?.abs()?.sum_all()?.to_scalar::<f64>()?;
                    assert_eq!(difference, 0.0, "{} {kinds:?}", operation.name());
                    assert!(!found.track_op(), "a gradient is a constant");
                }
            }
        }
    }
    Ok(())
}

#[test]
fn no_second_derivative_is_lost_where_candle_keeps_the_graph() -> Result<()> {
    let test = "tracking::no_second_derivative_is_lost_where_candle_keeps_the_graph";
    if !gradcheck::in_process_with("CANDLE_GRAD_DO_NOT_DETACH", "1", test) {
        return Ok(());
    }
    let refused = |name: &str, y: Tensor| -> Result<()> {
        let text = y.sum_all()?.backward().err().map(|e| e.to_string()).unwrap_or_default();
        assert!(text.contains(&format!("{name}: its gradient cannot be")), "{name}: {text}");
        Ok(())
    };
    for operation in OPERATIONS {
        let case = case(operation, 2);
        let [x, weight, bias] = arguments(&case);
        let x = Var::from_tensor(&x)?;
        refused(operation.name(), case.run(&x, &weight, Some(&bias))?)?;
        refused(operation.name(), case.run(&x, &weight, None)?)?;
    }
    let x = Var::from_tensor(&gradcheck::values((2, 3, 4), 1))?;
    refused("max_pool1d", conv_core::max_pool1d(&x, &Default::default())?)?;
    refused("upsample_linear1d", conv_core::upsample_linear1d(&x, 7, true)?)
}

#[test]
fn an_empty_batch_has_zero_gradients() -> Result<()> {
    for operation in OPERATIONS {
        let case = case(operation, 0);
        let [x, weight, bias] = arguments(&case);
        let (x, weight, bias) =
            (Var::from_tensor(&x)?, Var::from_tensor(&weight)?, Var::from_tensor(&bias)?);
        let y = case.run(&x, &weight, Some(&bias))?;
        let full = Case { batch: 1, ..case };
        let [one, ..] = arguments(&full);
        let mut expected = full.run(&one, &weight, None)?.dims().to_vec();
        expected[0] = 0;
        assert_eq!(y.dims(), expected);
        let gradients = y.sum_all()?.backward()?;
        assert_eq!(gradients.get(&x).map(|g| g.dims().to_vec()), Some(case.x_shape()));
        for variable in [&weight, &bias] {
            let Some(gradient) = gradients.get(variable) else {
                panic!("{}: a gradient is missing", operation.name())
            };
            assert_eq!(gradient.dims(), variable.dims());
            assert_eq!(gradient.abs()?.sum_all()?.to_scalar::<f64>()?, 0.0);
        }
    }
    Ok(())
}

#[test]
fn half_precision_is_single_precision_rounded_at_the_end() -> Result<()> {
    for operation in OPERATIONS {
        let case = case(operation, 2);
        for half in [DType::F16, DType::BF16] {
            let [x, weight, bias] = arguments(&case).map(|t| t.to_dtype(half));
            let (x, weight, bias) =
                (Var::from_tensor(&x?)?, Var::from_tensor(&weight?)?, Var::from_tensor(&bias?)?);
            let y = case.run(&x, &weight, Some(&bias))?;
            assert_eq!(y.dtype(), half);
            let [wide_x, wide_weight, wide_bias] =
                [&x, &weight, &bias].map(|t| t.to_dtype(DType::F32));
            let wide = case.run(&wide_x?, &wide_weight?, Some(&wide_bias?))?;
            let expected = wide.flatten_all()?.to_vec1::<f32>()?.into_iter().map(|v| match half {
                DType::F16 => f16::from_f32(v).to_f32(),
                _ => bf16::from_f32(v).to_f32(),
            });
            let found = y.to_dtype(DType::F32)?.flatten_all()?.to_vec1::<f32>()?;
            assert_eq!(found, expected.collect::<Vec<_>>());
            let gradients = y.sum_all()?.backward()?;
            assert_eq!(gradients.get(&weight).map(|g| g.dtype()), Some(half));
        }
    }
    Ok(())
}

#[test]
fn an_input_of_no_elements_is_all_padding() -> Result<()> {
    let x = Tensor::zeros((2, 1, 0), DType::F32, &Device::Cpu)?;
    let weight = Tensor::ones((1, 1, 2), DType::F32, &Device::Cpu)?;
    let bias = Tensor::new(&[5f32], &Device::Cpu)?;
    let config = conv_core::Conv1dConfig { padding: (1, 2), ..Default::default() };
    let y = conv_core::conv1d(&x, &weight, Some(&bias), &config)?;
    assert_eq!(y.to_vec3::<f32>()?, [[[5., 5.]], [[5., 5.]]]);
    Ok(())
}
