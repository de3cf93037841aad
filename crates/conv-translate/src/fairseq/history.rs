//! How a checkpoint was trained, as far as its file says it.

use super::fields::get;
use conv_hub::pth::Value;
use serde_json::{Map, Value as Json};

/// What is told of the training, by the names of fairseq's command line.
const TOLD: [&str; 16] = [
    "criterion",
    "label_smoothing",
    "optimizer",
    "lr",
    "momentum",
    "lr_scheduler",
    "clip_norm",
    "dropout",
    "max_tokens",
    "max_sentences",
    "batch_size",
    "update_freq",
    "max_epoch",
    "max_update",
    "bpe",
    "seed",
];
/// The most numbers of a list that are told.
const MOST: usize = 20;

/// Settings of the training, and where it stood when the checkpoint was saved; what the file does
/// not say is left out.
pub(super) fn history(root: &Value) -> Map<String, Json> {
    let mut told = Map::new();
    let settings = ["args", "cfg"].iter().find_map(|name| get(root, name));
    let parts = ["optimization", "dataset", "common", "model", "task"];
    let parts = settings.into_iter().flat_map(|of| parts.iter().filter_map(|part| get(of, part)));
    let places: Vec<&Value> = settings.into_iter().chain(parts.collect::<Vec<_>>()).collect();
    for name in TOLD {
        let found = places.iter().find_map(|place| said(get(place, name)?));
        told.extend(found.map(|value| (name.to_owned(), value)));
    }
    // A part of `cfg` has settings of its own.
    for (part, name) in [("criterion", "label_smoothing"), ("optimizer", "momentum")] {
        if !told.contains_key(name) {
            let value = settings.and_then(|of| said(get(get(of, part)?, name)?));
            told.extend(value.map(|value| (name.to_owned(), value)));
        }
    }
    let updates = get(root, "optimizer_history")
        .and_then(Value::as_list)
        .and_then(|runs| said(get(runs.last()?, "num_updates")?));
    let state = get(root, "extra_state");
    let epoch = state.and_then(|state| said(get(get(state, "train_iterator")?, "epoch")?));
    let loss = |name| state.and_then(|state| said(get(state, name)?));
    for (name, value) in [
        ("updates", updates),
        ("epoch", epoch),
        ("val_loss", loss("val_loss")),
        ("best", loss("best")),
    ] {
        told.extend(value.map(|value| (name.to_owned(), value)));
    }
    told
}

/// A setting: text, a number, a truth value, a list of them, or the name of a part that has
/// settings of its own.
fn said(value: &Value) -> Option<Json> {
    match value {
        Value::Bool(value) => Some((*value).into()),
        Value::Int(value) => Some((*value).into()),
        Value::Float(value) => Some((*value).into()),
        Value::Text(text) => Some(text.chars().take(200).collect::<String>().into()),
        Value::List(values) if values.len() <= MOST => {
            values.iter().map(said).collect::<Option<Vec<_>>>().map(Json::Array)
        }
        Value::Dict(_) | Value::Object(_) => {
            get(value, "_name").and_then(Value::as_str).map(Json::from)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn text(text: &str) -> Value {
        Value::Text(text.into())
    }

    fn dict(entries: &[(&str, Value)]) -> Value {
        Value::Dict(entries.iter().map(|(key, value)| (text(key), value.clone())).collect())
    }

    #[test]
    fn both_forms_tell_the_same() {
        let state = [
            (
                "extra_state",
                dict(&[
                    ("train_iterator", dict(&[("epoch", Value::Int(7))])),
                    ("best", Value::None),
                ]),
            ),
            ("optimizer_history", Value::List([dict(&[("num_updates", Value::Int(9))])].into())),
        ];
        let rates = Value::List([Value::Float(0.25)].into());
        let old = dict(&[
            ("optimizer", text("nag")),
            ("lr", rates.clone()),
            ("momentum", Value::Float(0.99)),
        ]);
        let nag = dict(&[("_name", text("nag")), ("momentum", Value::Float(0.99))]);
        let new = dict(&[("optimizer", nag), ("optimization", dict(&[("lr", rates)]))]);
        let expected =
            json!({"optimizer": "nag", "lr": [0.25], "momentum": 0.99, "updates": 9, "epoch": 7});
        for (name, settings) in [("args", old), ("cfg", new)] {
            let root = dict(&[&[(name, settings)][..], &state[..]].concat());
            assert_eq!(Json::Object(history(&root)), expected, "{name}");
        }
        assert_eq!(history(&Value::None), Map::new());
    }
}
