//! Pictures as sums of waves, so that a step moves large forms as readily as single pixels (Olah et
//! al. 2017, "Preconditioning").

use crate::Result;
use candle_core::{CpuStorage, CustomOp1, DType, Layout, Shape, Tensor, bail};
use realfft::RealFftPlanner;
use realfft::num_complex::Complex;
use rustfft::{FftNum, FftPlanner};

/// The picture of a half spectrum: of waves `[C, H, W/2 + 1, 2]`, the real and the imaginary part
/// of each, the pixels `[C, H, W]`; the last axis halves as in numpy's `irfft2`, whose result this
/// is.
///
/// `x(r, c) = 1/(HW) · Σ w(k) · (Re S(j, k) cos θ − Im S(j, k) sin θ)`, θ = 2π (jr/H + kc/W), w = 1
/// for k = 0 and k = W/2, else 2. Its gradient: `w(k)/(HW)` times the real and the imaginary part
/// of the transform of the pixels' gradient.
///
/// # Errors
/// Another shape than a picture of that width has; other types than f32 and f64; a device that is
/// not the CPU.
pub fn spectrum(waves: &Tensor, width: usize) -> Result<Tensor> {
    let shape = match *waves.dims() {
        [channels, height, half, 2] if half == width / 2 + 1 && width > 0 => {
            [channels, height, width]
        }
        _ => {
            let expected = format!("waves of [C, H, {}, 2] for a width of {width}", width / 2 + 1);
            return Err(conv_hub::InvalidField::new(
                "spectrum",
                format!("{:?}", waves.dims()),
                expected,
            )
            .into());
        }
    };
    Ok(waves.contiguous()?.apply_op1(Inverse { shape })?)
}

/// The half spectrum of pixels `[C, H, W]`, `[C, H, W/2 + 1, 2]`, as numpy's `rfft2`: [`spectrum`]
/// makes the pixels of it again. No gradient is led through it.
///
/// # Errors
/// Another shape; other types than f32 and f64; a device that is not the CPU.
pub fn waves(pixels: &Tensor) -> Result<Tensor> {
    let (channels, height, width) = pixels.dims3()?;
    let inverse = Inverse { shape: [channels, height, width] };
    let shape = (channels, height, inverse.half(), 2);
    let flat = pixels.flatten_all()?;
    Ok(match flat.dtype() {
        DType::F64 => {
            let waves = inverse.transform(&flat.to_vec1::<f64>()?, |_| 1.0);
            Tensor::from_vec(waves, shape, pixels.device())?
        }
        _ => {
            let waves = inverse.transform(&flat.to_vec1::<f32>()?, |_| 1.0);
            Tensor::from_vec(waves, shape, pixels.device())?
        }
    })
}

/// What each wave of a picture of (height, width) is multiplied by, row by row of `[H, W/2 + 1]`:
/// `√(HW) / max(f, 1/max(H, W)) / 4`, f being its frequency in cycles a pixel. A spectrum of equal
/// deviations then has the 1/f of photographs.
pub fn scales(height: usize, width: usize) -> Vec<f64> {
    let (h, w) = (height as f64, width as f64);
    let least = 1.0 / h.max(w);
    let row = |j: usize| (if j <= height / 2 { j as f64 } else { j as f64 - h }) / h;
    let scale = |j: usize, k: usize| (h * w).sqrt() / row(j).hypot(k as f64 / w).max(least) / 4.0;
    (0..height).flat_map(|j| (0..=width / 2).map(move |k| scale(j, k))).collect()
}

struct Inverse {
    /// Channels, height, width.
    shape: [usize; 3],
}

impl Inverse {
    fn half(&self) -> usize {
        self.shape[2] / 2 + 1
    }

    /// How often a wave of column `k` stands in the whole spectrum, over its size.
    fn weight(&self, k: usize) -> f64 {
        let [_, height, width] = self.shape;
        let twice = k > 0 && 2 * k != width;
        (1.0 + f64::from(u8::from(twice))) / (height * width) as f64
    }

    fn forward<T: FftNum>(&self, waves: &[T]) -> Vec<T> {
        let [channels, height, width] = self.shape;
        let half = self.half();
        let down = FftPlanner::new().plan_fft_inverse(height);
        let across = RealFftPlanner::new().plan_fft_inverse(width);
        let factor = T::from_f64(1.0 / (height * width) as f64).unwrap_or_else(T::zero);
        let mut pixels = vec![T::zero(); channels * height * width];
        let mut column = vec![Complex::new(T::zero(), T::zero()); height];
        let mut rows = vec![Complex::new(T::zero(), T::zero()); height * half];
        let planes = waves.chunks_exact(2 * height * half);
        for (waves, pixels) in planes.zip(pixels.chunks_exact_mut(height * width)) {
            for k in 0..half {
                for (j, value) in column.iter_mut().enumerate() {
                    let at = 2 * (j * half + k);
                    *value = Complex::new(waves[at], waves[at + 1]);
                }
                down.process(&mut column);
                for (j, &value) in column.iter().enumerate() {
                    rows[j * half + k] = value;
                }
            }
            for (row, pixels) in rows.chunks_exact_mut(half).zip(pixels.chunks_exact_mut(width)) {
                // A real row has none there.
                row[0].im = T::zero();
                if width % 2 == 0 {
                    row[half - 1].im = T::zero();
                }
                // The lengths fit, and nothing imaginary is left where it may not be.
                let _ = across.process(row, pixels);
                pixels.iter_mut().for_each(|pixel| *pixel = *pixel * factor);
            }
        }
        pixels
    }

    fn backward<T: FftNum>(&self, gradient: &[T]) -> Vec<T> {
        self.transform(gradient, |k| self.weight(k))
    }

    /// The transform of pixels, each column of waves multiplied by its weight.
    fn transform<T: FftNum>(&self, pixels: &[T], weight: impl Fn(usize) -> f64) -> Vec<T> {
        let [channels, height, width] = self.shape;
        let half = self.half();
        let down = FftPlanner::new().plan_fft_forward(height);
        let across = RealFftPlanner::new().plan_fft_forward(width);
        let mut waves = vec![T::zero(); channels * 2 * height * half];
        let mut row = vec![T::zero(); width];
        let mut rows = vec![Complex::new(T::zero(), T::zero()); height * half];
        let mut column = vec![Complex::new(T::zero(), T::zero()); height];
        let planes = waves.chunks_exact_mut(2 * height * half);
        for (waves, pixels) in planes.zip(pixels.chunks_exact(height * width)) {
            for (rows, pixels) in rows.chunks_exact_mut(half).zip(pixels.chunks_exact(width)) {
                row.copy_from_slice(pixels);
                let _ = across.process(&mut row, rows);
            }
            for k in 0..half {
                for (j, value) in column.iter_mut().enumerate() {
                    *value = rows[j * half + k];
                }
                down.process(&mut column);
                let weight = T::from_f64(weight(k)).unwrap_or_else(T::zero);
                for (j, value) in column.iter().enumerate() {
                    let at = 2 * (j * half + k);
                    waves[at] = value.re * weight;
                    waves[at + 1] = value.im * weight;
                }
            }
        }
        waves
    }
}

impl CustomOp1 for Inverse {
    fn name(&self) -> &'static str {
        "spectrum"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> candle_core::Result<(CpuStorage, Shape)> {
        let Some((from, to)) = layout.contiguous_offsets() else {
            bail!("spectrum: its input is not contiguous");
        };
        let y = match x {
            CpuStorage::F32(x) => CpuStorage::F32(self.forward(&x[from..to])),
            CpuStorage::F64(x) => CpuStorage::F64(self.forward(&x[from..to])),
            _ => bail!("spectrum computes in F32 and F64"),
        };
        Ok((y, Shape::from(self.shape.to_vec())))
    }

    fn bwd(&self, x: &Tensor, _y: &Tensor, dy: &Tensor) -> candle_core::Result<Option<Tensor>> {
        let dy = dy.flatten_all()?;
        let dx = match dy.dtype() {
            DType::F64 => {
                Tensor::from_vec(self.backward(&dy.to_vec1::<f64>()?), x.shape(), x.device())?
            }
            _ => Tensor::from_vec(self.backward(&dy.to_vec1::<f32>()?), x.shape(), x.device())?,
        };
        Ok(Some(dx))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    #[test]
    fn the_gradient_is_right_for_even_and_odd_sides() {
        for (height, width) in [(4, 6), (5, 7), (3, 4), (1, 1), (1, 2)] {
            let waves = gradcheck::values((2, height, width / 2 + 1, 2), 7);
            gradcheck::check("spectrum", &[waves], |t| Ok(spectrum(&t[0], width).unwrap()));
        }
    }

    #[test]
    fn a_wave_is_a_wave() {
        // The second row of frequencies, of a picture of 4 × 4: cos(2π r / 4).
        let mut waves = vec![0f64; 4 * 3 * 2];
        waves[2 * 3] = 16.0;
        let waves = Tensor::from_vec(waves, (1, 4, 3, 2), &Device::Cpu).unwrap();
        let picture = spectrum(&waves, 4).unwrap().to_vec3::<f64>().unwrap();
        for (row, expected) in picture[0].iter().zip([1.0, 0.0, -1.0, 0.0]) {
            assert!(row.iter().all(|x| (x - expected).abs() < 1e-12), "{row:?}");
        }
        assert!(spectrum(&waves, 6).is_err());
    }

    #[test]
    fn pixels_are_their_waves() {
        for (height, width) in [(4, 6), (5, 7), (1, 1), (1, 2)] {
            let pixels = gradcheck::values((2, height, width), 5);
            let again = spectrum(&waves(&pixels).unwrap(), width).unwrap();
            let apart = (again - pixels).unwrap().abs().unwrap().max_all().unwrap();
            assert!(apart.to_scalar::<f64>().unwrap() < 1e-12);
        }
    }

    #[test]
    fn low_waves_are_large() {
        let scales = scales(4, 6);
        // The mean counts as the lowest frequency that there is, 1/6.
        assert_eq!(scales[0], 24f64.sqrt() * 6.0 / 4.0);
        assert_eq!((scales.len(), scales[4]), (16, 24f64.sqrt() * 4.0 / 4.0));
        // Rows beyond the middle are the negative frequencies.
        assert_eq!(scales[12], scales[4]);
    }
}
