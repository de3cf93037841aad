//! The executor: a program's answer on a scene graph, and what each step gave.

use super::{Function, Program};
use crate::{Answer, Attribute, Error, Graph, Result};
use serde::{Serialize, Serializer};
use std::fmt;

/// What a step gave. Objects are named by their number in the scene, from 0, in rising order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// A set of objects.
    Objects(Vec<usize>),
    /// One object.
    Object(usize),
    /// A count.
    Integer(usize),
    /// What an object is like.
    Value(Attribute),
    /// Yes or no.
    Bool(bool),
}

impl Output {
    /// The objects that it is about, if any.
    pub fn objects(&self) -> &[usize] {
        match self {
            Self::Objects(objects) => objects,
            Self::Object(object) => std::slice::from_ref(object),
            _ => &[],
        }
    }
}

/// A set is a list, an object a number, all else as answers are written.
impl Serialize for Output {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Objects(objects) => objects.serialize(serializer),
            Self::Object(number) | Self::Integer(number) => number.serialize(serializer),
            Self::Value(value) => value.word().serialize(serializer),
            Self::Bool(value) => value.serialize(serializer),
        }
    }
}

impl fmt::Display for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Objects(objects) if objects.is_empty() => f.write_str("no object"),
            Self::Objects(objects) => {
                let numbers: Vec<_> = objects.iter().map(ToString::to_string).collect();
                write!(f, "{{{}}}", numbers.join(", "))
            }
            Self::Object(object) => write!(f, "object {object}"),
            Self::Integer(count) => count.fmt(f),
            Self::Value(value) => value.fmt(f),
            Self::Bool(value) => Answer::Bool(*value).fmt(f),
        }
    }
}

/// The least probability with which an object is what a question calls it, to be taken for the one
/// that it speaks of.
const LIKELY: f32 = 0.02;

/// How likely the second best may be at most, as a share of the best's probability.
const CLEAR: f32 = 0.9;

/// A program's answer, and how it came about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Execution {
    /// The answer.
    pub answer: Answer,
    /// What each step gave.
    pub outputs: Vec<Output>,
}

impl Program {
    /// Executes it. A question that speaks of *the* green cube says that there is exactly one.
    /// Where none was seen, or several, `unique` gives the object that is most probably so by the
    /// graph's beliefs, if that is clear; where all is certain it never is.
    ///
    /// # Errors
    /// [`Error::NotUnique`], where the question speaks of *the* such object and there is none, or
    /// several, and no object clearly likelier.
    pub fn execute(&self, graph: &Graph) -> Result<Execution> {
        let (outputs, failed) = self.trace(graph);
        if let Some(error) = failed {
            return Err(error);
        }
        let answer = match outputs.last() {
            Some(Output::Integer(count)) => Answer::Count(*count),
            Some(Output::Value(value)) => Answer::Attribute(*value),
            Some(Output::Bool(value)) => Answer::Bool(*value),
            _ => unreachable!("a program's last step gives an answer"),
        };
        Ok(Execution { answer, outputs })
    }

    /// What each step gave, as far as it went, and why it went no further.
    pub fn trace(&self, graph: &Graph) -> (Vec<Output>, Option<Error>) {
        let mut outputs: Vec<Output> = Vec::with_capacity(self.0.len());
        for (at, step) in self.0.iter().enumerate() {
            let exact = execute_step(step.function, &step.inputs, graph, &outputs);
            match exact.or_else(|found| {
                self.likeliest(at, graph, &outputs).map(Output::Object).ok_or(found)
            }) {
                Ok(output) => outputs.push(output),
                Err(found) => {
                    let function = step.function.name();
                    return (outputs, Some(Error::NotUnique { step: at, function, found }));
                }
            }
        }
        (outputs, None)
    }

    /// The object that step `at`, `unique`, most probably means: of those that the filters before
    /// it were given, the likeliest to pass them all.
    fn likeliest(&self, at: usize, graph: &Graph, outputs: &[Output]) -> Option<usize> {
        let mut from = *self.0[at].inputs.first()?;
        let mut filters = Vec::new();
        while let Function::Filter(value) = self.0[from].function {
            filters.push(value);
            from = *self.0[from].inputs.first()?;
        }
        let probability = |object: usize| -> f32 {
            filters.iter().map(|value| graph.beliefs()[object].of(*value)).product()
        };
        let mut likely: Vec<(f32, usize)> =
            outputs[from].objects().iter().map(|&object| (probability(object), object)).collect();
        likely.sort_by(|a, b| b.0.total_cmp(&a.0));
        let (best, object) = *likely.first()?;
        let second = likely.get(1).map_or(0.0, |second| second.0);
        (best >= LIKELY && second <= CLEAR * best).then_some(object)
    }
}

/// What a step gives; or, where it needs one object, how many there were.
pub(crate) fn execute_step(
    function: Function,
    inputs: &[usize],
    graph: &Graph,
    outputs: &[Output],
) -> Result<Output, usize> {
    let input = |at: usize| &outputs[inputs[at]];
    let objects = |at: usize| input(at).objects();
    let object = |at: usize| objects(at)[0];
    let integer = |at: usize| match input(at) {
        Output::Integer(count) => *count,
        _ => unreachable!("a program's types are checked"),
    };
    let those = |keep: &dyn Fn(usize) -> bool| {
        Output::Objects((0..graph.len()).filter(|&object| keep(object)).collect())
    };
    let traits = graph.traits();
    Ok(match function {
        Function::Scene => those(&|_| true),
        Function::Filter(value) => {
            let is_so = |object: &usize| traits[*object].get(value.kind()) == value;
            Output::Objects(objects(0).iter().copied().filter(is_so).collect())
        }
        Function::Unique => match objects(0) {
            [only] => Output::Object(*only),
            others => return Err(others.len()),
        },
        Function::Relate(relation) => {
            let mut related = graph.related(relation, object(0)).to_vec();
            related.sort_unstable();
            Output::Objects(related)
        }
        Function::Same(kind) => {
            let of = object(0);
            those(&|other| other != of && traits[other].get(kind) == traits[of].get(kind))
        }
        Function::Intersect => those(&|one| objects(0).contains(&one) && objects(1).contains(&one)),
        Function::Union => those(&|one| objects(0).contains(&one) || objects(1).contains(&one)),
        Function::Count => Output::Integer(objects(0).len()),
        Function::Exist => Output::Bool(!objects(0).is_empty()),
        Function::Query(kind) => Output::Value(traits[object(0)].get(kind)),
        Function::Equal(_) => Output::Bool(input(0) == input(1)),
        Function::EqualObject => Output::Bool(object(0) == object(1)),
        Function::EqualInteger => Output::Bool(integer(0) == integer(1)),
        Function::LessThan => Output::Bool(integer(0) < integer(1)),
        Function::GreaterThan => Output::Bool(integer(0) > integer(1)),
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::scene::Beliefs;
    use crate::{Color, Material, Shape, Size, Traits};

    /// A large red metal cube, a small red rubber sphere right of it and a small blue metal cube
    /// right of both.
    fn graph() -> Graph {
        let of = |size, color, material, shape| Traits { size, color, material, shape };
        let traits = vec![
            of(Size::Large, Color::Red, Material::Metal, Shape::Cube),
            of(Size::Small, Color::Red, Material::Rubber, Shape::Sphere),
            of(Size::Small, Color::Blue, Material::Metal, Shape::Cube),
        ];
        let none = vec![vec![]; 3];
        let left = vec![vec![], vec![0], vec![1, 0]];
        let right = vec![vec![1, 2], vec![2], vec![]];
        Graph::new(traits, [left, right, none.clone(), none]).unwrap()
    }

    fn answer(prefix: &str) -> Result<String> {
        let functions: Vec<Function> = prefix.split(' ').map(|t| t.parse().unwrap()).collect();
        Ok(Program::from_prefix(&functions)?.execute(&graph())?.answer.to_string())
    }

    #[test]
    fn each_function_does_what_it_says() {
        let sphere = "unique filter_shape[sphere] scene";
        let large = "unique filter_size[large] scene";
        for (prefix, expected) in [
            ("count scene".to_string(), "3"),
            ("count filter_color[red] filter_shape[cube] scene".into(), "1"),
            (format!("count relate[left] {sphere}"), "1"),
            ("query_shape unique filter_color[red] relate[left] unique filter_color[blue] filter_shape[cube] filter_size[small] scene"
                .replace("filter_color[red]", "filter_size[small]"), "sphere"),
            (format!("count same_color {sphere}"), "1"),
            (format!("exist same_shape {sphere}"), "no"),
            ("count union filter_color[red] scene filter_shape[cube] scene".into(), "3"),
            ("count intersect filter_color[red] scene filter_shape[cube] scene".into(), "1"),
            ("exist filter_color[green] scene".into(), "no"),
            (format!("query_material {sphere}"), "rubber"),
            (format!("query_size {large}"), "large"),
            (format!("equal_color query_color {sphere} query_color {large}"), "yes"),
            (format!("equal_material query_material {sphere} query_material {large}"), "no"),
            (format!("equal_object {sphere} {sphere}"), "yes"),
            (format!("equal_object {sphere} {large}"), "no"),
            ("equal_integer count scene count scene".into(), "yes"),
            ("less_than count filter_color[blue] scene count filter_color[red] scene".into(), "yes"),
            ("greater_than count filter_color[blue] scene count filter_color[red] scene".into(), "no"),
        ] {
            assert_eq!(answer(&prefix).unwrap(), expected, "{prefix}");
        }
    }

    #[test]
    fn an_object_that_is_not_there_or_not_alone_is_named() {
        for (prefix, expected) in [
            (
                "query_size unique filter_color[green] scene",
                "step 2 of the program (unique) has 0 objects",
            ),
            (
                "query_size unique filter_color[red] scene",
                "step 2 of the program (unique) has 2 objects",
            ),
        ] {
            let error = answer(prefix).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        }
    }

    #[test]
    fn of_what_was_seen_the_likeliest_is_meant_if_it_is_clear() {
        let traits = graph().traits().to_vec();
        let with = |sphere: f32, others: f32| {
            let mut beliefs: Vec<_> = traits.iter().map(Beliefs::certain).collect();
            beliefs[1].set(Attribute::Color(Color::Green), sphere);
            beliefs[2].set(Attribute::Color(Color::Green), others);
            graph().with_beliefs(beliefs).unwrap()
        };
        let asked = ["query_shape", "unique", "filter_color[green]", "scene"];
        let program = Program::from_prefix(&asked.map(|token| token.parse().unwrap())).unwrap();
        let answer =
            |graph| program.execute(&graph).map(|execution| execution.answer.to_string()).ok();
        assert_eq!(answer(with(0.3, 0.1)).as_deref(), Some("sphere"));
        assert_eq!(answer(with(0.1, 0.3)).as_deref(), Some("cube"));
        assert_eq!(answer(with(0.3, 0.29)), None);
        assert_eq!(answer(with(0.01, 0.0)), None);
    }

    #[test]
    fn the_trace_says_what_each_step_selected() {
        let prefix = ["count", "relate[right]", "unique", "filter_size[large]", "scene"];
        let program = Program::from_prefix(&prefix.map(|token| token.parse().unwrap())).unwrap();
        let outputs = program.execute(&graph()).unwrap().outputs;
        let texts: Vec<String> = outputs.iter().map(ToString::to_string).collect();
        assert_eq!(texts, ["{0, 1, 2}", "{0}", "object 0", "{1, 2}", "2"]);
        let json = serde_json::to_string(&outputs).unwrap();
        assert_eq!(json, "[[0,1,2],[0],0,[1,2],2]");
    }
}
