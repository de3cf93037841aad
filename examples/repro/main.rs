//! Runs the experiments of the papers and prints their tables beside ours.
//!
//!     cargo run --release --example repro -- kim             runs what is missing, keeps it and prints the table
//!     cargo run --release --example repro -- kim --print     prints it from kept results, in a second
//!     cargo run --release --example repro -- kim --quick     a small honest version in 15 minutes
//!     cargo run --release --example repro -- convs2s         the same of translation
//!     cargo run --release --example repro -- maskrcnn        the same of detection
//!     cargo run --release --example repro -- alexnet         the same of small photographs
//!     cargo run --release --example repro -- clevr           heads that answer questions about a small world
//!     cargo run --release --example repro -- dialog          what reinforcement gains in the guessing game
//!     cargo run --release --example repro -- lens            rendered units beside photographs, and an ablation
//!     cargo run --release --example repro -- style           a StyleBank beside the descent and single-style networks
//!     cargo run --release --example repro -- neural-transducers   CTC, RNN-T and attention on one encoder
//!     cargo run --release --example repro -- cldnn           the raw-waveform CLDNN, one factor at a time

mod alexnet;
mod cells;
mod cldnn;
mod clevr;
mod convs2s;
mod dialog;
mod experiment;
mod kim;
mod lens;
mod maskrcnn;
mod speech;
mod speed;
mod style;
mod transducers;

use clap::{Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

/// Papers' tables, from one command each: it runs what kept results lack, then prints; --print only
/// prints.
#[derive(Parser)]
#[command(name = "repro", version, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    experiment: Experiment,
    #[command(flatten)]
    common: conv_cli::Common,
    /// Folder of the data sets, laid out as docs/datasets.md says
    #[arg(long, env = "CONVOKE_DATA", global = true)]
    data: Option<PathBuf>,
}

#[derive(Subcommand)]
enum Experiment {
    /// Kim (2014): seven data sets × four variants of the sentence CNN
    Kim(kim::Options),
    /// Gehring et al. (2017): the convolutional translator on Multi30k
    Convs2s(convs2s::Options),
    /// He et al. (2017): a small Mask R-CNN on CLEVR's objects
    Maskrcnn(maskrcnn::Options),
    /// Krizhevsky et al. (2012): AlexNet for 32 × 32, with and without batch norm, on a subset of
    /// CIFAR-10
    Alexnet(alexnet::Options),
    /// Johnson et al. (2016) and successors: heads, from the blind to the relational, in a small
    /// world
    Clevr(clevr::Options),
    /// Das et al. (2017): what reinforcement gains in the guessing game
    Dialog(dialog::Options),
    /// Olah et al. (2017): random units of GoogLeNet beside photographs, and what each part of the
    /// ascent is for
    Lens(lens::Options),
    /// Gatys et al. (2016), Chen et al. (2017) and Johnson et al. (2016) on the same photographs
    /// and paintings
    Style(style::Options),
    /// Battenberg et al. (2017): CTC, RNN-T and attention on one encoder, on AN4
    NeuralTransducers(transducers::Options),
    /// Sainath et al. (2015): the raw-waveform CLDNN on AN4, one factor at a time
    Cldnn(cldnn::Options),
}

fn main() -> ExitCode {
    conv_cli::run(|arguments: Arguments| {
        let device = arguments.common.start()?;
        match arguments.experiment {
            Experiment::Kim(options) => {
                kim::run(&options, arguments.data, &arguments.common, &device)
            }
            Experiment::Convs2s(options) => {
                convs2s::run(&options, arguments.data, &arguments.common, &device)
            }
            Experiment::Maskrcnn(options) => {
                maskrcnn::run(&options, arguments.data, &arguments.common, &device)
            }
            Experiment::Alexnet(options) => {
                alexnet::run(&options, arguments.data, &arguments.common, &device)
            }
            Experiment::Clevr(options) => clevr::run(&options, &arguments.common, &device),
            Experiment::Dialog(options) => dialog::run(&options, &arguments.common, &device),
            Experiment::Lens(options) => {
                lens::run(&options, arguments.data, &arguments.common, &device)
            }
            Experiment::Style(options) => {
                style::run(&options, arguments.data, &arguments.common, &device)
            }
            Experiment::NeuralTransducers(options) => {
                transducers::run(&options, arguments.data, &arguments.common, &device)
            }
            Experiment::Cldnn(options) => {
                cldnn::run(&options, arguments.data, &arguments.common, &device)
            }
        }
    })
}
