//! Strides, dilations and padding far beyond the input: the definition's numbers, or a refusal by
//! name; never a hang, a wrapped product or the end of the process.

use candle_core::{Device, Tensor, Var};
use conv_core::{
    Conv2dConfig, ConvTranspose2dConfig, Error, Padding2d, Result, conv_transpose2d, conv2d,
};

/// More elements than there are addresses, and few enough to be multiplied.
const FAR: usize = 1 << 50;
const INPUTS: usize = 2;

/// One axis; the other has a kernel of 1.
#[derive(Debug, Clone, Copy)]
struct Axis {
    input: usize,
    kernel: usize,
    stride: usize,
    dilation: usize,
    padding: (usize, usize),
}

/// The image's other axis, and whether the axis is the height.
#[derive(Debug, Clone, Copy)]
struct Image {
    other: usize,
    tall: bool,
    outputs: usize,
}

impl Image {
    fn shape(
        &self,
        channels: [usize; 2],
        len: usize,
        other: usize,
    ) -> (usize, usize, usize, usize) {
        let (h, w) = if self.tall { (len, other) } else { (other, len) };
        (channels[0], channels[1], h, w)
    }

    fn pair(&self, far: usize) -> (usize, usize) {
        if self.tall { (far, 1) } else { (1, far) }
    }

    fn padding(&self, (before, after): (usize, usize)) -> Padding2d {
        if self.tall {
            Padding2d { top: before, bottom: after, ..Padding2d::default() }
        } else {
            Padding2d { left: before, right: after, ..Padding2d::default() }
        }
    }
}

fn numbers(len: usize, salt: usize) -> Vec<f64> {
    (0..len).map(|i| ((i * 7 + salt * 3) % 11) as f64 - 5.0).collect()
}

/// `y`, `dx` and `dweight` of a convolution over `[channel][axis][other]`, by the definition, in
/// integers that do not wrap.
fn defined(
    axis: &Axis,
    image: &Image,
    output: usize,
    [x, weight, dy]: [&[f64]; 3],
) -> [Vec<f64>; 3] {
    let other = image.other;
    let [mut y, mut dx, mut dweight] = [dy, x, weight].map(|like| vec![0.0; like.len()]);
    let place = |channel: usize, len: usize, at: usize, beside: usize| {
        if image.tall {
            (channel * len + at) * other + beside
        } else {
            (channel * other + beside) * len + at
        }
    };
    for to in 0..image.outputs {
        for from in 0..INPUTS {
            for o in 0..output {
                for k in 0..axis.kernel {
                    let wide = |a: usize, b: usize| a as i128 * b as i128;
                    let i = wide(o, axis.stride) + wide(k, axis.dilation) - axis.padding.0 as i128;
                    if i < 0 || i >= axis.input as i128 {
                        continue;
                    }
                    for beside in 0..other {
                        let x_at = place(from, axis.input, i as usize, beside);
                        let y_at = place(to, output, o, beside);
                        let w_at = (to * INPUTS + from) * axis.kernel + k;
                        y[y_at] += x[x_at] * weight[w_at];
                        dx[x_at] += dy[y_at] * weight[w_at];
                        dweight[w_at] += dy[y_at] * x[x_at];
                    }
                }
            }
        }
    }
    [y, dx, dweight]
}

fn flat(t: &Tensor) -> Result<Vec<f64>> {
    Ok(t.flatten_all()?.to_vec1()?)
}

/// The convolution and its transpose, each forward and backward. Whether they were computed, and
/// not refused.
fn check(axis: &Axis, image: &Image) -> Result<[bool; 2]> {
    let reach = (axis.kernel - 1) * axis.dilation + 1;
    let padded = axis.input + axis.padding.0 + axis.padding.1;
    let output = (padded - reach) / axis.stride + 1;
    let var = |shape: (usize, usize, usize, usize), salt| {
        let len = shape.0 * shape.1 * shape.2 * shape.3;
        let tensor = Tensor::from_vec(numbers(len, salt), shape, &Device::Cpu)?;
        Ok::<_, Error>(Var::from_tensor(&tensor)?)
    };
    let x = var(image.shape([1, INPUTS], axis.input, image.other), 1)?;
    let weight = var(image.shape([image.outputs, INPUTS], axis.kernel, 1), 2)?;
    let dy = var(image.shape([1, image.outputs], output, image.other), 3)?;
    let values = [flat(&x)?, flat(&weight)?, flat(&dy)?];
    let expected = defined(axis, image, output, [&values[0], &values[1], &values[2]]);

    let [y_of, dx_of, dweight_of] = expected;
    let convolved = conv2d(
        &x,
        &weight,
        None,
        &Conv2dConfig {
            stride: image.pair(axis.stride),
            dilation: image.pair(axis.dilation),
            padding: image.padding(axis.padding),
            groups: 1,
            ..Default::default()
        },
    )
    .and_then(|y| {
        let grads = y.mul(&dy)?.sum_all()?.backward()?;
        assert_eq!(flat(&y)?, y_of, "y of {axis:?} {image:?}");
        assert_eq!(flat(grads.get(&x).expect("tracked"))?, dx_of, "dx of {axis:?} {image:?}");
        assert_eq!(
            flat(grads.get(&weight).expect("tracked"))?,
            dweight_of,
            "dweight of {axis:?} {image:?}"
        );
        Ok(())
    });
    // The transpose takes `dy` to `dx`, and its gradient is the convolution.
    let rest = padded - reach - (output - 1) * axis.stride;
    let spread = conv_transpose2d(
        &dy,
        &weight,
        None,
        &ConvTranspose2dConfig {
            stride: image.pair(axis.stride),
            dilation: image.pair(axis.dilation),
            padding: image.padding(axis.padding),
            output_padding: if image.tall { (rest, 0) } else { (0, rest) },
            groups: 1,
            ..Default::default()
        },
    )
    .and_then(|dx| {
        let grads = dx.mul(&x)?.sum_all()?.backward()?;
        assert_eq!(flat(&dx)?, dx_of, "transposed {axis:?} {image:?}");
        assert_eq!(
            flat(grads.get(&dy).expect("tracked"))?,
            y_of,
            "gradient of transposed {axis:?} {image:?}"
        );
        assert_eq!(
            flat(grads.get(&weight).expect("tracked"))?,
            dweight_of,
            "dweight of transposed {axis:?} {image:?}"
        );
        Ok(())
    });
    Ok([convolved, spread].map(|result| match result {
        Ok(()) => true,
        Err(error) => {
            let text = error.to_string();
            let named = text.contains("no memory for") || text.contains("overflows");
            assert!(named, "{axis:?} {image:?}: {text}");
            false
        }
    }))
}

/// A stride makes as many phases of the input's gradient as there are taps, and no more.
#[test]
fn a_far_stride_costs_what_the_result_does() -> Result<()> {
    let config = ConvTranspose2dConfig { stride: (1, 1 << 22), ..Default::default() };
    let tensor = |list: &[f32], shape: (usize, usize, usize, usize)| {
        Tensor::from_slice(list, shape, &Device::Cpu)
    };
    let x = tensor(&[3., 5.], (1, 1, 1, 2))?;
    let weight = tensor(&[2.], (1, 1, 1, 1))?;
    let y = conv_transpose2d(&x, &weight, Some(&Tensor::new(&[1f32], &Device::Cpu)?), &config)?;
    assert_eq!(y.dims(), [1, 1, 1, (1 << 22) + 1]);
    let y = y.flatten_all()?.to_vec1::<f32>()?;
    assert_eq!((y[0], y[1], y[1 << 22]), (7.0, 1.0, 11.0));
    assert!(y[1..1 << 22].iter().all(|&y| y == 1.0));
    let none = x.narrow(0, 0, 0)?;
    let config = ConvTranspose2dConfig { stride: (1, FAR), ..Default::default() };
    assert_eq!(conv_transpose2d(&none, &weight, None, &config)?.dims(), [0, 1, 1, FAR + 1]);
    Ok(())
}

#[test]
fn far_strides_dilations_and_padding_compute_or_are_refused() -> Result<()> {
    let axis = |input, kernel, stride, dilation, padding| Axis {
        input,
        kernel,
        stride,
        dilation,
        padding,
    };
    let huge = 1 << 58;
    // Whether rows, and whether columns, are computed.
    let cases = [
        // Windows a far stride apart: what no tap reads takes no room in a row.
        (axis(5, 1, FAR, 1, (FAR, FAR)), [false, true]),
        (axis(5, 3, FAR, 1, (FAR - 1, FAR)), [false, true]),
        (axis(7, 3, FAR, 2, (0, FAR)), [false, true]),
        (axis(7, 2, FAR + 1, FAR, (FAR, FAR + 3)), [false, true]),
        // One window.
        (axis(5, 5, FAR, 1, (0, 0)), [true, true]),
        (axis(5, 3, huge, 1, (1, 1)), [true, true]),
        // One tap.
        (axis(5, 1, 1, huge, (1, 2)), [true, true]),
        // Taps a far dilation apart.
        (axis(5, 2, 1, FAR, (FAR, 0)), [false, false]),
        (axis(5, 3, FAR, FAR, (FAR, FAR)), [false, false]),
        (axis(5, 2, 1, huge, (huge, 0)), [false, false]),
        (axis(5, 2, 3, huge, (huge - 2, 6)), [false, false]),
        (axis(5, 3, huge, 1, (huge, huge)), [false, false]),
    ];
    for (axis, computed) in cases {
        for outputs in [2, 6] {
            for (other, tall) in [(1, false), (1, true), (3, false), (3, true)] {
                let image = Image { other, tall, outputs };
                let expected = computed[usize::from(!tall || other == 1)];
                assert_eq!(check(&axis, &image)?, [expected; 2], "{axis:?} {image:?}");
            }
        }
    }
    Ok(())
}
