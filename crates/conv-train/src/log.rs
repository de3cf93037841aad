//! The metrics log: one JSON record a line, cut back to the checkpoint when a run goes on.

use crate::Result;
use conv_hub::files::{in_file, sync_folder};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, ErrorKind, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// A line of the log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Record {
    /// An optimiser step.
    Step(StepRecord),
    /// An evaluation.
    Evaluation(EvaluationRecord),
}

/// What an optimiser step was like.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepRecord {
    /// Steps taken, this one included.
    pub step: u64,
    /// The epoch, from 0.
    pub epoch: usize,
    /// The mean loss over the step's batches.
    pub loss: f64,
    /// The learning rate that it was taken with.
    pub learning_rate: f64,
    /// The global norm of the gradients, before clipping.
    pub gradient_norm: f64,
    /// Seconds of training until now, those before an interruption included.
    pub seconds: f64,
}

/// What an evaluation gave.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EvaluationRecord {
    /// Steps taken before it.
    pub step: u64,
    /// Epochs finished before it.
    pub epoch: usize,
    /// The learner's metrics. One that is not finite is `null` in the file.
    #[serde(deserialize_with = "numbers_or_null")]
    pub metrics: BTreeMap<String, f64>,
    /// Whether it is the best so far in the watched metric.
    pub improved: bool,
    /// Seconds of training until now.
    pub seconds: f64,
}

fn numbers_or_null<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> std::result::Result<BTreeMap<String, f64>, D::Error> {
    let metrics = BTreeMap::<String, Option<f64>>::deserialize(deserializer)?;
    let number = |(name, value): (_, Option<f64>)| (name, value.unwrap_or(f64::NAN));
    Ok(metrics.into_iter().map(number).collect())
}

impl Record {
    /// Optimiser steps taken when it was written.
    pub fn step(&self) -> u64 {
        match self {
            Record::Step(record) => record.step,
            Record::Evaluation(record) => record.step,
        }
    }
}

/// Reads a log: its records up to the first line that is none (a kill can leave half a line at the
/// end).
///
/// # Errors
/// The file cannot be read.
pub fn read_log(path: &Path) -> Result<Vec<Record>> {
    let (records, _) = read_until(path, u64::MAX, u64::MAX)?;
    Ok(records)
}

/// The records of a run that stands at `step` and was last evaluated at `evaluated`, and how many
/// bytes they take.
fn read_until(path: &Path, step: u64, evaluated: u64) -> Result<(Vec<Record>, u64)> {
    let read = || {
        let mut file = BufReader::new(File::open(path)?);
        let mut records = Vec::new();
        let mut bytes = 0;
        let mut line = Vec::new();
        while file.read_until(b'\n', &mut line)? > 0 && line.ends_with(b"\n") {
            match serde_json::from_slice::<Record>(&line) {
                Ok(Record::Step(record)) if record.step > step => break,
                Ok(Record::Evaluation(record)) if record.step > evaluated => break,
                Ok(record) => records.push(record),
                Err(_) => break,
            }
            bytes += line.len() as u64;
            line.clear();
        }
        Ok((records, bytes))
    };
    Ok(read().map_err(in_file("read", path))?)
}

/// A log being written.
#[derive(Debug)]
pub(crate) struct Log {
    file: BufWriter<File>,
    path: PathBuf,
}

impl Log {
    /// Opens the log of a run that stands at `step` and was last evaluated at `evaluated`; what
    /// came later is cut off.
    pub(crate) fn open(path: &Path, step: u64, evaluated: u64) -> Result<Self> {
        let keep = match read_until(path, step, evaluated) {
            Ok((_, bytes)) => bytes,
            Err(crate::Error::Io(error)) if error.kind() == ErrorKind::NotFound => 0,
            Err(error) => return Err(error),
        };
        let open = || {
            let options = File::options().write(true).create(true).truncate(false).clone();
            let mut file = options.open(path)?;
            file.set_len(if step == 0 { 0 } else { keep })?;
            file.seek(SeekFrom::End(0))?;
            sync_folder(path.parent().unwrap_or(Path::new(".")))?;
            Ok(file)
        };
        let file = BufWriter::new(open().map_err(in_file("write", path))?);
        let path = path.into();
        Ok(Self { file, path })
    }

    pub(crate) fn write(&mut self, record: &Record) -> Result<()> {
        let mut line = serde_json::to_vec(record).map_err(std::io::Error::other)?;
        line.push(b'\n');
        Ok(self.file.write_all(&line).map_err(in_file("write", &self.path))?)
    }

    /// Lets readers of the file see what was written.
    pub(crate) fn flush(&mut self) -> Result<()> {
        Ok(self.file.flush().map_err(in_file("write", &self.path))?)
    }

    /// Makes what was written durable: a checkpoint must not outlive its part of the log.
    pub(crate) fn sync(&mut self) -> Result<()> {
        let mut sync = || {
            self.file.flush()?;
            self.file.get_ref().sync_data()
        };
        Ok(sync().map_err(in_file("write", &self.path))?)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn step(step: u64) -> Record {
        Record::Step(StepRecord {
            step,
            epoch: 0,
            loss: 0.1 + step as f64 / 3.0,
            learning_rate: 1e-3,
            gradient_norm: 2.5,
            seconds: 0.5,
        })
    }

    fn evaluation(step: u64, value: f64) -> Record {
        Record::Evaluation(EvaluationRecord {
            step,
            epoch: 1,
            metrics: BTreeMap::from([("accuracy".into(), value)]),
            improved: true,
            seconds: 1.0,
        })
    }

    #[test]
    fn a_reopened_log_is_cut_back_to_its_step_and_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        let mut log = Log::open(&path, 0, 0).unwrap();
        let records = [step(1), step(2), evaluation(2, 0.75), step(3), evaluation(3, 0.5)];
        records.iter().for_each(|record| log.write(record).unwrap());
        log.sync().unwrap();
        assert_eq!(read_log(&path).unwrap(), records);

        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, &whole[..whole.len() - 5]).unwrap();
        assert_eq!(read_log(&path).unwrap(), records[..4]);

        let mut log = Log::open(&path, 2, 2).unwrap();
        log.write(&step(3)).unwrap();
        log.write(&evaluation(3, 0.5)).unwrap();
        log.sync().unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), whole);

        // A kill between an evaluation and its checkpoint: it will be made again.
        Log::open(&path, 3, 2).unwrap();
        assert_eq!(read_log(&path).unwrap(), records[..4]);
    }

    #[test]
    fn a_metric_that_is_no_number_can_be_logged_and_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        let mut log = Log::open(&path, 0, 0).unwrap();
        log.write(&evaluation(1, f64::NAN)).unwrap();
        log.sync().unwrap();
        let Record::Evaluation(record) = &read_log(&path).unwrap()[0] else {
            panic!("a step");
        };
        assert!(record.metrics["accuracy"].is_nan());
    }
}
