//! Programs in prefix notation: what the parser writes. Each function stands before its inputs, so
//! that no bracket is needed.

use super::{MOST_STEPS, Program, RawStep};
use crate::{Error, Function, Result};

impl Program {
    /// Its functions, each before its inputs: `count filter_color[red] scene`. A result that is
    /// taken twice is written twice.
    ///
    /// # Errors
    /// [`Error::Program`], where that makes more than a thousand.
    pub fn prefix(&self) -> Result<Vec<Function>> {
        let mut prefix = Vec::new();
        let mut open = vec![self.0.len() - 1];
        while let Some(at) = open.pop() {
            let step = &self.0[at];
            if prefix.len() == MOST_STEPS {
                let reason = format!("makes more than {MOST_STEPS} functions in prefix notation");
                let function = step.function.name().into();
                return Err(Error::Program { step: at, function, reason });
            }
            prefix.push(step.function);
            open.extend(step.inputs.iter().rev());
        }
        Ok(prefix)
    }

    /// Whether it is the same program, in whatever order its steps stand.
    pub fn is_same(&self, other: &Self) -> bool {
        self == other
            || matches!((self.prefix(), other.prefix()), (Ok(own), Ok(others)) if own == others)
    }

    /// The program that is written so, its steps in the order in which the original's have them:
    /// inputs before what takes them, the first input first.
    ///
    /// # Errors
    /// [`Error::Program`] with the function's place in `prefix` for its step: inputs that are
    /// missing, left over or of another type.
    pub fn from_prefix(prefix: &[Function]) -> Result<Self> {
        let wrong = |step: usize, reason: String| {
            let function = prefix.get(step).map_or_else(String::new, |at| at.name().into());
            Error::Program { step, function, reason }
        };
        // Functions whose inputs are not complete: place, and the steps so far.
        let mut open: Vec<(usize, Vec<usize>)> = Vec::new();
        let mut steps: Vec<RawStep> = Vec::new();
        for (at, function) in prefix.iter().enumerate() {
            if at > 0 && open.is_empty() {
                return Err(wrong(at, "stands behind the program's end".into()));
            }
            open.push((at, Vec::new()));
            let mut takes = function.inputs().len();
            // What is complete is a step, and an input of the one before it.
            while let Some((at, inputs)) = open.pop_if(|(_, inputs)| inputs.len() == takes) {
                let value_inputs = prefix[at].value().map(String::from).into_iter().collect();
                let inputs = inputs.iter().map(|&input| input as i64).collect();
                steps.push(RawStep { function: prefix[at].name().into(), inputs, value_inputs });
                if let Some((before, inputs)) = open.last_mut() {
                    inputs.push(steps.len() - 1);
                    takes = prefix[*before].inputs().len();
                }
            }
        }
        match open.pop() {
            Some((at, inputs)) => {
                let found = inputs.len();
                let expected = prefix[at].inputs().len();
                Err(wrong(at, format!("has {found} inputs, expected {expected}")))
            }
            None => Self::new(&steps),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn tokens(text: &str) -> Vec<Function> {
        text.split(' ').map(|token| token.parse().unwrap()).collect()
    }

    #[test]
    fn prefix_and_steps_are_the_same_program() {
        let text = "equal_color query_color unique filter_shape[cube] scene query_color unique relate[left] unique filter_size[large] scene";
        let program = Program::from_prefix(&tokens(text)).unwrap();
        assert_eq!(
            program.to_string(),
            "equal_color(query_color(unique(filter_shape[cube](scene))), query_color(unique(relate[left](unique(filter_size[large](scene))))))"
        );
        assert_eq!(program.prefix().unwrap(), tokens(text));
        let names: Vec<_> = program.steps().iter().map(|step| step.function.name()).collect();
        assert_eq!(names[..4], ["scene", "filter_shape", "unique", "query_color"]);
        // As the generator orders it: both objects first, then what is asked of them.
        let mut raw = program.raw();
        let asked = raw.remove(3);
        raw.insert(8, asked);
        for (at, inputs) in [
            (3, vec![]),
            (4, vec![3]),
            (5, vec![4]),
            (6, vec![5]),
            (7, vec![6]),
            (8, vec![2]),
            (9, vec![7]),
            (10, vec![8, 9]),
        ] {
            raw[at].inputs = inputs;
        }
        let other = Program::new(&raw).unwrap();
        assert!(other != program && other.is_same(&program));
        assert!(!other.is_same(&Program::from_prefix(&tokens("count scene")).unwrap()));
    }

    #[test]
    fn what_is_missing_or_left_over_is_named() {
        for (text, expected) in [
            ("union scene", "step 0 of the program (union) has 1 inputs, expected 2"),
            ("count scene scene", "step 2 of the program (scene) stands behind the program's end"),
            ("count count scene", "step 2 of the program (count) takes a count"),
            ("unique scene", "step 1 of the program (unique) is the last"),
        ] {
            let error = Program::from_prefix(&tokens(text)).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        }
        assert!(matches!(Program::from_prefix(&[]), Err(Error::NoSteps)));
    }

    #[test]
    fn a_result_that_is_taken_again_and_again_is_refused() {
        let mut raw =
            vec![RawStep { function: "scene".into(), inputs: vec![], value_inputs: vec![] }];
        for at in 0..60 {
            let value_inputs = Vec::new();
            raw.push(RawStep { function: "union".into(), inputs: vec![at, at], value_inputs });
        }
        raw.push(RawStep { function: "count".into(), inputs: vec![60], value_inputs: vec![] });
        let error = Program::new(&raw).unwrap().prefix().unwrap_err().to_string();
        assert!(error.contains("makes more than 1000"), "{error}");
    }

    proptest! {
        #[test]
        fn any_functions(picked in proptest::collection::vec(0..41usize, 0..40)) {
            let all = Function::all();
            let prefix: Vec<_> = picked.iter().map(|&at| all[at]).collect();
            if let Ok(program) = Program::from_prefix(&prefix) {
                prop_assert_eq!(program.prefix().unwrap(), prefix);
            }
        }
    }
}
