//! Programs: what a question asks, step by step (Johnson et al. 2016, section 3.2).

mod execute;
mod function;
mod prefix;

pub use execute::{Execution, Output};
pub use function::{Function, Type};

use crate::{Error, Result};
use serde::{Deserialize, Serialize, Serializer};
use std::fmt;

/// Steps that a program has at most: CLEVR's longest have less than 30.
const MOST_STEPS: usize = 1000;

/// A step as a file has it, unchecked. The function's key is `function` in v1.0 and `type` in what
/// the generator writes; its values are `value_inputs`, or `side_inputs` in templates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RawStep {
    /// The function's name.
    #[serde(alias = "type")]
    pub function: String,
    /// The steps whose results it takes, from 0.
    #[serde(default)]
    pub inputs: Vec<i64>,
    /// The function's values: none or one.
    #[serde(default, alias = "side_inputs")]
    pub value_inputs: Vec<String>,
}

/// A step that was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What it does.
    pub function: Function,
    /// The earlier steps whose results it takes.
    pub inputs: Vec<usize>,
}

/// A program that can be executed: every step takes what its function needs from earlier steps, and
/// the last gives an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program(Vec<Step>);

impl Program {
    /// Checks the steps of a file.
    ///
    /// # Errors
    /// [`Error::Program`], which names the first step at fault: a function or value that is not
    /// known, more or fewer inputs than the function has, an input that is no step, the step
    /// itself, one that comes later or one that leads back to it, or that gives something else than
    /// the function takes; and a last step that gives no answer.
    pub fn new(raw: &[RawStep]) -> Result<Self> {
        let mut steps: Vec<Step> = Vec::with_capacity(raw.len().min(MOST_STEPS));
        for (at, step) in raw.iter().enumerate() {
            let name = || step.function.chars().take(40).collect();
            let wrong = |reason| Error::Program { step: at, function: name(), reason };
            if at == MOST_STEPS {
                return Err(wrong(format!("is one too many, expected at most {MOST_STEPS}")));
            }
            let function = Function::new(&step.function, &step.value_inputs).map_err(wrong)?;
            let takes = function.inputs();
            if step.inputs.len() != takes.len() {
                let found = step.inputs.len();
                let expected = takes.len();
                return Err(wrong(format!("has {found} inputs, expected {expected}")));
            }
            let mut inputs = Vec::with_capacity(takes.len());
            for (&input, &expected) in step.inputs.iter().zip(takes) {
                let there = usize::try_from(input).ok().filter(|input| *input < raw.len());
                let input = there.ok_or_else(|| {
                    wrong(format!("takes step {input}, expected 0 to {}", raw.len() - 1))
                })?;
                let Some(before) = steps.get(input) else {
                    return Err(wrong(later(raw, at, input)));
                };
                let found = before.function.output();
                if found != expected {
                    let from = before.function.name();
                    return Err(wrong(format!(
                        "takes {found} from step {input} ({from}), expected {expected}"
                    )));
                }
                inputs.push(input);
            }
            steps.push(Step { function, inputs });
        }
        let last = steps.last().ok_or(Error::NoSteps)?.function;
        if last.output().is_answer() {
            return Ok(Self(steps));
        }
        let reason = format!("is the last and gives {}, expected an answer", last.output());
        Err(Error::Program { step: steps.len() - 1, function: last.name().into(), reason })
    }

    /// Its steps.
    pub fn steps(&self) -> &[Step] {
        &self.0
    }

    /// The function that gives the answer, which is the question's type.
    pub fn last(&self) -> Function {
        self.0[self.0.len() - 1].function
    }

    /// The steps as v1.0's files have them.
    pub fn raw(&self) -> Vec<RawStep> {
        let raw = |step: &Step| RawStep {
            function: step.function.name().into(),
            inputs: step.inputs.iter().map(|&input| input as i64).collect(),
            value_inputs: step.function.value().map(String::from).into_iter().collect(),
        };
        self.0.iter().map(raw).collect()
    }
}

/// Why a step cannot take one that is not before it.
fn later(raw: &[RawStep], at: usize, input: usize) -> String {
    if input == at {
        return "takes its own result".into();
    }
    let mut seen = vec![false; raw.len()];
    let mut open = vec![input];
    while let Some(step) = open.pop() {
        if step == at {
            return format!("takes the result of step {input}, which needs its own: a cycle");
        }
        if std::mem::replace(&mut seen[step], true) {
            continue;
        }
        let inputs = raw[step].inputs.iter().filter_map(|&input| usize::try_from(input).ok());
        open.extend(inputs.filter(|&input| input < raw.len() && !seen[input]));
    }
    format!("takes the result of step {input}, expected an earlier one")
}

impl Serialize for Program {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.raw().serialize(serializer)
    }
}

/// One line: `count(filter_color[red](scene))`.
impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A step, or what stands between steps.
        let mut open = vec![Err(self.0.len() - 1)];
        while let Some(next) = open.pop() {
            let step: &Step = match next {
                Ok(text) => {
                    f.write_str(text)?;
                    continue;
                }
                Err(step) => &self.0[step],
            };
            write!(f, "{}", step.function)?;
            if let Some((last, rest)) = step.inputs.split_last() {
                open.extend([Ok(")"), Err(*last)]);
                rest.iter().rev().for_each(|input| open.extend([Ok(", "), Err(*input)]));
                open.push(Ok("("));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Program> {
        Program::new(&serde_json::from_str::<Vec<RawStep>>(json).unwrap())
    }

    #[test]
    fn the_keys_of_both_makers_are_read() {
        let published = r#"[{"function":"scene","inputs":[],"value_inputs":[]},{"function":"filter_color","inputs":[0],"value_inputs":["red"]},
            {"function":"count","inputs":[1],"value_inputs":[]}]"#;
        let generated = r#"[{"type":"scene","inputs":[],"_output":[0]},{"type":"filter_color","inputs":[0],"side_inputs":["red"]},
            {"type":"count","inputs":[1]}]"#;
        let program = read(published).unwrap();
        assert_eq!(read(generated).unwrap(), program);
        assert_eq!(program.to_string(), "count(filter_color[red](scene))");
        assert_eq!(Program::new(&program.raw()).unwrap(), program);
    }

    #[test]
    fn the_step_at_fault_is_named() {
        let step = |function: &str, inputs: &str, values: &str| {
            format!(r#"{{"function":"{function}","inputs":[{inputs}],"value_inputs":[{values}]}}"#)
        };
        let scene = || step("scene", "", "");
        for (steps, expected) in [
            (vec![], "the program has no step"),
            (vec![scene(), step("tally", "0", "")], "step 1 of the program (tally) is no function"),
            (
                vec![scene(), step("count", "", "")],
                "step 1 of the program (count) has 0 inputs, expected 1",
            ),
            (
                vec![scene(), step("union", "0,0,0", "")],
                "step 1 of the program (union) has 3 inputs, expected 2",
            ),
            (
                vec![scene(), step("filter_size", "0", "\"huge\"")],
                "step 1 of the program (filter_size) has the value \"huge\"",
            ),
            (
                vec![scene(), step("count", "7", "")],
                "step 1 of the program (count) takes step 7, expected 0 to 1",
            ),
            (
                vec![scene(), step("count", "-1", "")],
                "step 1 of the program (count) takes step -1, expected 0 to 1",
            ),
            (
                vec![scene(), step("count", "1", "")],
                "step 1 of the program (count) takes its own result",
            ),
            (
                vec![
                    scene(),
                    step("union", "0,2", ""),
                    step("union", "1,0", ""),
                    step("count", "2", ""),
                ],
                "step 1 of the program (union) takes the result of step 2, which needs its own: a cycle",
            ),
            (
                vec![scene(), step("union", "0,2", ""), scene(), step("count", "1", "")],
                "step 1 of the program (union) takes the result of step 2, expected an earlier one",
            ),
            (
                vec![scene(), step("relate", "0", "\"left\"")],
                "step 1 of the program (relate) takes a set of objects from step 0 (scene), expected an object",
            ),
            (
                vec![scene(), step("unique", "0", "")],
                "step 1 of the program (unique) is the last and gives an object, expected an answer",
            ),
        ] {
            let error = read(&format!("[{}]", steps.join(","))).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}\nexpected: {expected}");
        }
        let many = vec![scene(); MOST_STEPS + 1].join(",");
        let error = read(&format!("[{many}]")).unwrap_err().to_string();
        assert!(error.contains("step 1000 of the program (scene) is one too many"), "{error}");
    }
}
