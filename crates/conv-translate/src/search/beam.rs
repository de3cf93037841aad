//! The beam of one sentence. When a prefix ends and when the search does is as in fairseq.

use super::allocate::allocate;
use super::blocking::forbid_repeats;
use super::constraints::Progress;
use super::sampling::draw;
use super::top::{Candidate, Top};
use super::{Hypothesis, Request, SearchConfig};
use crate::{END, PAD, UNKNOWN};
use conv_nn::rng::seeded;

pub(super) struct Beam<'a> {
    config: &'a SearchConfig,
    request: &'a Request,
    /// Words at most.
    longest: usize,
    /// Words so far.
    length: usize,
    /// One, unless the beam is diverse.
    groups: Vec<Group>,
    /// What each group may keep.
    width: usize,
    nodes: Vec<Node>,
    /// Shares of S source tokens, a row for each prefix and step.
    attention: Vec<f32>,
}

#[derive(Default)]
struct Group {
    rows: Vec<Row>,
    /// Scores and last nodes.
    finished: Vec<(f32, usize)>,
}

/// A prefix that goes on.
struct Row {
    /// Its row among the sentence's in the network, and the row that it went on from.
    slot: usize,
    origin: usize,
    score: f32,
    /// Its last word; none before the first.
    node: Option<usize>,
    /// With what must come, if anything.
    progress: Option<Progress>,
}

/// A word of a prefix, or its end.
struct Node {
    parent: Option<usize>,
    token: u32,
    value: f32,
    /// Where its row begins.
    attention: usize,
}

/// What the network says of the sentence's rows.
#[derive(Clone, Copy)]
pub(super) struct Said<'a> {
    /// V a row.
    pub values: &'a [f32],
    /// At least S a row, `stride` from one row to the next.
    pub attention: &'a [f32],
    pub stride: usize,
}

impl<'a> Beam<'a> {
    /// Of the empty prefix.
    pub fn new(config: &'a SearchConfig, request: &'a Request, longest: usize) -> Self {
        let Request { constraints, .. } = request;
        let progress = || Some(Progress::new(config.constraints, constraints));
        let group = || {
            let progress = if constraints.is_empty() { None } else { progress() };
            let row = Row { slot: 0, origin: 0, score: 0.0, node: None, progress };
            Group { rows: vec![row], finished: Vec::new() }
        };
        Self {
            config,
            request,
            longest,
            length: 0,
            groups: (0..config.diverse_groups).map(|_| group()).collect(),
            width: config.beam / config.diverse_groups,
            nodes: Vec::new(),
            attention: Vec::new(),
        }
    }

    /// The row that each prefix went on from, and its last word.
    pub fn rows(&self) -> impl Iterator<Item = (usize, u32)> {
        let rows = self.groups.iter().flat_map(|group| &group.rows);
        rows.map(|row| (row.origin, row.node.map_or(END, |node| self.nodes[node].token)))
    }

    /// Prefixes that go on.
    pub fn count(&self) -> usize {
        self.groups.iter().map(|group| group.rows.len()).sum()
    }

    /// Goes on by a word. `buffer` has room for V numbers.
    pub fn advance(&mut self, said: Said, buffer: &mut [f32]) {
        let first = self.attention.len();
        let tokens = self.request.source.len();
        let slots = self.groups.iter().flat_map(|group| &group.rows).map(|row| row.slot + 1).max();
        for shares in said.attention.chunks(said.stride).take(slots.unwrap_or(0)) {
            self.attention.extend_from_slice(&shares[..tokens]);
        }
        // Words that groups went on with.
        let mut taken = Vec::new();
        let (mut slot, is_last) = (0, self.length == self.longest);
        for g in 0..self.groups.len() {
            let candidates = self.candidates(g, said.values, &taken, buffer);
            let group = &mut self.groups[g];
            let before = std::mem::take(&mut group.rows);
            for (i, candidate) in candidates.into_iter().enumerate() {
                let Candidate { score, value, token, .. } = candidate;
                let row = &before[candidate.row as usize];
                let node = self.nodes.len();
                let ends = token == END;
                // An end counts only among the best, but it never takes a place from a prefix that
                // goes on.
                let has_room = if ends {
                    i < self.width && group.finished.len() < self.width
                } else {
                    group.rows.len() < self.width
                };
                if !has_room {
                    continue;
                }
                let attention = first + row.slot * tokens;
                self.nodes.push(Node { parent: row.node, token, value, attention });
                taken.push(token);
                if ends {
                    group.finished.push((self.config.score(score, self.length + 1), node));
                } else {
                    let progress = row.progress.as_ref().map(|progress| progress.advance(token));
                    let origin = row.slot;
                    group.rows.push(Row { slot: 0, origin, score, node: Some(node), progress });
                }
            }
            if is_last || group.finished.len() == self.width {
                group.rows.clear();
            }
            for row in &mut group.rows {
                row.slot = slot;
                slot += 1;
            }
        }
        self.length += 1;
    }

    /// What may follow the prefixes of group `g`, the best first.
    fn candidates(
        &self,
        g: usize,
        values: &[f32],
        taken: &[u32],
        buffer: &mut [f32],
    ) -> Vec<Candidate> {
        let rows = &self.groups[g].rows;
        if let Some(sampling) = &self.config.sampling {
            let purpose = format!("sentence {}, word {}", self.request.place, self.length);
            let mut stream = seeded(sampling.seed, &purpose);
            // As many prefixes as there shall be begin with the first word.
            let count = if self.length == 0 { self.width } else { 1 };
            let mut drawn = Vec::with_capacity(self.width);
            for (i, row) in (0..).zip(rows) {
                self.prepare(row, values, taken, buffer);
                drawn.extend(draw(sampling, i, row.score, buffer, count, &mut stream));
            }
            return drawn;
        }
        let mut top = Top::new(2 * self.width);
        let mut tried = Vec::new();
        for (i, row) in (0..).zip(rows) {
            self.prepare(row, values, taken, buffer);
            top.scan(i, row.score, buffer);
            if let Some(progress) = &row.progress {
                let mut best = Top::new(1);
                best.scan(i, row.score, buffer);
                tried.extend(best.finish());
                tried.extend(progress.next_tokens().into_iter().filter_map(|token| {
                    let value = buffer[token as usize];
                    let score = value + row.score;
                    (score > f32::NEG_INFINITY).then_some(Candidate { score, value, row: i, token })
                }));
            }
        }
        let mut candidates = top.finish();
        let progress: Vec<_> = rows.iter().filter_map(|row| row.progress.as_ref()).collect();
        if progress.is_empty() {
            return candidates;
        }
        candidates.extend(tried);
        allocate(candidates, &progress, 2 * self.width)
    }

    /// Fills `buffer` with what the network says of the words after `row`, with what is forbidden
    /// at minus infinity.
    fn prepare(&self, row: &Row, values: &[f32], taken: &[u32], buffer: &mut [f32]) {
        let config = self.config;
        buffer.copy_from_slice(&values[row.slot * buffer.len()..][..buffer.len()]);
        buffer[PAD as usize] = f32::NEG_INFINITY;
        buffer[UNKNOWN as usize] -= config.unknown_penalty as f32;
        let is_last = (self.length == self.longest).then_some(END);
        if let Some(token) = self.request.prefix.get(self.length).copied().or(is_last) {
            let value = buffer[token as usize];
            buffer.fill(f32::NEG_INFINITY);
            buffer[token as usize] = value;
        } else {
            for token in taken {
                buffer[*token as usize] -= config.diverse_strength as f32;
            }
            if self.length < config.min_length {
                buffer[END as usize] = f32::NEG_INFINITY;
            }
            if config.no_repeat_ngram > 0 {
                let mut words: Vec<u32> = self.path(row.node).map(|node| node.token).collect();
                words.reverse();
                forbid_repeats(config.no_repeat_ngram, &words, buffer);
            }
        }
        if row.progress.as_ref().is_some_and(|progress| !progress.is_finished()) {
            buffer[END as usize] = f32::NEG_INFINITY;
        }
    }

    /// From a node back to the first word.
    fn path(&self, from: Option<usize>) -> impl Iterator<Item = &Node> {
        let node = |place: usize| &self.nodes[place];
        std::iter::successors(from.map(node), move |at| at.parent.map(node))
    }

    /// The best of what ended.
    pub fn finish(self) -> Vec<Hypothesis> {
        let mut finished: Vec<_> = self.groups.iter().flat_map(|group| &group.finished).collect();
        // Stable: of equals the first that ended.
        finished.sort_by(|(a, _), (b, _)| b.total_cmp(a));
        let source = &self.request.source;
        let hypothesis = |(score, node): &(f32, usize)| {
            let mut path: Vec<&Node> = self.path(Some(*node)).collect();
            path.reverse();
            let words = path.iter().take(path.len() - 1).map(|node| node.token).collect();
            let values = path.iter().map(|node| node.value).collect();
            let shares = |node: &&Node| self.attention[node.attention..][..source.len()].to_vec();
            Hypothesis::new(source, words, *score, values, path.iter().map(shares).collect())
        };
        finished.into_iter().take(self.config.n_best).map(hypothesis).collect()
    }
}
