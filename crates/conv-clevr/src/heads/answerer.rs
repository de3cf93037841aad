//! A head, ready for use.

use super::train::VOCABULARY;
use super::{Asked, Config, Head, Vocabulary, head};
use crate::{Answer, Error, Function, Result};
use candle_core::{D, DType, Device, Tensor};
use conv_hub::{InvalidField, Stored};
use conv_nn::{Mode, Parameters, softmax};
use serde::Serialize;
use std::path::Path;

/// An answer and how sure the head is of it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Likely {
    /// The likeliest answer.
    pub answer: Answer,
    /// Its probability, 0 to 1.
    pub probability: f32,
}

/// Answers questions about pictures by their maps. `Send + Sync`: one serves many threads.
#[derive(Debug)]
pub struct Answerer {
    head: Box<dyn Head>,
    config: Config,
    vocabulary: Vocabulary,
    device: Device,
}

impl Answerer {
    /// Opens a model folder.
    ///
    /// # Errors
    /// A missing or damaged file, weights that are not finite, or a folder of another task, by
    /// name.
    pub fn open(folder: &Path, device: &Device) -> Result<Self> {
        let Stored { folder, config, tensors } = Stored::<Config>::open(folder)?;
        let vocabulary = Vocabulary::read(&folder.file(VOCABULARY)?)?;
        for (name, found, known) in [
            ("words", config.words, vocabulary.words()),
            ("answers", config.answers, vocabulary.answers().len()),
        ] {
            let expected = format!("{known} as in {VOCABULARY}");
            InvalidField::unless(found == known, name, &found, &expected)?;
        }
        let head = head(&config, &Parameters::frozen(tensors).builder(DType::F32, device))?;
        Ok(Self::new(head, config, vocabulary, device))
    }

    pub(super) fn new(
        head: Box<dyn Head>,
        config: Config,
        vocabulary: Vocabulary,
        device: &Device,
    ) -> Self {
        Self { head, config, vocabulary, device: device.clone() }
    }

    /// What the head is made of.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Answers questions about one picture: each text, with the function that its program ends in
    /// where that is known. `map` is the picture's, `[C, H, W]`, for a head that looks.
    ///
    /// # Errors
    /// Of a question: words that the head has not learnt, by name. Of all: a map that is missing or
    /// of other sides; logits that are not finite.
    pub fn answers(
        &self,
        questions: &[(&str, Option<Function>)],
        map: Option<&Tensor>,
    ) -> Result<Vec<Result<Likely>>> {
        let read = |(text, function): &(&str, Option<Function>)| {
            Ok((self.vocabulary.read_question(text)?, *function))
        };
        let read: Vec<Result<_>> = questions.iter().map(read).collect();
        let asked: Vec<(&[u32], _)> =
            read.iter().flatten().map(|(words, function)| (&words[..], *function)).collect();
        let mut found = Vec::new().into_iter();
        if !asked.is_empty() {
            let logits = self.head.logits(&self.asked(&asked, map)?, &mut Mode::Eval)?;
            found = softmax(&logits, D::Minus1)?.to_vec2::<f32>()?.into_iter();
        }
        let mut likely = || {
            let probabilities = found.next().unwrap_or_default();
            let best = (0..probabilities.len()).max_by(|&a, &b| {
                // Of equals the first.
                probabilities[a].total_cmp(&probabilities[b]).then(b.cmp(&a))
            });
            let sure = best.filter(|&best| probabilities[best].is_finite());
            let best = sure.ok_or_else(|| Error::Empty {
                place: "the head".into(),
                found: "logits that are no numbers".into(),
                expected: "finite ones: are its weights damaged?",
            })?;
            let answer = self.vocabulary.answers()[best];
            Ok(Likely { answer, probability: probabilities[best] })
        };
        Ok(read.into_iter().map(|read| read.and_then(|_| likely())).collect())
    }

    /// Where the head looks in each of its steps for a question, `[steps, H, W]`, each a
    /// distribution over the places; `None` for one that does not attend. Of FiLM: where the
    /// largest of its channels are.
    ///
    /// # Errors
    /// As [`Answerer::answers`].
    pub fn looked(&self, question: &str, map: Option<&Tensor>) -> Result<Option<Tensor>> {
        let words = self.vocabulary.read_question(question)?;
        let asked = self.asked(&[(&words, None)], map)?;
        let looked = self.head.attention(&asked)?.map(|looked| looked.get(0));
        Ok(looked.transpose()?)
    }

    /// Questions about one map.
    fn asked(
        &self,
        questions: &[(&[u32], Option<Function>)],
        map: Option<&Tensor>,
    ) -> Result<Asked> {
        let map = map.filter(|_| self.config.architecture.looks());
        let map = map.map(|map| map.to_dtype(DType::F32)?.unsqueeze(0)).transpose()?;
        Asked::new(questions, vec![0; questions.len()], map, &self.device)
    }
}
