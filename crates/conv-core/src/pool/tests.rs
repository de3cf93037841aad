use candle_core::{CustomOp1, D, DType, Device, Var};

use super::*;
use crate::checks::{check_fixtures, check_threads, distance, forward_backward};

type Operation2d = fn(&Tensor, &Pool2dConfig) -> Result<Tensor>;

#[test]
fn pytorch_agrees() -> Result<()> {
    let one = |g: &[usize]| Pool1dConfig {
        kernel: g[0],
        stride: Some(g[1]),
        padding: (g[2], g[3]),
        dilation: g[4],
        ceil_mode: g[5] == 1,
        count_include_pad: g[6] == 1,
    };
    check_fixtures("max_pool1d", |x, g| max_pool1d(x, &one(g)))?;
    check_fixtures("avg_pool1d", |x, g| avg_pool1d(x, &one(g)))?;
    let two = |g: &[usize]| Pool2dConfig {
        kernel: (g[0], g[5]),
        stride: Some((g[1], g[6])),
        padding: Padding2d { top: g[2], bottom: g[3], left: g[7], right: g[8] },
        dilation: (g[4], g[9]),
        ceil_mode: g[10] == 1,
        count_include_pad: g[11] == 1,
    };
    check_fixtures("max_pool2d", |x, g| max_pool2d(x, &two(g)))?;
    check_fixtures("avg_pool2d", |x, g| avg_pool2d(x, &two(g)))?;
    check_fixtures("global_max_pool", |x, _| global_max_pool(x))?;
    check_fixtures("global_avg_pool", |x, _| global_avg_pool(x))
}

/// Only the taps over the input are walked, however long the kernel.
#[test]
fn a_kernel_much_longer_than_the_input_sees_all_of_it() -> Result<()> {
    let x = Tensor::new(&[[[1f32, 5., 3.]]], &Device::Cpu)?;
    for dilation in [1, 2] {
        let padding = ((1 << 40) * dilation, (1 << 40) * dilation);
        let kernel = 1 << 41;
        let config = Pool1dConfig { kernel, padding, dilation, ..Default::default() };
        let y = max_pool1d(&x, &config)?.to_vec3::<f32>()?;
        assert_eq!(y, [[[if dilation == 1 { 5. } else { 3. }]]]);
    }
    Ok(())
}

#[test]
fn the_gradient_goes_to_the_first_maximum() -> Result<()> {
    let nan = f64::NAN;
    let images = [
        ([[1., 3., 2.], [3., 3., 0.]], [[0., 1., 0.], [0., 0., 0.]]),
        ([[-0., 0., -1.], [0., 0., 0.]], [[1., 0., 0.], [0., 0., 0.]]),
        ([[1., 5., nan], [nan, 9., 9.]], [[0., 0., 1.], [0., 0., 0.]]),
        ([[f64::NEG_INFINITY; 3]; 2], [[1., 0., 0.], [0., 0., 0.]]),
        ([[nan, f64::INFINITY, 0.], [0.; 3]], [[1., 0., 0.], [0., 0., 0.]]),
    ];
    let config = Pool2dConfig { kernel: (2, 3), ..Default::default() };
    for (image, expected) in images {
        let x = Tensor::new(&[[image]], &Device::Cpu)?;
        for pool in [max_pool2d, |x: &Tensor, _: &Pool2dConfig| global_max_pool(x)] {
            let (y, dx) = forward_backward(&x, |y| Ok(y.ones_like()?), |x| pool(x, &config))?;
            let has_nan = image.as_flattened().iter().any(|x| x.is_nan());
            assert_eq!(y.sum_all()?.to_scalar::<f64>()?.is_nan(), has_nan);
            assert_eq!(dx.get(0)?.get(0)?.to_vec2::<f64>()?, expected);
        }
    }
    Ok(())
}

/// candle's own walk hands on contiguous gradients only; other callers of an operation's `bwd` need
/// not.
#[test]
fn strided_gradients_are_read_by_their_strides() -> Result<()> {
    let x = gradcheck::values((2, 3, 4, 4), 1);
    let windows = windows("pool", [2, 3, 4, 4], ["height", "width"], &Pool2dConfig::default())?;
    let strided = gradcheck::values((2, 3, 2, 2), 2).transpose(2, 3)?;
    let expanded = gradcheck::values((2, 3, 1, 2), 3).broadcast_as((2, 3, 2, 2))?;
    for reduction in [Reduction::Max, Reduction::Mean { with_padding: true }] {
        let pool = Pool { op: "pool", windows, reduction, output: Shape::from((2, 3, 2, 2)) };
        let y = x.apply_op1_no_bwd(&pool)?;
        for dy in [&strided, &expanded] {
            let found = pool.bwd(&x, &y, dy)?.expect("a gradient");
            let expected = pool.bwd(&x, &y, &dy.force_contiguous()?)?.expect("a gradient");
            assert_eq!(distance(&found, &expected)?, 0.0);
        }
    }
    Ok(())
}

#[test]
fn threads_do_not_change_a_bit() -> Result<()> {
    let x = gradcheck::values((4, 16, 24, 26), 5).to_dtype(DType::F32)?;
    let config = Pool2dConfig { kernel: (3, 3), stride: Some((2, 1)), ..Default::default() };
    for (name, pool) in [("max_pool2d", max_pool2d as Operation2d), ("avg_pool2d", avg_pool2d)] {
        check_threads(name, &x, |x| pool(x, &config))?;
    }
    let x = x.flatten_from(2)?;
    check_threads("max_pool1d", &x, |x| {
        max_pool1d(x, &Pool1dConfig { kernel: 40, ..Default::default() })
    })?;
    check_threads("avg_pool1d", &x, |x| {
        avg_pool1d(x, &Pool1dConfig { kernel: 40, ..Default::default() })
    })?;
    check_threads("global_max_pool", &x, global_max_pool)?;
    check_threads("global_avg_pool", &x, global_avg_pool)
}

#[test]
fn the_mean_of_a_long_run_is_right() -> Result<()> {
    let x = Tensor::full(0.7f32, (1, 1, 3_000_001), &Device::Cpu)?;
    let mean = global_avg_pool(&x)?.to_vec2::<f32>()?[0][0];
    assert!((mean / 0.7 - 1.0).abs() < 3e-5, "{mean}");
    Ok(())
}

#[test]
fn half_precision_is_computed_in_f32_and_integers_are_refused() -> Result<()> {
    let x = gradcheck::values((2, 3, 4, 6), 6);
    for dtype in [DType::F16, DType::BF16] {
        let x = x.to_dtype(dtype)?;
        let config = Pool2dConfig::default();
        let exact = avg_pool2d(&x.to_dtype(DType::F32)?, &config)?.to_dtype(dtype)?;
        assert_eq!(distance(&avg_pool2d(&x, &config)?, &exact)?, 0.0);
        let (_, dx) = forward_backward(&x, |y| Ok(y.ones_like()?), |x| max_pool2d(x, &config))?;
        assert_eq!(dx.to_dtype(DType::F32)?.sum_all()?.to_scalar::<f32>()?, 36.0);
    }
    let text =
        max_pool2d(&x.to_dtype(DType::U32)?, &Pool2dConfig::default()).map_err(|e| e.to_string());
    assert_eq!(
        text.err().as_deref(),
        Some("max_pool2d: the input is U32, expected F32, F64, F16 or BF16")
    );
    Ok(())
}

#[test]
fn empty_batches_and_channels_give_empty_results() -> Result<()> {
    for dims in [(0, 3, 4, 6), (2, 0, 4, 6)] {
        let x = Tensor::zeros(dims, DType::F32, &Device::Cpu)?;
        let pool = |x: &Tensor| max_pool2d(x, &Pool2dConfig::default());
        let (y, dx) = forward_backward(&x, |y| Ok(y.ones_like()?), pool)?;
        assert_eq!((y.dims4()?, dx.dims4()?), ((dims.0, dims.1, 2, 3), dims));
        assert_eq!(global_avg_pool(&x)?.dims2()?, (dims.0, dims.1));
        let dims = [dims.0, dims.1, dims.2, dims.3];
        let windows = windows("pool", dims, ["height", "width"], &Pool2dConfig::default())?;
        for reduction in [Reduction::Max, Reduction::Mean { with_padding: true }] {
            assert_eq!(composed::pool("pool", &x, &windows, reduction)?.dims(), y.dims());
        }
    }
    Ok(())
}

#[test]
fn nothing_is_kept_where_nothing_is_tracked() -> Result<()> {
    let y = max_pool2d(&gradcheck::values((1, 1, 4, 4), 7), &Pool2dConfig::default())?;
    assert!(!y.track_op());
    Ok(())
}

#[test]
fn impossible_geometry_is_named() -> Result<()> {
    let x = Tensor::zeros((1, 1, 4, 5), DType::F32, &Device::Cpu)?;
    let row = x.squeeze(1)?;
    let base = Pool2dConfig::default();
    let one = Pool1dConfig::default();
    let texts = [
        (
            max_pool2d(&x, &Pool2dConfig { kernel: (5, 2), ..base }),
            "max_pool2d: the kernel covers 5 along the height, the padded input has 4",
        ),
        (
            max_pool2d(&x, &Pool2dConfig { dilation: (1, 5), ..base }),
            "max_pool2d: the kernel covers 6 along the width, the padded input has 5",
        ),
        (
            avg_pool1d(&row, &Pool1dConfig { kernel: 9, ..one }),
            "avg_pool1d: the kernel covers 9 along the time, the padded input has 5",
        ),
        (
            avg_pool2d(&x, &Pool2dConfig { stride: Some((1, 0)), ..base }),
            "avg_pool2d: the stride is 0, expected at least 1",
        ),
        (
            avg_pool2d(&x, &Pool2dConfig { kernel: (0, 1), ..base }),
            "avg_pool2d: the kernel size is 0, expected at least 1",
        ),
        (
            avg_pool1d(&row, &Pool1dConfig { padding: (2, 0), ..one }),
            "avg_pool1d: window 0 along the time sees padding only, and none of the input's 5",
        ),
        (
            max_pool1d(&row, &Pool1dConfig { padding: (0, 4), ..one }),
            "max_pool1d: window 3 along the time sees padding only, and none of the input's 5",
        ),
        (
            global_max_pool(&x.narrow(D::Minus1, 0, 0)?),
            "global_max_pool: the kernel covers 1 along the height and width, the padded input has 0",
        ),
        (
            max_pool1d(&x, &one),
            "max_pool1d: the input has 4 dimensions [1, 1, 4, 5], expected [B, C, T]",
        ),
        (
            max_pool1d(&row, &Pool1dConfig { padding: (usize::MAX, 1), ..one }),
            "max_pool1d: the size of the padded input overflows: [5, 18446744073709551615, 1]",
        ),
        (
            max_pool1d(
                &row,
                &Pool1dConfig { kernel: 1 << 62, padding: (1 << 62, 0), stride: Some(1), ..one },
            ),
            "max_pool1d: window 0 along the time sees padding only, and none of the input's 5",
        ),
    ];
    for (result, expected) in texts {
        assert_eq!(result.err().map(|e| e.to_string()).as_deref(), Some(expected));
    }
    let vast = Tensor::zeros((0, 1, 1 << 31, 1 << 31), DType::F32, &Device::Cpu)?;
    for result in [global_avg_pool(&vast), max_pool2d(&vast, &base)] {
        assert!(matches!(result, Err(Error::Overflow { what: "input", .. })));
    }
    // From within an operation the error comes through candle, as a text.
    let lacks_memory = |result: &Result<Tensor>| {
        result.as_ref().is_err_and(|error| error.to_string().contains("no memory for"))
    };
    // As many windows as that are looked at neither one by one nor before memory is asked for.
    let most = Pool1dConfig {
        kernel: 1 << 50,
        stride: Some(1),
        padding: ((1 << 50) - 1, (1 << 50) - 1),
        ..one
    };
    for pool in [max_pool1d, avg_pool1d] {
        assert!(lacks_memory(&pool(&row, &most)));
    }
    assert!(lacks_memory(&avg_pool1d(&row.narrow(0, 0, 0)?, &most)));
    // Windows a far stride apart, with nearly all taps on padding: those that are not are few, and
    // found at once.
    let far = Pool1dConfig {
        kernel: 1 << 40,
        dilation: 2,
        stride: Some(1 << 40),
        padding: (1 << 40, (1 << 41) - 6),
        ..one
    };
    let x = Var::new(&[[[1f32, 9., 3., 4., 5.]]], &Device::Cpu)?;
    let y = max_pool1d(&x, &far)?;
    assert_eq!(y.to_vec3::<f32>()?, [[[5., 5.]]]);
    let dx = y.backward()?.get(&x).map(|dx| dx.to_vec3::<f32>()).transpose()?;
    assert_eq!(dx, Some(vec![vec![vec![0., 0., 0., 0., 2.]]]));
    // Planes whose windows have more taps, taken together, than can be counted.
    let padding = (1 << 61, 1 << 61);
    let wide = Pool1dConfig { kernel: 1 << 62, stride: Some(1), padding, ..one };
    let ones = Tensor::ones((1, 8, 4), DType::F32, &Device::Cpu)?;
    assert_eq!(max_pool1d(&ones, &wide)?.to_vec3::<f32>()?, [[[1.; 5]; 8]]);
    let huge = Pool1dConfig { kernel: 1, padding: (1 << 62, 0), ..one };
    assert!(matches!(max_pool1d(&row, &huge), Err(Error::Overflow { what: "output", .. })));
    Ok(())
}
