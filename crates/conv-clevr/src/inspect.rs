//! What a file of questions or scenes holds, counted.

use crate::evaluate::Type;
use crate::{Family, Kind, QuestionFile, Result, SceneFile};
use serde::{Serialize, Serializer};
use std::collections::BTreeMap;
use std::fmt;

/// A file of questions, counted.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Questions {
    /// How many there are.
    pub questions: usize,
    /// Pictures that they are about.
    pub images: usize,
    /// Those without an answer.
    pub without_answer: usize,
    /// Those without a program.
    pub without_program: usize,
    /// By type.
    pub types: BTreeMap<Type, usize>,
    /// By answer.
    #[serde(serialize_with = "named")]
    pub answers: BTreeMap<crate::Answer, usize>,
    /// By template. A maker that balances has as many of each.
    #[serde(serialize_with = "named")]
    pub families: BTreeMap<Family, usize>,
    /// By steps of the program.
    pub lengths: BTreeMap<usize, usize>,
}

/// Keys as they are written.
fn named<K: fmt::Display, S: Serializer>(
    counts: &BTreeMap<K, usize>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(counts.iter().map(|(key, count)| (key.to_string(), count)))
}

impl Questions {
    /// Counts a file.
    ///
    /// # Errors
    /// A program that cannot be executed.
    pub fn of(file: &QuestionFile) -> Result<Self> {
        let mut counts = Self { questions: file.questions.len(), ..Self::default() };
        let mut images = std::collections::BTreeSet::new();
        for question in &file.questions {
            images.insert(&question.image_filename);
            *counts.families.entry(question.family()).or_default() += 1;
            match question.answer {
                Some(answer) => *counts.answers.entry(answer).or_default() += 1,
                None => counts.without_answer += 1,
            }
            match question.program().transpose()? {
                Some(program) => {
                    *counts.types.entry(Type::of(program.last())).or_default() += 1;
                    *counts.lengths.entry(program.steps().len()).or_default() += 1;
                }
                None => counts.without_program += 1,
            }
        }
        counts.images = images.len();
        Ok(counts)
    }
}

impl fmt::Display for Questions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { questions, images, without_answer, without_program, .. } = self;
        write!(f, "{questions} questions about {images} pictures")?;
        if without_answer + without_program > 0 {
            write!(f, "; {without_answer} without an answer, {without_program} without a program")?;
        }
        histogram(f, "type", self.types.iter())?;
        histogram(f, "answer", self.answers.iter())?;
        histogram(f, "family", self.families.iter())?;
        histogram(f, "steps", self.lengths.iter())
    }
}

/// A file of scenes, counted.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Scenes {
    /// How many there are.
    pub scenes: usize,
    /// Objects in all.
    pub objects: usize,
    /// Scenes by how many objects they have.
    pub sizes: BTreeMap<usize, usize>,
    /// Objects by what they are like.
    pub attributes: BTreeMap<Kind, BTreeMap<&'static str, usize>>,
}

impl Scenes {
    /// Counts a file; each scene is checked.
    ///
    /// # Errors
    /// A scene that contradicts itself.
    pub fn of(file: &SceneFile) -> Result<Self> {
        let mut counts = Self { scenes: file.scenes.len(), ..Self::default() };
        for scene in &file.scenes {
            let graph = scene.graph()?;
            counts.objects += graph.len();
            *counts.sizes.entry(graph.len()).or_default() += 1;
            for (traits, kind) in
                graph.traits().iter().flat_map(|t| Kind::ALL.iter().map(move |k| (t, *k)))
            {
                let words = counts.attributes.entry(kind).or_default();
                *words.entry(traits.get(kind).word()).or_default() += 1;
            }
        }
        Ok(counts)
    }
}

impl fmt::Display for Scenes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} scenes with {} objects", self.scenes, self.objects)?;
        histogram(f, "objects", self.sizes.iter())?;
        self.attributes.iter().try_for_each(|(kind, words)| histogram(f, kind.word(), words.iter()))
    }
}

/// Counts with their share of the largest as a bar.
fn histogram<'a, K: fmt::Display>(
    f: &mut fmt::Formatter<'_>,
    title: &str,
    counts: impl Iterator<Item = (K, &'a usize)> + Clone,
) -> fmt::Result {
    let most = counts.clone().map(|(_, count)| *count).max().unwrap_or(1).max(1);
    write!(f, "\n\n{title}")?;
    for (key, count) in counts {
        write!(
            f,
            "\n  {:<20} {count:>6}  {}",
            key.to_string(),
            "█".repeat((24 * count).div_ceil(most))
        )?;
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_one_template_is_seen_as_such() {
        let question = |index| {
            serde_json::json!({"image_filename": "a.png", "question": "?", "answer": index % 2 == 0, "template_filename": "zero_hop.json",
                "question_family_index": 3, "program": [{"function": "scene", "inputs": []}, {"function": "exist", "inputs": [0]}]})
        };
        let questions: Vec<_> = (0..3).map(question).collect();
        let file: QuestionFile =
            serde_json::from_value(serde_json::json!({ "questions": questions })).unwrap();
        let counts = Questions::of(&file).unwrap();
        assert_eq!((counts.images, counts.families.len(), counts.lengths[&2]), (1, 1, 3));
        let text = counts.to_string();
        assert!(
            text.contains("zero_hop 3                3  ████") && text.contains("yes "),
            "{text}"
        );
        assert_eq!(serde_json::to_value(&counts).unwrap()["answers"]["no"], 1);
    }
}
