//! A network with its parameters: only what is asked for is computed, and nothing is kept longer
//! than it is read.

use super::{Address, Graph, Operation};
use crate::{Error, Result};
use candle_core::{D, Module, Tensor};
use conv_nn::{BatchNorm, Conv2d, Init, Linear, Mode, VarBuilder};

/// A network: its description and its parameters.
#[derive(Debug, Clone)]
pub struct Network {
    pub(super) name: &'static str,
    pub(super) graph: Graph,
    pub(super) parameters: Vec<Parameters>,
    pub(super) redirected: bool,
}

/// What a layer has learnt.
#[derive(Debug, Clone)]
pub(super) enum Parameters {
    None,
    Convolution(Conv2d),
    Linear(Linear),
    BatchNorm(BatchNorm),
}

/// Builds a network from its description; `side` is the height and width of the input that it is
/// made for, and `name` what errors call it.
///
/// Parameters: `{layer}.weight` and `{layer}.bias` of convolutions, `[O, C / groups, K, K]` and
/// `[O]`, and of fully connected layers, `[O, I]` and `[O]`; of batch norms these and
/// `{layer}.running_mean` and `{layer}.running_var`, each `[C]`. Where none are stored they begin
/// as torchvision's VGG does: convolutions by He et al. (2015) over their outputs, fully connected
/// layers normal with a deviation of 0.01, biases 0.
///
/// # Errors
/// A side that is too small for the network, or stored weights of another shape.
pub fn network(name: &'static str, graph: Graph, side: usize, vb: &VarBuilder) -> Result<Network> {
    let shapes = graph.shapes(&[3, side, side])?;
    let mut parameters = Vec::new();
    for layer in graph.layers() {
        let vb = vb.pp(&layer.name);
        let input = layer.inputs.first().map(|&at| shapes[at].as_slice()).unwrap_or_default();
        parameters.push(match layer.operation {
            Operation::Linear { outputs } => {
                let init = Init::Normal { mean: 0.0, std: 0.01 };
                let weight =
                    vb.get_with_hints((outputs, input.iter().product()), "weight", init)?;
                Parameters::Linear(Linear::new(weight, Some(bias_of(outputs, &vb)?)))
            }
            Operation::BatchNorm(config) => {
                Parameters::BatchNorm(conv_nn::batch_norm(input[0], config, vb)?)
            }
            Operation::Convolution { bias, .. } => match layer.operation.convolution() {
                Some((channels, kernel, config)) => {
                    let shape = (channels, input[0] / config.groups, kernel, kernel);
                    let std = (2.0 / (channels * kernel * kernel) as f64).sqrt();
                    let init = Init::Normal { mean: 0.0, std };
                    let weight = vb.get_with_hints(shape, "weight", init)?;
                    let bias = if bias { Some(bias_of(channels, &vb)?) } else { None };
                    Parameters::Convolution(Conv2d::new(weight, bias, config))
                }
                None => Parameters::None,
            },
            _ => Parameters::None,
        });
    }
    Ok(Network { name, graph, parameters, redirected: false })
}

fn bias_of(outputs: usize, vb: &VarBuilder) -> candle_core::Result<Tensor> {
    vb.get_with_hints(outputs, "bias", Init::Const(0.0))
}

/// A layer's two values: what comes out of it, and what goes into its rectifier.
const AFTER: usize = 0;
const BEFORE: usize = 1;

impl Network {
    /// What it is called.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Its description.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// The network with means in place of maxima ([`Graph::average_pooled`]).
    #[must_use]
    pub fn average_pooled(mut self) -> Self {
        self.graph = self.graph.average_pooled();
        self
    }

    /// The network with rectifiers whose gradient also reaches what nothing excites
    /// ([`conv_nn::redirected_relu`]): the same values, and another way up for a picture.
    #[must_use]
    pub fn redirected(mut self) -> Self {
        self.redirected = true;
        self
    }

    fn rectify(&self, x: &Tensor) -> conv_nn::Result<Tensor> {
        if self.redirected { conv_nn::redirected_relu(x) } else { conv_nn::relu(x) }
    }

    /// The network's answer, logits `[B, K]`, for pictures `[B, 3, H, W]`; where it has no
    /// classifier, its last layer.
    ///
    /// # Errors
    /// Pictures that are too small, or of another size than a fully connected layer needs.
    pub fn forward(&self, x: &Tensor, mode: &mut Mode) -> Result<Tensor> {
        let output = Address { layer: self.graph.output(), before_rectifier: false, channel: None };
        let mut values = self.values(x, &[output], mode)?;
        Ok(values.remove(0))
    }

    /// The layers of the given names ([`Address`]), in that order: `[B, C, H, W]`, or `[B, C]`
    /// behind the mean over places. Of a single channel C is 1. Layers that none of them stands on
    /// are not computed; a gradient reaches the pictures through every layer.
    ///
    /// # Errors
    /// A layer or a channel that there is not; else as [`Network::forward`].
    pub fn features(&self, x: &Tensor, layers: &[&str]) -> Result<Vec<Tensor>> {
        let addresses: Vec<Address> =
            layers.iter().map(|name| self.graph.find(name, self.name)).collect::<Result<_>>()?;
        self.values(x, &addresses, &mut Mode::Eval)
    }

    /// As [`Network::features`], of addresses that were found before.
    ///
    /// # Errors
    /// As [`Network::features`].
    pub fn values(&self, x: &Tensor, wanted: &[Address], mode: &mut Mode) -> Result<Vec<Tensor>> {
        self.values_from(x, None, wanted, mode)
    }

    /// As [`Network::values`], with `given` in place of what comes out of a layer, behind its
    /// rectifier, for the pictures `x`: so is asked what a change there, or a gradient to there,
    /// would be. What the layer alone stands on is not computed.
    ///
    /// # Errors
    /// As [`Network::features`].
    pub fn values_given(
        &self,
        x: &Tensor,
        layer: usize,
        given: &Tensor,
        wanted: &[Address],
        mode: &mut Mode,
    ) -> Result<Vec<Tensor>> {
        self.values_from(x, Some((layer, given)), wanted, mode)
    }

    fn values_from(
        &self,
        x: &Tensor,
        given: Option<(usize, &Tensor)>,
        wanted: &[Address],
        mode: &mut Mode,
    ) -> Result<Vec<Tensor>> {
        let given_at = given.map(|(layer, _)| layer);
        let mut readers = self.readers(given_at, wanted)?;
        let mut values: Vec<[Option<Tensor>; 2]> = vec![[None, None]; readers.len()];
        for at in 0..readers.len() {
            if readers[at] == [0, 0] {
                continue;
            }
            if let Some((_, value)) = given.filter(|(layer, _)| *layer == at) {
                values[at] = [Some(value.clone()), None];
                continue;
            }
            let [after, before] = self.compute(at, x, &values, readers[at], mode)?;
            values[at] = [after, before];
            for (input, kind) in self.reads(at, readers[at]) {
                readers[input][kind] -= 1;
                if readers[input][kind] == 0 {
                    values[input][kind] = None;
                }
            }
        }
        wanted.iter().map(|address| self.pick(address, &values)).collect()
    }

    /// How many layers, and callers, read each layer's two values; 0 where it need not be computed.
    /// A layer that is `given` reads none.
    fn readers(&self, given: Option<usize>, wanted: &[Address]) -> Result<Vec<[usize; 2]>> {
        let last = wanted.iter().map(|address| address.layer + 1).max().unwrap_or(0);
        if last > self.graph.layers().len() {
            let found = format!("number {}", last - 1);
            return Err(Error::NoLayer { network: self.name, found, hint: String::new() });
        }
        let mut readers = vec![[0; 2]; last];
        for address in wanted {
            readers[address.layer][usize::from(address.before_rectifier)] += 1;
        }
        for at in (0..last).rev().filter(|&at| Some(at) != given) {
            for (input, kind) in self.reads(at, readers[at]) {
                readers[input][kind] += 1;
            }
        }
        Ok(readers)
    }

    /// The values that are read to compute those values of a layer that have readers.
    fn reads(&self, at: usize, readers: [usize; 2]) -> Vec<(usize, usize)> {
        let layer = &self.graph.layers()[at];
        let joins = matches!(layer.operation, Operation::Concat);
        let kinds: &[usize] = match readers.map(|readers| readers > 0) {
            [false, false] => &[],
            [false, true] if joins => &[BEFORE],
            [true, true] if joins => &[AFTER, BEFORE],
            // The value after the rectifier is made from that before it.
            _ => &[AFTER],
        };
        let of_kind = |&kind: &usize| layer.inputs.iter().map(move |&input| (input, kind));
        kinds.iter().flat_map(of_kind).collect()
    }

    fn compute(
        &self,
        at: usize,
        x: &Tensor,
        values: &[[Option<Tensor>; 2]],
        [after, before]: [usize; 2],
        mode: &mut Mode,
    ) -> Result<[Option<Tensor>; 2]> {
        let layer = &self.graph.layers()[at];
        if let Operation::Concat = layer.operation {
            let joined = |kind: usize, readers: usize| -> Result<Option<Tensor>> {
                let parts: Vec<&Tensor> =
                    layer.inputs.iter().filter_map(|&input| values[input][kind].as_ref()).collect();
                Ok(if readers > 0 { Some(Tensor::cat(&parts, 1)?) } else { None })
            };
            return Ok([joined(AFTER, after)?, joined(BEFORE, before)?]);
        }
        let of = |input: usize| {
            let value = values[input][AFTER].as_ref();
            value.unwrap_or_else(|| unreachable!("a layer is read before it is let go"))
        };
        let input = layer.inputs.first().map_or(x, |&input| of(input));
        // A convolution rectifies as it stores, where nobody asks for what is before.
        let fused = layer.rectified && before == 0 && !self.redirected;
        let y = match (&layer.operation, &self.parameters[at]) {
            (_, Parameters::Convolution(convolution)) => {
                let weight = convolution.weight();
                let bias = convolution.bias();
                if fused {
                    conv_core::conv2d_relu(input, weight, bias, convolution.config())
                } else {
                    conv_core::conv2d(input, weight, bias, convolution.config())
                }
                .map_err(|error| self.misfit(at, input, &error))?
            }
            (_, Parameters::Linear(linear)) => {
                let flat = input.flatten_from(1)?;
                let y = linear.forward(&flat);
                let y = y.map_err(|error| self.misfit(at, input, &error))?;
                if fused { conv_nn::relu(&y)? } else { y }
            }
            (_, Parameters::BatchNorm(norm)) => {
                if fused { norm.forward_relu(input, mode) } else { norm.forward(input, mode) }
                    .map_err(|error| self.misfit(at, input, &error))?
            }
            (Operation::Add, _) => {
                let other = of(layer.inputs[1]);
                if fused { conv_nn::add_relu(input, other)? } else { (input + other)? }
            }
            (Operation::Input { .. }, _) => {
                let &[_, 3, _, _] = input.dims() else {
                    let found = input.dims().get(1..).unwrap_or_default().to_vec();
                    let expected = "expected a batch of [3, H, W]".into();
                    return Err(Error::LayerInput { layer: layer.name.clone(), found, expected });
                };
                input.clone()
            }
            (Operation::GlobalAverage, _) => conv_core::global_avg_pool(input)?,
            (Operation::ResponseNorm(config), _) => conv_nn::local_response_norm(input, config)?,
            (&Operation::Dropout { probability }, _) => conv_nn::dropout(input, probability, mode)?,
            (Operation::Softmax, _) => conv_nn::softmax(input, D::Minus1)?,
            (operation, _) => match operation.pool() {
                Some(config) => match operation {
                    Operation::AveragePool { .. } => conv_core::avg_pool2d(input, &config),
                    _ => conv_core::max_pool2d(input, &config),
                }
                .map_err(|error| self.misfit(at, input, &error))?,
                None => unreachable!("{operation:?} is computed above"),
            },
        };
        Ok(match (layer.rectified, fused, after) {
            (true, false, 0) => [None, Some(y)],
            (true, false, _) => [Some(self.rectify(&y)?), (before > 0).then_some(y)],
            _ => [Some(y), None],
        })
    }

    fn pick(&self, address: &Address, values: &[[Option<Tensor>; 2]]) -> Result<Tensor> {
        let kind = usize::from(address.before_rectifier);
        let layer = &self.graph.layers()[address.layer];
        let Some(value) = &values[address.layer][kind] else {
            return Err(Error::NoRectifier { layer: layer.name.clone() });
        };
        let Some(found) = address.channel else {
            return Ok(value.clone());
        };
        let channels = value.dim(1)?;
        if found >= channels {
            return Err(Error::NoChannel { layer: layer.name.clone(), channels, found });
        }
        Ok(value.narrow(1, found, 1)?)
    }

    /// An input that an operation refuses, as the layer's.
    fn misfit(&self, at: usize, input: &Tensor, error: &impl std::fmt::Display) -> Error {
        Error::LayerInput {
            layer: self.graph.layers()[at].name.clone(),
            found: input.dims()[1..].to_vec(),
            expected: error.to_string(),
        }
    }
}
