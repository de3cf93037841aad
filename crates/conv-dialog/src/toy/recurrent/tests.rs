#![allow(clippy::unwrap_used)]

use super::agents::{NAMES, Recurrent, RecurrentConfig};
use super::play::{Choice, names};
use crate::toy::world::{TASKS, World};
use candle_core::{Device, Tensor};
use conv_nn::Parameters;
use conv_nn::rng::seeded;
use serde_json::Value;
use std::collections::BTreeMap;

/// Agents of two symbols each.
fn small(memory: bool) -> Recurrent {
    let config = RecurrentConfig {
        asked: 2,
        answered: 2,
        memory,
        units: 6,
        dimension: 4,
        ..RecurrentConfig::default()
    };
    Recurrent::new(&config, Parameters::new(3), &Device::Cpu).unwrap()
}

/// All gradients, one after the other in the parameters' order.
fn gradient(agents: &Recurrent, loss: &Tensor) -> Vec<f64> {
    let gradients = loss.backward().unwrap();
    let mut all = Vec::new();
    for (name, var) in agents.parameters.vars() {
        let gradient = gradients.get(var.as_tensor()).unwrap_or_else(|| panic!("{name}"));
        let values = gradient.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        all.extend(values.into_iter().map(f64::from));
    }
    all
}

fn length(a: &[f64]) -> f64 {
    a.iter().map(|a| a * a).sum::<f64>().sqrt()
}

fn distance(a: &[f64], b: &[f64]) -> f64 {
    length(&a.iter().zip(b).map(|(a, b)| a - b).collect::<Vec<_>>()) / length(b)
}

/// On two objects and tasks, every game that can be is played: 2 · 2 · 2 · 2 dialogs and 144 pairs
/// of names. The expected reward is then a sum, and its gradient, through the shares themselves, is
/// what REINFORCE's must be in expectation and near to with many drawn games.
#[test]
fn the_policy_gradient_is_that_of_the_expected_reward_by_enumeration() {
    for memory in [false, true] {
        let agents = small(memory);
        let starts = [(5, 0), (46, 3)];
        let mut objects = Vec::new();
        let mut tasks = Vec::new();
        let mut choices = Vec::new();
        for (object, task) in starts {
            for number in 0..16 * NAMES * NAMES {
                let [dialog, named] = [number % 16, number / 16];
                let bit = |at: usize| dialog >> at & 1;
                objects.push(object);
                tasks.push(task);
                choices.push([bit(0), bit(1), bit(2), bit(3), named % NAMES, named / NAMES]);
            }
        }
        let reward = |object, task, game: [usize; 6]| {
            // One right name earns something too, so that more than one game in 144 counts.
            let right = names(object, task);
            let right = u8::from(right[0] == game[4]) + u8::from(right[1] == game[5]);
            [-1.0, 0.5, 3.0][usize::from(right)]
        };
        let rewards: Vec<f32> = (0..objects.len())
            .map(|game| reward(objects[game], tasks[game], choices[game]))
            .collect();
        let games = agents.games(&objects, &tasks, Choice::Given(&choices)).unwrap();
        let shares = games.log_likelihoods().unwrap().exp().unwrap();
        let all = shares.sum_all().unwrap().to_scalar::<f32>().unwrap();
        assert!((all - starts.len() as f32).abs() < 1e-4, "{all}");
        let rewarded = Tensor::new(&rewards[..], &Device::Cpu).unwrap();
        let expected = (&shares * rewarded).unwrap().sum_all().unwrap();
        let exact = gradient(&agents, &expected);

        let shares = shares.to_vec1::<f32>().unwrap();
        let weights: Vec<f32> = shares.iter().zip(&rewards).map(|(p, r)| p * r).collect();
        let surrogate = games.weighted_log_likelihood(&weights).unwrap();
        assert!(distance(&gradient(&agents, &surrogate), &exact) < 1e-4);

        let many = 200_000;
        let [objects, tasks]: [Vec<usize>; 2] = [
            (0..many).map(|game| starts[game % 2].0).collect(),
            (0..many).map(|game| starts[game % 2].1).collect(),
        ];
        let mut rng = seeded(1, "drawn games");
        let games = agents.games(&objects, &tasks, Choice::Drawn(&mut rng)).unwrap();
        let weights: Vec<f32> = (0..many)
            .map(|game| reward(objects[game], tasks[game], games.of(game)) * 2.0 / many as f32)
            .collect();
        let drawn = gradient(&agents, &games.weighted_log_likelihood(&weights).unwrap());
        let far = distance(&drawn, &exact);
        assert!(far < 0.1, "{far}");
        // That bound tells something: the rewards of other games are far from it.
        let other: Vec<f32> = weights.iter().skip(2).chain(&weights[..2]).copied().collect();
        let other = gradient(&agents, &games.weighted_log_likelihood(&other).unwrap());
        assert!(distance(&other, &exact) > 0.5);
    }
}

/// Values of a parameter by its name.
fn numbers(value: &Value) -> Vec<f32> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap() as f32).collect()
}

fn integers(value: &Value) -> Vec<usize> {
    value.as_array().unwrap().iter().map(|number| number.as_u64().unwrap() as usize).collect()
}

/// `tests/reference/make_recurrent.py`: PyTorch computes each game by itself.
#[test]
fn the_gradient_of_given_games_is_pytorchs() {
    let text = include_str!("../../../tests/reference/recurrent.json");
    let fixture: Value = serde_json::from_str(text).unwrap();
    let size = |name: &str| fixture[name].as_u64().unwrap() as usize;
    let symbols = integers(&fixture["symbols"]);
    let [objects, tasks] = ["objects", "tasks"].map(|name| integers(&fixture[name]));
    let choices: Vec<[usize; 6]> = fixture["choices"]
        .as_array()
        .unwrap()
        .iter()
        .map(|game| integers(game).try_into().unwrap())
        .collect();
    for case in fixture["cases"].as_array().unwrap() {
        let config = RecurrentConfig {
            asked: symbols[0],
            answered: symbols[1],
            memory: case["memory"].as_bool().unwrap(),
            units: size("units"),
            dimension: size("dimension"),
            ..RecurrentConfig::default()
        };
        let drawn = Recurrent::new(&config, Parameters::new(1), &Device::Cpu).unwrap();
        let given: BTreeMap<String, Tensor> = drawn
            .parameters
            .vars()
            .into_iter()
            .map(|(name, var)| {
                let values = numbers(&fixture["parameters"][&name]);
                (name, Tensor::from_vec(values, var.shape(), &Device::Cpu).unwrap())
            })
            .collect();
        let agents = Recurrent::new(&config, Parameters::warm(1, given), &Device::Cpu).unwrap();
        let games = agents.games(&objects, &tasks, Choice::Given(&choices)).unwrap();
        let total = games.weighted_log_likelihood(&numbers(&fixture["weights"])).unwrap();
        let difference =
            f64::from(total.to_scalar::<f32>().unwrap()) - case["total"].as_f64().unwrap();
        assert!(difference.abs() < 1e-4, "{difference}");
        let gradients = total.backward().unwrap();
        for (name, var) in agents.parameters.vars() {
            let found = gradients.get(var.as_tensor()).unwrap().flatten_all().unwrap();
            let expected = numbers(&case["gradients"][&name]);
            for (found, expected) in found.to_vec1::<f32>().unwrap().iter().zip(&expected) {
                assert!((found - expected).abs() < 1e-4, "{name}: {found}, expected {expected}");
            }
        }
    }
}

#[test]
fn training_is_a_function_of_the_seed_and_learns() {
    let world = World::drawn(1);
    assert_eq!((world.seen.len(), world.unseen.len()), (51, 13));
    let config = RecurrentConfig { units: 24, batch: 200, steps: 30, ..RecurrentConfig::default() };
    let said = |seed| Recurrent::train(&config, &world, seed).unwrap().agents.said(&world.seen);
    let first = said(1).unwrap();
    assert_eq!(first, said(1).unwrap());
    assert!(first != said(2).unwrap());
    assert_eq!(first.len(), 51 * TASKS.len());
    // A bar that none reach: the steps go to one draw after another.
    let strict = RecurrentConfig { trial: 4, enough: 1.0, steps: 10, ..config.clone() };
    let trained = Recurrent::train(&strict, &world, 1).unwrap();
    assert_eq!((trained.steps, trained.draws), (10, 3));
    // Those drawn last, one step ago, know less than those that had a trial's time.
    let alone = RecurrentConfig { batch: 1000, steps: 60, ..config.clone() };
    let long = RecurrentConfig { trial: 60, enough: 1.0, steps: 61, ..alone.clone() };
    let said = |config| Recurrent::train(config, &world, 1).unwrap().agents.said(&world.seen);
    assert_eq!(said(&long).unwrap(), said(&alone).unwrap());
    let none = Recurrent::train(&RecurrentConfig { batch: 0, ..config }, &world, 1);
    assert!(none.unwrap_err().to_string().contains("batch"));
}

#[test]
fn entropy_counts_more_where_more_is_done_and_cools() {
    let config =
        RecurrentConfig { entropy: 1.0, heat: 8.0, cooling: 10, ..RecurrentConfig::default() };
    let found = [(0, 0.0), (0, 0.5), (5, 0.5), (9, 1.0), (10, 1.0)];
    let found = found.map(|(step, done)| config.entropy_at(step, done));
    for (found, expected) in found.into_iter().zip([1.0, 3.0, 2.0, 1.8, 9.0]) {
        assert!((found - expected).abs() < 1e-9, "{found}, expected {expected}");
    }
    let wrong = RecurrentConfig { heat: f64::NAN, ..config };
    let error = Recurrent::train(&wrong, &World::all(), 1).unwrap_err().to_string();
    assert!(error.contains("heat") && error.contains("0 to 100"), "{error}");
}

/// Against the definition, game by game.
#[test]
fn the_entropy_is_that_of_each_game_by_itself() {
    let agents = small(true);
    let (objects, tasks): (Vec<usize>, Vec<usize>) = (0..40).map(|n| (n % 5, n % 3)).unzip();
    let choices: Vec<[usize; 6]> =
        (0..40).map(|n| [n % 2, n / 2 % 2, n / 4 % 2, n / 8 % 2, n % 12, n / 3 % 12]).collect();
    let entropy = |from: usize, to: usize| {
        let choice = Choice::Given(&choices[from..to]);
        let games = agents.games(&objects[from..to], &tasks[from..to], choice).unwrap();
        games.entropy().unwrap().to_scalar::<f32>().unwrap()
    };
    let (all, one) = (entropy(0, 40), (0..40).map(|n| entropy(n, n + 1)).sum::<f32>());
    assert!((all - one).abs() < 1e-2, "{all}, {one}");
    // Four choices of two and two of twelve.
    let most = 4.0 * 2f32.ln() + 2.0 * 12f32.ln();
    assert!(entropy(0, 1) > 0.0 && entropy(0, 1) < most);
}
