//! What becomes of the memory that tensors give back.
#![allow(unsafe_code)]

/// Makes the C library's allocator keep large blocks for the next tensor instead of returning them to the system.
///
/// A tensor's memory is given back when it is dropped, and asked for anew by the next operation. glibc returns large blocks to the
/// system at once, which then has to clear every page again: a tenth to a half of the time of an elementwise operation. Programs
/// call this at their start; what a program holds is then its peak. Nothing happens where the C library is not glibc.
pub fn keep_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        use std::ffi::c_int;

        unsafe extern "C" {
            fn mallopt(parameter: c_int, value: c_int) -> c_int;
        }
        // From glibc's malloc.h: how much free memory at the heap's end is returned, and how many blocks may be outside of it.
        const TRIM_THRESHOLD: c_int = -1;
        const MMAP_MAX: c_int = -4;
        // SAFETY: both parameters take any number, may be set at any time and by any thread.
        unsafe {
            mallopt(TRIM_THRESHOLD, c_int::MAX);
            mallopt(MMAP_MAX, 0);
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn blocks_of_any_size_can_still_be_had() {
        super::keep_memory();
        for len in [1usize, 1 << 12, 1 << 20, 1 << 28] {
            let block = vec![1u8; len];
            assert_eq!(block.iter().map(|&byte| usize::from(byte)).sum::<usize>(), len);
        }
        let threads: Vec<_> =
            (0..4).map(|_| std::thread::spawn(|| vec![1u8; 1 << 27].len())).collect();
        assert!(threads.into_iter().all(|thread| thread.join().is_ok_and(|len| len == 1 << 27)));
    }
}
