//! What holds for every geometry.

use candle_core::Device;
use proptest::prelude::*;

use super::*;
use crate::checks::{check_gradient, distance, forward_backward, usage};

/// The size of an axis, and a geometry over it whose every window sees an element.
fn axis(most_taps: usize) -> impl Strategy<Value = (usize, Pool1dConfig)> {
    (1..=most_taps, prop::option::of(1..5usize), 1..4usize, any::<[bool; 2]>())
        .prop_flat_map(|(kernel, stride, dilation, flags)| {
            let extent = (kernel - 1) * dilation + 1;
            let config = move |padding| Pool1dConfig {
                kernel,
                stride,
                padding,
                dilation,
                ceil_mode: flags[0],
                count_include_pad: flags[1],
            };
            ((0..extent, 0..extent).prop_map(config), 0..4usize)
        })
        .prop_map(|(config, more)| {
            let extent = (config.kernel - 1) * config.dilation + 1;
            let least =
                extent.saturating_sub(config.padding.0 + config.padding.1).max(config.dilation);
            (least + more, config)
        })
}

/// Height and width, and a geometry over them.
fn axes(most_taps: usize) -> impl Strategy<Value = ([usize; 2], Pool2dConfig)> {
    (axis(most_taps), axis(most_taps)).prop_map(|((height, rows), (width, cols))| {
        let config = Pool2dConfig {
            kernel: (rows.kernel, cols.kernel),
            stride: rows.stride.zip(cols.stride),
            padding: Padding2d {
                top: rows.padding.0,
                bottom: rows.padding.1,
                left: cols.padding.0,
                right: cols.padding.1,
            },
            dilation: (rows.dilation, cols.dilation),
            ceil_mode: rows.ceil_mode,
            count_include_pad: rows.count_include_pad,
        };
        ([height, width], config)
    })
}

/// A tensor of elements that are all different, and far enough apart for finite differences of a maximum.
fn distinct(dims: Vec<usize>) -> impl Strategy<Value = Tensor> {
    let places: Vec<usize> = (0..dims.iter().product()).collect();
    Just(places).prop_shuffle().prop_map(move |places| {
        let values: Vec<f64> = places.iter().map(|&place| place as f64 / 16.0 - 1.0).collect();
        Tensor::from_vec(values, dims.clone(), &Device::Cpu)
            .expect("as many values as the shape has")
    })
}

fn case1d() -> impl Strategy<Value = (Tensor, Pool1dConfig)> {
    (1..4usize, 1..3usize, axis(4))
        .prop_flat_map(|(b, c, (time, config))| (distinct(vec![b, c, time]), Just(config)))
}

fn case2d() -> impl Strategy<Value = (Tensor, Pool2dConfig)> {
    (1..4usize, 1..3usize, axes(3))
        .prop_flat_map(|(b, c, ([h, w], config))| (distinct(vec![b, c, h, w]), Just(config)))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn max_pool1d_has_the_right_gradient((x, config) in case1d(), usage in usage()) {
        check_gradient("max_pool1d", &x, usage, |x| max_pool1d(x, &config))?;
    }

    #[test]
    fn avg_pool1d_has_the_right_gradient((x, config) in case1d(), usage in usage()) {
        check_gradient("avg_pool1d", &x, usage, |x| avg_pool1d(x, &config))?;
    }

    #[test]
    fn max_pool2d_has_the_right_gradient((x, config) in case2d(), usage in usage()) {
        check_gradient("max_pool2d", &x, usage, |x| max_pool2d(x, &config))?;
    }

    #[test]
    fn avg_pool2d_has_the_right_gradient((x, config) in case2d(), usage in usage()) {
        check_gradient("avg_pool2d", &x, usage, |x| avg_pool2d(x, &config))?;
    }

    #[test]
    fn global_pools_have_the_right_gradient(
        x in (1..4usize, 1..3usize, 1..6usize, 1..6usize).prop_flat_map(|(b, c, h, w)| distinct(vec![b, c, h, w])),
        usage in usage(),
    ) {
        check_gradient("global_max_pool", &x, usage, global_max_pool)?;
        check_gradient("global_avg_pool", &x.flatten_from(2)?, usage, global_avg_pool)?;
    }

    /// The composition for other devices shares no code with the kernels but the geometry.
    #[test]
    fn kernels_and_composition_agree(
        (dims, config, values) in axes(20).prop_flat_map(|([h, w], config)| {
            let element = prop::sample::select(vec![0.0, 1.0, 2.0, 3.0, f64::NEG_INFINITY, f64::NAN]);
            ([Just(2), Just(1), Just(h), Just(w)], Just(config), prop::collection::vec(element, 2 * h * w))
        }),
    ) {
        let x = Tensor::from_vec(values, &dims, &Device::Cpu)?;
        let windows = windows("pool", dims, ["height", "width"], &config)?;
        let dy = |y: &Tensor| Ok(gradcheck::values(y.shape(), 3));
        let bits = |t: &Tensor| -> Result<Vec<u64>> {
            // One NaN is as good as another.
            let canonical = |x: f64| if x.is_nan() { f64::NAN.to_bits() } else { (x + 0.0).to_bits() };
            Ok(t.flatten_all()?.to_vec1::<f64>()?.into_iter().map(canonical).collect())
        };
        let (y, dx) = forward_backward(&x, dy, |x| max_pool2d(x, &config))?;
        let composed = |x: &Tensor| Ok(composed::pool(x, &windows, Reduction::Max)?);
        let (expected, expected_dx) = forward_backward(&x, dy, composed)?;
        prop_assert_eq!(bits(&y)?, bits(&expected)?);
        prop_assert!(distance(&dx, &expected_dx)? < 1e-12);

        let x = gradcheck::values(x.shape(), 4);
        let (y, dx) = forward_backward(&x, dy, |x| avg_pool2d(x, &config))?;
        let mean = Reduction::Mean { with_padding: config.count_include_pad };
        let composed = |x: &Tensor| Ok(composed::pool(x, &windows, mean)?);
        let (expected, expected_dx) = forward_backward(&x, dy, composed)?;
        prop_assert!(distance(&y, &expected)? < 1e-12);
        prop_assert!(distance(&dx, &expected_dx)? < 1e-12);
    }
}
