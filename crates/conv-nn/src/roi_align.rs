//! RoIAlign: what a feature map shows within boxes, as grids of one size.

use crate::blocks::fill_rows;
use crate::kernel::{Kernel, apply, check_real};
use crate::real::Real;
use crate::{Error, Result};
use candle_core::Tensor;

/// A box on one of the batch's feature maps.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Roi {
    /// Which of the batch.
    pub sample: usize,
    /// Left, top, right and bottom edge in pixels of the picture; `scale` brings them to the map's.
    pub corners: [f32; 4],
}

/// How [`roi_align`] works.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RoiAlignConfig {
    /// Rows and columns of a box's grid.
    pub output: (usize, usize),
    /// Pixels of the map to one of the picture: 1/4 on the finest level of a pyramid.
    pub scale: f32,
    /// Points along each side of a cell at which the map is read; `None` reads one a pixel of the
    /// map, rounded up.
    pub sampling: Option<usize>,
    /// Whether a pixel's centre lies half a pixel from its edge, as in Detectron2; otherwise as in
    /// the paper's first code, where a box is at least a pixel of the map wide and high.
    pub aligned: bool,
}

impl Default for RoiAlignConfig {
    /// torchvision's for boxes: 7 × 7 cells of 2 × 2 points, not aligned.
    fn default() -> Self {
        Self { output: (7, 7), scale: 1.0, sampling: Some(2), aligned: false }
    }
}

/// The mean of bilinear interpolations at regular points of each cell of each box (He et al. 2017,
/// section 3), as `torchvision.ops.roi_align`: a point more than a pixel outside of the map counts
/// as 0. Gradients reach `x`, not the boxes. On the CPU.
///
/// # Shapes
/// `x` `[B, C, H, W]` of f32 or f64, R boxes → `[R, C, rows, columns]`.
///
/// # Errors
/// Another number of dimensions, a grid without cells, a box of a sample that is not there or whose
/// corners are not finite.
///
/// ```
/// use candle_core::{Device, Tensor};
/// use conv_nn::{Roi, RoiAlignConfig, roi_align};
///
/// let x = Tensor::arange(0f32, 16.0, &Device::Cpu)?.reshape((1, 1, 4, 4))?;
/// let whole = Roi { sample: 0, corners: [0.0, 0.0, 4.0, 4.0] };
/// let config = RoiAlignConfig { output: (2, 2), aligned: true, ..RoiAlignConfig::default() };
/// let y = roi_align(&x, &[whole], &config)?;
/// assert_eq!(y.flatten_all()?.to_vec1::<f32>()?, [2.5, 4.5, 10.5, 12.5]);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn roi_align(x: &Tensor, rois: &[Roi], config: &RoiAlignConfig) -> Result<Tensor> {
    let align = Align::new(x, rois, config)?;
    if rois.is_empty() {
        return Ok(Tensor::zeros(align.output(x.dims()), x.dtype(), x.device())?);
    }
    apply(align, x)
}

/// What one cell of an axis is made of: pixels and their weights.
type Taps = Vec<(usize, f64)>;

struct Align {
    /// Sample, and the cells of the rows and of the columns, of each box.
    boxes: Vec<(usize, [Vec<Taps>; 2])>,
    channels: usize,
    sides: [usize; 2],
    output: (usize, usize),
}

impl Align {
    fn new(x: &Tensor, rois: &[Roi], config: &RoiAlignConfig) -> Result<Self> {
        /// Cells, and points along a side of one: more are a mistake that costs memory.
        const MOST: usize = 1 << 12;
        let operation = Self::NAME;
        check_real(operation, "its input", x.dtype())?;
        let misfit = |argument, found: &[usize], expected: String| Error::Shape {
            operation,
            argument,
            found: found.to_vec(),
            expected,
        };
        let &[batch, channels, height, width] = x.dims() else {
            return Err(misfit("its input", x.dims(), "[B, C, H, W]".into()));
        };
        let (rows, columns) = config.output;
        let sampling = config.sampling.unwrap_or(1);
        if [rows, columns, sampling].iter().any(|side| !(1..=MOST).contains(side)) {
            let found = [rows, columns, sampling];
            return Err(misfit("its grid", &found, format!("1 to {MOST} cells and points a side")));
        }
        let mut boxes = Vec::with_capacity(rois.len());
        for (at, roi) in rois.iter().enumerate() {
            if roi.sample >= batch {
                let expected = format!("a sample below {batch} for box {at}");
                return Err(misfit("a box", &[roi.sample], expected));
            }
            // Beyond this a picture cannot reach, and the points of a cell could not be counted.
            let is_near = |corner: &f32| corner.abs() * config.scale <= 1e6;
            if !roi.corners.iter().all(is_near) {
                let expected =
                    format!("finite corners of at most 10⁶ pixels, found {:?}", roi.corners);
                return Err(misfit("a box", &[at], expected));
            }
            let [left, top, right, bottom] = roi.corners.map(|corner| corner * config.scale);
            let taps = [
                taps([top, bottom], rows, height, config),
                taps([left, right], columns, width, config),
            ];
            boxes.push((roi.sample, taps));
        }
        Ok(Self { boxes, channels, sides: [height, width], output: config.output })
    }
}

/// The cells along one axis of `size` pixels, for a box from `start` to `end` on it.
fn taps([start, end]: [f32; 2], cells: usize, size: usize, config: &RoiAlignConfig) -> Vec<Taps> {
    let offset = if config.aligned { 0.5 } else { 0.0 };
    let start = start - offset;
    let mut length = end - offset - start;
    if !config.aligned {
        length = length.max(1.0);
    }
    let cell = length / cells as f32;
    let points = config.sampling.unwrap_or_else(|| cell.ceil().max(0.0) as usize);
    let one = |number: usize| {
        let mut taps = Taps::new();
        for point in 0..points {
            let at = start + number as f32 * cell + (point as f32 + 0.5) * cell / points as f32;
            if at < -1.0 || at > size as f32 {
                continue;
            }
            let at = at.max(0.0);
            let low = (at as usize).min(size - 1);
            let share = if low == size - 1 { 0.0 } else { f64::from(at - low as f32) };
            for (pixel, weight) in [(low, 1.0 - share), (low + 1, share)] {
                let weight = weight / points as f64;
                match taps.iter_mut().find(|(known, _)| *known == pixel) {
                    _ if weight == 0.0 => {}
                    Some((_, sum)) => *sum += weight,
                    None => taps.push((pixel, weight)),
                }
            }
        }
        taps
    };
    (0..cells).map(one).collect()
}

/// The pixels that some cells reach, as first and end.
fn reach(cells: &[Taps]) -> [usize; 2] {
    let pixels = || cells.iter().flatten().map(|(pixel, _)| *pixel);
    [pixels().min().unwrap_or(0), pixels().max().map_or(0, |last| last + 1)]
}

impl Kernel for Align {
    const NAME: &'static str = "roi_align";

    fn output(&self, _x: &[usize]) -> Vec<usize> {
        vec![self.boxes.len(), self.channels, self.output.0, self.output.1]
    }

    fn forward<T: Real>(&self, x: &[T]) -> Vec<T> {
        let [height, width] = self.sides;
        let (rows, columns) = self.output;
        let cells = rows * columns;
        let of_box = self.channels * cells;
        fill_rows(self.boxes.len() * of_box, of_box, of_box * 8, |number, y| {
            let (sample, [down, across]) = &self.boxes[number];
            let [first, end] = reach(across);
            // Rows first: their sum runs along the map.
            let mut sums = vec![T::zero(); end - first];
            for (channel, y) in y.chunks_exact_mut(cells).enumerate() {
                let plane = &x[(sample * self.channels + channel) * height * width..];
                for (taps, y) in down.iter().zip(y.chunks_exact_mut(columns)) {
                    sums.fill(T::zero());
                    for &(row, weight) in taps {
                        let weight = T::from_f64(weight);
                        let pixels = &plane[row * width + first..row * width + end];
                        for (sum, &pixel) in sums.iter_mut().zip(pixels) {
                            *sum += weight * pixel;
                        }
                    }
                    for (taps, y) in across.iter().zip(y) {
                        for &(column, weight) in taps {
                            *y += T::from_f64(weight) * sums[column - first];
                        }
                    }
                }
            }
        })
    }

    fn backward<T: Real>(&self, x: &[T], _y: &[T], gradient: &[T]) -> Vec<T> {
        let [height, width] = self.sides;
        let (rows, columns) = self.output;
        let cells = rows * columns;
        // A plane a row of work: boxes overlap, and are added in their order.
        let cost = cells * 8 * self.boxes.len().max(1);
        fill_rows(x.len(), height * width, cost, |plane, dx| {
            let sample = plane / self.channels;
            let channel = plane % self.channels;
            for (number, (_, [down, across])) in
                self.boxes.iter().enumerate().filter(|(_, (of, _))| *of == sample)
            {
                let [first, end] = reach(across);
                let mut sums = vec![T::zero(); end - first];
                let dy = &gradient[(number * self.channels + channel) * cells..][..cells];
                for (taps, dy) in down.iter().zip(dy.chunks_exact(columns)) {
                    sums.fill(T::zero());
                    for (taps, &dy) in across.iter().zip(dy) {
                        for &(column, weight) in taps {
                            sums[column - first] += T::from_f64(weight) * dy;
                        }
                    }
                    for &(row, weight) in taps {
                        let weight = T::from_f64(weight);
                        let pixels = &mut dx[row * width + first..row * width + end];
                        for (pixel, &sum) in pixels.iter_mut().zip(&sums) {
                            *pixel += weight * sum;
                        }
                    }
                }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gradcheck::values;

    /// Boxes of 0.3 pixels, across an edge, outside, of no width, and large ones.
    const BOXES: [[f32; 4]; 6] = [
        [2.1, 1.2, 2.4, 1.5],
        [-2.0, -1.0, 3.0, 2.5],
        [20.0, 20.0, 30.0, 25.0],
        [3.0, 1.0, 3.0, 4.0],
        [0.0, 0.0, 7.0, 5.0],
        [1.3, 0.2, 6.1, 4.4],
    ];

    #[test]
    fn gradients_are_those_of_finite_differences() {
        let rois: Vec<Roi> = BOXES
            .iter()
            .enumerate()
            .map(|(at, &corners)| Roi { sample: at % 2, corners })
            .collect();
        for aligned in [false, true] {
            for sampling in [None, Some(1), Some(2)] {
                let config = RoiAlignConfig { output: (3, 2), scale: 0.5, sampling, aligned };
                gradcheck::check("roi_align", &[values((2, 2, 5, 7), 1)], |x| {
                    Ok(roi_align(&x[0], &rois, &config)?)
                });
            }
        }
    }

    #[test]
    fn what_cannot_be_is_refused_by_name() -> candle_core::Result<()> {
        let x = values((1, 1, 4, 4), 1);
        let config = RoiAlignConfig::default();
        let text = |x: &Tensor, roi: Roi, config: &RoiAlignConfig| {
            roi_align(x, &[roi], config).err().map(|e| e.to_string()).unwrap_or_default()
        };
        let roi = Roi { sample: 0, corners: [0.0, 0.0, 2.0, 2.0] };
        assert!(text(&x.squeeze(0)?, roi, &config).contains("[B, C, H, W]"));
        assert!(text(&x, Roi { sample: 1, ..roi }, &config).contains("a sample below 1"));
        let far = Roi { corners: [0.0, f32::NAN, 2.0, 2.0], ..roi };
        assert!(text(&x, far, &config).contains("finite corners"));
        let none = RoiAlignConfig { output: (0, 7), ..config };
        assert!(text(&x, roi, &none).contains("its grid"));
        assert_eq!(roi_align(&x, &[], &config)?.dims(), [0, 1, 7, 7]);
        Ok(())
    }
}
