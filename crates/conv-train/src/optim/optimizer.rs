//! An optimiser: a rule, and what it remembers of each parameter.

use super::{Group, OptimizerConfig, composed, kernel};
use crate::{Error, Result};
use candle_core::backprop::GradStore;
use candle_core::{DType, Device, Tensor, Var};
use conv_nn::Parameters;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

/// A rule and what it remembers of each parameter.
///
/// ```
/// use candle_core::{DType, Device};
/// use conv_nn::{Init, Parameters};
/// use conv_train::optim::{Optimizer, OptimizerConfig, Sgd};
///
/// let parameters = Parameters::new(1);
/// let vb = parameters.builder(DType::F32, &Device::Cpu);
/// let weight = vb.get_with_hints(3, "weight", Init::Const(1.0))?;
///
/// let mut optimizer = Optimizer::new(OptimizerConfig::Sgd(Sgd::default()))?;
/// let gradients = weight.sqr()?.sum_all()?.backward()?;
/// optimizer.step(&parameters, &gradients, 0.25)?;
/// assert_eq!(weight.to_vec1::<f32>()?, [0.5; 3]);
/// # Ok::<(), conv_train::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Optimizer {
    config: OptimizerConfig,
    groups: Vec<Group>,
    slots: BTreeMap<String, Slot>,
}

/// One parameter's memory, on its device.
#[derive(Debug, Clone)]
struct Slot {
    /// Steps taken, which Adam's bias correction needs.
    steps: u64,
    /// `[buffers, …parameter]`; absent for a rule that remembers nothing.
    state: Option<Tensor>,
}

impl Optimizer {
    /// An optimiser that has made no step.
    ///
    /// # Errors
    /// A setting out of its range.
    pub fn new(config: OptimizerConfig) -> Result<Self> {
        Self::with_groups(config, Vec::new())
    }

    /// An optimiser that treats some parameters in their own way.
    ///
    /// # Errors
    /// A setting out of its range.
    pub fn with_groups(config: OptimizerConfig, groups: Vec<Group>) -> Result<Self> {
        config.check()?;
        groups.iter().try_for_each(Group::check)?;
        Ok(Self { config, groups, slots: BTreeMap::new() })
    }

    /// Moves every parameter that has a gradient; one without is left alone, and so is its state.
    ///
    /// On the CPU the parameters are changed in place, in one pass; on another device by a
    /// composition of its operations.
    ///
    /// # Errors
    /// [`Error::ParameterKind`] for a parameter that is neither f32 nor f64.
    pub fn step(
        &mut self,
        parameters: &Parameters,
        gradients: &GradStore,
        learning_rate: f64,
    ) -> Result<()> {
        for (name, var) in parameters.vars() {
            let Some(gradient) = gradients.get(var.as_tensor()) else {
                continue;
            };
            if !matches!(var.dtype(), DType::F32 | DType::F64) {
                let dtype = var.dtype();
                return Err(Error::ParameterKind { name, dtype });
            }
            let group = Group::of(&self.groups, &name);
            let rate = learning_rate * group.map_or(1.0, |group| group.rate);
            if rate == 0.0 && learning_rate > 0.0 {
                continue;
            }
            let slot = match self.slots.entry(name) {
                Entry::Occupied(entry) => entry.into_mut(),
                Entry::Vacant(entry) => entry.insert(Slot::empty(self.config.buffers(), &var)?),
            };
            slot.steps += 1;
            match group.and_then(|group| group.weight_decay) {
                None => step_one(&self.config, slot, &var, gradient, rate)?,
                Some(decay) => {
                    let config = self.config.clone().with_weight_decay(decay);
                    step_one(&config, slot, &var, gradient, rate)?;
                }
            }
        }
        Ok(())
    }

    /// What the optimiser remembers, by name; [`Optimizer::restore`] takes it back. The values
    /// share memory with the optimiser, so they are to be written or copied before the next step.
    ///
    /// # Errors
    /// None that a caller can bring about.
    pub fn state(&self) -> Result<BTreeMap<String, Tensor>> {
        let mut state = BTreeMap::new();
        for (name, slot) in &self.slots {
            let steps = Tensor::new(&[slot.steps as i64], &Device::Cpu)?;
            state.insert(format!("steps/{name}"), steps);
            if let Some(buffers) = &slot.state {
                state.insert(format!("buffers/{name}"), buffers.clone());
            }
        }
        Ok(state)
    }

    /// Goes on from a state that [`Optimizer::state`] gave, for the same parameters.
    ///
    /// # Errors
    /// [`Error::OptimizerState`] for a name, type or shape that does not fit; the optimiser is then
    /// as it was.
    pub fn restore(
        &mut self,
        mut state: BTreeMap<String, Tensor>,
        parameters: &Parameters,
    ) -> Result<()> {
        let mut slots = BTreeMap::new();
        for (name, var) in parameters.vars() {
            let key = format!("steps/{name}");
            let Some(steps) = state.remove(&key) else {
                continue;
            };
            let steps = match steps.to_vec1::<i64>().as_deref() {
                Ok([steps]) if *steps > 0 => *steps as u64,
                _ => return Err(Error::bad_state(&key, "it is not one positive count")),
            };
            let buffers = self.config.buffers();
            let key = format!("buffers/{name}");
            let state = match (buffers, state.remove(&key)) {
                (0, None) => None,
                (0, Some(_)) => return Err(Error::bad_state(&key, "this rule keeps none")),
                (_, None) => return Err(Error::bad_state(&key, "it is missing")),
                (_, Some(found)) => {
                    let expected = buffer_shape(buffers, &var);
                    if found.dims() != expected || found.dtype() != var.dtype() {
                        let found = format!("{:?} {:?}", found.dtype(), found.dims());
                        let expected = format!("{:?} {expected:?}", var.dtype());
                        let reason = format!("it is {found}, expected {expected}");
                        return Err(Error::bad_state(&key, &reason));
                    }
                    Some(found.to_device(var.device())?.copy()?)
                }
            };
            slots.insert(name, Slot { steps, state });
        }
        if let Some(name) = state.keys().next() {
            return Err(Error::bad_state(name, "it belongs to no parameter"));
        }
        self.slots = slots;
        Ok(())
    }
}

impl Error {
    fn bad_state(name: &str, reason: &str) -> Self {
        let name = name.into();
        let reason = reason.into();
        Error::OptimizerState { name, reason }
    }
}

impl Slot {
    fn empty(buffers: usize, var: &Var) -> Result<Self> {
        let shape = buffer_shape(buffers, var);
        let state = match buffers {
            0 => None,
            _ => Some(Tensor::zeros(shape, var.dtype(), var.device())?),
        };
        Ok(Self { steps: 0, state })
    }
}

fn buffer_shape(buffers: usize, var: &Var) -> Vec<usize> {
    [&[buffers], var.dims()].concat()
}

fn step_one(
    config: &OptimizerConfig,
    slot: &mut Slot,
    var: &Var,
    gradient: &Tensor,
    rate: f64,
) -> Result<()> {
    if !var.device().is_cpu() {
        let (stepped, state) =
            composed::step(config, slot.steps, var, gradient, &slot.state, rate)?;
        var.set(&stepped)?;
        slot.state = state;
        return Ok(());
    }
    let gradient = gradient.contiguous()?;
    let state = slot.state.as_ref();
    match config {
        OptimizerConfig::Sgd(rule) => kernel::run(&rule.at(rate), var, &gradient, state)?,
        OptimizerConfig::Adadelta(rule) => kernel::run(&rule.at(rate), var, &gradient, state)?,
        OptimizerConfig::Adam(rule) => {
            kernel::run(&rule.at(rate, slot.steps), var, &gradient, state)?
        }
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::optim::{Adadelta, Adam, Sgd};
    use conv_nn::Init;

    /// Larger than several blocks, so that the threads have something to share.
    fn parameters() -> (Parameters, Tensor) {
        let parameters = Parameters::new(1);
        let vb = parameters.builder(DType::F32, &Device::Cpu);
        let init = Init::Normal { mean: 0.0, std: 1.0 };
        let weight = vb.get_with_hints((300, 333), "weight", init).unwrap();
        (parameters, weight)
    }

    fn stepped(config: OptimizerConfig) -> (Optimizer, Parameters, Tensor) {
        let (parameters, weight) = parameters();
        let mut optimizer = Optimizer::new(config).unwrap();
        for _ in 0..3 {
            let mut gradients = weight.sin().unwrap().sum_all().unwrap().backward().unwrap();
            crate::clip::clip_global_norm(&parameters, &mut gradients, 1.0).unwrap();
            optimizer.step(&parameters, &gradients, 0.1).unwrap();
        }
        (optimizer, parameters, weight)
    }

    #[test]
    fn the_bits_do_not_depend_on_the_number_of_threads() {
        let with = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let train = || stepped(OptimizerConfig::Adam(Adam::w())).2;
            pool.install(train).flatten_all().unwrap().to_vec1::<f32>().unwrap()
        };
        let one = with(1);
        assert!(one == with(2) && one == with(4));
    }

    #[test]
    fn state_of_another_rule_or_parameter_is_refused() {
        let (adam, parameters, _) = stepped(OptimizerConfig::Adam(Adam::default()));
        let good = adam.state().unwrap();
        let refusal = |config: OptimizerConfig, state: BTreeMap<String, Tensor>| {
            let mut optimizer = Optimizer::new(config).unwrap();
            optimizer.restore(state, &parameters).unwrap_err().to_string()
        };
        let adadelta = || OptimizerConfig::Adadelta(Adadelta::default());
        let plain = OptimizerConfig::Sgd(Sgd::default());
        assert!(refusal(plain, good.clone()).contains("this rule keeps none"));
        let mut state = good.clone();
        state.remove("buffers/weight");
        assert!(refusal(adadelta(), state).contains("it is missing"));
        let mut state = good.clone();
        state.insert("steps/other".into(), good["steps/weight"].clone());
        assert!(refusal(adadelta(), state).contains("`steps/other`: it belongs to no parameter"));
        let mut state = good.clone();
        state.insert("buffers/weight".into(), good["steps/weight"].clone());
        let found = refusal(adadelta(), state);
        assert!(found.contains("it is I64 [1], expected F32 [2, 300, 333]"), "{found}");
    }

    #[test]
    fn half_precision_parameters_are_refused_by_name() {
        let parameters = Parameters::new(1);
        let vb = parameters.builder(DType::BF16, &Device::Cpu);
        let weight = vb.get_with_hints(3, "weight", Init::Const(1.0)).unwrap();
        let gradients = weight.sum_all().unwrap().backward().unwrap();
        let mut optimizer = Optimizer::new(OptimizerConfig::Sgd(Sgd::default())).unwrap();
        let error = optimizer.step(&parameters, &gradients, 0.1).unwrap_err();
        assert!(error.to_string().contains("`weight` holds BF16"), "{error}");
    }

    #[test]
    fn a_group_has_its_own_rate_and_decay_and_a_frozen_one_stays() {
        let parameters = Parameters::new(1);
        let vb = parameters.builder(DType::F32, &Device::Cpu);
        let names = ["head.weight", "stem.weight", "tail.weight"];
        let [head, stem, tail] =
            names.map(|name| vb.get_with_hints(2, name, Init::Const(1.0)).unwrap());
        let group =
            |prefix: &str, rate, weight_decay| Group { prefix: prefix.into(), rate, weight_decay };
        let groups = vec![group("stem", 0.0, None), group("head", 2.0, Some(0.5))];
        let plain = OptimizerConfig::Sgd(Sgd::default());
        let mut optimizer = Optimizer::with_groups(plain, groups).unwrap();
        let loss = (&head + &stem).unwrap() + &tail;
        let gradients = loss.unwrap().sum_all().unwrap().backward().unwrap();
        optimizer.step(&parameters, &gradients, 0.1).unwrap();
        let now = |tensor: &Tensor| tensor.to_vec1::<f32>().unwrap()[0];
        assert_eq!(now(&stem), 1.0);
        assert!((now(&tail) - 0.9).abs() < 1e-6);
        assert!((now(&head) - (1.0 - 0.2 * (1.0 + 0.5))).abs() < 1e-6);
    }
}
