//! What the symbols came to mean.

use super::tabular::Tabular;
use super::world::{ATTRIBUTES, TASKS, VALUES, value};
use serde::Serialize;
use std::fmt;

/// Q-Bot's symbols as people write them.
const QUESTIONS: [char; 3] = ['X', 'Y', 'Z'];

/// What a pair of agents says.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Language {
    /// What each question asks for and each answer then means, round by round; questions that are never asked are left out.
    pub meanings: Vec<Meaning>,
    /// For each task, which questions are asked for the first object: `color, shape: X Y`.
    pub tasks: Vec<(String, String)>,
}

/// A question and its answers, over all games of the objects.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Meaning {
    /// The round, 1 or 2.
    pub round: usize,
    /// X, Y or Z.
    pub question: char,
    /// The attribute that the answers tell most of.
    pub attribute: &'static str,
    /// What share of that attribute the answers tell: mutual information over the attribute's entropy.
    pub told: f64,
    /// The values for which each of the answers 1 to 4 is mostly said; none for an answer that is not.
    pub answers: Vec<Vec<&'static str>>,
}

impl Language {
    /// Plays every task on every one of `objects`, and counts what is said.
    pub fn of(agents: &Tabular, objects: &[usize]) -> Self {
        // By round, question, attribute, answer, value.
        let mut counts = [[[[[0u32; 4]; 4]; 3]; 3]; 2];
        let mut tasks = Vec::new();
        for (number, task) in TASKS.iter().enumerate() {
            let mut sequences: Vec<String> = Vec::new();
            for &object in objects {
                let said = agents.play(object, number, [0; 2], || 0).said;
                for (round, [asked, answered]) in said.into_iter().enumerate() {
                    for attribute in 0..ATTRIBUTES.len() {
                        counts[round][asked][attribute][answered][value(object, attribute)] += 1;
                    }
                }
                let asked = said.map(|[asked, _]| QUESTIONS[asked].to_string()).join(" ");
                if !sequences.contains(&asked) {
                    sequences.push(asked);
                }
            }
            let named = task.map(|attribute| ATTRIBUTES[attribute]).join(", ");
            tasks.push((named, sequences.join(" or ")));
        }
        let mut meanings = Vec::new();
        for (round, questions) in counts.iter().enumerate() {
            for (question, of_question) in questions.iter().enumerate() {
                if of_question[0].as_flattened().iter().sum::<u32>() == 0 {
                    continue;
                }
                let told: Vec<f64> = of_question.iter().map(told).collect();
                let attribute =
                    (1..3).fold(0, |best, a| if told[a] > told[best] { a } else { best });
                let table = &of_question[attribute];
                let mut answers = vec![Vec::new(); 4];
                for (value, name) in VALUES[attribute].iter().enumerate() {
                    let said =
                        (1..4).fold(
                            0,
                            |best, a| if table[a][value] > table[best][value] { a } else { best },
                        );
                    if table[said][value] > 0 {
                        answers[said].push(*name);
                    }
                }
                meanings.push(Meaning {
                    round: round + 1,
                    question: QUESTIONS[question],
                    attribute: ATTRIBUTES[attribute],
                    told: told[attribute],
                    answers,
                });
            }
        }
        Self { meanings, tasks }
    }
}

/// Mutual information of answer and value over the values' entropy.
fn told(table: &[[u32; 4]; 4]) -> f64 {
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
            let means = |(number, values): (usize, &Vec<&str>)| {
                let values = if values.is_empty() { "–".into() } else { values.join("/") };
                format!("{} {values}", number + 1)
            };
            let answers: Vec<String> = answers.iter().enumerate().map(means).collect();
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
        let code = std::array::from_fn(|answer| {
            std::array::from_fn(|value| u32::from(answer == 3 - value) * 5)
        });
        assert!((told(&code) - 1.0).abs() < 1e-12);
        assert!(told(&[[5; 4], [0; 4], [0; 4], [0; 4]]).abs() < 1e-12);
    }
}
