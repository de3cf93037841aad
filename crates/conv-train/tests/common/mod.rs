//! A small classifier with dropout on made-up data, for the tests of the loop.
#![allow(clippy::unwrap_used, dead_code)]

use candle_core::{D, DType, Device, Tensor};
use conv_nn::{Init, Mode, Parameters, rng};
use conv_train::batch::{BatchSize, Batching};
use conv_train::optim::{Adadelta, OptimizerConfig};
use conv_train::{Direction, Error, FitConfig, Learner, Loss, MaxNorm, MonitoredMetric, Result};
use rand::Rng;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const EXAMPLES: usize = 90;
const FEATURES: usize = 6;
const HIDDEN: usize = 16;
const CLASSES: usize = 3;

pub struct Classifier {
    pub parameters: Parameters,
    hidden: Tensor,
    output: Tensor,
    features: Tensor,
    /// One-hot, `[examples, classes]`.
    truth: Tensor,
    lengths: Vec<usize>,
    pub data: &'static str,
    pub dropout: f64,
    pub pause: Duration,
    /// Calls of `loss` until now, and the one that gives NaN.
    calls: AtomicU64,
    pub nan_at: Option<u64>,
    /// An example that cannot be loaded.
    pub unreadable: Option<usize>,
}

impl Classifier {
    pub fn new() -> Self {
        Self::of(DType::F32)
    }

    /// With parameters of another kind, which can be stored but not trained.
    pub fn of(dtype: DType) -> Self {
        let mut stream = rng::seeded(9, "data");
        let parameters = Parameters::new(5);
        let vb = parameters.builder(dtype, &Device::Cpu);
        let normal = Init::Normal { mean: 0.0, std: 0.4 };
        let values: Vec<f32> =
            (0..EXAMPLES * FEATURES).map(|_| stream.random_range(-1.0..1.0)).collect();
        let class = |i: usize| {
            (values[i * FEATURES] > 0.0) as usize + (values[i * FEATURES + 1] > 0.3) as usize
        };
        let truth: Vec<f32> = (0..EXAMPLES)
            .flat_map(|i| (0..CLASSES).map(move |c| (i, c)))
            .map(|(i, c)| f32::from(class(i) == c))
            .collect();
        Self {
            hidden: vb.get_with_hints((HIDDEN, FEATURES), "hidden.weight", normal.clone()).unwrap(),
            output: vb.get_with_hints((CLASSES, HIDDEN), "output.weight", normal).unwrap(),
            features: Tensor::from_vec(values, (EXAMPLES, FEATURES), &Device::Cpu).unwrap(),
            truth: Tensor::from_vec(truth, (EXAMPLES, CLASSES), &Device::Cpu).unwrap(),
            lengths: (0..EXAMPLES).map(|_| stream.random_range(1..30)).collect(),
            parameters,
            data: "made up",
            dropout: 0.5,
            pause: Duration::ZERO,
            calls: AtomicU64::new(0),
            nan_at: None,
            unreadable: None,
        }
    }

    fn log_probabilities(&self, x: &Tensor, mode: &mut Mode) -> Result<Tensor> {
        let mut h = x.matmul(&self.hidden.t()?)?.tanh()?;
        if let Some(stream) = mode.rng() {
            let kept = (1.0 / (1.0 - self.dropout)) as f32;
            let keep: Vec<f32> = (0..h.elem_count())
                .map(|_| if stream.random_bool(self.dropout) { 0.0 } else { kept })
                .collect();
            h = (&h * Tensor::from_vec(keep, h.shape(), x.device())?)?;
        }
        let logits = h.matmul(&self.output.t()?)?;
        Ok(logits.broadcast_sub(&logits.exp()?.sum_keepdim(D::Minus1)?.log()?)?)
    }

    pub fn weights(&self) -> BTreeMap<String, Vec<u32>> {
        bits(&self.parameters.tensors())
    }
}

/// Every number's bits, so that nothing compares equal that is not the same.
pub fn bits(tensors: &BTreeMap<String, Tensor>) -> BTreeMap<String, Vec<u32>> {
    let of = |tensor: &Tensor| {
        let values = tensor.to_dtype(DType::F32).unwrap().flatten_all().unwrap();
        values.to_vec1::<f32>().unwrap().into_iter().map(f32::to_bits).collect()
    };
    tensors.iter().map(|(name, tensor)| (name.clone(), of(tensor))).collect()
}

pub fn file_bits(path: &Path) -> BTreeMap<String, Vec<u32>> {
    bits(&candle_core::safetensors::load(path, &Device::Cpu).unwrap().into_iter().collect())
}

impl Learner for Classifier {
    type Batch = [Tensor; 2];

    fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    fn lengths(&self, _: usize) -> Result<Cow<'_, [usize]>> {
        Ok(Cow::Borrowed(&self.lengths))
    }

    fn identity(&self) -> serde_json::Value {
        serde_json::json!({ "model": { "hidden": HIDDEN, "dropout": self.dropout }, "data": self.data })
    }

    fn load(&self, _: Option<usize>, indexes: &[usize]) -> Result<[Tensor; 2]> {
        if self.unreadable.is_some_and(|example| indexes.contains(&example)) {
            return Err(Error::learner("a file that cannot be read"));
        }
        let index: Vec<u32> = indexes.iter().map(|i| *i as u32).collect();
        let index = Tensor::new(index, &Device::Cpu)?;
        Ok([self.features.index_select(&index, 0)?, self.truth.index_select(&index, 0)?])
    }

    fn loss(&self, [features, truth]: &[Tensor; 2], mode: &mut Mode) -> Result<Loss> {
        std::thread::sleep(self.pause);
        let call = self.calls.fetch_add(1, Ordering::SeqCst);
        let log_p = self.log_probabilities(features, mode)?;
        let picked = (log_p * truth)?.sum(1)?;
        let value = picked.mean_all()?.neg()?;
        let value = if self.nan_at == Some(call) { (value * f64::NAN)? } else { value };
        let weight = features.dim(0)? as f64;
        Ok(Loss { value, weight })
    }

    fn evaluate(&self) -> Result<BTreeMap<String, f64>> {
        let log_p = self.log_probabilities(&self.features, &mut Mode::Eval)?;
        let picked = (&log_p * &self.truth)?.sum_all()?.to_scalar::<f32>()?;
        let predicted = log_p.argmax(1)?;
        let right = predicted.eq(&self.truth.argmax(1)?)?.to_dtype(DType::F32)?;
        Ok(BTreeMap::from([
            ("loss".into(), -f64::from(picked) / EXAMPLES as f64),
            ("accuracy".into(), f64::from(right.mean_all()?.to_scalar::<f32>()?)),
        ]))
    }
}

/// The counters of a run's checkpoint, and whatever else it says besides the time.
pub fn counters(folder: &Path) -> serde_json::Value {
    let bytes = std::fs::read(folder.join("last.safetensors")).unwrap();
    let (_, header) = safetensors::SafeTensors::read_metadata(&bytes).unwrap();
    let text = &header.metadata().as_ref().unwrap()["checkpoint"];
    let mut value: serde_json::Value = serde_json::from_str(text).unwrap();
    assert!(value["state"].as_object_mut().unwrap().remove("seconds").is_some());
    value
}

pub fn config() -> FitConfig {
    let size = BatchSize::Tokens(150);
    FitConfig {
        seed: 3,
        epochs: 8,
        batching: Batching { size, window: 3 },
        optimizer: OptimizerConfig::Adadelta(Adadelta::default()),
        learning_rate: 1.0,
        clip_norm: Some(1.0),
        max_norm: vec![MaxNorm { parameter: "output.weight".into(), norm: 1.5 }],
        monitor: Some(MonitoredMetric { metric: "loss".into(), direction: Direction::Minimize }),
        checkpoint_every_steps: Some(3),
        ..FitConfig::default()
    }
}
