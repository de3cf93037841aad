//! The two ways down: L-BFGS and Adam, behind one face.

use super::Method;
use crate::Result;
use candle_core::backprop::GradStore;
use candle_core::{DType, Device, Tensor};
use conv_nn::{Init, Parameters};
use conv_train::optim::{Lbfgs, LbfgsConfig, Optimizer, OptimizerConfig, Stall};
use std::collections::BTreeMap;

/// What keeps an evaluation from being one.
pub(super) enum Halt {
    NotFinite(f64),
    Failed(crate::Error),
}

macro_rules! failed {
    ($($error:ty),*) => {$(
        impl From<$error> for Halt {
            fn from(error: $error) -> Self {
                Halt::Failed(error.into())
            }
        }
    )*};
}
failed!(crate::Error, candle_core::Error, conv_nn::Error, conv_train::Error);

/// Total, content, style and total variation, and the gradient of the first.
pub(super) type Evaluation = ([f64; 4], Vec<f32>);

/// What a step came to.
pub(super) struct Step {
    /// The terms where it began, if they were asked for.
    pub(super) first: Option<[f64; 4]>,
    /// The terms where it ended; `None` where nothing was evaluated.
    pub(super) terms: Option<[f64; 4]>,
    pub(super) evaluations: usize,
    pub(super) stall: Option<Stall>,
}

/// A descent over the numbers of a picture.
pub(super) enum Optimiser {
    Lbfgs(Box<Lbfgs<f32>>),
    Adam(Box<AdamDescent>),
}

pub(super) struct AdamDescent {
    parameters: Parameters,
    picture: Tensor,
    optimizer: Optimizer,
    rate: f64,
    /// The gradient where it stands, once it has been asked for.
    here: Option<Vec<f32>>,
}

const PICTURE: &str = "picture";
const GRADIENT: &str = "gradient";

impl Optimiser {
    pub(super) fn new(method: &Method, numbers: Vec<f32>) -> Result<Self> {
        Ok(match method {
            Method::Lbfgs(config) => {
                Self::Lbfgs(Box::new(Lbfgs::new(settled(config, numbers.len()), numbers)))
            }
            Method::Adam { learning_rate, adam } => {
                let optimizer = Optimizer::new(OptimizerConfig::Adam(adam.clone()))?;
                Self::Adam(Box::new(AdamDescent::new(numbers, optimizer, *learning_rate)?))
            }
        })
    }

    pub(super) fn numbers(&self) -> Result<Vec<f32>> {
        match self {
            Self::Lbfgs(lbfgs) => Ok(lbfgs.numbers().to_vec()),
            Self::Adam(adam) => Ok(adam.picture.to_vec1()?),
        }
    }

    /// What it remembers, by name.
    pub(super) fn state(&self) -> Result<BTreeMap<String, Tensor>> {
        match self {
            Self::Lbfgs(lbfgs) => Ok(lbfgs.state()?),
            Self::Adam(adam) => {
                let mut state = adam.optimizer.state()?;
                state.insert(PICTURE.into(), adam.picture.detach());
                if let Some(gradient) = &adam.here {
                    state.insert(GRADIENT.into(), Tensor::new(&gradient[..], &Device::Cpu)?);
                }
                Ok(state)
            }
        }
    }

    /// One that goes on from such a state, over so many numbers.
    pub(super) fn restore(
        method: &Method,
        mut state: BTreeMap<String, Tensor>,
        length: usize,
    ) -> Result<Self> {
        let bad =
            |reason: String| conv_train::Error::OptimizerState { name: PICTURE.into(), reason };
        let restored = match method {
            Method::Lbfgs(config) => {
                Self::Lbfgs(Box::new(Lbfgs::restore(settled(config, length), state)?))
            }
            Method::Adam { learning_rate, adam } => {
                let mut take = |name: &str| {
                    let tensor = state.remove(name).filter(|tensor| tensor.dtype() == DType::F32);
                    tensor.map(|tensor| tensor.flatten_all()?.to_vec1::<f32>()).transpose()
                };
                let numbers = take(PICTURE)?.ok_or_else(|| bad("it is missing".into()))?;
                let here = take(GRADIENT)?.filter(|gradient| gradient.len() == length);
                let optimizer = Optimizer::new(OptimizerConfig::Adam(adam.clone()))?;
                let mut adam = AdamDescent::new(numbers, optimizer, *learning_rate)?;
                adam.optimizer.restore(state, &adam.parameters)?;
                adam.here = here;
                Self::Adam(Box::new(adam))
            }
        };
        let found = restored.numbers()?.len();
        if found != length {
            return Err(bad(format!("it has {found} numbers, expected {length}")).into());
        }
        Ok(restored)
    }

    /// One step; where `evaluate` gives no number it stands where it stood before.
    pub(super) fn step(
        &mut self,
        mut evaluate: impl FnMut(&[f32]) -> Result<Evaluation, Halt>,
    ) -> Result<Step, Halt> {
        match self {
            Self::Lbfgs(lbfgs) => {
                // The terms at all points that this step looks at.
                let mut seen: Vec<[f64; 4]> = Vec::new();
                let found = lbfgs.step(|numbers| {
                    let (terms, gradient) = evaluate(numbers)?;
                    seen.push(terms);
                    Ok::<_, Halt>((terms[0], gradient))
                })?;
                Ok(Step {
                    first: seen.first().copied(),
                    terms: seen.iter().find(|terms| terms[0] == found.value).copied(),
                    evaluations: found.evaluations,
                    stall: found.stall,
                })
            }
            Self::Adam(adam) => adam.step(evaluate),
        }
    }
}

/// Its first change is that of one number.
fn settled(config: &LbfgsConfig, numbers: usize) -> LbfgsConfig {
    LbfgsConfig { first_change: config.first_change * numbers as f64, ..*config }
}

impl AdamDescent {
    fn new(numbers: Vec<f32>, optimizer: Optimizer, rate: f64) -> Result<Self> {
        let length = numbers.len();
        let start = Tensor::from_vec(numbers, length, &Device::Cpu)?;
        let parameters = Parameters::warm(0, BTreeMap::from([(PICTURE.to_string(), start)]));
        let vb = parameters.builder(DType::F32, &Device::Cpu);
        let picture = vb.get_with_hints(length, PICTURE, Init::Const(0.0))?;
        Ok(Self { parameters, picture, optimizer, rate, here: None })
    }

    fn step(
        &mut self,
        mut evaluate: impl FnMut(&[f32]) -> Result<Evaluation, Halt>,
    ) -> Result<Step, Halt> {
        let before = self.picture.to_vec1::<f32>()?;
        let (mut first, mut evaluations) = (None, 1);
        let gradient = match self.here.take() {
            Some(gradient) => gradient,
            None => {
                evaluations += 1;
                let (terms, gradient) = evaluate(&before)?;
                first = Some(terms);
                gradient
            }
        };
        if gradient.iter().all(|&value| value == 0.0) {
            let terms = first;
            let stall = Some(Stall::Gradient);
            self.here = Some(gradient);
            return Ok(Step { first, terms, evaluations: evaluations - 1, stall });
        }
        let length = before.len();
        let mut gradients = GradStore::default();
        gradients.insert(&self.picture, Tensor::from_vec(gradient.clone(), length, &Device::Cpu)?);
        self.optimizer.step(&self.parameters, &gradients, self.rate)?;
        match evaluate(&self.picture.to_vec1::<f32>()?) {
            Ok((terms, gradient)) => {
                self.here = Some(gradient);
                Ok(Step { first, terms: Some(terms), evaluations, stall: None })
            }
            Err(halt) => {
                let before = Tensor::from_vec(before, length, &Device::Cpu)?;
                self.parameters.restore(&BTreeMap::from([(PICTURE.to_string(), before)]))?;
                self.here = Some(gradient);
                Err(halt)
            }
        }
    }
}
