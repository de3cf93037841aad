//! How exactly convolutions are computed.

use std::cell::Cell;

/// How exactly convolutions of f32 are computed on the CPU.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Precision {
    /// By the fastest kernel. Kernels of 3, 4 or 5 taps an axis and stride 1, in one dimension (or of height 1) and in two, by
    /// Winograd's algorithm (Lavin and Gray 2016) where there are channels enough, with errors of up to 3e-5 of
    /// the largest value (a little more where single outliers are a thousand times the rest).
    #[default]
    Fast,
    /// By products and sums as the definition has them, whose errors are mostly 4 to 80 times smaller, the more the more
    /// channels there are (hardly smaller for kernels that sum to zero on an image far from it). A sample's result is the same bits whatever else is in the batch.
    Exact,
}

thread_local! {
    static CURRENT: Cell<Precision> = const { Cell::new(Precision::Fast) };
}

impl Precision {
    /// Calls `work` with this precision for the convolutions that it calls on this thread. Their backward passes have it too, also
    /// when they run later.
    ///
    /// ```
    /// use candle_core::{DType, Device, Tensor};
    /// use conv_core::{Conv2dConfig, Precision, conv2d};
    ///
    /// let x = Tensor::ones((8, 32, 28, 28), DType::F32, &Device::Cpu)?;
    /// let weight = Tensor::ones((32, 32, 3, 3), DType::F32, &Device::Cpu)?;
    /// let y = Precision::Exact.with(|| conv2d(&x, &weight, None, &Conv2dConfig::default()))?;
    /// assert_eq!(y.max_all()?.to_scalar::<f32>()?, 288.0);
    /// # Ok::<(), conv_core::Error>(())
    /// ```
    pub fn with<R>(self, work: impl FnOnce() -> R) -> R {
        /// Sets the precision back, also where `work` panics.
        struct Before(Precision);
        impl Drop for Before {
            fn drop(&mut self) {
                CURRENT.set(self.0);
            }
        }
        let _before = Before(CURRENT.replace(self));
        work()
    }

    /// The precision on this thread.
    pub fn current() -> Self {
        CURRENT.get()
    }
}
