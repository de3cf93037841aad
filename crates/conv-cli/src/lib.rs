//! What every program of the workspace shares: the same flags, the same way to print a result, the same errors.
//!
//! A program parses its arguments, calls its crate and prints. [`run`] is its `main`: an error becomes one line on
//! standard error that carries the whole chain of reasons, and a reader that closes the pipe early is no error.
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

use anyhow::{Context, Result, bail};
use candle_core::Device;
use clap::{Args, Parser};
use serde::Serialize;
use std::fmt::Display;
use std::io::{self, ErrorKind, Write};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

/// The flags that mean the same in every program.
#[derive(Debug, Clone, Args)]
pub struct Common {
    /// Seed of everything random: the same seed gives the same bits
    #[arg(long, default_value_t = 1, global = true)]
    pub seed: u64,
    /// Threads; the result does not depend on it [default: all cores]
    #[arg(long, global = true)]
    pub threads: Option<usize>,
    /// cpu, cuda, cuda:N or metal
    #[arg(long, default_value = "cpu", global = true)]
    pub device: String,
    /// Print the result as JSON
    #[arg(long, global = true)]
    pub json: bool,
}

impl Common {
    /// Builds the thread pool and opens the device.
    ///
    /// # Errors
    /// A device that is not there or not known, or no threads.
    pub fn start(&self) -> Result<Device> {
        if let Some(threads) = self.threads {
            conv_train::set_threads(threads)?;
        }
        device(&self.device)
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
    opened.with_context(|| {
        format!("--device {name} cannot be opened (a build with `--features {kind}` and the hardware are needed)")
    })
}

/// Parses the arguments, runs the program and turns an error into one line and exit code 1.
pub fn run<A: Parser>(program: impl FnOnce(A) -> Result<()>) -> ExitCode {
    match program(A::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            let line = format!("{error:#}").replace('\n', " ");
            note(format_args!("error: {line}"));
            ExitCode::FAILURE
        }
    }
}

fn closed_pipe(error: &anyhow::Error) -> bool {
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

/// The commit of the source in the present folder, with `+` where `paths` have changes; `None` outside a repository.
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

/// A flag that the first Ctrl-C sets, for training to stop at a checkpoint; the second ends the program at once.
///
/// # Errors
/// The handler cannot be installed, or was before.
pub fn stop_on_ctrl_c() -> Result<&'static AtomicBool> {
    static STOP: AtomicBool = AtomicBool::new(false);
    ctrlc::set_handler(|| {
        if STOP.swap(true, Ordering::SeqCst) {
            std::process::exit(130);
        }
        note("stopping at a checkpoint; again to stop at once");
    })
    .context("installing the Ctrl-C handler")?;
    Ok(&STOP)
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn a_closed_pipe_is_recognised_behind_its_context() {
        let error = anyhow::Error::from(io::Error::from(ErrorKind::BrokenPipe)).context("writing");
        assert!(closed_pipe(&error));
        assert!(!closed_pipe(&anyhow::anyhow!("something else")));
    }
}
