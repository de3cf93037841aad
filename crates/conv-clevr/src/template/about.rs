//! Questions about many scenes at once.

use super::Templates;
use super::generate::{Generator, RESET};
use crate::{Question, Result, Scene};
use conv_nn::rng::seeded;
use rayon::prelude::*;

impl Templates {
    /// Up to `count` questions about each scene, numbered from 0. As [`Generator`]'s counts begin
    /// anew after some pictures, so does its stream of chance: which questions come does not depend
    /// on threads.
    ///
    /// # Errors
    /// As [`Generator::scene`].
    pub fn about(&self, scenes: &[Scene], count: usize, seed: u64) -> Result<Vec<Question>> {
        let blocks = scenes.par_chunks(RESET).enumerate().map(|(block, scenes)| {
            let rng = seeded(seed, &format!("questions {block}"));
            let mut generator = Generator::new(self, rng)?;
            let of_each = scenes.iter().map(|scene| generator.scene(scene, count));
            Ok(of_each.collect::<Result<Vec<_>>>()?.concat())
        });
        let mut questions = blocks.collect::<Result<Vec<_>>>()?.concat();
        for (at, question) in questions.iter_mut().enumerate() {
            question.question_index = Some(at as u64);
        }
        Ok(questions)
    }
}
