//! Candidates for training, made as VisDial's were (Das et al. 2017, "Visual Dialog", section 3):
//! the true answer, 50 answers of similar questions, the 30 most popular, and others at random.
//!
//! All but the popular ones come from the rounds of the same fold, and the counts that are an input
//! of the network from the others: a wrong answer is then as often one that was never counted as
//! the true one is, as it is in the published files.

use crate::words::Answered;
use conv_nn::rng::seeded;
use rand::Rng;
use std::collections::{BTreeMap, HashMap, HashSet};

/// Answers of similar questions.
const SIMILAR: usize = 50;
/// Answers that are always to choose from.
const POPULAR: usize = 30;
/// Similar questions looked at, at most.
const LOOKED_AT: usize = 400;

/// The most frequent answers, the first ones first.
pub(crate) fn popular<'a>(rounds: impl IntoIterator<Item = &'a Answered>) -> Vec<Vec<u32>> {
    let mut counts: BTreeMap<&[u32], u32> = BTreeMap::new();
    for round in rounds {
        *counts.entry(&round.answer).or_default() += 1;
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    counts.into_iter().take(POPULAR).map(|(answer, _)| answer.to_vec()).collect()
}

/// Up to `most` candidates for each round of a fold, the true answer first; fewer where the fold
/// has no more answers.
pub(crate) fn candidates(
    fold: &[&Answered],
    popular: &[Vec<u32>],
    most: usize,
    seed: u64,
) -> Vec<Vec<Vec<u32>>> {
    let similar = Similarity::new(fold);
    let mut rng = seeded(seed, "candidates");
    let mut all = Vec::new();
    for (place, round) in fold.iter().enumerate() {
        let mut chosen = vec![&round.answer];
        let mut seen = HashSet::from([&round.answer]);
        for other in similar.nearest(place).into_iter().map(|other| fold[other]) {
            if chosen.len() < most.min(1 + SIMILAR)
                && other.dialog != round.dialog
                && seen.insert(&other.answer)
            {
                chosen.push(&other.answer);
            }
        }
        for answer in popular {
            if chosen.len() < most && seen.insert(answer) {
                chosen.push(answer);
            }
        }
        // A fold may have too few answers to fill the list; drawing ends some time.
        for _ in 0..20 * most {
            let answer = &fold[rng.random_range(0..fold.len())].answer;
            if chosen.len() < most && seen.insert(answer) {
                chosen.push(answer);
            }
        }
        let chosen: Vec<Vec<u32>> = chosen.into_iter().cloned().collect();
        all.push(chosen);
    }
    all
}

/// Questions as bags of words, rare words weighing more.
struct Similarity {
    /// Of each question, words and their weights, of length 1 together.
    questions: Vec<Vec<(u32, f32)>>,
    /// Where a word stands: questions and its weight there.
    places: HashMap<u32, Vec<(usize, f32)>>,
}

impl Similarity {
    fn new(fold: &[&Answered]) -> Self {
        let mut counts: HashMap<u32, f32> = HashMap::new();
        let bags: Vec<BTreeMap<u32, f32>> = fold
            .iter()
            .map(|round| {
                let mut bag = BTreeMap::new();
                for &word in &round.turn.question {
                    *bag.entry(word).or_default() += 1.0;
                }
                bag
            })
            .collect();
        bags.iter()
            .flat_map(BTreeMap::keys)
            .for_each(|&word| *counts.entry(word).or_default() += 1.0);
        let mut places: HashMap<u32, Vec<(usize, f32)>> = HashMap::new();
        let mut questions = Vec::new();
        for (place, bag) in bags.into_iter().enumerate() {
            let weigh = |(word, times)| (word, times * (fold.len() as f32 / counts[&word]).ln());
            let mut words: Vec<(u32, f32)> = bag.into_iter().map(weigh).collect();
            let length = words.iter().map(|(_, weight)| weight * weight).sum::<f32>().sqrt();
            for (word, weight) in &mut words {
                *weight /= length.max(1e-6);
                places.entry(*word).or_default().push((place, *weight));
            }
            questions.push(words);
        }
        Self { questions, places }
    }

    /// The questions most like that at `place`, itself left out, the most similar first.
    fn nearest(&self, place: usize) -> Vec<usize> {
        let mut alike = vec![0f32; self.questions.len()];
        for (word, weight) in &self.questions[place] {
            for (other, of_other) in &self.places[word] {
                alike[*other] += weight * of_other;
            }
        }
        let mut order: Vec<usize> = (0..alike.len()).filter(|&other| other != place).collect();
        order.sort_by(|&a, &b| alike[b].total_cmp(&alike[a]));
        order.truncate(LOOKED_AT);
        order
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::Turn;

    fn round(dialog: usize, question: &[u32], answer: u32) -> Answered {
        let turn = Turn { caption: vec![2], rounds: vec![], question: question.into() };
        Answered { dialog, turn, answer: vec![answer] }
    }

    #[test]
    fn the_truth_comes_first_and_once_and_no_answer_of_the_same_dialog_for_being_similar() {
        let fold: Vec<Answered> =
            (0..40).map(|at| round(at / 2, &[3, 4 + at as u32 % 7], 50 + at as u32)).collect();
        let fold: Vec<&Answered> = fold.iter().collect();
        let lists = candidates(&fold, &popular(fold.iter().copied().take(3)), 20, 1);
        for (round, list) in fold.iter().zip(&lists) {
            assert_eq!(list[0], round.answer);
            assert_eq!(list.len(), 20);
            assert_eq!(list.iter().collect::<HashSet<_>>().len(), 20);
        }
        // The nearest question other than its own has the same words, in another dialog.
        assert_eq!(lists[0][1], fold[7].answer);
        assert_eq!(lists, candidates(&fold, &popular(fold.iter().copied().take(3)), 20, 1));
    }
}
