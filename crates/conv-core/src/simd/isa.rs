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

    /// The set that the environment's `CONVOKE_ISA` asks for: portable, neon, avx2 or avx512.
    ///
    /// # Errors
    /// [`Error::InstructionSet`] for another word, or a set that the processor does not have.
    pub fn asked_for() -> Result<Option<Self>> {
        let Some(name) = std::env::var_os("CONVOKE_ISA") else { return Ok(None) };
        let set: Self = name.to_string_lossy().parse()?;
        set.available_or_error().map(Some)
    }

    /// The set that kernels use, from the first on: the one of [`force`](Self::force), else the one [asked
    /// for](Self::asked_for), else, or where that cannot be, the processor's best.
    pub fn in_use() -> Self {
        let known = Self::resolved();
        known.unwrap_or_else(|| {
            let best = || Self::available().max().unwrap_or(Self::Portable);
            Self::asked_for().ok().flatten().unwrap_or_else(best).resolve()
        })
    }

    /// What kernels use, if one has run.
    fn resolved() -> Option<Self> {
        let number = IN_USE.load(Ordering::Relaxed);
        Self::ALL.into_iter().find(|set| *set as u8 == number)
    }

    /// Makes it the set in use unless there is one; gives the one that is.
    fn resolve(self) -> Self {
        let order = Ordering::Relaxed;
        let before = IN_USE.compare_exchange(UNKNOWN, self as u8, order, order);
        if before.is_ok() { self } else { Self::resolved().unwrap_or(self) }
    }

    /// Runs `work` compiled for the [set in use](Self::in_use), so that the compiler turns its
    /// loops into vectors of that set.
    ///
    /// That is for plain loops outside of this crate: what is to profit must be inlined into
    /// `work`, and `work` itself be a closure marked `#[inline(always)]`. Results are the same for
    /// every set, since the compiler does not reorder sums.
    ///
    /// ```
    /// let (a, b) = ([1f32, 2.0, 3.0], [4f32, 5.0, 6.0]);
    /// let mut sums = [0f32; 3];
    /// conv_core::cpu::InstructionSet::vectorize(#[inline(always)] || {
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

    /// Makes kernels use this set, in all threads. It is to be called before the first of them
    /// runs: one that began with another would go on with this. Results of different sets differ by
    /// rounding.
    ///
    /// # Errors
    /// [`Error::InstructionSet`] where the processor does not have it,
    /// [`Error::InstructionSetInUse`] where kernels already use another.
    pub fn force(self) -> Result<()> {
        match self.available_or_error()?.resolve() {
            used if used == self => Ok(()),
            used => Err(Error::InstructionSetInUse { found: self, used }),
        }
    }

    fn available_or_error(self) -> Result<Self> {
        let there = self.is_available().then_some(self);
        there.ok_or_else(|| Error::InstructionSet { found: self.to_string() })
    }

    pub(super) fn is_available(self) -> bool {
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
        let named = |set: &Self| set.to_string().eq_ignore_ascii_case(name);
        let unknown = || Error::InstructionSet { found: name.into() };
        Self::ALL.into_iter().find(named).ok_or_else(unknown)
    }
}
