//! A unigram language model of pieces (Kudo 2018), trained by the `tokenizers` crate.

use tokenizers::models::unigram::{Unigram, UnigramTrainer};
use tokenizers::{AddedToken, Result};

use super::SPECIALS;

/// What the crate puts between the scores of characters that it keeps only because the text has
/// them.
const STEP: f64 = 0.0001;

/// The model of at most `vocabulary` tokens, special ones first. `words` are distinct, in an order
/// that is always the same.
///
/// The crate adds up in as many parts as there are threads: here one, so that the sums are always
/// the same.
pub(super) fn train(words: Vec<(String, u64)>, vocabulary: usize) -> Result<Unigram> {
    // It counts in 32 bits.
    let total: u64 = words.iter().map(|(_, count)| count).sum();
    let scale = total / (1 << 31) + 1;
    let count = |count: u64| u32::try_from((count / scale).max(1)).unwrap_or(u32::MAX);
    let words = words.into_iter().map(|(word, times)| (word, count(times))).collect();
    let trainer = UnigramTrainer::builder()
        .show_progress(false)
        .vocab_size(u32::try_from(vocabulary)?)
        .special_tokens(SPECIALS.map(|name| AddedToken::from(name, true)).to_vec())
        .unk_token(Some("<unk>".into()))
        .build()?;
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
    let mut model = Unigram::default();
    pool.install(|| trainer.do_train(words, &mut model))?;
    let pieces = model.iter().skip(SPECIALS.len());
    let pieces = pieces.filter(|(piece, _)| !SPECIALS.contains(&piece.as_str())).cloned().collect();
    let specials = SPECIALS.map(|name| (name.to_owned(), 0.0));
    Unigram::from(specials.into_iter().chain(in_one_order(pieces)).collect(), Some(3), false)
}

/// Settles what the crate leaves to the order of a map seeded at random: which of the characters
/// that no word needs gets which of the lowest scores, and the order of equal scores.
fn in_one_order(mut pieces: Vec<(String, f64)>) -> Vec<(String, f64)> {
    let lowest = pieces.iter().map(|(_, score)| *score).fold(f64::INFINITY, f64::min);
    let alone = |piece: &str| piece.chars().nth(1).is_none();
    let count =
        |score: f64| pieces.iter().filter(|(piece, found)| alone(piece) && *found == score).count();
    // The first of them has the lowest score, which characters that are needed may have as well.
    let mut scores = vec![lowest; count(lowest)];
    let mut penalty = STEP;
    while count(lowest + penalty) == 1 {
        scores.push(lowest + penalty);
        penalty += STEP;
    }
    let mut lowest: Vec<&mut (String, f64)> =
        pieces.iter_mut().filter(|(piece, score)| alone(piece) && scores.contains(score)).collect();
    lowest.sort_by(|(piece, _), (other, _)| piece.cmp(other));
    for (piece, score) in lowest.into_iter().zip(scores) {
        piece.1 = score;
    }
    pieces.sort_by(|(piece, score), (other, theirs)| {
        theirs.total_cmp(score).then_with(|| piece.cmp(other))
    });
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_that_share_the_lowest_scores_are_given_them_in_order() {
        let piece = |piece: &str, score| (piece.to_owned(), score);
        let first =
            [piece("ab", -1.0), piece("y", -9.0 + STEP), piece("z", -9.0), piece("d", -1.0)];
        let second =
            [piece("d", -1.0), piece("z", -9.0 + STEP), piece("ab", -1.0), piece("y", -9.0)];
        let expected =
            [piece("ab", -1.0), piece("d", -1.0), piece("z", -9.0 + STEP), piece("y", -9.0)];
        assert_eq!(in_one_order(first.to_vec()), expected);
        assert_eq!(in_one_order(second.to_vec()), expected);
        // Two needed ones, `a` and `b`, share the score that the first of the others gets.
        let shared = |of_c: f64, of_d: f64, of_e: f64| {
            let scores =
                [("e", of_e), ("a", -9.0), ("c", of_c), ("ab", -1.0), ("b", -9.0), ("d", of_d)];
            in_one_order(scores.map(|(text, score)| piece(text, score)).to_vec())
        };
        let settled = shared(-9.0, -9.0 + STEP, -9.0 + STEP + STEP);
        assert_eq!(settled, shared(-9.0 + STEP + STEP, -9.0, -9.0 + STEP));
        assert_eq!(settled, shared(-9.0 + STEP, -9.0 + STEP + STEP, -9.0));
    }
}
