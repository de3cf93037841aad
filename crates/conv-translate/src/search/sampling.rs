//! Words drawn by their probabilities.

use super::config::Sampling;
use super::top::{Candidate, Top};
use rand::Rng;

/// Draws `count` words that follow a prefix of score `base`; fewer where nothing can follow it.
pub(super) fn draw(
    sampling: &Sampling,
    row: u32,
    base: f32,
    values: &[f32],
    count: usize,
    stream: &mut impl Rng,
) -> Vec<Candidate> {
    match sampling {
        Sampling { top_k: Some(k), .. } => {
            pick(best(*k, row, base, values).into_iter(), count, stream)
        }
        Sampling { top_p: Some(p), .. } => {
            pick(nucleus(*p, row, base, values).into_iter(), count, stream)
        }
        _ => {
            let tokens = (0..).zip(values).filter(|(_, value)| **value > f32::NEG_INFINITY);
            let candidate = |(token, value): (u32, &f32)| Candidate {
                score: value + base,
                value: *value,
                row,
                token,
            };
            pick(tokens.map(candidate), count, stream)
        }
    }
}

fn pick(
    pool: impl Iterator<Item = Candidate> + Clone,
    count: usize,
    stream: &mut impl Rng,
) -> Vec<Candidate> {
    // Relative to the likeliest, so that not all are 0 at a low temperature; in f64 for the sum of
    // many small ones.
    let peak = pool.clone().map(|candidate| candidate.value).fold(f32::NEG_INFINITY, f32::max);
    let share = |candidate: &Candidate| f64::from(candidate.value - peak).exp();
    let sum: f64 = pool.clone().map(|candidate| share(&candidate)).sum();
    let one = |_| {
        let mut left = stream.random::<f64>() * sum;
        let mut last = None;
        for candidate in pool.clone() {
            last = Some(candidate);
            left -= share(&candidate);
            if left < 0.0 {
                break;
            }
        }
        last
    };
    (0..count).filter_map(one).collect()
}

fn best(size: usize, row: u32, base: f32, values: &[f32]) -> Vec<Candidate> {
    let mut top = Top::new(size.min(values.len()));
    top.scan(row, base, values);
    top.finish()
}

/// The fewest words whose probabilities reach `p`, or all.
fn nucleus(p: f64, row: u32, base: f32, values: &[f32]) -> Vec<Candidate> {
    let mut size = 64;
    loop {
        let mut pool = best(size, row, base, values);
        let mut sum = 0.0;
        let reached = pool.iter().position(|candidate| {
            sum += f64::from(candidate.value).exp();
            sum >= p
        });
        if let Some(last) = reached {
            pool.truncate(last + 1);
        }
        if reached.is_some() || size >= values.len() {
            return pool;
        }
        size *= 4;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use conv_nn::rng::seeded;

    const PROBABILITIES: [f32; 5] = [0.1, 0.4, 0.0, 0.2, 0.3];

    fn counts(sampling: Sampling) -> [usize; 5] {
        let values = PROBABILITIES.map(f32::ln);
        let mut counts = [0; 5];
        for drawn in draw(&sampling, 3, -200.0, &values, 10_000, &mut seeded(1, "test")) {
            assert_eq!((drawn.row, drawn.score), (3, drawn.value - 200.0));
            counts[drawn.token as usize] += 1;
        }
        counts
    }

    #[test]
    fn words_come_as_often_as_they_are_probable() {
        // Five standard deviations of the largest are 245.
        for (sampling, expected) in [
            (Sampling::default(), [1000, 4000, 0, 2000, 3000]),
            (Sampling { top_k: Some(2), ..Default::default() }, [0, 5714, 0, 0, 4286]),
            (Sampling { top_k: Some(9), ..Default::default() }, [1000, 4000, 0, 2000, 3000]),
            (Sampling { top_p: Some(0.3), ..Default::default() }, [0, 10_000, 0, 0, 0]),
            (Sampling { top_p: Some(0.75), ..Default::default() }, [0, 4444, 0, 2222, 3333]),
            (Sampling { top_p: Some(1.0), ..Default::default() }, [1000, 4000, 0, 2000, 3000]),
        ] {
            let counts = counts(sampling);
            for (found, expected) in counts.iter().zip(expected) {
                assert!(found.abs_diff(expected) < 250, "{sampling:?}: {counts:?}");
                assert!(expected > 0 || *found == 0, "{sampling:?}: {counts:?}");
            }
        }
    }

    #[test]
    fn nothing_is_drawn_where_nothing_follows() {
        let none = [f32::NEG_INFINITY, f32::NAN];
        let sampling = Sampling::default();
        assert!(draw(&sampling, 0, 0.0, &none, 3, &mut seeded(1, "test")).is_empty());
    }
}
