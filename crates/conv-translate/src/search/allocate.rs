//! How a beam is shared out when phrases must come (Post and Vilar 2018, section 3.2).

use super::constraints::Progress;
use super::top::Candidate;

/// The best `size` of `candidates`, taken in turns from those with the most tokens of phrases,
/// those with fewer, and so on; `progress` is that of each row.
pub(super) fn allocate(
    candidates: Vec<Candidate>,
    progress: &[&Progress],
    size: usize,
) -> Vec<Candidate> {
    let bank = |c: Candidate| (progress[c.row as usize].advance(c.token).bank(), c);
    let mut banked: Vec<(usize, Candidate)> = candidates.into_iter().map(bank).collect();
    banked.sort_by(|(a, x), (b, y)| b.cmp(a).then(x.order(y)));
    banked.dedup_by_key(|(_, candidate)| (candidate.row, candidate.token));
    let mut turns = Vec::with_capacity(banked.len());
    let (mut turn, mut before) = (0, None);
    for (bank, candidate) in banked {
        turn = if before == Some(bank) { turn + 1 } else { 0 };
        before = Some(bank);
        turns.push((turn, candidate));
    }
    // Stable: in a turn the fullest bank stays first.
    turns.sort_by_key(|(turn, _)| *turn);
    turns.into_iter().map(|(_, candidate)| candidate).take(size).collect()
}

#[cfg(test)]
mod tests {
    use super::super::config::Constraints;
    use super::*;

    #[test]
    fn banks_take_turns() {
        let start = Progress::new(Constraints::Ordered, &[vec![5, 6]]);
        let begun = start.advance(5);
        let of = |(row, token, score): (u32, u32, f32)| Candidate { score, value: 0.0, row, token };
        let candidates =
            [(0, 9, -1.0), (0, 8, -2.0), (0, 5, -9.0), (1, 6, -8.0), (1, 6, -8.0), (0, 7, -0.5)];
        let order = allocate(candidates.map(of).into(), &[&start, &begun], 4);
        let tokens: Vec<u32> = order.iter().map(|candidate| candidate.token).collect();
        // Two tokens, one, none; then the second best with none.
        assert_eq!(tokens, [6, 5, 7, 9]);
    }
}
