//! The size of the thread pool. Results do not depend on it.

use crate::{Error, Result};
use conv_hub::InvalidField;

/// Gives rayon's global pool `threads` threads, once, before anything runs on it, and [candle's
/// own](conv_core::cpu::limit_candle_threads) as many.
///
/// # Errors
/// No threads, or a pool that was built before with another number.
pub fn set_threads(threads: usize) -> Result<()> {
    if threads == 0 {
        return Err(Error::from(InvalidField::new("threads", "0", "at least 1")));
    }
    conv_core::cpu::limit_candle_threads(threads);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
    // The caller is one of them: it works along instead of waiting. Not where it would be the only
    // one, for which other threads would then wait.
    let built = if threads > 1 { pool.use_current_thread() } else { pool }.build_global();
    let present = rayon::current_num_threads();
    match built {
        Err(_) if present != threads => Err(Error::Threads { wanted: threads, present }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pool_is_built_once_and_another_size_is_refused_by_both_numbers() {
        let present = rayon::current_num_threads();
        assert!(set_threads(present).is_ok());
        let message = set_threads(present + 1).err().map(|error| error.to_string());
        let expected =
            format!("cannot set {} threads: the pool already runs with {present}", present + 1);
        assert_eq!(message, Some(expected));
        assert!(set_threads(0).is_err());
    }
}
