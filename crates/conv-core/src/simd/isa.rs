//! Which instruction set the kernels use.

use std::fmt;
use std::str::FromStr;
use std::sync::atomic::{AtomicU8, Ordering};

use crate::{Error, Result};

/// A set of vector instructions that the CPU kernels are compiled for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum InstructionSet {
    /// What every processor of the architecture has.
    Portable,
    /// 128-bit registers of aarch64.
    Neon,
    /// 256-bit registers of x86-64, with fused multiply-add.
    Avx2,
    /// 512-bit registers of x86-64.
    Avx512,
}

/// The set in use, or [`UNKNOWN`] before the first kernel has run.
static IN_USE: AtomicU8 = AtomicU8::new(UNKNOWN);
const UNKNOWN: u8 = u8::MAX;

impl InstructionSet {
    /// All sets, the plainest first.
    pub const ALL: [Self; 4] = [Self::Portable, Self::Neon, Self::Avx2, Self::Avx512];

    /// The sets that this processor has.
    pub fn available() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|set| set.is_available())
    }

    /// The set that kernels use: the one of [`force`](Self::force), else of the environment's `CONVOKE_ISA` (portable, neon, avx2
    /// or avx512) if the processor has it, else the processor's best.
    pub fn in_use() -> Self {
        let number = IN_USE.load(Ordering::Relaxed);
        if let Some(set) = Self::ALL.into_iter().find(|set| *set as u8 == number) {
            return set;
        }
        let asked = std::env::var("CONVOKE_ISA").ok().and_then(|name| name.parse().ok());
        let best = || Self::available().max().unwrap_or(Self::Portable);
        let set = asked.filter(|set: &Self| set.is_available()).unwrap_or_else(best);
        IN_USE.store(set as u8, Ordering::Relaxed);
        set
    }

    /// Runs `work` compiled for the [set in use](Self::in_use), so that the compiler turns its loops into vectors of that set.
    ///
    /// That is for plain loops outside of this crate: what is to profit must be inlined into `work`, and `work` itself be a closure
    /// marked `#[inline(always)]`. Results are the same for every set, since the compiler does not reorder sums.
    ///
    /// ```
    /// let (a, b) = ([1f32, 2.0, 3.0], [4f32, 5.0, 6.0]);
    /// let mut sums = [0f32; 3];
    /// conv_core::InstructionSet::vectorize(#[inline(always)] || {
    ///     for (sum, (a, b)) in sums.iter_mut().zip(a.iter().zip(&b)) {
    ///         *sum = a + b;
    ///     }
    /// });
    /// assert_eq!(sums, [5.0, 7.0, 9.0]);
    /// ```
    #[inline]
    pub fn vectorize<R>(work: impl FnOnce() -> R) -> R {
        super::vectorize_f32(Self::in_use(), super::Plain(work))
    }

    /// Makes kernels use this set from now on, in all threads. Results of different sets differ by rounding.
    ///
    /// # Errors
    /// [`Error::InstructionSet`] where the processor does not have it.
    pub fn force(self) -> Result<()> {
        if !self.is_available() {
            return Err(Error::InstructionSet { found: self.to_string() });
        }
        IN_USE.store(self as u8, Ordering::Relaxed);
        Ok(())
    }

    fn is_available(self) -> bool {
        match self {
            Self::Portable => true,
            Self::Neon => cfg!(target_arch = "aarch64"),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => Self::Avx2.is_available() && is_x86_feature_detected!("avx512f"),
            #[cfg(not(target_arch = "x86_64"))]
            Self::Avx2 | Self::Avx512 => false,
        }
    }
}

impl fmt::Display for InstructionSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Portable => "portable",
            Self::Neon => "neon",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
        })
    }
}

impl FromStr for InstructionSet {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        let named = |set: &Self| set.to_string() == name;
        let unknown = || Error::InstructionSet { found: name.into() };
        Self::ALL.into_iter().find(named).ok_or_else(unknown)
    }
}
