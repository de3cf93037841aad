//! Times what speech needs, a line of JSON a case: `tests/reference/peers/speech_speed.py` puts
//! them beside PyTorch's.
#![allow(clippy::print_stdout)]

use anyhow::{Context, Result};
use candle_core::{DType, Device, Tensor, Var};
use clap::{Parser, ValueEnum};
use conv_nn::{
    CtcConfig, LstmConfig, Mode, Parameters, RnntConfig, ctc_loss, lstm, rng::seeded, rnnt_loss,
};
use conv_speech::data::{Audio, Recording, Recordings};
use conv_speech::frontend::{FrontEnd, LogMelConfig};
use conv_speech::{Masks, Objective, Perturbation, Recipe, Recognizer, Training, cldnn};
use conv_train::Learner;
use conv_train::clip::clip_global_norm;
use conv_train::optim::Optimizer;
use rand::Rng;
use serde_json::json;
use speed::steps::resident;
use std::time::Instant;

/// Times a case.
#[derive(Parser)]
struct Options {
    /// Threads of every kind.
    #[arg(long, default_value_t = 2)]
    threads: usize,
    #[arg(long)]
    case: Case,
    /// Seconds of calls, after one that warms up.
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Case {
    /// A training step of the CLDNN in small with the front end over the waveform, stride 4: 16
    /// utterances of 1.7 to 3.7 s at 16 kHz, CTC, AdamW
    Cldnn,
    /// Forward and backward of that front end alone, on the same utterances
    Raw,
    /// Forward and backward of a layer of long short-term memory in both directions: 16 sequences
    /// of 40 to 68 steps, 320 numbers to 192 units
    Bilstm,
    /// CTC of logits [16, 200, 53], 40 letters, forward and backward
    Ctc,
    /// The transducer's loss of logits [8, 68, 31, 53], 30 letters, forward and backward
    Rnnt,
    /// A network that reads forward hears 30 s in chunks of 100 ms
    Stream,
}

fn main() -> Result<()> {
    let options = Options::parse();
    conv_core::cpu::keep_memory();
    conv_train::set_threads(options.threads)?;
    let start_kib = resident("VmRSS:")?;
    let mut case = case(options.case)?;
    case()?;
    let before = processor()?;
    let mut times = Vec::new();
    let start = Instant::now();
    while times.len() < 5 || start.elapsed().as_secs_f64() < options.seconds {
        let start = Instant::now();
        case()?;
        times.push(start.elapsed().as_secs_f64() * 1e3);
    }
    let cpu = (processor()? - before) / times.len() as f64;
    times.sort_by(f64::total_cmp);
    let line = json!({
        "median": times[times.len() / 2],
        "best": times[0],
        "cpu": cpu,
        "calls": times.len(),
        "start_kib": start_kib,
        "peak_kib": resident("VmHWM:")?,
    });
    println!("{line}");
    Ok(())
}

/// Milliseconds of all threads on a processor until now, which others on the machine do not
/// lengthen much: Linux counts them in hundredths of a second.
fn processor() -> Result<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    // Behind the program's name, which may hold anything, stands the third field.
    let fields = stat.rsplit(')').next().context("a name")?;
    let number = |at: usize| -> Result<f64> {
        Ok(fields.split_whitespace().nth(at - 3).context("a field")?.parse()?)
    };
    Ok((number(14)? + number(15)?) * 10.0)
}

/// What is timed, with all that it needs made before.
fn case(case: Case) -> Result<Box<dyn FnMut() -> Result<()>>> {
    Ok(match case {
        Case::Cldnn => step()?,
        Case::Raw => front_end()?,
        Case::Bilstm => bilstm()?,
        Case::Ctc => {
            let logits = Var::from_tensor(&random((16, 200, 53), 1)?)?;
            let targets = letters(16, 40, 53);
            Box::new(move || {
                let loss = ctc_loss(&logits, &[200; 16], &targets, &CtcConfig::default())?;
                let gradients = loss.backward()?;
                gradients.get(&logits).context("a gradient")?;
                Ok(())
            })
        }
        Case::Rnnt => {
            let logits = Var::from_tensor(&random((8, 68, 31, 53), 1)?)?;
            let targets = letters(8, 30, 53);
            Box::new(move || {
                let loss = rnnt_loss(&logits, &[68; 8], &targets, &RnntConfig::default())?;
                let gradients = loss.backward()?;
                gradients.get(&logits).context("a gradient")?;
                Ok(())
            })
        }
        Case::Stream => stream()?,
    })
}

fn random(shape: impl Into<candle_core::Shape>, seed: u64) -> Result<Tensor> {
    let shape = shape.into();
    let mut rng = seeded(seed, "speed");
    let values = (0..shape.elem_count()).map(|_| rng.random_range(-1f32..1.0));
    Ok(Tensor::from_vec(values.collect(), shape, &Device::Cpu)?)
}

/// Classes without the blank, no letter twice in a row.
fn letters(count: usize, length: usize, classes: u32) -> Vec<Vec<u32>> {
    let class = |one: usize, at: usize| 1 + (7 * at + one) as u32 % (classes - 1);
    (0..count).map(|one| (0..length).map(|at| class(one, at)).collect()).collect()
}

/// Samples of the utterances: 2.7 s in the mean.
fn lengths() -> Vec<usize> {
    (0..16).map(|at| 16_000 * 17 / 10 + at * 32_000 / 15).collect()
}

/// Utterances of as many letters as 100 ms each give, without what training changes in them.
fn recipe() -> Recipe {
    let mut recipe = Recipe::cldnn(Recipe::raw());
    (recipe.masks, recipe.perturbation) = (Masks::default(), Perturbation::default());
    (recipe.spelled_apart, recipe.dropout) = (false, 0.0);
    recipe
}

fn recordings() -> Recordings {
    let alphabet: Vec<char> = ('A'..='Z').collect();
    let mut rng = seeded(1, "utterances");
    let recording = |(at, count): (usize, usize)| {
        let samples = (0..count).map(|_| rng.random_range(-0.3f32..0.3)).collect();
        let text = (0..count / 1600).map(|letter| alphabet[(7 * letter + at) % 26]).collect();
        let audio = Audio { samples, rate: 16_000 };
        Recording { name: at.to_string(), audio, text, speaker: None }
    };
    let recordings = lengths().into_iter().enumerate().map(recording).collect();
    Recordings { name: "noise".into(), rate: 16_000, recordings }
}

fn step() -> Result<Box<dyn FnMut() -> Result<()>>> {
    // It lives as long as the process.
    let recipe: &'static Recipe = Box::leak(Box::new(recipe()));
    let training = Training::new(recipe, &recordings(), None, None, &Device::Cpu)?;
    let batch = training.load(None, &(0..16).collect::<Vec<_>>())?;
    let mut optimizer = Optimizer::new(recipe.fit.optimizer.clone())?;
    let mut steps = 0;
    Ok(Box::new(move || {
        let mut stream = seeded(1, &format!("step {steps}"));
        steps += 1;
        let loss = training.loss(&batch, &mut Mode::Train(&mut stream))?;
        let mut gradients = loss.value.backward()?;
        clip_global_norm(training.parameters(), &mut gradients, 1.0)?;
        optimizer.step(training.parameters(), &gradients, 1e-3)?;
        loss.value.to_scalar::<f32>()?;
        Ok(())
    }))
}

fn front_end() -> Result<Box<dyn FnMut() -> Result<()>>> {
    let FrontEnd::Raw(config) = Recipe::raw() else { anyhow::bail!("it is raw") };
    let parameters = Parameters::new(1);
    let vb = parameters.builder(DType::F32, &Device::Cpu);
    let raw = conv_speech::frontend::raw_waveform(&config, 16_000, &vb)?;
    let longest = lengths().into_iter().max().context("some")?;
    let samples = random((16, longest), 1)?;
    Ok(Box::new(move || {
        let y = raw.forward(&samples, conv_core::Precision::Fast)?;
        let gradients = y.sum_all()?.backward()?;
        gradients.get(raw.filters()).context("a gradient")?;
        Ok(())
    }))
}

fn bilstm() -> Result<Box<dyn FnMut() -> Result<()>>> {
    let parameters = Parameters::new(1);
    let vb = parameters.builder(DType::F32, &Device::Cpu);
    let config = LstmConfig { bidirectional: true, ..LstmConfig::default() };
    let layer = lstm(320, 192, config, vb)?;
    let lengths: Vec<usize> = (0..16).map(|at| 40 + at * 28 / 15).collect();
    let x = Var::from_tensor(&random((16, 68, 320), 1)?)?;
    Ok(Box::new(move || {
        let (y, _) = layer.forward(&x, Some(&lengths), None, &mut Mode::Eval)?;
        let gradients = y.sum_all()?.backward()?;
        gradients.get(&x).context("a gradient")?;
        Ok(())
    }))
}

fn stream() -> Result<Box<dyn FnMut() -> Result<()>>> {
    let recipe = Recipe::cldnn(FrontEnd::LogMel(LogMelConfig::default()));
    let recipe = Recipe { objective: Objective::Ctc, spelled_apart: false, ..recipe };
    // A network of its size; what it writes is of no use.
    let list = recordings();
    let training = Training::new(&recipe, &list, None, None, &Device::Cpu)?;
    let vb = Parameters::new(1).builder(DType::F32, &Device::Cpu);
    let network = cldnn(training.model().config(), None, &vb)?;
    let recognizer = Recognizer::new(network, &Device::Cpu);
    let samples = random(16_000 * 30, 2)?.to_vec1::<f32>()?;
    Ok(Box::new(move || {
        let mut stream = recognizer.stream(16_000)?;
        for chunk in samples.chunks(1600) {
            stream.push(chunk)?;
        }
        stream.finish()?;
        Ok(())
    }))
}
