//! No sequence of words twice (Paulus et al. 2018, section 2.5). So does fairseq's code for GPUs;
//! its code for CPUs looks at the end of its buffer instead of the prefix's, and forbids nothing
//! before the last words.

/// Forbids the words that would complete a sequence of `size` words that `words` already has. The
/// end is never among them.
pub(super) fn forbid_repeats(size: usize, words: &[u32], values: &mut [f32]) {
    let Some(last) = words.len().checked_sub(size.wrapping_sub(1)) else { return };
    for window in words.windows(size) {
        if window[..size - 1] == words[last..] {
            values[window[size - 1] as usize] = f32::NEG_INFINITY;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::forbid_repeats;

    #[test]
    fn only_what_would_repeat_is_forbidden() {
        let forbidden = |size, words: &[u32]| {
            let mut values = [0.0; 10];
            forbid_repeats(size, words, &mut values);
            (0..10).filter(|i| values[*i] != 0.0).collect::<Vec<_>>()
        };
        assert_eq!(forbidden(3, &[4, 5, 6, 4, 5, 7, 4, 5]), [6, 7]);
        assert_eq!(forbidden(3, &[4, 5, 6, 5]), [0; 0]);
        assert_eq!(forbidden(2, &[4, 4]), [4]);
        assert_eq!(forbidden(2, &[4]), [0; 0]);
        assert_eq!(forbidden(2, &[]), [0; 0]);
        assert_eq!(forbidden(1, &[7, 4]), [4, 7]);
        assert_eq!(forbidden(9, &[7, 4]), [0; 0]);
    }
}
