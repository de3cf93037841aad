//! Results kept in the repository, one JSON line a cell, so that a table is printed from what has
//! been run and a run goes on where it was interrupted.

use anyhow::{Context, Result};
use serde::{Serialize, de::DeserializeOwned};
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

/// One training run of a table, and what came out.
pub trait Cell: Serialize + DeserializeOwned {
    /// What tells a run from all others.
    type Run: PartialEq;

    /// Which run it is.
    fn run(&self) -> Self::Run;
}

/// The cells of one experiment.
pub struct Cells<C> {
    path: PathBuf,
    cells: Vec<C>,
    /// Whether the file ends in a line that a writer was interrupted in.
    torn: bool,
}

impl<C: Cell> Cells<C> {
    /// Reads the file at `path`, which need not be there yet.
    pub fn open(path: &Path) -> Result<Self> {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error).with_context(|| format!("reading {}", path.display())),
        };
        let parse = |(number, line): (usize, &str)| {
            serde_json::from_str(line)
                .with_context(|| format!("{} line {}", path.display(), number + 1))
        };
        let mut cells: Vec<Result<C>> = text.lines().enumerate().map(parse).collect();
        let torn = !text.ends_with('\n') && cells.last().is_some_and(Result::is_err);
        if torn {
            cells.pop();
        }
        let cells = cells.into_iter().collect::<Result<_>>()?;
        Ok(Self { path: path.into(), cells, torn })
    }

    /// The cells that `wanted` picks.
    pub fn pick(&self, wanted: impl Fn(&C) -> bool) -> Vec<&C> {
        self.cells.iter().filter(|cell| wanted(cell)).collect()
    }

    /// Keeps a cell, in place of an older one of the same run.
    pub fn keep(&mut self, cell: C) -> Result<()> {
        let is_older = |old: &C| old.run() == cell.run();
        let rewrite = self.torn || self.cells.iter().any(is_older);
        self.cells.retain(|old| !is_older(old));
        self.cells.push(cell);
        if let Some(folder) = self.path.parent() {
            fs::create_dir_all(folder)?;
        }
        let line = |cell: &C| Ok::<_, serde_json::Error>(serde_json::to_string(cell)? + "\n");
        if rewrite {
            self.torn = false;
            let text = self.cells.iter().map(line).collect::<Result<String, _>>()?;
            return Ok(conv_hub::files::write_atomic(&self.path, text.as_bytes())?);
        }
        let mut file = OpenOptions::new().create(true).append(true).open(&self.path)?;
        let last = self.cells.last().map(line).transpose()?.unwrap_or_default();
        file.write_all(last.as_bytes()).with_context(|| format!("writing {}", self.path.display()))
    }
}

/// Mean and sample standard deviation; the latter is not a number for a single value.
pub fn mean_and_spread(values: &[f64]) -> (f64, f64) {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (mean, (squares / (count - 1.0)).sqrt())
}

/// The middle value, or the mean of the two in the middle.
pub fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let count = values.len();
    (count > 0).then(|| (values[(count - 1) / 2] + values[count / 2]) / 2.0)
}

/// Each value once, in the order of their first.
pub fn each<T: PartialEq>(values: impl Iterator<Item = T>) -> Vec<T> {
    let mut found = Vec::new();
    for value in values {
        if !found.contains(&value) {
            found.push(value);
        }
    }
    found
}
