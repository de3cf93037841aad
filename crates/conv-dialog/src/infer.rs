//! A ranker, ready for use.

use crate::counts::Counts;
use crate::data::{ImageFeatures, Round, VisDial};
use crate::model::{Asked, Batch, Beam, Network, scores, search};
use crate::words::{Turn, words};
use crate::{Config, Decoder, Result, stored};
use candle_core::Device;
use conv_hub::InvalidField;
use conv_text::tokenizer::Tokenizer;
use serde::Serialize;
use std::path::Path;
use std::sync::Arc;

/// A question with its dialog so far.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// What the image shows.
    pub caption: &'a str,
    /// Questions and answers before.
    pub history: &'a [[&'a str; 2]],
    /// The question.
    pub text: &'a str,
    /// The image's number, for a ranker that sees features of images
    /// ([`AnswerRanker::with_images`]).
    pub image: Option<u64>,
}

/// Ranks answers to a question. `Send + Sync`: one serves many threads.
#[derive(Debug)]
pub struct AnswerRanker {
    model: Network,
    tokenizer: Tokenizer,
    counts: Counts,
    images: Option<ImageFeatures>,
    device: Device,
}

/// The scores of some candidates, the higher the better: those of the network, and of counting
/// alone.
#[derive(Debug, Clone, PartialEq)]
pub struct Scores {
    /// The network's.
    pub network: Vec<f32>,
    /// How often each answer was given in what was trained on.
    pub frequency: Vec<f32>,
    /// How often it was given to questions with the same first three words; the frequency breaks
    /// ties.
    pub three_words: Vec<f32>,
}

/// An answer in the model's own words.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Answer {
    /// Its words.
    pub text: String,
    /// The logarithm of how likely they and their end are.
    pub log_likelihood: f32,
}

impl AnswerRanker {
    /// Opens a model folder.
    ///
    /// # Errors
    /// A missing or damaged file, weights that are not finite, or a folder of another task, by
    /// name.
    pub fn open(folder: &Path, device: &Device) -> Result<Self> {
        let (model, tokenizer, counts) = stored::open(folder, device)?;
        Ok(Self::new(model, tokenizer, counts, None, device))
    }

    pub(crate) fn new(
        model: Network,
        tokenizer: Tokenizer,
        counts: Counts,
        images: Option<ImageFeatures>,
        device: &Device,
    ) -> Self {
        Self { model, tokenizer, counts, images, device: device.clone() }
    }

    /// With the features of the images that will be asked about.
    ///
    /// # Errors
    /// A ranker of text alone; other features than those that it learnt from, by what differs.
    pub fn with_images(self, images: ImageFeatures) -> Result<Self> {
        let expected = "no features, since the ranker learnt from text alone";
        let Some(source) = &self.config().image else {
            return Err(InvalidField::new("image", images.source().layer.clone(), expected).into());
        };
        images.expect(source)?;
        Ok(Self { images: Some(images), ..self })
    }

    /// Whether every image of `data` can be seen, if the ranker looks at any.
    pub(crate) fn check_images(&self, data: &VisDial) -> Result<()> {
        match (&self.config().image, &self.images) {
            (None, _) => Ok(()),
            (Some(_), None) => Err(no_features()),
            (Some(_), Some(images)) => {
                images.check(data.dialogs.iter().map(|dialog| dialog.image_id))
            }
        }
    }

    /// The features of the image that a question is about; none for a ranker of text alone.
    fn image(&self, question: &Question) -> Result<Arc<[f32]>> {
        match (&self.config().image, &self.images, question.image) {
            (None, ..) => Ok(Arc::new([])),
            (Some(_), Some(images), Some(image)) => images.of(image),
            (Some(_), None, _) => Err(no_features()),
            (Some(_), Some(_), None) => {
                let expected = "the number of the image that the question is about";
                Err(InvalidField::new("image", "none", expected).into())
            }
        }
    }

    /// What the network is made of.
    pub fn config(&self) -> &Config {
        self.model.config()
    }

    /// Scores candidates of one question; the same as among others.
    ///
    /// # Errors
    /// A score that is not finite.
    pub fn scores(&self, question: &Question, candidates: &[&str]) -> Result<Scores> {
        let mut all =
            self.scores_of_all(&[(*question, candidates.to_vec())], |_| question.text.into())?;
        Ok(all.swap_remove(0))
    }

    /// The likeliest answers that a beam finds, at most as many as it is wide, the likeliest first;
    /// each has the score that it would have as a candidate.
    ///
    /// # Errors
    /// A model with the discriminative decoder, which only chooses; a beam of no width or length;
    /// weights that are not finite.
    pub fn answers(&self, question: &Question, beam: Beam) -> Result<Vec<Answer>> {
        let is_generative = self.config().decoder == Decoder::Generative;
        let expected = "generative, which has words of its own";
        InvalidField::unless(is_generative, "decoder", &"discriminative", expected)?;
        for (name, size) in [("width", beam.width), ("longest", beam.longest)] {
            InvalidField::unless((1..=1000).contains(&size), name, &size, "1 to 1000")?;
        }
        let turn = self.turn(question)?;
        let image = self.image(question)?;
        let asked =
            Asked { turn: &turn, image: &image, candidates: Vec::new(), counted: Vec::new() };
        let batch = Batch::new(&[asked], self.config(), &self.device)?;
        let known = self.tokenizer.vocabulary();
        let text = |words: Vec<u32>| {
            let words = words.iter().filter_map(|&word| known.get(word as usize));
            words.map(String::as_str).collect::<Vec<_>>().join(" ")
        };
        let found = search(&self.model, &batch, beam, &self.device)?;
        let answer = |(words, log_likelihood)| Answer { text: text(words), log_likelihood };
        Ok(found.into_iter().map(answer).collect())
    }

    /// The question and what was said before, in numbers.
    fn turn(&self, Question { caption, history, text, .. }: &Question) -> Result<Turn> {
        let words = |text: &str| words(&self.tokenizer, text);
        let mut rounds = Vec::new();
        for [question, answer] in *history {
            rounds.push([words(question)?, words(answer)?]);
        }
        Ok(Turn { caption: words(caption)?, rounds, question: words(text)? })
    }

    /// Scores the candidates of each round of a dialog that has some: the round's place, and the
    /// scores. What was said before are the true answers.
    pub(crate) fn scores_of_dialog(
        &self,
        data: &VisDial,
        number: usize,
    ) -> Result<Vec<(usize, Scores)>> {
        let dialog = &data.dialogs[number];
        let answer = |round: &Round| round.answer.map_or("", |answer| data.answer(answer));
        let said: Vec<[&str; 2]> = dialog
            .rounds
            .iter()
            .map(|round| [data.question(round.question), answer(round)])
            .collect();
        let mut asked = Vec::new();
        let mut places = Vec::new();
        for (place, round) in dialog.rounds.iter().enumerate() {
            if round.candidates.is_empty() {
                continue;
            }
            let caption = &dialog.caption[..];
            let history = &said[..place];
            let image = Some(dialog.image_id);
            let question = Question { caption, history, text: said[place][0], image };
            let texts = round.candidates.iter().map(|&answer| data.answer(answer)).collect();
            asked.push((question, texts));
            places.push(place);
        }
        let name = |at: usize| {
            let file = &data.name;
            let image = dialog.image_id;
            let round = places[at] + 1;
            format!("{file}, dialog {} (image {image}), round {round}", number + 1)
        };
        let scores = self.scores_of_all(&asked, name)?;
        Ok(places.into_iter().zip(scores).collect())
    }

    /// Scores the candidates of each question; `name` says of an error where it is.
    pub(crate) fn scores_of_all(
        &self,
        questions: &[(Question, Vec<&str>)],
        name: impl Fn(usize) -> String,
    ) -> Result<Vec<Scores>> {
        let words = |text: &str| words(&self.tokenizer, text);
        let mut prepared = Vec::new();
        for (question, candidates) in questions {
            let candidates =
                candidates.iter().map(|text| words(text)).collect::<Result<Vec<_>>>()?;
            prepared.push((self.turn(question)?, self.image(question)?, candidates));
        }
        let asked: Vec<Asked> = prepared
            .iter()
            .map(|(turn, image, candidates)| {
                let candidates: Vec<&[u32]> = candidates.iter().map(Vec::as_slice).collect();
                let counted = self.counts.features(turn, &candidates);
                Asked { turn, image, candidates, counted }
            })
            .collect();
        let network = scores(&self.model, &asked, name, &self.device)?;
        let counted = |Asked { turn, candidates, .. }: &Asked, network| {
            let score = |of: &dyn Fn(&[u32]) -> f64| {
                candidates.iter().map(|answer| of(answer) as f32).collect()
            };
            Scores {
                network,
                frequency: score(&|answer| self.counts.frequency(answer)),
                three_words: score(&|answer| self.counts.three_words(&turn.question, answer)),
            }
        };
        Ok(asked.iter().zip(network).map(|(asked, network)| counted(asked, network)).collect())
    }
}

fn no_features() -> crate::Error {
    let expected = "features of the images, which the ranker learnt from beside text (--images)";
    InvalidField::new("image", "none", expected).into()
}
