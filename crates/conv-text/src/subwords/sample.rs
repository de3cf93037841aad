//! Lines drawn evenly from a text of any length, in bounded memory.

use std::collections::BinaryHeap;

use conv_nn::rng::seeded;
use rand::RngCore;
use rand_chacha::ChaCha8Rng;

use super::SubwordConfig;

/// The longest line that is learned from, in bytes, as in SentencePiece.
const LONGEST: usize = 4192;

/// The lines a vocabulary is learned from: all of a text, or as many as may be, each with the same
/// chance.
///
/// Each line gets a random number, and those with the smallest stay: which they are depends on the
/// seed and the lines before them alone. Lines of more than 4192 bytes are left out.
#[derive(Debug)]
pub struct Sample {
    rng: ChaCha8Rng,
    most_lines: usize,
    most_bytes: usize,
    bytes: usize,
    seen: u64,
    /// The largest number on top; lines of one number (which is as good as impossible) in the order
    /// of their places.
    lines: BinaryHeap<(u64, u64, Box<str>)>,
}

impl Sample {
    /// A sample within the bounds of `config`.
    pub fn new(config: &SubwordConfig) -> Self {
        Self {
            rng: seeded(config.seed, "sample of lines"),
            most_lines: config.sample_lines,
            most_bytes: config.sample_bytes,
            bytes: 0,
            seen: 0,
            lines: BinaryHeap::new(),
        }
    }

    /// Shows it a line.
    pub fn add(&mut self, line: &str) {
        let key = self.rng.next_u64();
        self.seen += 1;
        if line.len() > LONGEST || line.trim().is_empty() {
            return;
        }
        let full = self.lines.len() >= self.most_lines || self.bytes + line.len() > self.most_bytes;
        if full && self.lines.peek().is_none_or(|(largest, ..)| key > *largest) {
            return;
        }
        self.bytes += line.len();
        self.lines.push((key, self.seen, line.into()));
        while self.lines.len() > self.most_lines || self.bytes > self.most_bytes {
            let Some((.., line)) = self.lines.pop() else { break };
            self.bytes -= line.len();
        }
    }

    /// How many lines it holds.
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// The lines, in no order that matters.
    pub(super) fn into_lines(self) -> Vec<Box<str>> {
        self.lines.into_iter().map(|(.., line)| line).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(config: &SubwordConfig, lines: impl IntoIterator<Item = String>) -> Vec<Box<str>> {
        let mut sample = Sample::new(config);
        for line in lines {
            sample.add(&line);
            assert!(sample.len() <= config.sample_lines && sample.bytes <= config.sample_bytes);
        }
        let mut lines = sample.into_lines();
        lines.sort();
        lines
    }

    #[test]
    fn a_sample_is_bounded_even_and_seeded() {
        let lines = || (0..10_000).map(|line| format!("{line:04}"));
        let config = SubwordConfig { sample_lines: 1000, ..SubwordConfig::default() };
        let drawn = sample(&config, lines());
        assert_eq!(drawn.len(), 1000);
        assert_eq!(drawn, sample(&config, lines()));
        assert_ne!(drawn, sample(&SubwordConfig { seed: 2, ..config.clone() }, lines()));
        // A tenth of each tenth, give or take four standard deviations.
        for digit in "0123456789".chars() {
            let count = drawn.iter().filter(|line| line.starts_with(digit)).count();
            assert!((62..=138).contains(&count), "{digit}: {count}");
        }
        let bytes = SubwordConfig { sample_bytes: 400, ..config };
        assert_eq!(sample(&bytes, lines()).len(), 100);
    }

    #[test]
    fn blank_and_very_long_lines_are_left_out() {
        let lines = ["a".into(), " \t".into(), "b".repeat(LONGEST), "c".repeat(LONGEST + 1)];
        let drawn = sample(&SubwordConfig::default(), lines);
        assert_eq!(drawn.len(), 2);
        assert!(drawn.iter().all(|line| !line.contains('c')));
    }
}
