//! Training, dev and test data as one corpus and a split of it, whether they came in one file or in
//! three.

use super::corpus::{Corpus, Example};
use super::split::{Split, stratified_holdout};
use crate::error::Result;

/// Examples and what each is for.
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset {
    /// All examples.
    pub corpus: Corpus,
    /// Which of them are for what.
    pub split: Split,
}

impl Dataset {
    /// Joins the parts, whose labels are those of `train`. Without a dev part a tenth of each
    /// class of the training part is drawn.
    ///
    /// # Errors
    /// Parts of other labels.
    pub fn join(
        train: Corpus,
        dev: Option<Corpus>,
        test: Option<Corpus>,
        seed: u64,
    ) -> Result<Self> {
        let length =
            |part: &Option<Corpus>| part.as_ref().map_or(0, |part| part.examples().len()) as u32;
        let learnt = train.examples().len() as u32;
        let held = length(&dev);
        let split = match dev {
            Some(_) => Split { train: (0..learnt).collect(), ..Split::default() },
            None => {
                let class = |example: &Example| example.label;
                let classes: Vec<u32> = train.examples().iter().map(class).collect();
                stratified_holdout(&classes, 0.1, seed)?
            }
        };
        let split = Split {
            dev: if dev.is_some() { (learnt..learnt + held).collect() } else { split.dev },
            test: (learnt + held..learnt + held + length(&test)).collect(),
            train: split.train,
        };
        let corpus = [dev, test].into_iter().flatten().try_fold(train, Corpus::and)?;
        Ok(Self { corpus, split })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn corpus(texts: usize) -> Corpus {
        let example = |at: usize| Example { text: at.to_string(), label: at as u32 % 2 };
        Corpus::new(vec!["a".into(), "b".into()], (0..texts).map(example).collect()).unwrap()
    }

    #[test]
    fn parts_that_are_given_stay_together_and_a_dev_part_is_drawn_where_there_is_none() {
        let Dataset { corpus: all, split } =
            Dataset::join(corpus(20), Some(corpus(3)), Some(corpus(2)), 1).unwrap();
        assert_eq!(all.examples().len(), 25);
        assert_eq!((split.dev, split.test), (vec![20, 21, 22], vec![23, 24]));
        let drawn = Dataset::join(corpus(20), None, Some(corpus(2)), 1).unwrap().split;
        assert_eq!((drawn.train.len(), drawn.dev.len(), drawn.test), (18, 2, vec![20, 21]));
        let other = Corpus::new(vec!["a".into()], vec![]).unwrap();
        assert!(Dataset::join(corpus(20), Some(other), None, 1).is_err());
    }
}
