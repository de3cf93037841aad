//! What holds for every geometry.

use candle_core::Device;
use gradcheck::{Kinds, check_many};
use proptest::prelude::*;

use super::*;
use crate::checks::{check_gradient, forward_backward, usage};

const DRAWS: u32 = 200;

/// The size of an axis, and a geometry over it whose every window sees an element.
fn axis(most_taps: usize, ceil_mode: bool) -> impl Strategy<Value = (usize, Pool1dConfig)> {
    (1..=most_taps, prop::option::of(1..5usize), 1..4usize, any::<bool>())
        .prop_flat_map(move |(kernel, stride, dilation, count_include_pad)| {
            let extent = (kernel - 1) * dilation + 1;
            let config = move |padding| Pool1dConfig {
                kernel,
                stride,
                padding,
                dilation,
                ceil_mode,
                count_include_pad,
            };
            let padding = prop_oneof![Just((0, 0)), (0..extent, 0..extent)];
            (padding.prop_map(config), prop_oneof![Just(0), 0..4usize])
        })
        .prop_map(|(config, more)| {
            // In ceil mode a window may hang over the end by less than a stride.
            let over =
                if config.ceil_mode { config.stride.unwrap_or(config.kernel) - 1 } else { 0 };
            let least = extent(&config).saturating_sub(config.padding.0 + config.padding.1 + over);
            (least.max(config.dilation) + more, config)
        })
}

fn extent(config: &Pool1dConfig) -> usize {
    (config.kernel - 1) * config.dilation + 1
}

/// Height and width, and a geometry over each.
type Axes = [(usize, Pool1dConfig); 2];

fn axes(most_taps: usize) -> impl Strategy<Value = Axes> {
    any::<bool>().prop_flat_map(move |ceil| [axis(most_taps, ceil), axis(most_taps, ceil)])
}

fn two([(_, rows), (_, cols)]: &Axes) -> Pool2dConfig {
    let stride = |config: &Pool1dConfig| config.stride.unwrap_or(config.kernel);
    Pool2dConfig {
        kernel: (rows.kernel, cols.kernel),
        stride: Some((stride(rows), stride(cols))),
        padding: Padding2d {
            top: rows.padding.0,
            bottom: rows.padding.1,
            left: cols.padding.0,
            right: cols.padding.1,
        },
        dilation: (rows.dilation, cols.dilation),
        ceil_mode: rows.ceil_mode,
        count_include_pad: rows.count_include_pad,
    }
}

fn kinds(axes: &[(usize, Pool1dConfig)]) -> Kinds {
    let any = |of: &dyn Fn(usize, usize, &Pool1dConfig) -> bool| {
        axes.iter().any(|(size, config)| {
            let padded = size + config.padding.0 + config.padding.1;
            of(padded, config.stride.unwrap_or(config.kernel), config)
        })
    };
    vec![
        ("stride", any(&|_, stride, _| stride > 1)),
        ("windows that overlap", any(&|_, stride, c| stride < c.kernel)),
        ("windows apart", any(&|_, stride, c| stride > c.kernel)),
        ("dilation", any(&|_, _, c| c.dilation > 1)),
        ("padding", any(&|_, _, c| c.padding != (0, 0))),
        ("one-sided padding", any(&|_, _, c| c.padding.0 > 0 && c.padding.1 == 0)),
        ("padding counts", any(&|_, _, c| c.padding != (0, 0) && c.count_include_pad)),
        ("padding does not count", any(&|_, _, c| c.padding != (0, 0) && !c.count_include_pad)),
        ("ceil mode", any(&|_, _, c| c.ceil_mode)),
        ("a kernel over the end", any(&|padded, _, c| padded < extent(c))),
    ]
}

/// A tensor of elements that are all different, and far enough apart for finite differences of a
/// maximum.
fn distinct(dims: Vec<usize>) -> impl Strategy<Value = Tensor> {
    let places: Vec<usize> = (0..dims.iter().product()).collect();
    Just(places).prop_shuffle().prop_map(move |places| {
        let values: Vec<f64> = places.iter().map(|&place| place as f64 / 16.0 - 1.0).collect();
        Tensor::from_vec(values, dims.clone(), &Device::Cpu)
            .expect("as many values as the shape has")
    })
}

fn check_1d(name: &str, pool: impl Fn(&Tensor, &Pool1dConfig) -> Result<Tensor>) {
    let axis = any::<bool>().prop_flat_map(|ceil| axis(4, ceil));
    let drawn = (1..4usize, 1..3usize, axis)
        .prop_flat_map(|(b, c, axis)| (distinct(vec![b, c, axis.0]), Just(axis), usage()));
    check_many(DRAWS, drawn, |(x, axis, usage)| {
        let used = check_gradient(name, &x, usage, |x| pool(x, &axis.1))?;
        Ok::<_, Error>([used, kinds(&[axis])].concat())
    });
}

fn check_2d(name: &str, pool: impl Fn(&Tensor, &Pool2dConfig) -> Result<Tensor>) {
    let drawn = (1..4usize, 1..3usize, axes(3)).prop_flat_map(|(b, c, axes)| {
        (distinct(vec![b, c, axes[0].0, axes[1].0]), Just(axes), usage())
    });
    check_many(DRAWS, drawn, |(x, axes, usage)| {
        let used = check_gradient(name, &x, usage, |x| pool(x, &two(&axes)))?;
        Ok::<_, Error>([used, kinds(&axes)].concat())
    });
}

#[test]
fn pools_in_one_dimension_have_the_right_gradient() {
    check_1d("max_pool1d", max_pool1d);
    check_1d("avg_pool1d", avg_pool1d);
}

#[test]
fn pools_in_two_dimensions_have_the_right_gradient() {
    check_2d("max_pool2d", max_pool2d);
    check_2d("avg_pool2d", avg_pool2d);
}

#[test]
fn global_pools_have_the_right_gradient() {
    let x = (1..4usize, 1..3usize, 1..6usize, 1..6usize)
        .prop_flat_map(|(b, c, h, w)| distinct(vec![b, c, h, w]));
    check_many(DRAWS, (x, usage()), |(x, usage)| {
        check_gradient("global_max_pool", &x, usage, global_max_pool)?;
        check_gradient("global_avg_pool", &x.flatten_from(2)?, usage, global_avg_pool)
    });
}

/// The kernels and the composition for other devices share the geometry; the definition shares
/// nothing with them.
#[test]
fn kernels_and_composition_are_what_the_definition_says() {
    let drawn = axes(20).prop_flat_map(|axes| {
        let element = prop::sample::select(vec![0.0, 1.0, 2.0, 3.0, f64::NEG_INFINITY, f64::NAN]);
        (Just(axes), prop::collection::vec(element, 2 * axes[0].0 * axes[1].0))
    });
    check_many(DRAWS, drawn, |(axes, values)| {
        let dims = [2, 1, axes[0].0, axes[1].0];
        agree(&Tensor::from_vec(values, &dims, &Device::Cpu)?, Reduction::Max, &two(&axes))?;
        let mean = Reduction::Mean { with_padding: axes[0].1.count_include_pad };
        agree(&gradcheck::values(&dims[..], 4), mean, &two(&axes))?;
        Ok::<_, Error>(kinds(&axes))
    });
}

fn agree(x: &Tensor, reduction: Reduction, config: &Pool2dConfig) -> Result<()> {
    let (batch, channels, height, width) = x.dims4()?;
    let dims = [batch, channels, height, width];
    let windows = windows("pool", dims, ["height", "width"], config)?;
    let is_maximum = matches!(reduction, Reduction::Max);
    let dy = |y: &Tensor| Ok(gradcheck::values(y.shape(), 3));
    let numbers = |t: &Tensor| t.flatten_all()?.to_vec1::<f64>();
    let by_kernels =
        |x: &Tensor| if is_maximum { max_pool2d(x, config) } else { avg_pool2d(x, config) };
    let by_composition = |x: &Tensor| Ok(composed::pool("pool", x, &windows, reduction)?);
    let (y, dx) = forward_backward(x, dy, by_kernels)?;
    let (composed_y, composed_dx) = forward_backward(x, dy, by_composition)?;

    let mut expected = Vec::new();
    let mut expected_dx = Vec::new();
    let Pool2dConfig { kernel, padding, dilation, ceil_mode, .. } = *config;
    let stride = config.stride.unwrap_or(kernel);
    let rows = reference::windows(
        height,
        [kernel.0, stride.0, dilation.0],
        [padding.top, padding.bottom],
        ceil_mode,
    );
    let columns = reference::windows(
        width,
        [kernel.1, stride.1, dilation.1],
        [padding.left, padding.right],
        ceil_mode,
    );
    assert_eq!(y.dims(), [batch, channels, rows, columns]);
    let x = numbers(x)?;
    let dy = numbers(&dy(&y)?)?;
    for (x, dy) in x.chunks(height * width).zip(dy.chunks(rows * columns)) {
        let (of_plane, dx_of_plane) =
            reference::pool((x, height, width), config, is_maximum, (dy, rows, columns));
        expected.extend(of_plane);
        expected_dx.extend(dx_of_plane);
    }
    // One NaN is as good as another.
    let is_close = |a: f64, b: f64| a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() < 1e-12;
    for (found, expected) in [
        (&y, &expected),
        (&dx, &expected_dx),
        (&composed_y, &expected),
        (&composed_dx, &expected_dx),
    ] {
        let found = numbers(found)?;
        assert_eq!(found.len(), expected.len());
        for (&found, &expected) in found.iter().zip(expected) {
            assert!(is_close(found, expected), "{found} and not {expected}");
        }
    }
    Ok(())
}
