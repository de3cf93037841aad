//! Questions put together as a head takes them.

use super::{Maps, Vocabulary};
use crate::program::Program;
use crate::{Error, Function, Question, Result};
use candle_core::{Device, Tensor};
use std::collections::BTreeMap;
use std::ops::Range;

/// Questions about some pictures.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Their words, `[N, T]` of u32, 0 behind the shorter ones.
    pub words: Tensor,
    /// Words of each.
    pub lengths: Vec<usize>,
    /// What each asks for, which [`Architecture::Type`](super::Architecture::Type) alone looks at.
    pub functions: Vec<Option<Function>>,
    /// The pictures' maps, `[P, C, H, W]`; none where the head does not look.
    pub maps: Option<Tensor>,
    /// The map that each is about, `[N]` of u32.
    pub of_map: Tensor,
    /// Questions side by side that are about the same map: its number, and theirs.
    pub(super) groups: Vec<(usize, Range<usize>)>,
}

/// A question as numbers.
#[derive(Debug, Clone)]
pub(super) struct Example {
    pub words: Vec<u32>,
    pub answer: u32,
    pub function: Option<Function>,
}

impl Asked {
    /// Puts questions together: words and what is asked for, of each map in turn.
    ///
    /// # Errors
    /// Only those of the tensor library.
    pub(super) fn new(
        questions: &[(&[u32], Option<Function>)],
        of_map: Vec<u32>,
        maps: Option<Tensor>,
        device: &Device,
    ) -> Result<Self> {
        let lengths: Vec<usize> = questions.iter().map(|(words, _)| words.len()).collect();
        let longest = lengths.iter().copied().max().unwrap_or(0);
        let padded = |(words, _): &(&[u32], _)| {
            let padding = std::iter::repeat_n(0, longest - words.len());
            words.iter().copied().chain(padding).collect::<Vec<u32>>()
        };
        let words: Vec<u32> = questions.iter().flat_map(padded).collect();
        let mut groups = Vec::new();
        for alike in of_map.chunk_by(|a, b| a == b) {
            let start = groups.last().map_or(0, |(_, before): &(usize, Range<usize>)| before.end);
            groups.push((alike[0] as usize, start..start + alike.len()));
        }
        Ok(Self {
            words: Tensor::from_vec(words, (questions.len(), longest), device)?,
            lengths,
            functions: questions.iter().map(|(_, function)| *function).collect(),
            maps,
            of_map: Tensor::new(of_map, device)?,
            groups,
        })
    }

    /// How many questions there are.
    pub fn len(&self) -> usize {
        self.lengths.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.lengths.is_empty()
    }
}

/// Questions with answers, by their pictures.
#[derive(Debug, Clone)]
pub struct Examples {
    images: Vec<(String, Vec<Example>)>,
}

impl Examples {
    /// Of questions that have answers; those without one are left out.
    ///
    /// # Errors
    /// A word or an answer that the vocabulary lacks; a program that contradicts itself; no
    /// question.
    pub fn new(questions: &[&Question], vocabulary: &Vocabulary) -> Result<Self> {
        let mut images: BTreeMap<&str, Vec<Example>> = BTreeMap::new();
        for question in questions {
            let Some(answer) = question.answer else { continue };
            let known = vocabulary.answer(answer).ok_or_else(|| Error::Empty {
                place: question.question.clone(),
                found: format!("the answer {answer}"),
                expected: "one that questions to learn from have",
            })?;
            images.entry(&question.image_filename).or_default().push(Example {
                words: vocabulary.read_question(&question.question)?,
                answer: known,
                function: last(question)?,
            });
        }
        if images.is_empty() {
            let place = "questions".into();
            let found = "none has an answer".into();
            return Err(Error::Empty { place, found, expected: "answers to learn from" });
        }
        let images = images.into_iter().map(|(image, examples)| (image.into(), examples));
        Ok(Self { images: images.collect() })
    }

    /// Pictures.
    pub fn len(&self) -> usize {
        self.images.len()
    }

    /// Whether there is none, which [`Examples::new`] refuses.
    pub fn is_empty(&self) -> bool {
        self.images.is_empty()
    }

    /// Questions in all.
    pub fn questions(&self) -> usize {
        self.images.iter().map(|(_, examples)| examples.len()).sum()
    }

    /// A picture's name.
    pub fn image(&self, at: usize) -> &str {
        &self.images[at].0
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Example> {
        self.images.iter().flat_map(|(_, examples)| examples)
    }

    /// All questions about some pictures, and their answers, `[N]` of u32.
    ///
    /// # Errors
    /// A picture without a map.
    pub fn asked(
        &self,
        pictures: &[usize],
        maps: Option<&Maps>,
        device: &Device,
    ) -> Result<(Asked, Tensor)> {
        let mut questions = Vec::new();
        let mut of_map = Vec::new();
        let mut answers = Vec::new();
        for (map, &picture) in pictures.iter().enumerate() {
            for Example { words, answer, function } in &self.images[picture].1 {
                questions.push((&words[..], *function));
                of_map.push(map as u32);
                answers.push(*answer);
            }
        }
        let images: Vec<&str> = pictures.iter().map(|&at| self.image(at)).collect();
        let maps = maps.map(|maps| maps.of(&images, device)).transpose()?;
        Ok((Asked::new(&questions, of_map, maps, device)?, Tensor::new(answers, device)?))
    }
}

/// The function that a question's program ends in, where it has one.
pub(super) fn last(question: &Question) -> Result<Option<Function>> {
    Ok(question.program().transpose()?.as_ref().map(Program::last))
}
