//! What every program of the workspace shares: the same flags, the same way to print a result, the
//! same errors.
//!
//! A program parses its arguments, calls its crate and prints. [`run`] is its `main`: an error
//! becomes one line on standard error that carries the whole chain of reasons, and a reader that
//! closes the pipe early is no error.
//!
//! ```no_run
//! use clap::Parser;
//!
//! #[derive(Parser)]
//! struct Arguments {
//!     #[command(flatten)]
//!     common: conv_cli::Common,
//! }
//!
//! fn main() -> std::process::ExitCode {
//!     conv_cli::run(|arguments: Arguments| {
//!         let device = arguments.common.start()?;
//!         conv_cli::print(arguments.common.json, &format!("{device:?}"))
//!     })
//! }
//! ```
#![deny(missing_docs)]

pub mod settings;
mod stream;
pub mod train;
mod weights;

pub use stream::{Refusals, apart, each};
pub use weights::{GOOGLENET, weights};

use anyhow::{Context, Result, bail};
use candle_core::Device;
use clap::builder::RangedU64ValueParser;
use clap::error::ErrorKind as Usage;
use clap::{Args, Parser};
use serde::Serialize;
use std::fmt::Display;
use std::io::{self, ErrorKind, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

/// The flags that mean the same in every program.
#[derive(Debug, Clone, Args)]
pub struct Common {
    /// Seed of everything random: the same seed gives the same bits [default: that of --config,
    /// else 1]
    #[arg(long, global = true)]
    pub seed: Option<u64>,
    /// Threads; the result does not depend on it [default: all cores]
    #[arg(long, global = true, value_parser = RangedU64ValueParser::<usize>::new().range(1..=MOST_THREADS as u64))]
    pub threads: Option<usize>,
    /// cpu, cuda, cuda:N or metal
    #[arg(long, default_value = "cpu", global = true)]
    pub device: String,
    /// Print the result as JSON
    #[arg(long, global = true)]
    pub json: bool,
}

impl Common {
    /// Builds the thread pool, has the allocator [keep memory](conv_core::cpu::keep_memory) and
    /// opens the device.
    ///
    /// # Errors
    /// A device or an instruction set that is not there or not known, or no threads.
    pub fn start(&self) -> Result<Device> {
        conv_core::cpu::keep_memory();
        conv_core::cpu::InstructionSet::asked_for().context("CONVOKE_ISA")?;
        match self.threads {
            Some(threads) => conv_train::set_threads(threads)?,
            None => conv_core::cpu::limit_candle_threads(default_threads()?),
        }
        device(&self.device)
    }

    /// The seed, 1 where none is given.
    pub fn seed(&self) -> u64 {
        self.seed.unwrap_or(1)
    }

    /// How many threads that are.
    ///
    /// # Errors
    /// The system does not say how many cores there are.
    pub fn threads(&self) -> Result<usize> {
        self.threads.map_or_else(default_threads, Ok)
    }
}

/// The most threads that can be asked for: a pool of more is a mistake, and starts them all.
const MOST_THREADS: usize = 1024;

/// As many as rayon has where nobody has asked for a number.
fn default_threads() -> Result<usize> {
    let asked = std::env::var("RAYON_NUM_THREADS").ok().and_then(|number| number.parse().ok());
    match asked.filter(|&number| number > 0) {
        Some(number) if number > MOST_THREADS => {
            bail!("RAYON_NUM_THREADS is {number}, expected 1 to {MOST_THREADS}")
        }
        Some(number) => Ok(number),
        None => Ok(std::thread::available_parallelism()?.get()),
    }
}

fn device(name: &str) -> Result<Device> {
    let (kind, number) = name.split_once(':').unwrap_or((name, "0"));
    let number =
        number.parse().with_context(|| format!("--device {name}: `{number}` is no number"))?;
    let opened = match kind {
        "cpu" => return Ok(Device::Cpu),
        "cuda" => Device::new_cuda(number),
        "metal" => Device::new_metal(number),
        _ => bail!("--device {name}: expected cpu, cuda, cuda:N or metal"),
    };
    opened.map_err(conv_train::Error::from).with_context(|| {
        format!("--device {name} cannot be opened (a build with `--features {kind}` and the hardware are needed)")
    })
}

/// Parses the arguments, runs the program and turns an error into one line: exit code 2 for
/// arguments that cannot be understood, 1 for the rest.
pub fn run<A: Parser>(program: impl FnOnce(A) -> Result<()>) -> ExitCode {
    let arguments = match A::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return usage(&error),
    };
    match program(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            note(format_args!("error: {}", one_line(&error)));
            ExitCode::FAILURE
        }
    }
}

fn usage(error: &clap::Error) -> ExitCode {
    let failed = error.use_stderr();
    if !failed || error.kind() == Usage::DisplayHelpOnMissingArgumentOrSubcommand {
        // The help, of which nobody needs to hear that nobody reads it.
        let _ = error.print();
    } else {
        note(usage_line(error));
    }
    ExitCode::from(if failed { 2 } else { 0 })
}

/// What is wrong, without the usage and the advice below it.
fn usage_line(error: &clap::Error) -> String {
    let text = error.to_string();
    let advice = |line: &&str| line.starts_with("Usage:") || line.starts_with("For more");
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.take_while(|line| !advice(line)).collect::<Vec<_>>().join(" ")
}

/// The error and its causes; some libraries' errors repeat their cause, which is then not said
/// again.
pub fn one_line(error: &anyhow::Error) -> String {
    let mut line = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !line.contains(&cause) {
            line = format!("{line}: {cause}");
        }
    }
    line.trim_end().replace('\n', " ")
}

/// Whether the error is that nobody reads what is written any more.
pub fn closed_pipe(error: &anyhow::Error) -> bool {
    let broken = |cause: &io::Error| cause.kind() == ErrorKind::BrokenPipe;
    error.chain().any(|cause| cause.downcast_ref().is_some_and(broken))
}

/// Prints a result on standard output: for people, or as one line of JSON.
///
/// # Errors
/// Standard output cannot be written.
pub fn print(json: bool, result: &(impl Display + Serialize)) -> Result<()> {
    let mut out = io::stdout().lock();
    if json {
        serde_json::to_writer(&mut out, result).map_err(io::Error::from)?;
        writeln!(out)?;
    } else {
        writeln!(out, "{result}")?;
    }
    out.flush()?;
    Ok(())
}

/// Says something beside the result, on standard error.
pub fn note(text: impl Display) {
    // Where standard error is closed there is nobody to tell.
    let _ = writeln!(io::stderr(), "{text}");
}

/// Asks for something on standard error, without ending the line.
pub fn prompt(text: impl Display) {
    let _ = write!(io::stderr(), "{text}");
}

/// A share from 0 to 1 as a bar of 24 characters, to an eighth of one.
///
/// ```
/// assert_eq!(conv_cli::bar(0.51).trim_end(), "████████████▎");
/// ```
pub fn bar(share: f64) -> String {
    const WIDTH: usize = 24;
    const PARTS: [char; 8] = [' ', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];
    let eighths = (share.clamp(0.0, 1.0) * (8 * WIDTH) as f64).round() as usize;
    let mut bar = "█".repeat(eighths / 8);
    match eighths % 8 {
        0 => {}
        part => bar.push(PARTS[part]),
    }
    format!("{bar:WIDTH$}")
}

/// The commit of the source in the present folder, with `+` where `paths` have changes; `None`
/// outside a repository.
pub fn commit(paths: &[&str]) -> Option<String> {
    let git = |arguments: &[&str]| {
        let output = std::process::Command::new("git").args(arguments).output().ok()?;
        let text = String::from_utf8_lossy(&output.stdout).trim().to_string();
        output.status.success().then_some(text)
    };
    let commit = git(&["rev-parse", "--short", "HEAD"])?;
    let changes = git(&[&["status", "--porcelain", "--untracked-files=no", "--"], paths].concat())?;
    Some(if changes.is_empty() { commit } else { commit + "+" })
}

/// Whether the model that `--model` is by default is there to be opened, in a folder below the
/// present one; `train` is the command that makes another.
///
/// # Errors
/// It is asked for and is not.
pub fn check_shipped(asked: &str, shipped: &str, train: &str) -> Result<()> {
    if asked != shipped || Path::new(shipped).is_dir() {
        return Ok(());
    }
    bail!(
        "no model at {shipped}: it is in the repository, from whose top folder it is found (the packaged crate leaves data/ out); \
         or train one with `{train}` and name it with --model"
    )
}

/// Whether a picture may be written to `out`, as far as that is known before it is made.
///
/// # Errors
/// A name that does not end in `.png`, or a folder that is not there.
pub fn check_png(out: &Path) -> Result<()> {
    let shown = out.display();
    if !out.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("png")) {
        bail!("{shown}: pictures are written as PNG, expected a name that ends in .png");
    }
    match out.parent() {
        Some(folder) if !folder.as_os_str().is_empty() && !folder.is_dir() => {
            bail!("{shown}: there is no folder {}", folder.display())
        }
        _ => Ok(()),
    }
}

/// A flag that the first Ctrl-C or SIGTERM sets, for training to stop at a checkpoint; the second
/// ends the program at once.
///
/// # Errors
/// The handler cannot be installed, or was before.
pub fn stop_on_signal() -> Result<&'static AtomicBool> {
    static STOP: AtomicBool = AtomicBool::new(false);
    ctrlc::set_handler(|| {
        if STOP.swap(true, Ordering::SeqCst) {
            std::process::exit(130);
        }
        note("stopping at a checkpoint; again to stop at once");
    })
    .context("installing the handler of signals")?;
    Ok(&STOP)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_shipped_model_is_missed() {
        assert!(check_shipped("mine", "data/models/none", "train").is_ok());
        assert!(check_shipped("src", "src", "train").is_ok());
        let missing = check_shipped("data/models/none", "data/models/none", "train").err();
        let text = missing.map(|error| error.to_string()).unwrap_or_default();
        assert!(text.starts_with("no model at data/models/none") && text.contains("`train`"));
    }

    #[test]
    fn a_device_is_opened_or_refused_by_its_name() {
        assert!(device("cpu").is_ok());
        for (name, reason) in [
            ("gpu", "--device gpu: expected cpu, cuda, cuda:N or metal"),
            ("cuda:x", "--device cuda:x: `x` is no number"),
        ] {
            let error = device(name).err().map(|error| error.to_string());
            assert_eq!(error.as_deref(), Some(reason));
        }
    }

    #[test]
    fn each_cause_is_told_once() {
        let cause = || anyhow::anyhow!("no such\nfile");
        for context in ["cannot read x", "cannot read x: no such\nfile"] {
            assert_eq!(one_line(&cause().context(context)), "cannot read x: no such file");
        }
    }

    #[test]
    fn wrong_arguments_are_one_line() {
        #[derive(Debug, Parser)]
        struct Arguments {
            #[command(flatten)]
            common: Common,
            #[arg(long)]
            data: String,
        }
        for (arguments, expected) in [
            (
                &["program"][..],
                "error: the following required arguments were not provided: --data <DATA>",
            ),
            (
                &["program", "--data", "x", "--threads", "20000"],
                "error: invalid value '20000' for '--threads <THREADS>': 20000 is not in 1..=1024",
            ),
            (
                &["program", "--date", "x"],
                "error: unexpected argument '--date' found tip: a similar argument exists: '--data'",
            ),
        ] {
            let error = Arguments::try_parse_from(arguments).map(|a| (a.common, a.data)).err();
            assert_eq!(error.map(|error| usage_line(&error)).as_deref(), Some(expected));
        }
    }

    #[test]
    fn a_closed_pipe_is_recognised_behind_its_context() {
        let error = anyhow::Error::from(io::Error::from(ErrorKind::BrokenPipe)).context("writing");
        assert!(closed_pipe(&error));
        assert!(!closed_pipe(&anyhow::anyhow!("something else")));
    }
}
