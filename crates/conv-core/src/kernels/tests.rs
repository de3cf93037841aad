//! The kernels against the reference, on small geometries of every kind and on ones that cross every block boundary.

use proptest::prelude::*;

use super::{bias_gradient, forward, input_gradient, reference, weight_gradient};
use crate::Result;
use crate::geometry::{Axis, Geometry, Request};

fn axis(
    size: usize,
    kernel: usize,
    stride: usize,
    dilation: usize,
    padding: (usize, usize),
) -> Result<Axis> {
    Axis::convolution("conv", Request { axis: "width", size, kernel, stride, dilation, padding })
}

fn values(len: usize, salt: usize) -> Vec<f64> {
    (0..len).map(|i| ((i * 37 + salt * 101) % 61) as f64 / 30.5 - 1.0).collect()
}

fn close(what: &str, g: &Geometry, found: &[f64], expected: &[f64]) {
    for (i, (f, e)) in found.iter().zip(expected).enumerate() {
        let scale = e.abs().max(1.0);
        assert!((f - e).abs() <= 1e-10 * scale, "{what}[{i}]: {f}, expected {e}, for {g:?}");
    }
}

fn agree(g: &Geometry) {
    let channels = g.groups * g.channels_out;
    let x = values(g.batch * g.groups * g.channels_in * g.pixels_in(), 1);
    let weight = values(channels * g.channels_in * g.taps(), 2);
    let bias = values(channels, 3);
    let dy = values(g.output_len(), 4);

    let mut y = [vec![f64::NAN; dy.len()], vec![f64::NAN; dy.len()]];
    forward(g, &x, &weight, Some(&bias), &mut y[0]);
    reference::forward(g, &x, &weight, Some(&bias), &mut y[1]);
    close("y", g, &y[0], &y[1]);

    // The gradients add to what is there.
    let mut dx = [values(x.len(), 5), values(x.len(), 5)];
    input_gradient(g, &dy, &weight, &mut dx[0]);
    reference::input_gradient(g, &dy, &weight, &mut dx[1]);
    close("dx", g, &dx[0], &dx[1]);

    let mut dw = [values(weight.len(), 6), values(weight.len(), 6)];
    weight_gradient(g, &x, &dy, &mut dw[0]);
    reference::weight_gradient(g, &x, &dy, &mut dw[1]);
    close("dweight", g, &dw[0], &dw[1]);

    let mut db = [values(channels, 7), values(channels, 7)];
    bias_gradient(g.pixels_out(), &dy, &mut db[0]);
    reference::bias_gradient(channels, g.pixels_out(), &dy, &mut db[1]);
    close("dbias", g, &db[0], &db[1]);
}

fn any_axis() -> impl Strategy<Value = Axis> {
    (0..9usize, 1..4usize, 1..4usize, 1..4usize, 0..4usize, 0..4usize).prop_filter_map(
        "kernel inside",
        |(size, kernel, stride, dilation, before, after)| {
            axis(size, kernel, stride, dilation, (before, after)).ok()
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn kernels_compute_what_the_reference_says(
        batch in 0..4usize, groups in 1..4usize, channels_in in 1..4usize, channels_out in 1..7usize,
        h in any_axis(), w in any_axis(),
    ) {
        agree(&Geometry { batch, groups, channels_in, channels_out, h, w });
    }
}

#[test]
fn blocks_of_every_kind_agree_with_the_reference() -> Result<()> {
    let one = axis(1, 1, 1, 1, (0, 0))?;
    let same = |size, kernel| axis(size, kernel, 1, 1, (kernel / 2, kernel / 2));
    for (batch, groups, channels_in, channels_out, h, w) in [
        // Samples side by side in a block of columns, and a block of few.
        (7, 1, 5, 9, one, axis(60, 3, 1, 1, (0, 2))?),
        // Several blocks of columns in a sample, ending inside a row.
        (2, 1, 3, 5, same(31, 3)?, same(29, 5)?),
        // Several blocks of input channels.
        (2, 1, 200, 4, one, axis(40, 4, 1, 2, (3, 0))?),
        // Output channels in parts, one block of columns.
        (1, 1, 3, 130, same(5, 3)?, same(6, 3)?),
        // 1×1: views of a large sample, copies of small ones.
        (2, 2, 5, 6, axis(20, 1, 1, 1, (0, 0))?, axis(21, 1, 1, 1, (0, 0))?),
        (5, 1, 300, 6, axis(3, 1, 1, 1, (0, 0))?, axis(4, 1, 1, 1, (0, 0))?),
        // One channel, a long kernel, and a stride that leaves a rest.
        (1, 1, 1, 8, one, axis(3000, 400, 7, 1, (0, 0))?),
        // Width 1, directly and by products.
        (2, 2, 2, 1, axis(5000, 5, 2, 3, (1, 1))?, one),
        (2, 1, 3, 5, axis(700, 5, 2, 3, (1, 1))?, one),
        // Depthwise, several blocks of pixels.
        (2, 3, 1, 1, same(50, 3)?, axis(101, 3, 2, 1, (1, 1))?),
        (1, 1, 2, 3, same(50, 3)?, same(60, 3)?),
    ] {
        agree(&Geometry { batch, groups, channels_in, channels_out, h, w });
    }
    Ok(())
}
