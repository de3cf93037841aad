//! Prefix-beam search: the text that is likeliest by sound and by language together.

use super::lexicon::{Lexicon, ROOT};
use super::{Decoding, NgramModel};
use crate::greedy::Letter;
use crate::{Alphabet, Unit};
use std::collections::HashMap;
use std::rc::Rc;

/// A class of a lower probability adds nothing at a step.
const LEAST: f32 = 1e-5;

/// Texts this far behind the best, in nats, are given up even where the beam has room.
const FAR: f64 = 20.0;

/// A search over utterances: what was heard and the language model together (Hannun et al. 2014, "First-Pass Large Vocabulary Continuous
/// Speech Recognition using Bi-Directional Recurrent DNNs", algorithm 1), words being those of the lexicon where there is one.
#[derive(Debug)]
pub(crate) struct Search<'a> {
    pub alphabet: &'a Alphabet,
    pub model: &'a NgramModel,
    pub lexicon: Option<&'a Lexicon>,
    pub decoding: Decoding,
}

/// A text that is being written, known by what it is without its last class, and that class: (0, 0) is the empty one.
type Key = (usize, u32);

/// What is known of a text.
#[derive(Debug, Clone)]
struct Node {
    key: Key,
    /// The word that is not finished, and where it stands in the lexicon.
    word: String,
    place: u32,
    /// The words before it, as the model takes them.
    history: Rc<[u32]>,
    /// The weighed probability of all finished words, in nats.
    language: f64,
}

/// All alignments of a text up to a step that end alike, in nats.
#[derive(Debug, Clone, Copy)]
struct Paths {
    /// Of all of them together.
    sum: f64,
    /// Of the best one.
    best: f64,
    /// Where that one has put the classes: the last of them that is stored, and one that came at this step.
    stamp: usize,
    fresh: Option<f32>,
}

/// Where an alignment has put a class.
#[derive(Debug, Clone, Copy)]
struct Stamp {
    before: usize,
    step: usize,
    probability: f32,
}

/// A text of the beam, or one that may come into it. Its alignments end with a blank or with its last class.
#[derive(Debug, Clone)]
struct Hypothesis {
    key: Key,
    blank: Paths,
    class: Paths,
    language: f64,
}

const NONE: Paths =
    Paths { sum: f64::NEG_INFINITY, best: f64::NEG_INFINITY, stamp: 0, fresh: None };

impl Paths {
    fn with(self, log: f64) -> Self {
        Self { sum: self.sum + log, best: self.best + log, ..self }
    }

    fn merged(self, other: Self) -> Self {
        let better = if other.best > self.best { other } else { self };
        Self { sum: log_add(self.sum, other.sum), ..better }
    }

    /// Stores what came at this step.
    fn store(&mut self, step: usize, stamps: &mut Vec<Stamp>) {
        if let Some(probability) = self.fresh.take() {
            stamps.push(Stamp { before: self.stamp, step, probability });
            self.stamp = stamps.len() - 1;
        }
    }
}

impl Hypothesis {
    fn total(&self) -> f64 {
        log_add(self.blank.sum, self.class.sum) + self.language
    }
}

fn log_add(a: f64, b: f64) -> f64 {
    let (high, low) = if a > b { (a, b) } else { (b, a) };
    if low == f64::NEG_INFINITY { high } else { high + (low - high).exp().ln_1p() }
}

impl Search<'_> {
    /// The letters of the best text of `posteriors`, a row a step, at the steps where the best alignment has them. Of equal texts it is the
    /// one that came up first.
    pub fn letters(&self, posteriors: &[Vec<f32>]) -> Vec<Letter> {
        let history = self.model.history("").into();
        let root = Node { key: (0, 0), word: String::new(), place: ROOT, history, language: 0.0 };
        let mut nodes = vec![root];
        let mut known = HashMap::from([((0, 0), 0)]);
        let mut stamps = vec![Stamp { before: 0, step: 0, probability: 0.0 }];
        let blank = Paths { sum: 0.0, best: 0.0, ..NONE };
        let mut beam = vec![Hypothesis { key: (0, 0), blank, class: NONE, language: 0.0 }];
        for (step, row) in posteriors.iter().enumerate() {
            let mut next = self.extended(&beam, row, &nodes, &known);
            next.sort_by(|a, b| b.total().total_cmp(&a.total()).then(a.key.cmp(&b.key)));
            next.truncate(self.decoding.beam);
            let least = next.first().map_or(0.0, Hypothesis::total) - FAR;
            next.retain(|hypothesis| hypothesis.total() >= least);
            for Hypothesis { key, blank, class, .. } in &mut next {
                blank.store(step, &mut stamps);
                class.store(step, &mut stamps);
                if !known.contains_key(key)
                    && let Some(node) = self.child(&nodes[key.0], *key)
                {
                    known.insert(*key, nodes.len());
                    nodes.push(node);
                }
            }
            beam = next;
        }
        let ended = |hypothesis: &Hypothesis| {
            let language = self.ended(&nodes[known[&hypothesis.key]])?;
            Some(log_add(hypothesis.blank.sum, hypothesis.class.sum) + language)
        };
        // A text whose last word is none comes behind all others.
        let score = |hypothesis: &Hypothesis| (ended(hypothesis), hypothesis.total());
        let best =
            beam.iter().reduce(|best, next| if score(next) > score(best) { next } else { best });
        best.map_or_else(Vec::new, |best| {
            let stamp = best.blank.merged(best.class).stamp;
            self.read(&nodes, known[&best.key], &stamps, stamp)
        })
    }

    /// The texts of the beam a step later, and those with one class more.
    fn extended(
        &self,
        beam: &[Hypothesis],
        row: &[f32],
        nodes: &[Node],
        known: &HashMap<Key, usize>,
    ) -> Vec<Hypothesis> {
        let log = |class: u32| f64::from(row[class as usize].max(f32::MIN_POSITIVE)).ln();
        let likely = |class: &u32| row[*class as usize] >= LEAST;
        let likely: Vec<u32> = (1..row.len() as u32).filter(likely).collect();
        let mut next: Vec<Hypothesis> = Vec::new();
        let mut places: HashMap<Key, usize> = HashMap::new();
        let mut add = |key: Key, [blank, class]: [Paths; 2], language: f64| {
            let place = *places.entry(key).or_insert_with(|| {
                next.push(Hypothesis { key, blank: NONE, class: NONE, language });
                next.len() - 1
            });
            let hypothesis = &mut next[place];
            hypothesis.blank = hypothesis.blank.merged(blank);
            hypothesis.class = hypothesis.class.merged(class);
        };
        for hypothesis in beam {
            let &Hypothesis { key, blank, class: last, language } = hypothesis;
            let at = known[&key];
            let either = blank.merged(last);
            // The same class again is the same one, unless a blank parts them.
            let again = if key.1 == 0 { NONE } else { last.with(log(key.1)) };
            add(key, [either.with(log(0)), again], language);
            for &class in &likely {
                let from = if class == key.1 { blank } else { either };
                let language = match known.get(&(at, class)) {
                    Some(&child) => Some(nodes[child].language),
                    None => self.child(&nodes[at], (at, class)).map(|node| node.language),
                };
                if let Some(language) = language
                    && from.sum > f64::NEG_INFINITY
                {
                    let fresh = Some(row[class as usize]);
                    add((at, class), [NONE, Paths { fresh, ..from.with(log(class)) }], language);
                }
            }
        }
        next
    }

    /// A text with one class more, if the words allow it.
    fn child(&self, node: &Node, key: Key) -> Option<Node> {
        let unit = self.alphabet.unit(key.1)?;
        let mut child = Node { key, ..node.clone() };
        match unit {
            Unit::Letter(letter) if letter.is_whitespace() => {
                if child.word.is_empty() || !self.finish(&mut child) {
                    return None;
                }
            }
            Unit::Letter(letter) => self.append(&mut child, letter)?,
            Unit::Spelled(letter) => {
                if !child.word.is_empty() && !self.finish(&mut child) {
                    return None;
                }
                self.append(&mut child, letter)?;
                self.finish(&mut child).then_some(())?;
            }
        }
        Some(child)
    }

    fn append(&self, node: &mut Node, letter: char) -> Option<()> {
        if let Some(lexicon) = self.lexicon {
            node.place = lexicon.next(node.place, node.key.1)?;
        }
        node.word.push(letter);
        Some(())
    }

    /// Takes the word for finished; says whether it is one.
    fn finish(&self, node: &mut Node) -> bool {
        if self.lexicon.is_some_and(|lexicon| !lexicon.is_word(node.place)) {
            return false;
        }
        let word = self.model.id(&node.word);
        let log_probability = self.model.log_probability(&node.history, word);
        node.language += self.decoding.weight * log_probability + self.decoding.bonus;
        let mut history = node.history.to_vec();
        self.model.extend(&mut history, word);
        node.history = history.into();
        (node.word, node.place) = (String::new(), ROOT);
        true
    }

    /// The language's part of a whole text, unless its last word is none.
    fn ended(&self, node: &Node) -> Option<f64> {
        let mut node = node.clone();
        if !node.word.is_empty() && !self.finish(&mut node) {
            return None;
        }
        Some(node.language + self.decoding.weight * self.model.log_end(&node.history))
    }

    fn read(&self, nodes: &[Node], node: usize, stamps: &[Stamp], stamp: usize) -> Vec<Letter> {
        let mut letters = Vec::new();
        let (mut at, mut stamp) = (node, stamps[stamp]);
        while at > 0 {
            let (parent, class) = nodes[at].key;
            let Stamp { before, step, probability } = stamp;
            if let Some(unit) = self.alphabet.unit(class) {
                letters.push(Letter { unit, steps: [step, step + 1], probability });
            }
            (at, stamp) = (parent, stamps[before]);
        }
        letters.reverse();
        letters
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::greedy;
    use conv_nn::rng::seeded;
    use rand::Rng;

    fn text(letters: &[Letter], alphabet: &Alphabet) -> String {
        let classes: Vec<u32> = letters
            .iter()
            .filter_map(|letter| {
                (0..)
                    .take(alphabet.classes())
                    .find(|&class| alphabet.unit(class) == Some(letter.unit))
            })
            .collect();
        alphabet.decode(&classes)
    }

    fn posteriors(steps: usize, classes: usize, seed: u64) -> Vec<Vec<f32>> {
        let mut rng = seeded(seed, "posteriors");
        let row = |_| {
            let row: Vec<f32> = (0..classes).map(|_| rng.random::<f32>().powi(3) + 1e-3).collect();
            let sum: f32 = row.iter().sum();
            row.iter().map(|value| value / sum).collect()
        };
        (0..steps).map(row).collect()
    }

    /// The best text by its definition: every path, summed by what it says.
    fn best(search: &Search, posteriors: &[Vec<f32>]) -> String {
        let classes = search.alphabet.classes();
        let mut sums: HashMap<Vec<u32>, f64> = HashMap::new();
        for path in 0..classes.pow(posteriors.len() as u32) {
            let (mut rest, mut said, mut last, mut share) = (path, Vec::new(), 0, 1.0);
            for row in posteriors {
                let class = (rest % classes) as u32;
                rest /= classes;
                share *= f64::from(row[class as usize]);
                if class != 0 && class != last {
                    said.push(class);
                }
                last = class;
            }
            *sums.entry(said).or_default() += share;
        }
        let scored = sums.into_iter().filter_map(|(said, share)| {
            let history = search.model.history("").into();
            let mut node =
                Node { key: (0, 0), word: String::new(), place: ROOT, history, language: 0.0 };
            for &class in &said {
                node = search.child(&node, (0, class))?;
            }
            Some((share.ln() + search.ended(&node)?, search.alphabet.decode(&said)))
        });
        scored.max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, text)| text).unwrap_or_default()
    }

    #[test]
    fn a_wide_beam_finds_what_enumeration_does() {
        let model = NgramModel::train(["A B", "AB A", "BA"], [], 2);
        for alphabet in [Alphabet::of(["A B"]), Alphabet::with_spelled(["A B AB BA AB"])] {
            let lexicon = Lexicon::new(model.words(), &alphabet);
            for (number, lexicon) in [None, Some(&lexicon)].into_iter().enumerate() {
                let decoding =
                    Decoding { beam: 4096, weight: 0.7, bonus: 0.5, lexicon: number == 1 };
                let search = Search { alphabet: &alphabet, model: &model, lexicon, decoding };
                for seed in 0..20 {
                    let posteriors = posteriors(5, alphabet.classes(), seed);
                    let letters = search.letters(&posteriors);
                    assert_eq!(text(&letters, &alphabet), best(&search, &posteriors), "{seed}");
                    let steps: Vec<usize> = letters.iter().map(|letter| letter.steps[0]).collect();
                    assert!(steps.windows(2).all(|pair| pair[0] < pair[1]), "{steps:?}");
                }
            }
        }
    }

    #[test]
    fn without_language_and_doubt_it_is_greedy_decoding() {
        let model = NgramModel::train(["A B"], [], 1);
        let alphabet = Alphabet::of(["AB "]);
        let decoding = Decoding { beam: 8, weight: 0.0, bonus: 0.0, lexicon: false };
        let search = Search { alphabet: &alphabet, model: &model, lexicon: None, decoding };
        // A A _ A space B B
        let row = |class: usize| (0..4).map(|at| if at == class { 0.97 } else { 0.01 }).collect();
        let posteriors: Vec<Vec<f32>> = [2, 2, 0, 2, 1, 3, 3].into_iter().map(row).collect();
        let letters = search.letters(&posteriors);
        assert_eq!(text(&letters, &alphabet), "AA B");
        let first = |letters: &[Letter]| letters.iter().map(|one| one.steps[0]).collect::<Vec<_>>();
        assert_eq!(first(&letters), first(&greedy::letters(&posteriors, &alphabet)));
    }

    #[test]
    fn a_word_that_is_none_is_not_written_and_the_last_one_is_not_lost() {
        let model = NgramModel::train(["GO ON"], [], 1);
        let alphabet = Alphabet::of(["GON "]);
        let lexicon = Lexicon::new(model.words(), &alphabet);
        let decoding = Decoding { beam: 16, weight: 1.0, bonus: 2.0, lexicon: true };
        let search =
            Search { alphabet: &alphabet, model: &model, lexicon: Some(&lexicon), decoding };
        // Blank, space, G, N, O: what is heard is "GO NN".
        let row = |class: usize| (0..5).map(|at| if at == class { 0.6 } else { 0.1 }).collect();
        let posteriors: Vec<Vec<f32>> = [2, 4, 1, 3, 0, 3].into_iter().map(row).collect();
        assert_eq!(text(&search.letters(&posteriors), &alphabet), "GO ON");
        assert_eq!(best(&search, &posteriors), "GO ON");
        assert!(search.letters(&[]).is_empty());
    }
}
