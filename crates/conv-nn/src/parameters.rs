//! The parameter store: named variables behind candle's `VarBuilder`, so that one constructor
//! trains and loads.

use crate::{Error, Init, Result, rng};
use candle_core::{DType, Device, Shape, Tensor, Var};
use candle_nn::var_builder::{Backend, SimpleBackend, VarBuilderArgs};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// candle's `VarBuilder` over [`Parameters`], with [`Init`] as its hints.
pub type VarBuilder = VarBuilderArgs<'static, Parameters>;

/// A model's parameters by name. Clones share one store.
///
/// A value that is not stored yet is drawn from (seed, name): a new layer does not change the
/// others' first values. Everything that goes over the parameters goes in name order; candle's own
/// map has none.
///
/// ```
/// use candle_core::{DType, Device};
/// use conv_nn::{Init, Parameters};
/// let parameters = Parameters::new(42);
/// let vb = parameters.builder(DType::F32, &Device::Cpu);
/// let init = Init::Uniform { low: -0.25, high: 0.25 };
/// let weight = vb.pp("embedding").get_with_hints((10, 4), "weight", init)?;
/// assert_eq!(weight.dims(), [10, 4]);
/// assert_eq!(parameters.vars()[0].0, "embedding.weight");
/// # Ok::<(), candle_core::Error>(())
/// ```
#[derive(Clone)]
pub struct Parameters(Arc<Mutex<Store>>);

struct Store {
    origin: Origin,
    stored: BTreeMap<String, Tensor>,
    /// The names of those that were given up.
    taken: BTreeSet<String>,
    vars: BTreeMap<String, Var>,
    /// The names of those variables that are no parameters.
    buffers: BTreeSet<String>,
}

enum Origin {
    Drawn {
        seed: u64,
    },
    Frozen {
        /// Whether a tensor is given up to the layer that asks for it.
        once: bool,
    },
}

impl Store {
    fn missing(&self, name: &str) -> Error {
        let name = name.to_owned();
        if self.taken.contains(&name) {
            Error::ParameterTaken { name }
        } else {
            Error::ParameterMissing { name, count: self.stored.len() + self.taken.len() }
        }
    }
}

impl Parameters {
    /// Trainable parameters, each drawn from (`seed`, its name) when a layer first asks for it.
    pub fn new(seed: u64) -> Self {
        Self::warm(seed, BTreeMap::new())
    }

    /// Trainable parameters that start from `tensors` where the name is there, and are drawn where
    /// it is not.
    pub fn warm(seed: u64, tensors: BTreeMap<String, Tensor>) -> Self {
        Self::with(Origin::Drawn { seed }, tensors)
    }

    /// Plain tensors for inference: nothing is tracked, and a name that is not there is an error.
    pub fn frozen(tensors: BTreeMap<String, Tensor>) -> Self {
        Self::with(Origin::Frozen { once: false }, tensors)
    }

    /// [`Parameters::frozen`], each of which is given up to the layer that asks for it: where
    /// layers lay their weights out anew, memory does not hold all of them twice. A second time a
    /// name is not there.
    pub fn frozen_once(tensors: BTreeMap<String, Tensor>) -> Self {
        Self::with(Origin::Frozen { once: true }, tensors)
    }

    fn with(origin: Origin, stored: BTreeMap<String, Tensor>) -> Self {
        let vars = BTreeMap::new();
        let taken = BTreeSet::new();
        let buffers = BTreeSet::new();
        Self(Arc::new(Mutex::new(Store { origin, stored, taken, vars, buffers })))
    }

    fn lock(&self) -> MutexGuard<'_, Store> {
        // Each change is one map insertion, so a panic elsewhere leaves nothing half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What layers are built from.
    pub fn builder(&self, dtype: DType, device: &Device) -> VarBuilder {
        VarBuilderArgs::new_with_args(self.clone(), dtype, device)
    }

    /// What candle-nn's own layers are built from; their values land in this store too.
    pub fn candle_builder(&self, dtype: DType, device: &Device) -> candle_nn::VarBuilder<'static> {
        candle_nn::VarBuilder::from_backend(Box::new(self.clone()), dtype, device.clone())
    }

    /// The variables that are parameters, in name order. Empty for a frozen store.
    pub fn vars(&self) -> Vec<(String, Var)> {
        let store = self.lock();
        let vars = store.vars.iter().filter(|(name, _)| !store.buffers.contains(*name));
        vars.map(|(name, var)| (name.clone(), var.clone())).collect()
    }

    /// Whether `name` is a buffer ([`Init::Buffer`]): saved and restored, but never stepped,
    /// averaged or counted.
    pub fn is_buffer(&self, name: &str) -> bool {
        self.lock().buffers.contains(name)
    }

    /// The variable `name`, if a layer has asked for it.
    pub fn var(&self, name: &str) -> Option<Var> {
        self.lock().vars.get(name).cloned()
    }

    /// Every variable's present value, buffers included, in name order, detached. Shares memory
    /// with the variable.
    pub fn tensors(&self) -> BTreeMap<String, Tensor> {
        let store = self.lock();
        store.vars.iter().map(|(name, var)| (name.clone(), var.as_tensor().detach())).collect()
    }

    /// Copies values into the variables.
    ///
    /// # Errors
    /// A variable without a value, a value without a variable, or another shape; then nothing is
    /// changed.
    pub fn restore(&self, values: &BTreeMap<String, Tensor>) -> Result<()> {
        let store = self.lock();
        if let Some(name) = values.keys().find(|name| !store.vars.contains_key(*name)) {
            return Err(Error::ParameterUnknown { name: name.clone() });
        }
        for (name, var) in &store.vars {
            let Some(value) = values.get(name) else {
                return Err(Error::ParameterMissing { name: name.clone(), count: values.len() });
            };
            same_shape(name, value, var.shape())?;
        }
        for (name, var) in &store.vars {
            var.set(&values[name].to_dtype(var.dtype())?.to_device(var.device())?)?;
        }
        Ok(())
    }

    /// How many numbers the parameters hold.
    pub fn count(&self) -> usize {
        self.vars().iter().map(|(_, var)| var.elem_count()).sum()
    }

    fn fetch(
        &self,
        shape: Shape,
        name: &str,
        init: &Init,
        dtype: DType,
        device: &Device,
    ) -> Result<Tensor> {
        let mut store = self.lock();
        if let Some(var) = store.vars.get(name) {
            same_shape(name, var, &shape)?;
            let tensor = var.as_tensor();
            let is_buffer = store.buffers.contains(name);
            return Ok(if is_buffer { tensor.detach() } else { tensor.clone() });
        }
        let stored = store.stored.get(name).cloned();
        if let Some(value) = &stored {
            same_shape(name, value, &shape)?;
        }
        if matches!(store.origin, Origin::Frozen { once: true }) {
            store.stored.remove(name);
            if stored.is_some() {
                store.taken.insert(name.into());
            }
        }
        let value = match (&store.origin, stored) {
            (_, Some(value)) => value.to_dtype(dtype)?.to_device(device)?,
            (Origin::Drawn { seed }, None) => {
                init.make(name, &shape, dtype, device, &mut rng::seeded(*seed, name))?
            }
            (Origin::Frozen { .. }, None) => return Err(store.missing(name)),
        };
        if matches!(store.origin, Origin::Frozen { .. }) {
            return Ok(value.detach());
        }
        // A copy also of what is a variable already, of another model perhaps: that one is left
        // alone.
        let var = Var::from_tensor(&value.detach())?;
        let tensor = var.as_tensor().clone();
        store.vars.insert(name.into(), var);
        if matches!(init, Init::Buffer(_)) {
            store.buffers.insert(name.into());
            return Ok(tensor.detach());
        }
        Ok(tensor)
    }

    fn fetch_stored(&self, name: &str, dtype: DType, device: &Device) -> Result<Tensor> {
        let shape = {
            let store = self.lock();
            let found = store.vars.get(name).map(|var| var.as_tensor());
            let Some(tensor) = found.or_else(|| store.stored.get(name)) else {
                return Err(store.missing(name));
            };
            tensor.shape().clone()
        };
        self.fetch(shape, name, &Init::default(), dtype, device)
    }

    fn holds(&self, name: &str) -> bool {
        let store = self.lock();
        store.vars.contains_key(name) || store.stored.contains_key(name)
    }
}

fn same_shape(name: &str, found: &Tensor, expected: &Shape) -> Result<()> {
    if found.shape() == expected {
        return Ok(());
    }
    Err(Error::ParameterShape {
        name: name.into(),
        found: found.dims().to_vec(),
        expected: expected.dims().to_vec(),
    })
}

impl Backend for Parameters {
    type Hints = Init;

    fn get(
        &self,
        shape: Shape,
        name: &str,
        init: Init,
        dtype: DType,
        device: &Device,
    ) -> candle_core::Result<Tensor> {
        Ok(self.fetch(shape, name, &init, dtype, device)?)
    }

    fn get_unchecked(
        &self,
        name: &str,
        dtype: DType,
        device: &Device,
    ) -> candle_core::Result<Tensor> {
        Ok(self.fetch_stored(name, dtype, device)?)
    }

    fn contains_tensor(&self, name: &str) -> bool {
        self.holds(name)
    }
}

impl SimpleBackend for Parameters {
    fn get(
        &self,
        shape: Shape,
        name: &str,
        init: candle_nn::Init,
        dtype: DType,
        device: &Device,
    ) -> candle_core::Result<Tensor> {
        let init = Init::from_candle(init, &shape);
        Ok(self.fetch(shape, name, &init, dtype, device)?)
    }

    fn get_unchecked(
        &self,
        name: &str,
        dtype: DType,
        device: &Device,
    ) -> candle_core::Result<Tensor> {
        Ok(self.fetch_stored(name, dtype, device)?)
    }

    fn contains_tensor(&self, name: &str) -> bool {
        self.holds(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NORMAL: Init = Init::Normal { mean: 0.0, std: 1.0 };

    fn ask(parameters: &Parameters, name: &str) -> candle_core::Result<Tensor> {
        let vb = parameters.builder(DType::F32, &Device::Cpu);
        vb.pp("layer").get_with_hints((2, 3), name, NORMAL)
    }

    #[test]
    fn a_first_value_depends_on_seed_and_name_alone() -> candle_core::Result<()> {
        let one = Parameters::new(1);
        let other = Parameters::new(1);
        let third = Parameters::new(2);
        ask(&other, "added")?;
        let value = |p: &Parameters| ask(p, "weight")?.to_vec2::<f32>();
        assert_eq!(value(&one)?, value(&other)?);
        assert_ne!(value(&one)?, value(&third)?);
        Ok(())
    }

    #[test]
    fn frozen_parameters_are_not_tracked_and_name_what_is_missing() -> candle_core::Result<()> {
        let trained = Parameters::new(1);
        assert!(ask(&trained, "weight")?.track_op());
        let frozen = Parameters::frozen(trained.tensors());
        assert!(!ask(&frozen, "weight")?.track_op());
        let message = ask(&frozen, "bias").err().map(|e| e.to_string()).unwrap_or_default();
        assert!(message.starts_with("parameter `layer.bias` is missing"), "{message}");
        Ok(())
    }

    #[test]
    fn what_is_frozen_once_is_given_up() -> candle_core::Result<()> {
        let given = || Tensor::ones((2, 3), DType::F32, &Device::Cpu);
        let tensors = ["weight", "bias"].map(|name| Ok((format!("layer.{name}"), given()?)));
        let tensors = tensors.into_iter().collect::<candle_core::Result<_>>()?;
        let frozen = Parameters::frozen_once(tensors);
        let weight = ask(&frozen, "weight")?;
        assert!(!weight.track_op() && weight.to_vec2::<f32>()? == [[1.0; 3]; 2]);
        let message = ask(&frozen, "weight").err().map(|e| e.to_string()).unwrap_or_default();
        assert!(message.contains("`layer.weight` was given up"), "{message}");
        let message = ask(&frozen, "other").err().map(|e| e.to_string()).unwrap_or_default();
        assert!(message.contains("hold 2 tensors"), "{message}");
        assert_eq!(ask(&frozen, "bias")?.dims(), [2, 3]);
        Ok(())
    }

    #[test]
    fn a_warm_start_takes_what_is_there_and_draws_the_rest() -> candle_core::Result<()> {
        let given = Tensor::ones((2, 3), DType::F32, &Device::Cpu)?;
        let warm = Parameters::warm(1, BTreeMap::from([("layer.weight".into(), given)]));
        assert_eq!(ask(&warm, "weight")?.to_vec2::<f32>()?, [[1.0; 3]; 2]);
        let drawn = ask(&Parameters::new(1), "bias")?.to_vec2::<f32>()?;
        assert_eq!(ask(&warm, "bias")?.to_vec2::<f32>()?, drawn);
        Ok(())
    }

    #[test]
    fn a_warm_start_from_a_variable_leaves_that_alone() -> candle_core::Result<()> {
        let other = Var::ones((2, 3), DType::F32, &Device::Cpu)?;
        let given = BTreeMap::from([("layer.weight".into(), other.as_tensor().clone())]);
        let warm = Parameters::warm(1, given);
        ask(&warm, "weight")?;
        for (_, var) in warm.vars() {
            var.set(&var.zeros_like()?)?;
        }
        assert_eq!(other.to_vec2::<f32>()?, [[1.0; 3]; 2]);
        assert_eq!(ask(&warm, "weight")?.to_vec2::<f32>()?, [[0.0; 3]; 2]);
        Ok(())
    }

    #[test]
    fn restoring_another_shape_or_name_changes_nothing() -> candle_core::Result<()> {
        let parameters = Parameters::new(1);
        let before = ask(&parameters, "weight")?.to_vec2::<f32>()?;
        let ones = |shape: &[usize]| Tensor::ones(shape, DType::F32, &Device::Cpu);
        for values in [
            BTreeMap::from([("layer.weight".to_string(), ones(&[3, 2])?)]),
            BTreeMap::from([
                ("layer.weight".to_string(), ones(&[2, 3])?),
                ("other".into(), ones(&[1])?),
            ]),
            BTreeMap::new(),
        ] {
            assert!(parameters.restore(&values).is_err());
        }
        assert_eq!(ask(&parameters, "weight")?.to_vec2::<f32>()?, before);
        Ok(())
    }

    #[test]
    fn a_buffer_is_stored_but_is_no_parameter() -> candle_core::Result<()> {
        let parameters = Parameters::new(1);
        let vb = parameters.builder(DType::F32, &Device::Cpu).pp("layer");
        let buffer = vb.get_with_hints(2, "mean", Init::Buffer(Box::new(Init::Const(3.0))))?;
        ask(&parameters, "weight")?;
        assert!(!buffer.track_op() && parameters.is_buffer("layer.mean"));
        let names: Vec<String> = parameters.vars().into_iter().map(|(name, _)| name).collect();
        assert_eq!((names, parameters.count()), (vec!["layer.weight".to_string()], 6));
        let values = parameters.tensors().into_iter();
        let copies = values.map(|(name, value)| Ok((name, value.copy()?)));
        let mut values = copies.collect::<candle_core::Result<BTreeMap<_, _>>>()?;
        assert_eq!(values["layer.mean"].to_vec1::<f32>()?, [3.0; 2]);
        let five = Tensor::full(5f32, 2, &Device::Cpu)?;
        values.insert("layer.mean".into(), five);
        parameters.restore(&values)?;
        assert_eq!(buffer.to_vec1::<f32>()?, [5.0; 2]);
        Ok(())
    }

    #[test]
    fn candle_layers_draw_from_the_same_store() -> candle_core::Result<()> {
        let parameters = Parameters::new(1);
        candle_nn::linear(3, 2, parameters.candle_builder(DType::F32, &Device::Cpu).pp("fc"))?;
        let names: Vec<String> = parameters.vars().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["fc.bias", "fc.weight"]);
        Ok(())
    }
}
