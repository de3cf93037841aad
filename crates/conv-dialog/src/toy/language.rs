//! What the symbols came to mean.

use super::recurrent::Recurrent;
use super::tabular::Tabular;
use super::world::{ATTRIBUTES, TASKS, VALUES, value};
use crate::Result;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// What a pair of agents says.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Language {
    /// What each question asks for and each answer then means, round by round; questions that are
    /// never asked are left out.
    pub meanings: Vec<Meaning>,
    /// For each task, which questions are asked, over all objects: `color, shape: X Y`.
    pub tasks: Vec<(String, String)>,
}

/// A question and its answers, over all games of the objects.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Meaning {
    /// The round, 1 or 2.
    pub round: usize,
    /// X, Y or Z; Q1 and so on where Q-Bot has more than three symbols.
    pub question: String,
    /// The attribute that the answers tell most of.
    pub attribute: &'static str,
    /// What share of that attribute the answers tell: mutual information over the attribute's
    /// entropy.
    pub told: f64,
    /// For each of A-Bot's symbols, numbered from 1, the values for which it is mostly said; none
    /// for one that is not.
    pub answers: Vec<Vec<&'static str>>,
}

/// A game as it was played: the object, the task, and questions and answers of both rounds.
pub(super) type Said = (usize, usize, [[usize; 2]; 2]);

/// By attribute, answer and value, how often.
type Counts = [Vec<[u32; 4]>; 3];

impl Language {
    /// Plays every task on every one of `objects`, and counts what is said.
    pub fn of(agents: &Tabular, objects: &[usize]) -> Self {
        let pairs = objects.iter().flat_map(|&object| (0..TASKS.len()).map(move |t| (object, t)));
        let games = pairs
            .map(|(object, task)| (object, task, agents.play(object, task, [0; 2], || 0).said));
        Self::counted(games, [3, 4])
    }

    /// The same of recurrent agents.
    ///
    /// # Errors
    /// Only those of the tensor library.
    pub fn of_recurrent(agents: &Recurrent, objects: &[usize]) -> Result<Self> {
        Ok(Self::counted(agents.said(objects)?.into_iter(), agents.symbols()))
    }

    /// From games of agents that have so many questions and answers.
    fn counted(games: impl Iterator<Item = Said>, [questions, answers]: [usize; 2]) -> Self {
        let name = |question: usize| match questions {
            0..=3 => ["X", "Y", "Z"][question].to_string(),
            _ => format!("Q{}", question + 1),
        };
        let mut counts: BTreeMap<(usize, usize), Counts> = BTreeMap::new();
        let mut asked = vec![BTreeSet::new(); TASKS.len()];
        for (object, task, said) in games {
            for (round, [question, answer]) in said.into_iter().enumerate() {
                let of_question = counts
                    .entry((round, question))
                    .or_insert_with(|| std::array::from_fn(|_| vec![[0; 4]; answers]));
                for (attribute, table) in of_question.iter_mut().enumerate() {
                    table[answer][value(object, attribute)] += 1;
                }
            }
            asked[task].insert(said.map(|[question, _]| question));
        }
        let tasks = TASKS.iter().zip(asked).map(|(task, asked)| {
            let named = task.map(|attribute| ATTRIBUTES[attribute]).join(", ");
            let asked: Vec<String> =
                asked.into_iter().map(|questions| questions.map(name).join(" ")).collect();
            (named, asked.join(" or "))
        });
        let meanings = counts.iter().map(|(&(round, question), of_question)| {
            let told: Vec<f64> = of_question.iter().map(|table| told(table)).collect();
            let attribute = (1..3).fold(0, |best, a| if told[a] > told[best] { a } else { best });
            let table = &of_question[attribute];
            let mut means = vec![Vec::new(); answers];
            for (value, name) in VALUES[attribute].iter().enumerate() {
                let more = |best: usize, a: usize| {
                    if table[a][value] > table[best][value] { a } else { best }
                };
                let said = (1..answers).fold(0, more);
                if table[said][value] > 0 {
                    means[said].push(*name);
                }
            }
            let (attribute, told) = (ATTRIBUTES[attribute], told[attribute]);
            Meaning { round: round + 1, question: name(question), attribute, told, answers: means }
        });
        Self { meanings: meanings.collect(), tasks: tasks.collect() }
    }
}

/// Mutual information of answer and value over the values' entropy.
fn told(table: &[[u32; 4]]) -> f64 {
    let all: f64 = table.as_flattened().iter().map(|&count| f64::from(count)).sum();
    let entropy = |counts: &[f64]| -> f64 {
        counts
            .iter()
            .filter(|&&count| count > 0.0)
            .map(|&count| -(count / all) * (count / all).log2())
            .sum()
    };
    let cells: Vec<f64> = table.as_flattened().iter().map(|&count| f64::from(count)).collect();
    let answers: Vec<f64> = cells.chunks(4).map(|row| row.iter().sum()).collect();
    let values: Vec<f64> = (0..4).map(|value| cells.iter().skip(value).step_by(4).sum()).collect();
    let of_values = entropy(&values);
    if of_values > 0.0 {
        (entropy(&answers) + of_values - entropy(&cells)) / of_values
    } else {
        0.0
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Meaning { round, question, attribute, told, answers } in &self.meanings {
            // Of four answers one that means nothing is worth a word, of 64 it is not.
            let means = |(number, values): (usize, &Vec<&str>)| {
                if values.is_empty() {
                    (answers.len() <= 4).then(|| format!("{} –", number + 1))
                } else {
                    Some(format!("{} {}", number + 1, values.join("/")))
                }
            };
            let answers: Vec<String> = answers.iter().enumerate().filter_map(means).collect();
            let percent = 100.0 * told;
            writeln!(
                f,
                "  round {round}  {question} asks for {attribute:<5} ({percent:>3.0} % told)   {}",
                answers.join(", ")
            )?;
        }
        let width = self.tasks.iter().map(|(task, _)| task.chars().count()).max().unwrap_or(0);
        for (number, (task, asked)) in self.tasks.iter().enumerate() {
            let end = if number + 1 == self.tasks.len() { "" } else { "\n" };
            write!(f, "  to name {task:<width$}  Q-Bot asks {asked}{end}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_of_an_attribute_is_told_by_a_code_and_nothing_by_one_answer() {
        let code: [[u32; 4]; 4] = std::array::from_fn(|answer| {
            std::array::from_fn(|value| u32::from(answer == 3 - value) * 5)
        });
        assert!((told(&code) - 1.0).abs() < 1e-12);
        assert!(told(&[[5; 4], [0; 4], [0; 4], [0; 4]]).abs() < 1e-12);
    }
}
