//! The definition of pooling, in loops to be read: what the kernels are tested against. It shares
//! nothing with them, not even where windows lie.

use crate::Pool2dConfig;

/// How many windows of a dimension there are, by PyTorch's rule: those that fit, and in ceil mode
/// one more over what is left, unless it began in the padding behind the end.
pub(super) fn windows(
    size: usize,
    [kernel, stride, dilation]: [usize; 3],
    [before, after]: [usize; 2],
    ceil_mode: bool,
) -> usize {
    let span = |windows: usize| (windows - 1) * stride + (kernel - 1) * dilation + 1;
    let padded = before + size + after;
    let fits = |windows: &usize| span(*windows) <= padded;
    let most = (1..).take_while(fits).last().unwrap_or(0);
    let is_left = span(most + 1) < padded + stride && most * stride < before + size;
    most + usize::from(ceil_mode && is_left)
}

/// Of one plane (H, W) of input: its pooling (H', W'), and the gradient of the input for one of the
/// output.
pub(super) fn pool(
    (x, height, width): (&[f64], usize, usize),
    config: &Pool2dConfig,
    is_maximum: bool,
    (dy, rows, columns): (&[f64], usize, usize),
) -> (Vec<f64>, Vec<f64>) {
    let Pool2dConfig { kernel, padding, dilation, count_include_pad, .. } = *config;
    let stride = config.stride.unwrap_or(kernel);
    let padded = (padding.top + height + padding.bottom, padding.left + width + padding.right);
    assert_eq!(dy.len(), rows * columns);
    let mut y = vec![0.0; rows * columns];
    let mut dx = vec![0.0; x.len()];
    for (output, (y, &dy)) in y.iter_mut().zip(dy).enumerate() {
        // The places under the window, row by row, and how many are of the padded input.
        let mut seen = Vec::new();
        let mut counted = 0;
        for tap in 0..kernel.0 * kernel.1 {
            let row = output / columns * stride.0 + tap / kernel.1 * dilation.0;
            let column = output % columns * stride.1 + tap % kernel.1 * dilation.1;
            counted += usize::from(row < padded.0 && column < padded.1);
            let is_inside = (padding.top..padding.top + height).contains(&row)
                && (padding.left..padding.left + width).contains(&column);
            if is_inside {
                seen.push((row - padding.top) * width + column - padding.left);
            }
        }
        if is_maximum {
            // The first of the largest, and before them the first that is not a number.
            let is_larger = |a: f64, b: f64| !b.is_nan() && (a > b || a.is_nan());
            let first = |best, &place| if is_larger(x[place], x[best]) { place } else { best };
            let winner = seen[1..].iter().fold(seen[0], first);
            *y = x[winner];
            dx[winner] += dy;
        } else {
            let count = if count_include_pad { counted } else { seen.len() } as f64;
            *y = seen.iter().map(|&place| x[place]).sum::<f64>() / count;
            seen.iter().for_each(|&place| dx[place] += dy / count);
        }
    }
    (y, dx)
}
