//! What the kernels compute, written to be read: every multiplication of a convolution, one at a
//! time.

use crate::element::Element;
use crate::geometry::{Axis, Geometry};

/// Calls `each(x, w, y)` with the indices of every input, weight and output element that meet.
fn multiplications(g: &Geometry, mut each: impl FnMut(usize, usize, usize)) {
    for b in 0..g.batch {
        for group in 0..g.groups {
            for o in 0..g.channels_out {
                for c in 0..g.channels_in {
                    let x_channel = (b * g.groups + group) * g.channels_in + c;
                    let y_channel = (b * g.groups + group) * g.channels_out + o;
                    let w_channel = (group * g.channels_out + o) * g.channels_in + c;
                    for (oh, kh, ih) in meetings(&g.h) {
                        for (ow, kw, iw) in meetings(&g.w) {
                            each(
                                (x_channel * g.h.input + ih) * g.w.input + iw,
                                (w_channel * g.h.kernel + kh) * g.w.kernel + kw,
                                (y_channel * g.h.output + oh) * g.w.output + ow,
                            );
                        }
                    }
                }
            }
        }
    }
}

/// The (output position, tap, input position) of one dimension that meet inside the input.
fn meetings(axis: &Axis) -> Vec<(usize, usize, usize)> {
    let mut met = Vec::new();
    for output in 0..axis.output {
        for tap in 0..axis.kernel {
            let place = (output * axis.stride + tap * axis.dilation) as isize + axis.offset;
            if (0..axis.input as isize).contains(&place) {
                met.push((output, tap, place as usize));
            }
        }
    }
    met
}

pub(super) fn forward<T: Element>(
    g: &Geometry,
    x: &[T],
    weight: &[T],
    bias: Option<&[T]>,
    y: &mut [T],
) {
    for (i, y) in y.iter_mut().enumerate() {
        let channel = i / g.pixels_out() % (g.groups * g.channels_out);
        *y = bias.map_or(T::zero(), |bias| bias[channel]);
    }
    multiplications(g, |xi, wi, yi| y[yi] += x[xi] * weight[wi]);
}

pub(super) fn input_gradient<T: Element>(g: &Geometry, dy: &[T], weight: &[T], dx: &mut [T]) {
    multiplications(g, |xi, wi, yi| dx[xi] += dy[yi] * weight[wi]);
}

pub(super) fn weight_gradient<T: Element>(g: &Geometry, x: &[T], dy: &[T], dweight: &mut [T]) {
    multiplications(g, |xi, wi, yi| dweight[wi] += x[xi] * dy[yi]);
}

pub(super) fn bias_gradient<T: Element>(channels: usize, pixels: usize, dy: &[T], dbias: &mut [T]) {
    for (i, &dy) in dy.iter().enumerate() {
        dbias[i / pixels % channels] += dy;
    }
}
