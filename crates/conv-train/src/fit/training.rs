//! A run in progress: what is on disk, where it stands, and the order in which things happen.

use super::ahead::with_batches;
use super::folder::Folder;
use super::{End, Event, FitConfig, Interval, Learner, Outcome, Run, average, step};
use crate::batch::Batches;
use crate::checkpoint::{self, Best, Header, State, damaged};
use crate::log::{EvaluationRecord, Log, Record};
use crate::optim::Optimizer;
use crate::{Error, Result, clip};
use conv_hub::InvalidField;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

pub(super) struct Training<'a, 'r, L> {
    learner: &'a L,
    /// With the schedule's steps settled.
    config: FitConfig,
    run: Run<'r>,
    folder: Folder,
    /// The configuration and the learner's identity, as a checkpoint holds them.
    described: (Value, Value),
    optimizer: Optimizer,
    state: State,
    log: Log,
    /// Whether something happened that the checkpoint on disk does not have.
    unsaved: bool,
    /// In all, as [`Event::Started`] says.
    steps: u64,
    began: Instant,
    seconds_before: f64,
    /// When the checkpoint and the log were last brought to disk.
    saved: Instant,
    flushed: Instant,
}

/// A log that is followed must not be behind for longer, also while the next step takes its time.
const FLUSH_EVERY: Duration = Duration::from_secs(1);

impl<'a, 'r, L: Learner> Training<'a, 'r, L> {
    pub fn open(learner: &'a L, config: &'a FitConfig, run: Run<'r>) -> Result<Self> {
        config.check()?;
        for rule in &config.max_norm {
            rule.var(learner.parameters())?;
        }
        let lengths = learner.lengths(0)?;
        if lengths.is_empty() {
            return Err(Error::NoExamples);
        }
        if lengths.len() > Batches::MOST_EXAMPLES {
            let field = "examples";
            let found = lengths.len().to_string();
            return Err(InvalidField::new(field, found, "at most 4294967295").into());
        }
        let per_epoch =
            config.batching.steps_per_epoch(&lengths, config.seed, config.accumulate) as u64;
        let steps = per_epoch.saturating_mul(config.epochs as u64);
        let config = FitConfig { schedule: config.schedule.over(steps), ..config.clone() };
        let folder = Folder::take(run.folder)?;
        let config_value = serde_json::to_value(&config).map_err(std::io::Error::other)?;
        let described = (config_value, learner.identity());
        let mut optimizer =
            Optimizer::with_groups(config.optimizer.clone(), config.groups.clone())?;
        let mut state = State::default();
        let resumed = folder.has_checkpoint(run.resume)?;
        if resumed {
            let last = &folder.last;
            let found = checkpoint::read(last)?;
            let parameters = learner.parameters();
            found.header.check_same_run(last, &described.0, &described.1)?;
            found.check_same_precision(last, parameters)?;
            optimizer.restore(found.optimizer, parameters).map_err(|e| damaged(last, e))?;
            parameters.restore(&found.model).map_err(|e| damaged(last, e))?;
            state = found.header.state;
        }
        let log = Log::open(&run.folder.join("metrics.jsonl"), state.step, state.evaluated)?;
        Ok(Self {
            seconds_before: state.seconds,
            began: Instant::now(),
            saved: Instant::now(),
            flushed: Instant::now(),
            learner,
            config,
            run,
            folder,
            described,
            optimizer,
            state,
            log,
            unsaved: !resumed,
            steps,
        })
    }

    pub fn run(mut self) -> Result<Outcome> {
        let seed = self.config.seed;
        self.tell(&Event::Started { step: self.state.step, steps: self.steps });
        // A kill may have come between the checkpoint and the evaluation that was due.
        if self.evaluation_is_due() {
            self.evaluate()?;
        }
        loop {
            if let Some(end) = self.end() {
                return self.finish(end);
            }
            let (learner, epoch) = (self.learner, self.state.epoch);
            let batches = self.config.batching.epoch(&learner.lengths(epoch)?, seed, epoch);
            if self.state.batch >= batches.len() {
                let batch = self.state.batch;
                let count = batches.len();
                let reason = format!("it stands at batch {batch} of an epoch of {count}");
                return Err(damaged(&self.folder.last, reason));
            }
            let rest = (self.state.batch..batches.len()).map(|batch| batches.get(batch));
            // With one thread the work is the same, and there is nothing to gain from a second.
            let ahead = rayon::current_num_threads() > 1;
            let train = |next: step::Next<L::Batch>| self.epoch(next, batches.len());
            if let Some(end) = with_batches(learner, epoch, rest, ahead, train)? {
                return Ok(self.outcome(end));
            }
        }
    }

    /// The rest of the present epoch, of `count` batches in all; says so if it was interrupted.
    fn epoch(&mut self, next: step::Next<L::Batch>, count: usize) -> Result<Option<End>> {
        let mut done = self.state.batch;
        while done < count && self.end().is_none() {
            if self.run.stop.is_some_and(|stop| stop.load(Ordering::SeqCst)) {
                self.save()?;
                return Ok(Some(End::Interrupted));
            }
            let batches = self.config.accumulate.min(count - done);
            self.step(next, batches)?;
            done += batches;
            self.state.batch = done;
            if done == count {
                self.state.epoch += 1;
                self.state.batch = 0;
            }
            self.after_step()?;
        }
        Ok(None)
    }

    /// Why training is over, if it is.
    fn end(&self) -> Option<End> {
        if self.state.epoch >= self.config.epochs {
            return Some(End::Completed);
        }
        let patience = self.config.patience?;
        (self.state.waited >= patience).then_some(End::EarlyStopped)
    }

    fn step(&mut self, next: step::Next<L::Batch>, batches: usize) -> Result<()> {
        let FitConfig { schedule, learning_rate, log_every_steps, .. } = &self.config;
        let log_every_steps = *log_every_steps;
        let done = self.state.step;
        let rate = schedule.rate(*learning_rate, done, &self.state.plateau);
        let place = (self.state.epoch, done.saturating_add(1));
        let (config, optimizer) = (&self.config, &mut self.optimizer);
        let batches = (next, batches);
        let mut record = step::take(self.learner, config, optimizer, batches, place, rate)?;
        self.unsaved = true;
        self.state.step = record.step;
        self.state.seconds = self.seconds();
        record.seconds = self.state.seconds;
        self.tell(&Event::Step(&record));
        // What later losses are compared with.
        if record.step == 1 || record.step.is_multiple_of(log_every_steps) {
            self.log.write(&Record::Step(record))?;
        }
        Ok(())
    }

    fn after_step(&mut self) -> Result<()> {
        if self.evaluation_is_due() {
            return self.evaluate();
        }
        let every = self.config.checkpoint_every_steps;
        let is_due = every.is_some_and(|steps| self.state.step.is_multiple_of(steps));
        if is_due || self.saved.elapsed() >= self.run.checkpoint_every {
            return self.save();
        }
        if self.flushed.elapsed() >= FLUSH_EVERY {
            self.log.flush()?;
            self.flushed = Instant::now();
        }
        Ok(())
    }

    fn evaluation_is_due(&self) -> bool {
        let State { step, epoch, batch, evaluated, .. } = self.state;
        let due = match self.config.evaluate_every {
            Interval::Epochs(epochs) => batch == 0 && epoch.is_multiple_of(epochs),
            Interval::Steps(steps) => step.is_multiple_of(steps),
        };
        evaluated < step && (due || epoch >= self.config.epochs)
    }

    /// Evaluates and saves. Saves before the first time as well: an evaluation that fails always
    /// fails then, and the steps before it are not lost.
    fn evaluate(&mut self) -> Result<()> {
        if self.state.evaluated == 0 {
            self.save()?;
        }
        self.check_finite()?;
        let metrics = self.learner.evaluate()?;
        let improved = self.compare(&metrics)?;
        self.unsaved = true;
        self.state.evaluated = self.state.step;
        self.state.seconds = self.seconds();
        let record = EvaluationRecord {
            step: self.state.step,
            epoch: self.state.epoch,
            metrics,
            improved,
            seconds: self.state.seconds,
        };
        self.tell(&Event::Evaluation(&record));
        self.log.write(&Record::Evaluation(record))?;
        let count = self.config.average;
        let parameters = self.learner.parameters();
        if count > 0 {
            let State { step, kept, .. } = &mut self.state;
            average::keep(&self.folder, *step, parameters, count, kept)?;
        }
        self.save()?;
        match count {
            0 => Ok(()),
            // Not before: until then the checkpoint on disk names them.
            _ => average::clear(&self.folder, &self.state.kept),
        }
    }

    /// Holds an evaluation against the best so far, keeps the weights if it is better, and tells
    /// the schedule.
    fn compare(&mut self, metrics: &BTreeMap<String, f64>) -> Result<bool> {
        let Some(monitor) = &self.config.monitor else {
            return Ok(false);
        };
        let Some(&value) = metrics.get(&monitor.metric) else {
            let metric = monitor.metric.clone();
            let found = metrics.keys().cloned().collect();
            return Err(Error::UnknownMetric { metric, found });
        };
        let schedule = &self.config.schedule;
        let full = self.config.learning_rate;
        schedule.observe(full, value, monitor.direction, &mut self.state.plateau);
        let best = self.state.best.as_ref().map(|best| best.value);
        if !monitor.direction.improves(value, best) {
            self.state.waited = self.state.waited.saturating_add(1);
            return Ok(false);
        }
        let finite = metrics.iter().filter(|(_, value)| value.is_finite());
        self.state.waited = 0;
        self.state.best = Some(Best {
            step: self.state.step,
            epoch: self.state.epoch,
            value,
            metrics: finite.map(|(name, value)| (name.clone(), *value)).collect(),
        });
        let Folder { best, unfinished, .. } = &self.folder;
        checkpoint::write_weights(best, unfinished, self.state.step, self.learner.parameters())?;
        Ok(true)
    }

    fn save(&mut self) -> Result<()> {
        if !self.unsaved {
            return Ok(());
        }
        self.check_finite()?;
        self.log.sync()?;
        let (config, identity) = self.described.clone();
        let header = Header::new(config, identity, self.state.clone());
        let Folder { last, unfinished, .. } = &self.folder;
        let parameters = self.learner.parameters();
        checkpoint::write(last, unfinished, &header, parameters, &self.optimizer)?;
        self.unsaved = false;
        self.saved = Instant::now();
        self.tell(&Event::Saved { step: self.state.step });
        Ok(())
    }

    /// Weights that are not finite are written nowhere: no run could go on from them.
    fn check_finite(&self) -> Result<()> {
        match clip::not_finite(self.learner.parameters().tensors())? {
            None => Ok(()),
            Some(parameter) => {
                let FitConfig { schedule, learning_rate, .. } = &self.config;
                let step = self.state.step;
                let last = step.saturating_sub(1);
                let learning_rate = schedule.rate(*learning_rate, last, &self.state.plateau);
                Err(Error::NonFiniteParameter { step, parameter, learning_rate })
            }
        }
    }

    fn finish(self, end: End) -> Result<Outcome> {
        let weights = match (&self.state.kept[..], &self.state.best) {
            ([_, ..], _) => {
                average::mean(&self.folder, &self.state.kept, self.learner.parameters())?
            }
            ([], Some(best)) => checkpoint::read_weights(&self.folder.best, best.step)?,
            ([], None) => return Ok(self.outcome(end)),
        };
        self.learner.parameters().restore(&weights)?;
        Ok(self.outcome(end))
    }

    fn outcome(&self, end: End) -> Outcome {
        Outcome {
            end,
            step: self.state.step,
            epoch: self.state.epoch,
            best: self.state.best.clone(),
            seconds: self.state.seconds,
        }
    }

    fn seconds(&self) -> f64 {
        self.seconds_before + self.began.elapsed().as_secs_f64()
    }

    fn tell(&mut self, event: &Event) {
        if let Some(observer) = &mut self.run.observer {
            observer(event);
        }
    }
}
