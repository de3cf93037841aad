//! The kernels against the reference, on small geometries of every kind and on ones that cross
//! every block boundary.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};

use super::{Epilogue, bias_gradient, forward, input_gradient, reference, weight_gradient};
use crate::Result;
use crate::cpu::InstructionSet;
use crate::element::Element;
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

fn cast<T: Element>(values: &[f64]) -> Vec<T> {
    values.iter().map(|&value| T::from_f64(value)).collect()
}

/// Every number to `error` of the largest.
fn close<T: Element>(what: &str, g: &Geometry, error: f64, found: &[T], expected: &[f64]) {
    assert_eq!(found.len(), expected.len(), "{what} for {g:?}");
    let largest = expected.iter().fold(1.0f64, |largest, e| largest.max(e.abs()));
    for (i, (f, e)) in found.iter().zip(expected).enumerate() {
        let f = f.to_f64();
        assert!((f - e).abs() <= error * largest, "{what}[{i}]: {f}, expected {e}, for {g:?}");
    }
}

/// All kernels in `T` against the reference in f64.
fn agree<T: Element>(g: &Geometry, error: f64) {
    let len = g.batch * g.groups * g.channels_out * g.pixels_out();
    let dy = values(len, 4);
    let number = |i: usize| (i * 7919 + i / 16).is_multiple_of(33);
    let sparse = dy.iter().enumerate().map(|(i, &dy)| if number(i) { dy } else { 0.0 });
    let sparse: Vec<_> = sparse.collect();
    for dy in [sparse, dy] {
        agree_on::<T>(g, &dy, error);
    }
}

/// With and without Winograd, where the output's gradient is `dy`.
fn agree_on<T: Element>(g: &Geometry, dy: &[f64], error: f64) {
    let channels = g.groups * g.channels_out;
    let inputs = g.groups * g.channels_in;
    let x = values(g.batch * inputs * g.pixels_in(), 1);
    let weight = values(channels * g.channels_in * g.taps(), 2);
    let bias = values(channels.max(inputs), 3);
    let [x_of, weight_of, dy_of] = [&x[..], &weight, dy].map(|values| cast::<T>(values));
    let bias_of = cast::<T>(&bias);

    let mut y = vec![0.0; dy.len()];
    reference::forward(g, &x, &weight, Some(&bias[..channels]), &mut y);
    let mut dx = vec![0.0; x.len()];
    reference::input_gradient(g, dy, &weight, &mut dx);
    for (exact, with_relu) in [(true, false), (false, false), (false, true)] {
        let bias = |channels: usize| Some(&bias_of[..channels]);
        let relu = |x: f64| if with_relu { x.max(0.0) } else { x };
        let epilogue =
            Epilogue { bias: bias(channels), relu: with_relu, glu: false, exact, keep: with_relu };
        let found = forward(g, &x_of, &weight_of, epilogue).expect("there is room");
        let expected: Vec<_> = y.iter().map(|&y| relu(y)).collect();
        close("y", g, error, &found, &expected);

        if g.groups == 1 && channels.is_multiple_of(2) && !with_relu {
            let epilogue = Epilogue { glu: true, keep: exact, ..epilogue };
            let found = forward(g, &x_of, &weight_of, epilogue).expect("there is room");
            let half = channels / 2 * g.pixels_out();
            let samples = y.chunks_exact((2 * half).max(1));
            let pairs = samples.flat_map(|y| y[..half].iter().zip(&y[half..]));
            let expected: Vec<_> = pairs.map(|(a, b)| a / (1.0 + (-b).exp())).collect();
            // A gate may be as large as its error is.
            let largest = y.iter().fold(1.0f64, |largest, y| largest.max(y.abs()));
            close("gated y", g, error * largest, &found, &expected);
        }

        let epilogue =
            Epilogue { bias: bias(inputs), relu: with_relu, glu: false, exact, keep: with_relu };
        let found = input_gradient(g, &dy_of, &weight_of, epilogue).expect("there is room");
        let channel = |i: usize| i / g.pixels_in() % inputs;
        let expected: Vec<_> =
            dx.iter().enumerate().map(|(i, dx)| relu(dx + values(inputs, 3)[channel(i)])).collect();
        close("dx", g, error, &found, &expected);
    }

    let mut dw = vec![0.0; weight.len()];
    reference::weight_gradient(g, &x, dy, &mut dw);
    let found = weight_gradient(g, &x_of, &dy_of).expect("there is room");
    close("dweight", g, error, &found, &dw);

    let mut db = vec![0.0; channels];
    let found = bias_gradient([channels, g.pixels_out()], &dy_of).expect("there is room");
    reference::bias_gradient(channels, g.pixels_out(), dy, &mut db);
    close("dbias", g, error, &found, &db);
}

fn any_axis() -> impl Strategy<Value = Axis> {
    (0..9usize, 1..4usize, 1..4usize, 1..4usize, 0..4usize, 0..4usize).prop_filter_map(
        "kernel inside",
        |(size, kernel, stride, dilation, before, after)| {
            axis(size, kernel, stride, dilation, (before, after)).ok()
        },
    )
}

fn any_geometry() -> impl Strategy<Value = Geometry> {
    (0..4usize, 1..4usize, 1..4usize, 1..20usize, any_axis(), any_axis()).prop_map(
        |(batch, groups, channels_in, channels_out, h, w)| Geometry {
            batch,
            groups,
            channels_in,
            channels_out,
            h,
            w,
        },
    )
}

fn kernels_agree<T: Element>(cases: u32, error: f64) -> Result<()> {
    let mut runner = TestRunner::new(Config { cases, ..Config::default() });
    let result = runner.run(&any_geometry(), |g| {
        agree::<T>(&g, error);
        Ok::<_, TestCaseError>(())
    });
    assert!(result.is_ok(), "{result:?}");
    larger().map(|all| all.iter().for_each(|g| agree::<T>(g, error)))
}

#[test]
fn in_f64_kernels_compute_what_the_reference_says() -> Result<()> {
    kernels_agree::<f64>(300, 1e-12)
}

#[test]
fn in_f32_they_do_so_with_every_instruction_set() -> Result<()> {
    let test = "kernels::tests::in_f32_they_do_so_with_every_instruction_set";
    for set in InstructionSet::available() {
        if gradcheck::in_process_with("CONVOKE_ISA", &set.to_string(), test) {
            assert_eq!(InstructionSet::in_use(), set);
            return kernels_agree::<f32>(300, 3e-5);
        }
    }
    Ok(())
}

/// One geometry at each edge of blocks, panels and tiles.
fn larger() -> Result<Vec<Geometry>> {
    let one = axis(1, 1, 1, 1, (0, 0))?;
    let same = |size, kernel| axis(size, kernel, 1, 1, (kernel / 2, kernel / 2));
    let geometries = [
        // Panels of columns that cross samples, a rest in the last.
        (7, 1, 5, 9, one, axis(60, 3, 1, 1, (0, 2))?),
        // Rows of just one, two and three registers of each set, and one more or less.
        (2, 1, 3, 8, one, axis(48, 3, 1, 1, (1, 1))?),
        (2, 1, 3, 8, one, axis(49, 3, 1, 1, (1, 1))?),
        (1, 1, 3, 7, one, axis(26, 4, 1, 1, (0, 0))?),
        (3, 1, 2, 65, one, axis(97, 2, 1, 1, (1, 0))?),
        // Several blocks of columns in a sample, ending inside a row.
        (2, 1, 3, 5, same(31, 3)?, same(29, 5)?),
        // Several slices of the depth, with panels that cross samples.
        (3, 1, 200, 4, one, axis(40, 4, 1, 2, (3, 0))?),
        (2, 2, 180, 70, one, axis(61, 3, 1, 1, (1, 1))?),
        // Output channels in shares, a rest in the last panel.
        (1, 1, 3, 130, same(5, 3)?, same(6, 3)?),
        (1, 2, 30, 203, same(5, 3)?, same(6, 3)?),
        // Windows that are the whole input, with rests of every tile and of a register.
        (13, 1, 5, 9, axis(3, 3, 1, 1, (0, 0))?, axis(7, 7, 1, 1, (0, 0))?),
        (5, 1, 769, 70, one, one),
        (4, 1, 256, 34, one, one),
        (1, 1, 33, 3, one, axis(2, 2, 1, 1, (0, 0))?),
        // 1×1, with and without a stride.
        (2, 2, 5, 6, axis(20, 1, 1, 1, (0, 0))?, axis(21, 1, 1, 1, (0, 0))?),
        (5, 1, 300, 6, axis(3, 1, 1, 1, (0, 0))?, axis(4, 1, 1, 1, (0, 0))?),
        (2, 1, 9, 12, axis(9, 1, 2, 1, (0, 0))?, axis(10, 1, 2, 1, (0, 0))?),
        // One channel, a long kernel, and a stride that leaves a rest.
        (1, 1, 1, 8, one, axis(3000, 400, 7, 1, (0, 0))?),
        (2, 1, 1, 40, one, axis(700, 40, 4, 1, (0, 0))?),
        // Width 1.
        (2, 2, 2, 1, axis(5000, 5, 2, 3, (1, 1))?, one),
        (2, 1, 3, 5, axis(700, 5, 2, 3, (1, 1))?, one),
        // Few output channels: depthwise, and not.
        (2, 3, 1, 1, same(50, 3)?, axis(101, 3, 2, 1, (1, 1))?),
        (1, 1, 2, 3, same(50, 3)?, same(60, 3)?),
        (2, 1, 40, 1, same(9, 3)?, same(17, 3)?),
        // Input much larger than output: a kernel over the whole image, over its width, and with a
        // stride and padding; one that would take too much room.
        (3, 1, 10, 20, axis(6, 6, 1, 1, (0, 0))?, axis(6, 6, 3, 1, (0, 0))?),
        (5, 2, 1, 9, axis(20, 3, 1, 1, (2, 2))?, axis(30, 30, 1, 1, (0, 0))?),
        (2, 3, 4, 2, axis(33, 11, 2, 2, (1, 0))?, axis(30, 25, 2, 1, (1, 1))?),
        (2, 1, 2, 4, one, axis(700, 460, 1, 1, (1, 0))?),
        // Enough input channels for gradients that are nearly all zero: groups, strides, padding.
        (3, 1, 37, 6, one, axis(56, 3, 1, 1, (0, 0))?),
        (2, 2, 16, 5, axis(12, 3, 2, 1, (1, 1))?, axis(13, 2, 1, 3, (2, 0))?),
        // Winograd: whole tiles, rests on both sides, groups, uneven padding, panels that cross
        // samples.
        (2, 1, 32, 24, same(28, 3)?, same(28, 3)?),
        (1, 2, 25, 29, axis(43, 3, 1, 1, (0, 2))?, axis(46, 3, 1, 1, (2, 0))?),
        (9, 1, 24, 30, same(14, 3)?, axis(15, 3, 1, 1, (0, 0))?),
        // Winograd with fewer windows than weights: one block of them, and two.
        (8, 1, 41, 44, same(7, 3)?, same(7, 3)?),
        (5, 2, 26, 30, same(12, 3)?, same(13, 3)?),
        // So many channels that a task has several panels, transposed in several slices.
        (4, 1, 120, 130, same(7, 3)?, same(7, 3)?),
        // Of other kernels: 5×5, 4×3, and of one dimension 3, 4 and 5 taps, over several rows too.
        (6, 1, 24, 26, same(13, 5)?, same(14, 5)?),
        (3, 2, 24, 24, axis(20, 4, 1, 1, (1, 2))?, axis(30, 3, 1, 1, (0, 0))?),
        (13, 1, 64, 65, one, axis(31, 3, 1, 1, (2, 0))?),
        (11, 1, 66, 64, one, axis(33, 4, 1, 1, (0, 0))?),
        (2, 2, 64, 64, one, axis(110, 5, 1, 1, (4, 1))?),
        (2, 1, 64, 64, axis(9, 1, 1, 1, (0, 0))?, axis(23, 3, 1, 1, (1, 1))?),
    ];
    let geometry = |(batch, groups, channels_in, channels_out, h, w)| Geometry {
        batch,
        groups,
        channels_in,
        channels_out,
        h,
        w,
    };
    Ok(geometries.map(geometry).to_vec())
}

/// Winograd's rounding shows that it has run: a route that is lost would pass all other tests.
#[test]
fn few_windows_and_many_are_by_winograd() -> Result<()> {
    let same = |size| axis(size, 3, 1, 1, (1, 1));
    for (size, channels) in [(16, 32), (7, 40), (4, 64), (45, 32)] {
        let (batch, h, w) = (if size < 8 { 16 } else { 1 }, same(size)?, same(size)?);
        let g = Geometry { batch, groups: 1, channels_in: channels, channels_out: 40, h, w };
        let x = cast::<f32>(&values(batch * channels * size * size, 1));
        let weight = cast::<f32>(&values(40 * channels * 9, 2));
        let run = |exact| {
            let epilogue = Epilogue { bias: None, relu: false, glu: false, exact, keep: false };
            forward(&g, &x, &weight, epilogue).expect("there is room")
        };
        assert_ne!(run(false), run(true), "{size}×{size}, {channels} channels");
    }
    Ok(())
}
