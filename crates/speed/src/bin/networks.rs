//! Whole networks of pictures, answers and training steps, a line of JSON:
//! `tests/reference/peers/networks.py` puts them beside torchvision's.
#![allow(clippy::print_stdout)]

use anyhow::{Context, Result};
use candle_core::{DType, Device, Tensor};
use clap::{Parser, ValueEnum};
use conv_nn::{CrossEntropyConfig, Mode, Parameters, cross_entropy, rng};
use conv_train::optim::{Optimizer, OptimizerConfig, Sgd};
use conv_vision::{Architecture, network};
use serde_json::json;
use speed::steps::{numbers, resident};
use std::time::Instant;

/// Times a network of torchvision's names.
#[derive(Parser)]
struct Options {
    /// Threads of every kind.
    #[arg(long, default_value_t = 1)]
    threads: usize,
    /// torchvision_alexnet, resnet18, resnet50, …
    #[arg(long)]
    network: Architecture,
    /// What is timed.
    #[arg(long)]
    work: Work,
    /// Pictures together.
    #[arg(long, default_value_t = 1)]
    batch: usize,
    /// Seconds of it, after two turns that warm up.
    #[arg(long, default_value_t = 10.0)]
    seconds: f64,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Work {
    /// Answers, with batch norms folded.
    Inference,
    /// Loss, gradients, and a step of stochastic gradient descent with momentum.
    Training,
}

const SIDE: usize = 224;

fn main() -> Result<()> {
    let Options { threads, network: architecture, work, batch, seconds } = Options::parse();
    conv_core::cpu::keep_memory();
    conv_train::set_threads(threads)?;
    let start_kib = resident("VmRSS:")?;
    let parameters = Parameters::new(1);
    let vb = parameters.builder(DType::F32, &Device::Cpu);
    let mut network = network(architecture.name(), architecture.graph(), SIDE, &vb)?;
    let levels = numbers(batch * 3 * SIDE * SIDE, 256, 1);
    let pixels: Vec<f32> = levels.into_iter().map(|level| level as f32 / 64.0 - 2.0).collect();
    let pictures = Tensor::from_vec(pixels, (batch, 3, SIDE, SIDE), &Device::Cpu)?;
    let classes = network.graph().classes().context("no classes")?;
    let truth = Tensor::from_vec(numbers(batch, classes as u64, 2), batch, &Device::Cpu)?;
    let count = parameters.count();
    let sgd = Sgd { momentum: 0.9, ..Sgd::default() };
    let mut optimizer = Optimizer::new(OptimizerConfig::Sgd(sgd))?;
    if work == Work::Inference {
        let frozen = Parameters::frozen_once(parameters.tensors());
        let vb = frozen.builder(DType::F32, &Device::Cpu);
        network = conv_vision::network(architecture.name(), architecture.graph(), SIDE, &vb)?;
        network = network.folded()?;
    }
    let mut turns = 0u64;
    let mut turn = || -> Result<f32> {
        turns += 1;
        if work == Work::Inference {
            let logits = network.forward(&pictures, &mut Mode::Eval)?;
            return Ok(logits.sum_all()?.to_scalar()?);
        }
        let mut stream = rng::seeded(1, &format!("step {turns}"));
        let logits = network.forward(&pictures, &mut Mode::Train(&mut stream))?;
        let loss = cross_entropy(&logits, &truth, &CrossEntropyConfig::default())?;
        let gradients = loss.backward()?;
        optimizer.step(&parameters, &gradients, 0.01)?;
        Ok(loss.to_scalar()?)
    };
    let first = turn()?;
    turn()?;
    let mut times = Vec::new();
    let start = Instant::now();
    let mut last = first;
    while times.len() < 3 || start.elapsed().as_secs_f64() < seconds {
        let start = Instant::now();
        last = turn()?;
        times.push(start.elapsed().as_secs_f64());
    }
    times.sort_by(f64::total_cmp);
    let line = json!({
        "per_second": batch as f64 / times[times.len() / 2],
        "best": batch as f64 / times[0],
        "turns": times.len(),
        "answers": [first, last],
        "parameters": count,
        "start_kib": start_kib,
        "peak_kib": resident("VmHWM:")?,
    });
    println!("{line}");
    Ok(())
}
