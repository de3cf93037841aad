//! On CUDA the operations give the values and the gradients that they give on the CPU, in f32 to
//! 1e-4 of the largest. Without a device nothing is tested, and that is said; with `CONVOKE_CUDA`
//! in the environment it is a failure.
#![cfg(feature = "cuda")]
#![allow(missing_docs)]

#[path = "conv/cases.rs"]
mod cases;

use candle_core::{D, DType, Result, Tensor, Var};
use cases::{OPERATIONS, any_case};
use conv_core::{
    Conv1dConfig, Conv2dConfig, ConvTranspose1dConfig, ConvTranspose2dConfig, Error, Padding2d,
    Pool1dConfig, Pool2dConfig, Precision, avg_pool1d, avg_pool2d, conv_transpose1d,
    conv_transpose2d, conv1d, conv1d_glu, conv1d_relu, conv2d, conv2d_relu, global_avg_pool,
    global_max_pool, gradients, max_pool1d, max_pool2d, pad_reflect, pad_replicate, same,
    upsample_bilinear2d, upsample_linear1d, upsample_nearest1d, upsample_nearest2d,
};
use gradcheck::OnCuda;

/// Calls `test` where there is a device.
fn on_cuda(test: impl FnOnce(&mut OnCuda) -> Result<()>) -> Result<()> {
    let Some(mut checks) = OnCuda::new()? else { return Ok(()) };
    test(&mut checks)?;
    checks.end();
    Ok(())
}

#[test]
fn convolutions_of_drawn_geometries() -> Result<()> {
    on_cuda(|checks| {
        for operation in OPERATIONS {
            gradcheck::check_many(100, any_case(operation), |case| {
                let x = case.x_shape();
                let weight = case.weight_shape();
                let mut inputs = vec![gradcheck::values(x, 1), gradcheck::values(weight, 2)];
                if case.bias {
                    inputs.push(gradcheck::values(case.groups * case.outputs, 3));
                }
                match checks.wrong(&inputs, |t| case.run(&t[0], &t[1], t.get(2)))? {
                    Some(error) => candle_core::bail!("{}: {error}", operation.name()),
                    None => Ok(vec![("groups", case.groups > 1), ("bias", case.bias)]),
                }
            });
        }
        Ok(())
    })
}

/// What one sample of one channel has cut off its start lies before it in memory, not among its
/// elements.
#[test]
fn convolutions_of_one_channel() -> Result<()> {
    on_cuda(|checks| {
        for padding in [(0, 0), (1, 0), (0, 1), (2, 1)] {
            let config = ConvTranspose1dConfig { padding, ..Default::default() };
            let name = format!("conv_transpose1d with padding {padding:?}");
            checks.check(&name, &[&[1, 1, 9], &[1, 1, 4]], |t| {
                conv_transpose1d(&t[0], &t[1], None, &config)
            })?;
            checks.check(&format!("{name} and a bias"), &[&[1, 3, 9], &[3, 1, 4], &[1]], |t| {
                conv_transpose1d(&t[0], &t[1], Some(&t[2]), &config)
            })?;
            let config = Conv1dConfig { padding, ..Default::default() };
            let name = format!("conv1d with padding {padding:?}");
            checks
                .check(&name, &[&[1, 1, 9], &[1, 1, 4]], |t| conv1d(&t[0], &t[1], None, &config))?;
        }
        for padding in [Padding2d::all(1), Padding2d { top: 1, ..Default::default() }] {
            for stride in [(1, 1), (1, 2)] {
                let config = ConvTranspose2dConfig { stride, padding, ..Default::default() };
                let name = format!("conv_transpose2d with {padding:?} and stride {stride:?}");
                checks.check(&name, &[&[1, 3, 5, 6], &[3, 1, 3, 3]], |t| {
                    conv_transpose2d(&t[0], &t[1], None, &config)
                })?;
            }
        }
        Ok(())
    })
}

/// As networks have them: what the CPU would do by Winograd's algorithm, causal, dilated,
/// depthwise, patches.
#[test]
fn convolutions_of_usual_sizes() -> Result<()> {
    on_cuda(|checks| {
        // By definition on the CPU too.
        let precision = Precision::Exact;
        let plain = Conv1dConfig { precision, ..Default::default() };
        let same3 = Conv1dConfig { padding: same(50, 3, 1, 1)?, ..plain };
        let same4 = Conv1dConfig { padding: same(50, 4, 1, 1)?, ..plain };
        let causal = Conv1dConfig { padding: (16, 0), dilation: 16, ..plain };
        let depthwise = Conv1dConfig { padding: (3, 3), groups: 48, ..plain };
        let strided = Conv1dConfig { stride: 3, groups: 2, ..plain };
        for (name, x, weight, config) in [
            ("same", [8, 64, 50], [64, 64, 3], same3),
            ("same, even kernel", [8, 30, 50], [32, 30, 4], same4),
            ("valid", [4, 300, 40], [100, 300, 5], plain),
            ("causal", [2, 24, 90], [40, 24, 2], causal),
            ("depthwise", [3, 48, 33], [48, 1, 7], depthwise),
            ("strided", [3, 16, 65], [24, 8, 5], strided),
        ] {
            checks.check(&format!("conv1d, {name}"), &[&x, &weight, &weight[..1]], |t| {
                conv1d(&t[0], &t[1], Some(&t[2]), &config)
            })?;
        }
        let plain = Conv2dConfig { precision, ..Default::default() };
        let same = Conv2dConfig { padding: Padding2d::all(1), ..plain };
        let halved = Conv2dConfig { stride: (2, 2), ..plain };
        let padding = Padding2d { top: 0, bottom: 2, left: 3, right: 0 };
        let uneven = Conv2dConfig { stride: (2, 3), padding, ..plain };
        let dilated = Conv2dConfig { dilation: (2, 3), ..plain };
        let depthwise = Conv2dConfig { groups: 20, ..same };
        let patches = Conv2dConfig { stride: (8, 8), ..plain };
        for (name, x, weight, config) in [
            ("same", [4, 32, 28, 27], [48, 32, 3, 3], same),
            ("valid, halved", [2, 3, 40, 36], [16, 3, 7, 5], halved),
            ("uneven", [2, 8, 17, 20], [6, 8, 3, 2], uneven),
            ("dilated", [2, 8, 20, 22], [9, 8, 3, 3], dilated),
            ("depthwise", [2, 20, 14, 15], [20, 1, 3, 3], depthwise),
            ("patches", [2, 3, 32, 32], [24, 3, 8, 8], patches),
            ("points", [2, 40, 9, 11], [30, 40, 1, 1], plain),
        ] {
            checks.check(&format!("conv2d, {name}"), &[&x, &weight, &weight[..1]], |t| {
                conv2d(&t[0], &t[1], Some(&t[2]), &config)
            })?;
        }
        for groups in [1, 2] {
            let doubled = ConvTranspose2dConfig {
                stride: (2, 2),
                padding: Padding2d::all(1),
                output_padding: (1, 1),
                groups,
                precision,
                ..Default::default()
            };
            let x = [2, 32, 9, 11];
            let weight = [32, 24 / groups, 3, 3];
            checks.check("conv_transpose2d, doubled", &[&x, &weight, &[24]], |t| {
                conv_transpose2d(&t[0], &t[1], Some(&t[2]), &doubled)
            })?;
        }
        Ok(())
    })
}

/// Few sums, so that none is so near 0 that the devices disagree on its sign.
#[test]
fn rectified_and_gated_convolutions() -> Result<()> {
    on_cuda(|checks| {
        let config = Conv1dConfig { padding: (2, 0), ..Default::default() };
        let (x, weight) = ([2, 6, 20], [8, 6, 3]);
        checks.check("conv1d_relu", &[&x, &weight, &[8]], |t| {
            conv1d_relu(&t[0], &t[1], Some(&t[2]), &config)
        })?;
        checks.check("conv1d_glu", &[&x, &weight, &[8]], |t| {
            conv1d_glu(&t[0], &t[1], Some(&t[2]), &config)
        })?;
        let config = Conv2dConfig { padding: Padding2d::all(1), ..Default::default() };
        checks.check("conv2d_relu", &[&[2, 5, 7, 6], &[8, 5, 3, 3], &[8]], |t| {
            conv2d_relu(&t[0], &t[1], Some(&t[2]), &config)
        })?;
        Ok(())
    })
}

#[test]
fn pooling() -> Result<()> {
    on_cuda(|checks| {
        for (kernel, stride, padding, dilation) in [
            (2, None, (0, 0), 1),
            (3, Some(2), (1, 1), 1),
            (2, Some(3), (1, 0), 2),
            (5, None, (0, 2), 1),
        ] {
            for (ceil_mode, count_include_pad) in [(false, true), (true, false)] {
                let one = Pool1dConfig {
                    kernel,
                    stride,
                    padding,
                    dilation,
                    ceil_mode,
                    count_include_pad,
                };
                let shape = [3, 4, 23];
                checks.check(&format!("max_pool1d, {one:?}"), &[&shape], |t| {
                    max_pool1d(&t[0], &one)
                })?;
                checks.check(&format!("avg_pool1d, {one:?}"), &[&shape], |t| {
                    avg_pool1d(&t[0], &one)
                })?;
                let two = Pool2dConfig {
                    kernel: (kernel, 3),
                    stride: stride.map(|stride| (stride, 2)),
                    padding: Padding2d { top: padding.0, bottom: padding.1, left: 1, right: 0 },
                    dilation: (dilation, 1),
                    ceil_mode,
                    count_include_pad,
                };
                let shape = [2, 3, 14, 17];
                checks.check(&format!("max_pool2d, {two:?}"), &[&shape], |t| {
                    max_pool2d(&t[0], &two)
                })?;
                checks.check(&format!("avg_pool2d, {two:?}"), &[&shape], |t| {
                    avg_pool2d(&t[0], &two)
                })?;
            }
        }
        for shape in [&[3, 70, 23][..], &[2, 5, 14, 17]] {
            checks.check("global_max_pool", &[shape], |t| global_max_pool(&t[0]))?;
            checks.check("global_avg_pool", &[shape], |t| global_avg_pool(&t[0]))?;
        }
        Ok(())
    })
}

/// Of equals the first wins and has the gradient, and what is not a number outdoes all numbers.
#[test]
fn maxima_of_equals_and_of_what_is_not_a_number() -> Result<()> {
    on_cuda(|checks| {
        let coarse = gradcheck::values((2, 3, 12, 13), 1).affine(2.0, 0.0)?.round()?;
        let zero = coarse.zeros_like()?;
        let some = gradcheck::values((2, 3, 12, 13), 2).gt(0.9)?;
        let holes = some.where_cond(&zero.affine(1.0, f64::NAN)?, &coarse)?;
        let lowest = some.where_cond(&zero, &zero.affine(1.0, f64::NEG_INFINITY)?)?;
        let config = Pool2dConfig { kernel: (3, 2), stride: Some((2, 1)), ..Default::default() };
        for (name, x) in [("equals", coarse), ("not numbers", holes), ("negative infinity", lowest)]
        {
            let x = [x];
            checks.check_on(&format!("max_pool2d, {name}"), &x, |t| max_pool2d(&t[0], &config))?;
            checks.check_on(&format!("global_max_pool, {name}"), &x, |t| global_max_pool(&t[0]))?;
        }
        Ok(())
    })
}

#[test]
fn upsampling_and_padding() -> Result<()> {
    on_cuda(|checks| {
        let line = [2, 3, 7];
        let image = [2, 3, 5, 7];
        for size in [14, 10, 4, 1] {
            checks.check("upsample_nearest1d", &[&line], |t| upsample_nearest1d(&t[0], size))?;
            checks
                .check("upsample_nearest2d", &[&image], |t| upsample_nearest2d(&t[0], (9, size)))?;
            for corners in [false, true] {
                checks.check(&format!("upsample_linear1d, {corners}"), &[&line], |t| {
                    upsample_linear1d(&t[0], size, corners)
                })?;
                checks.check(&format!("upsample_bilinear2d, {corners}"), &[&image], |t| {
                    upsample_bilinear2d(&t[0], (9, size), corners)
                })?;
            }
        }
        for dim in 1..4 {
            checks.check("pad_reflect", &[&image], |t| pad_reflect(&t[0], dim, (2, 1)))?;
            checks.check("pad_replicate", &[&image], |t| pad_replicate(&t[0], dim, (3, 0)))?;
        }
        Ok(())
    })
}

/// f64 to its precision, and half precision to its own.
#[test]
fn other_types() -> Result<()> {
    on_cuda(|checks| {
        for (dtype, tolerance) in [(DType::F64, 1e-12), (DType::F16, 2e-3), (DType::BF16, 2e-2)] {
            (checks.dtype, checks.tolerance) = (dtype, tolerance);
            let x = [2, 6, 7, 6];
            let same = Padding2d::all(1);
            let config = Conv2dConfig { padding: same, groups: 2, ..Default::default() };
            checks.check("conv2d", &[&x, &[8, 3, 3, 3], &[8]], |t| {
                conv2d(&t[0], &t[1], Some(&t[2]), &config)
            })?;
            let config = ConvTranspose2dConfig { stride: (2, 2), ..Default::default() };
            checks.check("conv_transpose2d", &[&x, &[6, 4, 3, 3]], |t| {
                conv_transpose2d(&t[0], &t[1], None, &config)
            })?;
            let config = Pool2dConfig::default();
            checks.check("max_pool2d", &[&x], |t| max_pool2d(&t[0], &config))?;
            checks.check("avg_pool2d", &[&x], |t| avg_pool2d(&t[0], &config))?;
            checks.check("upsample_bilinear2d", &[&x], |t| {
                upsample_bilinear2d(&t[0], (11, 9), false)
            })?;
        }
        Ok(())
    })
}

/// Arguments that do not lie in row-major order.
#[test]
fn other_layouts() -> Result<()> {
    on_cuda(|checks| {
        let config = Conv1dConfig { padding: (1, 1), ..Default::default() };
        let run = |x: &Tensor, weight: &Tensor| conv1d(x, weight, None, &config);
        checks.check("conv1d of transposed tensors", &[&[2, 9, 4], &[3, 4, 5]], |t| {
            run(&t[0].transpose(1, 2)?, &t[1].transpose(1, 2)?.narrow(1, 0, 4)?)
        })?;
        checks.check("conv1d of parts", &[&[3, 4, 12], &[7, 4, 3]], |t| {
            run(&t[0].narrow(D::Minus1, 2, 9)?.narrow(0, 1, 2)?, &t[1].narrow(0, 2, 5)?)
        })?;
        checks.check("conv1d of one sample expanded", &[&[1, 4, 12], &[7, 4, 3]], |t| {
            run(&t[0].broadcast_as((3, 4, 12))?, &t[1])
        })?;
        checks.check("max_pool1d of a transposed tensor", &[&[2, 9, 4]], |t| {
            max_pool1d(&t[0].transpose(1, 2)?, &Pool1dConfig::default())
        })?;
        Ok(())
    })
}

/// The backward passes alone are for the CPU, and say so.
#[test]
fn backward_passes_alone_are_refused() -> Result<()> {
    on_cuda(|checks| {
        let zeros = |shape| Tensor::zeros(shape, DType::F32, checks.device());
        let weight = zeros((3, 2, 1, 1))?;
        let dy = zeros((1, 3, 4, 4))?;
        let x = Var::from_tensor(&zeros((1, 2, 4, 4))?)?;
        let found = gradients::conv2d(&x, &weight, None, &dy, &Conv2dConfig::default());
        assert!(matches!(found, Err(Error::DeviceMismatch { .. })));
        Ok(())
    })
}
