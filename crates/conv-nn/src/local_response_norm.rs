//! Local response normalisation across channels.

use crate::Error;
use crate::Result;
use crate::blocks::fill_rows;
use crate::kernel::{Kernel, apply, check_real};
use crate::real::Real;
use candle_core::Tensor;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// How [`local_response_norm`] works.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LocalResponseNormConfig {
    /// Channels of a window, n. A channel lies in the middle of its own; of an even number, one
    /// more lies before it than behind.
    pub size: usize,
    /// What the mean of a window's squares is multiplied by, α.
    pub alpha: f64,
    /// The power, β.
    pub beta: f64,
    /// What is added before the power is taken, k.
    pub k: f64,
}

impl Default for LocalResponseNormConfig {
    /// AlexNet's. GoogLeNet has a k of 1.
    fn default() -> Self {
        Self { size: 5, alpha: 1e-4, beta: 0.75, k: 2.0 }
    }
}

/// yᵢ = xᵢ / (k + α/n · Σⱼ xⱼ²)^β over the n channels j around i, at each place (Krizhevsky et al.
/// 2012, section 3.3). Beyond the first and the last channel are zeros. α is divided by n, as in
/// PyTorch's `local_response_norm`, in Caffe and in the paper's own code; the paper's equation does
/// not say so.
///
/// # Shapes
/// `[B, C, …]` of f32 or f64 → the same.
///
/// # Errors
/// A window of no channels.
///
/// ```
/// use candle_core::{Device, Tensor};
/// use conv_nn::{LocalResponseNormConfig, local_response_norm};
///
/// let config = LocalResponseNormConfig { size: 3, alpha: 3.0, beta: 0.5, k: 0.0 };
/// let x = Tensor::new(&[[3f32, 4.0, 0.0, 2.0]], &Device::Cpu)?;
/// let y = local_response_norm(&x, &config)?.to_vec2::<f32>()?;
/// assert_eq!(y, [[0.6, 0.8, 0.0, 1.0]]);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn local_response_norm(x: &Tensor, config: &LocalResponseNormConfig) -> Result<Tensor> {
    let kernel = Normalise::new(x, config)?;
    if x.device().is_cpu() { apply(kernel, x) } else { kernel.composed(x) }
}

pub(crate) struct Normalise {
    config: LocalResponseNormConfig,
    channels: usize,
    places: usize,
}

impl Normalise {
    pub(crate) fn new(x: &Tensor, config: &LocalResponseNormConfig) -> Result<Self> {
        check_real(Self::NAME, "its input", x.dtype())?;
        let misfit = |expected: &str| {
            let (operation, argument) = (Self::NAME, "its input");
            let found = x.dims().to_vec();
            let expected = expected.into();
            Error::Shape { operation, argument, found, expected }
        };
        let [_, channels, places @ ..] = x.dims() else { return Err(misfit("[B, C, …]")) };
        if config.size == 0 {
            return Err(misfit("a window of at least one channel for it"));
        }
        Ok(Self { config: *config, channels: *channels, places: places.iter().product() })
    }

    /// How many channels before and behind one its window holds.
    fn sides(&self) -> [usize; 2] {
        [self.config.size / 2, (self.config.size - 1) / 2]
    }

    /// The planes of a window of so many channels before and behind a plane's own, all of its
    /// sample.
    fn window(&self, plane: usize, [before, behind]: [usize; 2]) -> Range<usize> {
        let channel = plane % self.channels;
        let first = plane - channel;
        let end = channel.saturating_add(behind).saturating_add(1).min(self.channels);
        first + channel.saturating_sub(before)..first + end
    }

    /// k + α/n · Σ x² of a plane's window.
    #[inline(always)]
    fn divisors<T: Real>(&self, x: &[T], plane: usize, out: &mut [T]) {
        let factor = T::from_f64(self.config.alpha / self.config.size as f64);
        out.fill(T::from_f64(self.config.k));
        for other in self.window(plane, self.sides()) {
            for (out, &x) in out.iter_mut().zip(&x[other * self.places..]) {
                *out += factor * x * x;
            }
        }
    }

    /// Each element to the power of -β.
    #[inline(always)]
    fn powers<T: Real>(&self, of: &mut [T]) {
        if self.config.beta == 0.75 {
            // Roots are instructions of the processor, which logarithms are not.
            for of in of {
                let root = of.sqrt();
                *of = (root * root.sqrt()).recip();
            }
        } else {
            let power = T::from_f64(-self.config.beta);
            for of in of {
                *of = of.powf(power);
            }
        }
    }

    /// Of operations whose gradients are right in candle.
    fn composed(&self, x: &Tensor) -> Result<Tensor> {
        let LocalResponseNormConfig { size, alpha, beta, k } = self.config;
        let [before, behind] = self.sides().map(|side| side.min(self.channels));
        let squares = x.sqr()?.pad_with_zeros(1, before, behind)?;
        let mut sums = x.zeros_like()?;
        for start in 0..=before + behind {
            sums = (sums + squares.narrow(1, start, self.channels)?)?;
        }
        let divisors = ((sums * (alpha / size as f64))? + k)?;
        Ok((x * divisors.powf(-beta)?)?)
    }
}

impl Kernel for Normalise {
    const NAME: &'static str = "local_response_norm";

    fn forward<T: Real>(&self, x: &[T]) -> Vec<T> {
        let places = self.places;
        fill_rows(
            x.len(),
            places,
            places,
            #[inline(always)]
            |plane, y| {
                self.divisors(x, plane, y);
                self.powers(y);
                for (y, &x) in y.iter_mut().zip(&x[plane * places..]) {
                    *y *= x;
                }
            },
        )
    }

    fn backward<T: Real>(&self, x: &[T], _y: &[T], gradient: &[T]) -> Vec<T> {
        let places = self.places;
        // Of each plane divisor^-β, and gradient · x · divisor^(-β - 1).
        let parts = fill_rows(
            2 * x.len(),
            2 * places,
            2 * places,
            #[inline(always)]
            |plane, out| {
                let (powers, moved) = out.split_at_mut(places);
                self.divisors(x, plane, powers);
                moved.copy_from_slice(powers);
                self.powers(powers);
                let arguments = x[plane * places..].iter().zip(&gradient[plane * places..]);
                for ((moved, &power), (&x, &g)) in moved.iter_mut().zip(&*powers).zip(arguments) {
                    *moved = g * x * power / *moved;
                }
            },
        );
        let LocalResponseNormConfig { size, alpha, beta, .. } = self.config;
        let factor = T::from_f64(2.0 * alpha * beta / size as f64);
        let [before, behind] = self.sides();
        fill_rows(
            x.len(),
            places,
            places,
            #[inline(always)]
            |plane, out| {
                // The windows that a channel lies in are those of the other side.
                for other in self.window(plane, [behind, before]) {
                    let moved = &parts[(2 * other + 1) * places..][..places];
                    for (out, &moved) in out.iter_mut().zip(moved) {
                        *out += moved;
                    }
                }
                let powers = &parts[2 * plane * places..][..places];
                let arguments = x[plane * places..].iter().zip(&gradient[plane * places..]);
                for ((out, &power), (&x, &g)) in out.iter_mut().zip(powers).zip(arguments) {
                    *out = g * power - factor * x * *out;
                }
            },
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{DType, Device};
    use gradcheck::values;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_gradient_is_right(
            dims in proptest::array::uniform3(0usize..6), size in 1usize..8,
            beta in prop_oneof![Just(0.75), 0.2f64..1.5], seed: u64,
        ) {
            let config = LocalResponseNormConfig { size, alpha: 1.5, beta, k: 0.5 };
            gradcheck::check("local_response_norm", &[values(dims.to_vec(), seed)], |t| {
                Ok(local_response_norm(&t[0].transpose(0, 2)?, &config)?)
            });
        }
    }

    #[test]
    fn the_composition_agrees_in_value_and_gradient() {
        for (size, beta) in [(1, 0.75), (2, 0.75), (4, 1.0), (5, 0.75), (5, 0.5), (20, 0.75)] {
            let config = LocalResponseNormConfig { size, alpha: 1.5, beta, k: 0.5 };
            gradcheck::check_same(
                "local_response_norm",
                &[values((2, 7, 3, 5), 1)],
                |t| Ok(local_response_norm(&t[0], &config)?),
                |t| Ok(Normalise::new(&t[0], &config)?.composed(&t[0])?),
            );
        }
    }

    #[test]
    fn what_it_cannot_take_is_refused_by_name() -> candle_core::Result<()> {
        let text = |x: &Tensor, size| {
            let config = LocalResponseNormConfig { size, ..Default::default() };
            local_response_norm(x, &config).err().map(|e| e.to_string()).unwrap_or_default()
        };
        let expected = "local_response_norm: its input has shape [3], expected [B, C, …]";
        assert_eq!(text(&values(3, 1), 5), expected);
        let expected = "local_response_norm: its input has shape [1, 3], expected a window of at least one channel for it";
        assert_eq!(text(&values((1, 3), 1), 0), expected);
        let half = Tensor::zeros((1, 3), DType::F16, &Device::Cpu)?;
        let expected = "local_response_norm: its input is F16, expected F32 or F64";
        assert_eq!(text(&half, 5), expected);
        assert_eq!(text(&values((2, 3, 4), 1), usize::MAX), "");
        Ok(())
    }
}
