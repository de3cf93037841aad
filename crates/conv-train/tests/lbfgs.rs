//! L-BFGS against PyTorch's, made by `reference/make_lbfgs.py`.
#![allow(clippy::unwrap_used)]

use conv_train::optim::{Lbfgs, LbfgsConfig};
use serde::Deserialize;
use std::convert::Infallible;

#[derive(Deserialize)]
struct Fixture {
    start: Vec<f64>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    function: String,
    history: usize,
    steps: Vec<Step>,
}

#[derive(Deserialize)]
struct Step {
    numbers: Vec<f64>,
    evaluations: usize,
}

fn valley(x: &[f64]) -> (f64, Vec<f64>) {
    let mut value = 0.0;
    let mut gradient = vec![0.0; x.len()];
    for i in 0..x.len() - 1 {
        let a = 1.0 - x[i];
        let b = x[i + 1] - x[i] * x[i];
        value += 100.0 * b * b + a * a;
        gradient[i] -= 400.0 * b * x[i] + 2.0 * a;
        gradient[i + 1] += 200.0 * b;
    }
    (value, gradient)
}

fn hills(x: &[f64]) -> (f64, Vec<f64>) {
    let mut value = 0.0;
    let mut gradient = vec![0.0; x.len()];
    for i in 0..x.len() {
        let next = (i + 1) % x.len();
        let angle = 3.0 * x[next] + x[i];
        value += x[i].powi(4) / 4.0 - 2.0 * x[i] * x[i] + angle.cos();
        gradient[i] += x[i].powi(3) - 4.0 * x[i] - angle.sin();
        gradient[next] -= 3.0 * angle.sin();
    }
    (value, gradient)
}

#[test]
fn twenty_steps_are_those_of_pytorch() {
    let fixture: Fixture = serde_json::from_str(include_str!("reference/lbfgs.json")).unwrap();
    for Case { function, history, steps } in fixture.cases {
        let evaluate = match function.as_str() {
            "valley" => valley,
            _ => hills,
        };
        let config = LbfgsConfig { history, ..LbfgsConfig::default() };
        let mut descent = Lbfgs::new(config, fixture.start.clone());
        assert_eq!(steps.len(), 20);
        for (number, expected) in steps.iter().enumerate() {
            let found = descent.step(|x| Ok::<_, Infallible>(evaluate(x))).unwrap();
            // The first step also evaluates where it begins.
            let searched = found.evaluations - usize::from(number == 0);
            let what = format!("{function}, history {history}, step {number}");
            assert_eq!(searched, expected.evaluations, "{what}");
            for (a, b) in descent.numbers().iter().zip(&expected.numbers) {
                assert!((a - b).abs() < 1e-8, "{what}: {a} is not {b}");
            }
        }
    }
}
