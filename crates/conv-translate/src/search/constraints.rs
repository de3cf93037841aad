//! Phrases that a translation must contain, and how far a prefix is with them (Post and Vilar 2018;
//! the trie of Hu et al. 2019). The rules of what counts as progress are fairseq's, so that scores
//! equal its own.

use super::config::Constraints;
use std::sync::Arc;

/// How far a prefix is with the phrases of its sentence.
#[derive(Debug, Clone)]
pub(super) enum Progress {
    Ordered(Ordered),
    Unordered(Unordered),
}

impl Progress {
    /// Of the empty prefix. No phrase is empty.
    pub fn new(order: Constraints, phrases: &[Vec<u32>]) -> Self {
        match order {
            Constraints::Ordered => Self::Ordered(Ordered::new(phrases)),
            Constraints::Unordered => Self::Unordered(Unordered::new(phrases)),
        }
    }

    /// Tokens of phrases that the prefix has: its bank.
    pub fn bank(&self) -> usize {
        match self {
            Self::Ordered(ordered) => ordered.count,
            Self::Unordered(unordered) => unordered.reached.iter().sum(),
        }
    }

    /// Whether it contains all phrases.
    pub fn is_finished(&self) -> bool {
        match self {
            Self::Ordered(ordered) => ordered.count == ordered.sequence.len(),
            Self::Unordered(unordered) => unordered.is_finished(),
        }
    }

    /// Tokens that are worth a trial.
    pub fn next_tokens(&self) -> Vec<u32> {
        match self {
            Self::Ordered(ordered) => ordered.next_tokens(),
            Self::Unordered(unordered) => unordered.next_tokens(),
        }
    }

    /// Of the prefix with one more token.
    pub fn advance(&self, token: u32) -> Self {
        match self {
            Self::Ordered(ordered) => Self::Ordered(ordered.advance(token)),
            Self::Unordered(unordered) => Self::Unordered(unordered.advance(token)),
        }
    }
}

/// Through the phrases one after the other, with anything between them.
#[derive(Debug, Clone)]
pub(super) struct Ordered {
    /// Each token, and whether a phrase ends with it.
    sequence: Arc<[(u32, bool)]>,
    count: usize,
}

impl Ordered {
    fn new(phrases: &[Vec<u32>]) -> Self {
        let of_phrase = |phrase: &Vec<u32>| {
            let last = phrase.len() - 1;
            phrase.iter().enumerate().map(|(i, token)| (*token, i == last)).collect::<Vec<_>>()
        };
        Self { sequence: phrases.iter().flat_map(of_phrase).collect(), count: 0 }
    }

    fn next_tokens(&self) -> Vec<u32> {
        let next = self.sequence.get(self.count);
        let again = self.sequence.first().filter(|_| self.count > 1);
        again.into_iter().chain(next).map(|(token, _)| *token).collect()
    }

    fn advance(&self, token: u32) -> Self {
        let is_between = self.count == 0 || self.sequence[self.count - 1].1;
        let count = match self.sequence.get(self.count) {
            None => self.count,
            Some((next, _)) if *next == token => self.count + 1,
            Some(_) if is_between => self.count,
            // A broken phrase takes everything back, as in fairseq.
            Some(_) => usize::from(self.sequence[0].0 == token),
        };
        Self { sequence: self.sequence.clone(), count }
    }
}

/// The phrases as paths from node 0.
#[derive(Debug)]
struct Node {
    parent: usize,
    children: Vec<(u32, usize)>,
    /// Phrases that end here.
    ends: usize,
    /// Phrases that lead through here or end here.
    phrases: usize,
}

/// Through the phrases in any order.
#[derive(Debug, Clone)]
pub(super) struct Unordered {
    trie: Arc<[Node]>,
    /// Where in a phrase the prefix ends; 0 where in none.
    node: usize,
    /// How often each node was reached, less what was taken back.
    reached: Vec<usize>,
    /// Phrases that ended at each node and were left behind.
    completed: Vec<usize>,
}

impl Unordered {
    fn new(phrases: &[Vec<u32>]) -> Self {
        let node = |parent| Node { parent, children: Vec::new(), ends: 0, phrases: 0 };
        let mut trie = vec![node(0)];
        for phrase in phrases {
            let mut at = 0;
            trie[at].phrases += 1;
            for token in phrase {
                at = child(&trie[at], *token).unwrap_or_else(|| {
                    trie.push(node(at));
                    let new = trie.len() - 1;
                    trie[at].children.push((*token, new));
                    new
                });
                trie[at].phrases += 1;
            }
            trie[at].ends += 1;
        }
        let none = vec![0; trie.len()];
        Self { trie: trie.into(), node: 0, reached: none.clone(), completed: none }
    }

    fn is_finished(&self) -> bool {
        let ends_now = self.completed[self.node] < self.trie[self.node].ends;
        let completed: usize = self.completed.iter().sum();
        completed + usize::from(ends_now) == self.trie[0].phrases
    }

    fn next_tokens(&self) -> Vec<u32> {
        let of_node = |node: usize| self.trie[node].children.iter().map(|(token, _)| *token);
        let mut tokens: Vec<u32> = of_node(0).collect();
        if self.node != 0 {
            tokens.extend(of_node(self.node));
        }
        tokens.sort_unstable();
        tokens.dedup();
        tokens
    }

    /// The child of `node` by `token`, unless all its phrases are under way or done.
    fn open(&self, node: usize, token: u32) -> Option<usize> {
        let child = child(&self.trie[node], token)?;
        (self.reached[child] < self.trie[child].phrases).then_some(child)
    }

    fn advance(&self, token: u32) -> Self {
        let mut next = self.clone();
        if let Some(child) = self.open(self.node, token) {
            next.node = child;
            next.reached[child] += 1;
            return next;
        }
        next.node = self.open(0, token).unwrap_or(0);
        if next.node != 0 {
            next.reached[next.node] += 1;
        }
        // What was under way counts as far as its longest beginning that is a phrase; the rest is
        // taken back.
        let mut node = self.node;
        while node != 0 {
            if self.completed[node] < self.trie[node].ends {
                next.completed[node] += 1;
                break;
            }
            next.reached[node] -= 1;
            node = self.trie[node].parent;
        }
        next
    }
}

fn child(node: &Node, token: u32) -> Option<usize> {
    node.children.iter().find(|(label, _)| *label == token).map(|(_, child)| *child)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use proptest::test_runner::FileFailurePersistence::Off;

    fn after(order: Constraints, phrases: &[Vec<u32>], words: &[u32]) -> Progress {
        words.iter().fold(Progress::new(order, phrases), |progress, word| progress.advance(*word))
    }

    #[test]
    fn progress_is_counted_in_tokens() {
        let phrases = [vec![5, 6], vec![7]];
        for (order, words, bank, is_finished) in [
            (Constraints::Ordered, &[5, 6, 9, 7][..], 3, true),
            (Constraints::Ordered, &[7, 5, 6], 2, false),
            (Constraints::Ordered, &[5, 9], 0, false),
            (Constraints::Ordered, &[5, 5, 6], 2, false),
            (Constraints::Unordered, &[7, 5, 6], 3, true),
            (Constraints::Unordered, &[5, 9, 7], 1, false),
            (Constraints::Unordered, &[5, 7, 5, 6, 9], 3, true),
            (Constraints::Unordered, &[7, 7, 7], 1, false),
        ] {
            let progress = after(order, &phrases, words);
            assert_eq!((progress.bank(), progress.is_finished()), (bank, is_finished), "{words:?}");
        }
    }

    #[test]
    fn a_phrase_may_come_twice_and_begin_another() {
        let phrases = [vec![5], vec![5, 6], vec![5]];
        let finished = |words: &[u32]| after(Constraints::Unordered, &phrases, words).is_finished();
        assert!(finished(&[5, 6, 5, 5]) && finished(&[5, 9, 5, 6, 5]));
        assert!(!finished(&[5, 6, 5]) && !finished(&[5, 5, 5]));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: Some(Box::new(Off)), ..Default::default() })]
        #[test]
        fn what_is_finished_contains_every_phrase_and_can_be_reached(
            phrases in prop::collection::vec(prop::collection::vec(4..7u32, 1..4), 0..4),
            words in prop::collection::vec(4..8u32, 0..12),
        ) {
            let tokens: usize = phrases.iter().map(Vec::len).sum();
            for order in [Constraints::Ordered, Constraints::Unordered] {
                let mut progress = Progress::new(order, &phrases);
                let mut text = words.clone();
                for word in &words {
                    progress = progress.advance(*word);
                    prop_assert!(progress.bank() <= tokens);
                }
                // From everywhere some next token leads on, so the best bank of a beam rises until
                // all phrases are there.
                while !progress.is_finished() {
                    let next = progress.next_tokens().into_iter().max_by_key(|token| progress.advance(*token).bank());
                    let next = next.expect("a phrase is missing");
                    prop_assert!(progress.advance(next).bank() > progress.bank());
                    text.push(next);
                    progress = progress.advance(next);
                }
                for phrase in &phrases {
                    prop_assert!(text.windows(phrase.len()).any(|window| window == phrase), "{order:?}");
                }
            }
        }
    }
}
