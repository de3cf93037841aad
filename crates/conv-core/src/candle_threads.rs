//! The threads that candle has beside rayon's.
#![allow(unsafe_code)]

/// Has candle's own operations use so many threads, and its waiting ones sleep soon.
///
/// candle shares large elementwise operations out to threads of its own, one a core whatever rayon
/// has, which then wait in a loop for the next one for half a millisecond: on two cores they take
/// turns with the kernels' threads. Its matrix products are cut for as many threads as there are
/// cores, too. Programs call this at their start. It sets `CANDLE_NUM_THREADS`,
/// `CANDLE_BARRIER_POOL_SPIN_LIMIT` and `RAYON_NUM_THREADS` where they are not set yet, and does
/// nothing where another thread is running already or where the system does not say so.
pub fn limit_candle_threads(threads: usize) {
    /// Turns of the loop: some ten microseconds.
    const SPIN_LIMIT: usize = 1000;
    let is_alone = std::fs::read_dir("/proc/self/task").is_ok_and(|threads| threads.count() == 1);
    let settings = [
        ("CANDLE_NUM_THREADS", threads),
        ("CANDLE_BARRIER_POOL_SPIN_LIMIT", SPIN_LIMIT),
        ("RAYON_NUM_THREADS", threads),
    ];
    for (name, value) in settings.into_iter().filter(|_| is_alone) {
        if std::env::var_os(name).is_none() {
            // SAFETY: no other thread reads or writes the environment, since there is none.
            unsafe { std::env::set_var(name, value.to_string()) };
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn among_other_threads_nothing_is_set() {
        super::limit_candle_threads(3);
        assert!(std::env::var_os("CANDLE_BARRIER_POOL_SPIN_LIMIT").is_none());
    }
}
