use candle_core::{CustomOp1, DType, Device};
use gradcheck::check_many;
use proptest::prelude::*;

use super::*;
use crate::checks::{
    check_fixtures, check_gradient, check_threads, distance, forward_backward, usage,
};

const DRAWS: u32 = 200;

#[test]
fn gradients_are_right() {
    let shape = (1..4usize, 1..3usize, 1..8usize, 1..8usize);
    let drawn = (shape, (1..7usize, 1..7usize), any::<bool>(), usage(), any::<u64>());
    check_many(DRAWS, drawn, |((b, c, h, w), size, align, usage, seed)| {
        let x = gradcheck::values((b, c, h, w), seed);
        check_gradient("upsample_nearest2d", &x, usage, |x| upsample_nearest2d(x, size))?;
        let bilinear = |x: &Tensor| upsample_bilinear2d(x, size, align);
        let used = check_gradient("upsample_bilinear2d", &x, usage, bilinear)?;
        let x = gradcheck::values((b, c, w), seed);
        check_gradient("upsample_nearest1d", &x, usage, |x| upsample_nearest1d(x, size.1))?;
        let linear = |x: &Tensor| upsample_linear1d(x, size.1, align);
        check_gradient("upsample_linear1d", &x, usage, linear)?;
        let sizes = vec![
            ("larger", size.0 > h && size.1 > w),
            ("smaller", size.0 < h && size.1 < w),
            ("larger and smaller", size.0 > h && size.1 < w),
            ("corners aligned", align),
            ("corners not aligned", !align),
        ];
        Ok::<_, Error>([used, sizes].concat())
    });
}

/// The composition for other devices shares no code with the kernels but the sources.
#[test]
fn kernels_and_composition_agree() {
    let drawn = ((1..9usize, 1..9usize), (1..20usize, 1..20usize), 0..3usize);
    check_many(DRAWS, drawn, |(input, size, number)| {
        let rule = |op, i, o| match number {
            0 => nearest(op, i, o),
            1 => linear(op, i, o, false),
            _ => linear(op, i, o, true),
        };
        let x = gradcheck::values((2, 3, input.0, input.1), 1);
        let dy = |y: &Tensor| Ok(gradcheck::values(y.shape(), 2));
        let (y, dx) = forward_backward(&x, dy, |x| upsample2d("upsample", x, size, rule))?;
        let rows = rule("", input.0, size.0)?;
        let cols = rule("", input.1, size.1)?;
        let composed = |x: &Tensor| Ok(composed::upsample(x, input, &rows, &cols)?);
        let (expected, expected_dx) = forward_backward(&x, dy, composed)?;
        assert!(distance(&y, &expected)? < 1e-12);
        assert!(distance(&dx, &expected_dx)? < 1e-12);
        Ok::<_, Error>(vec![("nearest", number == 0), ("larger", size.0 > input.0)])
    });
}

#[test]
fn pytorch_agrees() -> Result<()> {
    check_fixtures("upsample_nearest1d", |x, g| upsample_nearest1d(x, g[0]))?;
    check_fixtures("upsample_nearest2d", |x, g| upsample_nearest2d(x, (g[0], g[1])))?;
    check_fixtures("upsample_linear1d", |x, g| upsample_linear1d(x, g[0], g[1] == 1))?;
    check_fixtures("upsample_bilinear2d", |x, g| upsample_bilinear2d(x, (g[0], g[1]), g[2] == 1))
}

/// candle's own walk hands on contiguous gradients only; other callers of an operation's `bwd` need
/// not.
#[test]
fn strided_gradients_are_read_by_their_strides() -> Result<()> {
    let x = gradcheck::values((2, 3, 4, 3), 1);
    let output = Shape::from((2, 3, 5, 5));
    let upsample = Upsample {
        op: "upsample",
        input: (4, 3),
        rows: linear("upsample", 4, 5, true)?,
        cols: nearest("upsample", 3, 5)?,
        output,
    };
    let y = x.apply_op1_no_bwd(&upsample)?;
    let strided = gradcheck::values((2, 3, 5, 5), 2).transpose(2, 3)?;
    let expanded = gradcheck::values((2, 3, 1, 5), 3).broadcast_as((2, 3, 5, 5))?;
    for dy in [strided, expanded] {
        let found = upsample.bwd(&x, &y, &dy)?.expect("a gradient");
        let expected = upsample.bwd(&x, &y, &dy.force_contiguous()?)?.expect("a gradient");
        assert_eq!(distance(&found, &expected)?, 0.0);
    }
    Ok(())
}

#[test]
fn threads_do_not_change_a_bit() -> Result<()> {
    let x = gradcheck::values((4, 16, 24, 26), 5).to_dtype(DType::F32)?;
    check_threads("upsample_nearest2d", &x, |x| upsample_nearest2d(x, (48, 50)))?;
    check_threads("upsample_bilinear2d", &x, |x| upsample_bilinear2d(x, (31, 70), false))?;
    let x = x.flatten_from(2)?;
    check_threads("upsample_nearest1d", &x, |x| upsample_nearest1d(x, 1000))?;
    check_threads("upsample_linear1d", &x, |x| upsample_linear1d(x, 1000, true))
}

#[test]
fn an_infinite_neighbour_with_no_weight_has_no_part() -> Result<()> {
    let x = Tensor::new(&[[[1f32, f32::INFINITY, 2.]]], &Device::Cpu)?;
    let y = upsample_linear1d(&x, 3, true)?;
    assert_eq!(y.to_vec3::<f32>()?, x.to_vec3::<f32>()?);
    Ok(())
}

#[test]
fn half_precision_is_computed_in_f32() -> Result<()> {
    let x = gradcheck::values((2, 3, 4), 6).to_dtype(DType::BF16)?;
    let exact = upsample_linear1d(&x.to_dtype(DType::F32)?, 7, false)?.to_dtype(DType::BF16)?;
    assert_eq!(distance(&upsample_linear1d(&x, 7, false)?, &exact)?, 0.0);
    Ok(())
}

#[test]
fn empty_batches_and_channels_give_empty_results() -> Result<()> {
    for dims in [(0, 3, 4, 6), (2, 0, 4, 6)] {
        let x = Tensor::zeros(dims, DType::F32, &Device::Cpu)?;
        let (y, dx) = forward_backward(
            &x,
            |y| Ok(y.ones_like()?),
            |x| upsample_bilinear2d(x, (3, 9), false),
        )?;
        assert_eq!((y.dims4()?, dx.dims4()?), ((dims.0, dims.1, 3, 9), dims));
        let rows = nearest("upsample", 4, 3)?;
        let cols = linear("upsample", 6, 9, true)?;
        let composed = composed::upsample(&x, (4, 6), &rows, &cols)?;
        assert_eq!(composed.dims(), y.dims());
    }
    Ok(())
}

#[test]
fn impossible_sizes_are_named() -> Result<()> {
    let x = Tensor::zeros((1, 2, 4, 5), DType::F32, &Device::Cpu)?;
    let texts = [
        (
            upsample_nearest2d(&x, (3, 0)),
            "upsample_nearest2d: the output size is 0, expected at least 1",
        ),
        (
            upsample_bilinear2d(&x.narrow(2, 0, 0)?, (3, 3), true),
            "upsample_bilinear2d: the input size is 0, expected at least 1",
        ),
        (
            upsample_linear1d(&x, 3, true),
            "upsample_linear1d: the input has 4 dimensions [1, 2, 4, 5], expected [B, C, T]",
        ),
        (
            upsample_nearest2d(&x, (1 << 40, 1 << 40)),
            "upsample_nearest2d: the size of the output overflows: [1, 2, 1099511627776, 1099511627776]",
        ),
        (
            upsample_nearest1d(&x.to_dtype(DType::U8)?.squeeze(0)?, 3),
            "upsample_nearest1d: the input is U8, expected F32, F64, F16 or BF16",
        ),
    ];
    for (result, expected) in texts {
        assert_eq!(result.err().map(|e| e.to_string()).as_deref(), Some(expected));
    }
    Ok(())
}

#[test]
fn sizes_beyond_memory_are_refused() -> Result<()> {
    for batch in [0, 1] {
        let x = Tensor::zeros((batch, 1, 3), DType::F32, &Device::Cpu)?;
        for size in [1 << 45, 1 << 59] {
            for result in [upsample_nearest1d(&x, size), upsample_linear1d(&x, size, false)] {
                assert!(
                    matches!(result, Err(Error::OutOfMemory { elements, .. }) if elements == size)
                );
            }
        }
    }
    Ok(())
}
