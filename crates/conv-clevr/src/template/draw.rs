//! A template's slots filled: the text and the program, as the released generator makes them.

use super::{MOST, Template};
use crate::program::RawStep;
use crate::{Attribute, Kind, Program, Relation};
use rand::Rng;
use rand::seq::IndexedRandom;
use std::collections::BTreeMap;

/// A question that a template made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drawn {
    /// Its text.
    pub question: String,
    /// What it asks.
    pub program: Program,
    /// The file of its template.
    pub file: String,
    /// Its template's place in the file, from 0.
    pub index: usize,
}

/// The values of slots by name, in the order in which they were filled; empty for a slot left
/// empty.
pub(super) type Values<'t> = Vec<(&'t str, &'static str)>;

/// A slot of a filter, its kind, and its value, if it has one.
type Filled<'t> = (&'t str, Kind, Option<Attribute>);

/// Fills a template.
///
/// # Errors
/// In words, why it makes no program.
pub(super) fn draw(
    template: &Template,
    synonyms: &BTreeMap<String, Vec<String>>,
    rng: &mut impl Rng,
) -> Result<(String, Program), String> {
    let (steps, values) = fill(template, rng)?;
    let program = Program::new(&steps).map_err(|error| error.to_string())?;
    Ok((wording(template, synonyms, &values, rng)?, program))
}

/// A text of the template with its slots filled, each by any synonym.
pub(super) fn wording(
    template: &Template,
    synonyms: &BTreeMap<String, Vec<String>>,
    values: &Values,
    rng: &mut impl Rng,
) -> Result<String, String> {
    let mut text = template.text.choose(rng).ok_or("no text")?.clone();
    for (name, value) in values {
        let value = match synonyms.get(*value) {
            Some(words) => words.choose(rng).map_or(*value, |word| word),
            None => value,
        };
        text = text.replace(name, value);
    }
    let text = single_blanks(&without_brackets(&text, rng));
    Ok(other(text, values))
}

/// The steps, and what the slots were filled with.
fn fill<'t>(
    template: &'t Template,
    rng: &mut impl Rng,
) -> Result<(Vec<RawStep>, Values<'t>), String> {
    if template.nodes.len().max(template.params.len()) > MOST {
        return Err(format!("more than {MOST} nodes or slots"));
    }
    // The step that ends each node, and the values of slots.
    let mut steps = Vec::<RawStep>::new();
    let mut ends = Vec::new();
    let mut values = Values::new();
    for (at, node) in template.nodes.iter().enumerate() {
        let input = |&input: &usize| {
            ends.get(input).copied().ok_or_else(|| format!("node {at} takes node {input}"))
        };
        let inputs = node.inputs.iter().map(input).collect::<Result<Vec<i64>, _>>()?;
        let mut push = |function: &str, value: Option<&str>, inputs: Vec<i64>| {
            let value_inputs = value.map(String::from).into_iter().collect();
            steps.push(RawStep { function: function.into(), inputs, value_inputs });
            steps.len() as i64 - 1
        };
        let kind_of = |name: &str| {
            let slot = template.params.iter().find(|slot| slot.name == name);
            slot.map(|slot| slot.kind.as_str())
                .ok_or_else(|| format!("node {at}: no slot `{name}`"))
        };
        let relation = |rng: &mut _| Relation::ALL.choose(rng).map_or("", |value| value.word());
        let (parts, is_composite) = parts(&node.function);
        if !is_composite {
            let value = match node.side_inputs.as_slice() {
                [] => None,
                [name] => {
                    let value = match kind_of(name)? {
                        "Relation" => relation(rng),
                        kind => value_of(name, kind, rng)?.word(),
                    };
                    values.push((name, value));
                    Some(value)
                }
                more => return Err(format!("node {at} has {} slots, expected one", more.len())),
            };
            ends.push(push(&node.function, value, inputs));
            continue;
        }
        let [mut end] = inputs[..] else {
            return Err(format!("node {at} has {} inputs, expected one", inputs.len()));
        };
        let mut slots = node.side_inputs.iter();
        let mut last = None;
        for part in parts {
            match part {
                "relate" => {
                    let name = slots.next().ok_or_else(|| format!("node {at} has no slot"))?;
                    let kind = kind_of(name)?;
                    if kind != "Relation" {
                        return Err(format!(
                            "slot `{name}` is of type `{kind}`, expected Relation"
                        ));
                    }
                    let value = relation(rng);
                    values.push((name, value));
                    end = push("relate", Some(value), vec![end]);
                }
                // The generator never says "the thing" of any object, nor "either things or
                // things".
                "filter" => {
                    let names: Vec<_> = slots.by_ref().collect();
                    // Where it is looked for among what lies somewhere, "the thing" may be said.
                    let of_all = node
                        .inputs
                        .first()
                        .is_some_and(|&input| template.nodes[input].function == "scene");
                    let must =
                        node.function == "filter" || node.function == "filter_unique" && of_all;
                    let filled = filters(template, &names, must, &kind_of, rng)?;
                    for (name, kind, value) in filled {
                        let Some(value) = value else {
                            values.push((name, if kind == Kind::Shape { "thing" } else { "" }));
                            continue;
                        };
                        values.push((name, value.word()));
                        end = push(&format!("filter_{kind}"), Some(value.word()), vec![end]);
                    }
                }
                "unique" | "count" | "exist" => last = Some(part),
                _ => return Err(format!("node {at}: `{}` is no function", node.function)),
            }
        }
        if let Some(name) = slots.next() {
            return Err(format!("node {at}: `{}` has no use for slot `{name}`", node.function));
        }
        if let Some(last) = last {
            end = push(last, None, vec![end]);
        }
        ends.push(end);
    }
    Ok((steps, values))
}

/// The functions that a composite node stands for, and whether it is one: `relate_filter_unique`
/// and its like.
pub(super) fn parts(function: &str) -> (Vec<&str>, bool) {
    let parts: Vec<&str> = function.split('_').collect();
    let kinds = Kind::ALL.iter().any(|kind| parts.contains(&kind.word()));
    let is_composite = !kinds && (parts[0] == "filter" || parts[0] == "relate" && parts.len() > 1);
    (parts, is_composite)
}

/// The slots of a filter, each with its kind and its value, if it has one.
fn filters<'t>(
    template: &Template,
    names: &[&'t String],
    must: bool,
    kind_of: &impl Fn(&str) -> Result<&'t str, String>,
    rng: &mut impl Rng,
) -> Result<Vec<Filled<'t>>, String> {
    let is_null = |name: &str| {
        let mut nulls = template.constraints.iter().filter(|constraint| constraint.kind == "NULL");
        nulls.any(|null| null.params.iter().any(|param| param.as_str() == Some(name)))
    };
    let mut slots = Vec::with_capacity(names.len());
    for name in names {
        slots.push((name.as_str(), value_of(name, kind_of(name)?, rng)?));
    }
    let open: Vec<usize> = (0..slots.len()).filter(|&at| !is_null(slots[at].0)).collect();
    let mut named: Vec<usize> = open.iter().copied().filter(|_| rng.random_bool(0.5)).collect();
    if must && named.is_empty() {
        named.extend(open.choose(rng));
    }
    let filled = |(at, (name, value)): (usize, (_, Attribute))| {
        (name, value.kind(), named.contains(&at).then_some(value))
    };
    Ok(slots.into_iter().enumerate().map(filled).collect())
}

/// A value of the kind that a slot says it is of.
fn value_of(name: &str, kind: &str, rng: &mut impl Rng) -> Result<Attribute, String> {
    let of = Kind::ALL.iter().find(|of| of.word() == kind.to_lowercase());
    let values = of.map(|of| Attribute::all(*of)).unwrap_or_default();
    let value = values.choose(rng).copied();
    value.ok_or_else(|| {
        format!(
            "slot `{name}` is of type `{kind}`, expected Size, Color, Material, Shape or Relation"
        )
    })
}

/// Each part in brackets with or without, with equal chances.
fn without_brackets(text: &str, rng: &mut impl Rng) -> String {
    let mut kept = String::new();
    for part in text.split('[') {
        match part.split_once(']') {
            Some((inside, behind)) => {
                if rng.random_bool(0.5) {
                    kept.push_str(inside);
                }
                kept.push_str(behind);
            }
            None => kept.push_str(part),
        }
    }
    kept
}

fn single_blanks(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// "How many other red things are the same size as the blue cube" needs no "other": the two cannot
/// be one. The generator drops it where a template has exactly two objects and both name another
/// value of an attribute; "thing" counts as a shape there.
fn other(text: String, values: &Values) -> String {
    let mut first = [""; 4];
    let mut second = [""; 4];
    for (name, value) in values {
        let slots = ["<Z>", "<C>", "<M>", "<S>"].iter().position(|slot| slot == name);
        let others = ["<Z2>", "<C2>", "<M2>", "<S2>"].iter().position(|slot| slot == name);
        match (slots, others) {
            (Some(at), _) => first[at] = value,
            (_, Some(at)) => second[at] = value,
            _ => return text,
        }
    }
    let differ = |(a, b): (&&str, &&str)| !a.is_empty() && !b.is_empty() && a != b;
    if values.len() == 8 && first.iter().zip(&second).any(differ) {
        return text.replace(" other ", " ").replace(" another ", " a ");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_is_said_only_where_both_could_be_one() {
        let slots = ["<Z>", "<C>", "<M>", "<S>", "<Z2>", "<C2>", "<M2>", "<S2>"];
        let with = |values: [&'static str; 8]| slots.into_iter().zip(values).collect::<Values>();
        let text = || "How many other balls are there?".to_string();
        let same = ["small", "", "", "sphere", "", "red", "", "sphere"];
        assert_eq!(other(text(), &with(same)), text());
        let different = ["small", "", "", "cube", "", "red", "", "sphere"];
        assert_eq!(other(text(), &with(different)), "How many balls are there?");
        let one = vec![("<Z>", "small"), ("<S>", "cube")];
        assert_eq!(other(text(), &one), text());
    }
}
