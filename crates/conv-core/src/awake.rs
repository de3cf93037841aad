//! Threads that do not fall asleep between small operations.

use std::sync::atomic::{AtomicBool, Ordering};

/// Whether somebody has it already.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// Calls `work` in the thread pool, beside a thread that looks for a share of its operations until
/// it ends.
///
/// A pool's threads sleep when there is nothing to do, and waking one takes longer than an
/// operation of a few microseconds: a decoder, which asks for a dozen of those for each word, then
/// loses much of what a second thread could give. The price is a core that is busy while `work`
/// runs, so only one caller has it at a time; `work` of another, or inside of this one, is called
/// where it is.
///
/// What is computed does not depend on it.
///
/// ```
/// let sum = conv_core::cpu::awake(|| (1..=4).sum::<u32>());
/// assert_eq!(sum, 10);
/// ```
pub fn awake<R: Send>(work: impl FnOnce() -> R + Send) -> R {
    if rayon::current_num_threads() < 2 || TAKEN.swap(true, Ordering::Acquire) {
        return work();
    }
    let done = AtomicBool::new(false);
    let watch = || {
        while !done.load(Ordering::Acquire) {
            if rayon::yield_now() != Some(rayon::Yield::Executed) {
                // To other programs, if there are any.
                std::thread::yield_now();
            }
        }
    };
    let work = || {
        let _end = End(&done);
        work()
    };
    rayon::join(work, watch).0
}

/// Lets the watch end and the next caller have one, also where the work panics.
struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
        TAKEN.store(false, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_gives_what_the_work_gives_wherever_it_is_called() {
        std::thread::scope(|scope| {
            let nested = |i| awake(|| (awake(|| i), awake(|| i + 1)));
            let threads: Vec<_> = (0..8).map(|i| (i, scope.spawn(move || nested(i)))).collect();
            for (i, found) in threads {
                assert_eq!(found.join().ok(), Some((i, i + 1)));
            }
        });
    }

    #[test]
    fn a_panic_passes_and_the_next_caller_is_served() {
        for _ in 0..3 {
            let panics = || awake(|| -> u32 { panic!("expected here") });
            assert!(std::panic::catch_unwind(panics).is_err());
        }
        assert_eq!(awake(|| 1), 1);
    }
}
