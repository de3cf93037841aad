//! Metrics against the definitions of VisDial's challenge in plain Python
//! (`reference/make_ranking.py`).
#![allow(clippy::unwrap_used)]

use conv_dialog::metrics::{Placed, Ranking, ndcg};
use serde_json::Value;

#[test]
fn figures_are_those_of_the_reference() {
    let fixture: Value = serde_json::from_str(include_str!("reference/ranking.json")).unwrap();
    let numbers = |value: &Value| -> Vec<f32> {
        value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap() as f32).collect()
    };
    let mut places = Vec::new();
    for round in fixture["rounds"].as_array().unwrap() {
        let scores = numbers(&round["scores"]);
        places.push(Placed::of(&scores, round["truth"].as_u64().unwrap() as usize));
        let found = ndcg(&scores, &numbers(&round["relevance"])).unwrap();
        assert!((found - round["ndcg"].as_f64().unwrap()).abs() < 1e-6, "{found}");
    }
    let found = serde_json::to_value(Ranking::of(&places)).unwrap();
    for (name, expected) in fixture["figures"].as_object().unwrap() {
        let difference = found[name].as_f64().unwrap() - expected.as_f64().unwrap();
        assert!(difference.abs() < 1e-9, "{name}: {difference}");
    }
}
