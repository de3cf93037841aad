//! Fifty steps of every optimiser, schedule, clipping and bound against PyTorch's, made by
//! `reference/make_optimizers.py`.
#![allow(clippy::unwrap_used)]

use candle_core::{DType, Device, Tensor};
use conv_nn::{Init, Parameters};
use conv_train::optim::Optimizer;
use conv_train::{FitConfig, Plateau, clip};
use serde::Deserialize;
use std::collections::HashMap;

#[derive(Deserialize)]
struct Fixture {
    metrics: Vec<f64>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    config: FitConfig,
    rates: Vec<f64>,
}

const NAMES: [&str; 3] = ["bias", "late", "weight"];

fn fixture() -> (Fixture, HashMap<String, Tensor>) {
    let fixture = serde_json::from_str(include_str!("reference/optimizers.json")).unwrap();
    let bytes = include_bytes!("reference/optimizers.safetensors");
    (fixture, candle_core::safetensors::load_buffer(bytes, &Device::Cpu).unwrap())
}

/// All parameters after each step, and the learning rate of each.
fn run(
    case: &Case,
    metrics: &[f64],
    given: &HashMap<String, Tensor>,
    dtype: DType,
) -> (Vec<Vec<f64>>, Vec<f64>) {
    let config = &case.config;
    config.check().unwrap();
    let parameters = Parameters::new(0);
    let vb = parameters.builder(dtype, &Device::Cpu);
    let tensors = NAMES.map(|name| {
        let initial = given[&format!("initial.{name}")].clone();
        vb.get_with_hints(initial.dims(), name, Init::Value(initial.clone())).unwrap()
    });
    let loss_of = |index: usize| {
        let given = |key| given[&format!("{key}.{}", NAMES[index])].to_dtype(dtype).unwrap();
        let error = (&tensors[index] - given("target")).unwrap().sqr().unwrap();
        (error * given("curvature")).unwrap().sum_all().unwrap()
    };
    let mut optimizer = Optimizer::new(config.optimizer.clone()).unwrap();
    let mut plateau = Plateau::default();
    let mut trajectory = Vec::new();
    let mut rates = Vec::new();
    for (k, metric) in metrics.iter().enumerate() {
        let parts = [0, 2].into_iter().chain((k >= 10).then_some(1));
        let loss = parts.map(loss_of).reduce(|a, b| (a + b).unwrap()).unwrap();
        let loss = (loss * ((1.0 + (k as f64).cos() / 2.0) / 2.0)).unwrap();
        let mut gradients = loss.backward().unwrap();
        if let Some(norm) = config.clip_norm {
            clip::clip_global_norm(&parameters, &mut gradients, norm).unwrap();
        }
        let rate = config.schedule.rate(config.learning_rate, k as u64, &plateau);
        optimizer.step(&parameters, &gradients, rate).unwrap();
        config.max_norm.iter().for_each(|rule| rule.apply(&parameters).unwrap());
        if let Some(monitor) = &config.monitor {
            let full = config.learning_rate;
            config.schedule.observe(full, *metric, monitor.direction, &mut plateau);
        }
        rates.push(rate);
        let flat = tensors.each_ref().map(|tensor| tensor.flatten_all().unwrap());
        let all = Tensor::cat(&flat, 0).unwrap().to_dtype(DType::F64).unwrap();
        trajectory.push(all.to_vec1().unwrap());
    }
    (trajectory, rates)
}

fn furthest(found: &[f64], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let distance = |(a, b): (&f64, &f64)| (a - b).abs() / b.abs().max(1.0);
    found.iter().zip(expected).map(distance).fold(0.0, f64::max)
}

fn compare(dtype: DType, tolerance: f64) {
    let (fixture, given) = fixture();
    for case in &fixture.cases {
        let (found, rates) = run(case, &fixture.metrics, &given, dtype);
        let expected = given[&case.name].flatten_all().unwrap().to_vec1::<f64>().unwrap();
        let distance = furthest(&rates, &case.rates);
        assert!(distance < 1e-12, "{}: learning rates differ by {distance}", case.name);
        let distance = furthest(&found.concat(), &expected);
        assert!(distance < tolerance, "{}: weights differ by {distance}", case.name);
    }
}

#[test]
fn f64_trajectories_are_pytorchs() {
    compare(DType::F64, 1e-11);
}

#[test]
fn f32_trajectories_are_pytorchs_to_rounding() {
    compare(DType::F32, 2e-5);
}
