//! A network as a list of layers, each of which reads earlier ones.

use super::{Layer, Operation};
use conv_nn::BatchNormConfig;
use std::collections::BTreeMap;

/// The layers of a network in the order in which they are computed; the first is its input.
#[derive(Debug, Clone, PartialEq)]
pub struct Graph {
    layers: Vec<Layer>,
}

impl Graph {
    /// A graph whose only layer is the input `data`, of three channels.
    pub(crate) fn new() -> Self {
        let operation = Operation::Input { channels: 3 };
        let data = Layer { name: "data".into(), operation, rectified: false, inputs: Vec::new() };
        Self { layers: vec![data] }
    }

    /// Layers that read earlier ones.
    pub(super) fn of(layers: Vec<Layer>) -> Self {
        Self { layers }
    }

    /// All layers.
    pub fn layers(&self) -> &[Layer] {
        &self.layers
    }

    /// The place of the layer of this name.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.layers.iter().position(|layer| layer.name == name)
    }

    /// The place of the layer whose values are the network's answer: the last, or what its softmax
    /// reads.
    pub fn output(&self) -> usize {
        let last = self.layers.len() - 1;
        match (&self.layers[last].operation, self.layers[last].inputs.first()) {
            (Operation::Softmax, Some(&logits)) => logits,
            _ => last,
        }
    }

    /// The last hidden layer, whose values say what a picture shows without saying what it is
    /// called: what the classifier reads, before dropout. Where there is no classifier, the last
    /// layer.
    pub fn embedding(&self) -> usize {
        let mut at = self.output();
        if at + 1 == self.layers.len() {
            return at;
        }
        // A classifier is a linear layer, or a convolution with the mean over its places behind it.
        if matches!(self.layers[at].operation, Operation::GlobalAverage) {
            at = self.layers[at].inputs[0];
        }
        at = self.layers[at].inputs[0];
        while matches!(self.layers[at].operation, Operation::Dropout { .. }) {
            at = self.layers[at].inputs[0];
        }
        at
    }

    pub(crate) fn add(&mut self, name: &str, operation: Operation, inputs: &[usize]) -> usize {
        let inputs = inputs.to_vec();
        self.layers.push(Layer { name: name.into(), operation, rectified: false, inputs });
        self.layers.len() - 1
    }

    /// A convolution and its rectifier; `[kernel, stride, padding]`.
    pub(crate) fn convolution(
        &mut self,
        name: &str,
        input: usize,
        channels: usize,
        [kernel, stride, padding]: [usize; 3],
    ) -> usize {
        self.grouped(name, input, channels, [kernel, stride, padding], 1)
    }

    pub(crate) fn grouped(
        &mut self,
        name: &str,
        input: usize,
        channels: usize,
        [kernel, stride, padding]: [usize; 3],
        groups: usize,
    ) -> usize {
        let bias = true;
        let operation = Operation::Convolution { channels, kernel, stride, padding, groups, bias };
        let at = self.add(name, operation, &[input]);
        self.rectify(at)
    }

    /// A convolution with bias and without a rectifier.
    pub(crate) fn linear_convolution(
        &mut self,
        name: &str,
        input: usize,
        channels: usize,
        window: [usize; 3],
    ) -> usize {
        let at = self.convolution(name, input, channels, window);
        self.layers[at].rectified = false;
        at
    }

    /// A convolution without bias, and behind it batch normalisation.
    pub(crate) fn linear_norm(
        &mut self,
        [convolution, norm]: [&str; 2],
        input: usize,
        channels: usize,
        [kernel, stride, padding]: [usize; 3],
    ) -> usize {
        let (groups, bias) = (1, false);
        let operation = Operation::Convolution { channels, kernel, stride, padding, groups, bias };
        let at = self.add(convolution, operation, &[input]);
        self.add(norm, Operation::BatchNorm(BatchNormConfig::default()), &[at])
    }

    /// Batch normalisation between a convolution and its rectifier; the convolution loses its bias,
    /// which would have no effect.
    pub(crate) fn normalise(&mut self, norm: &str, at: usize) -> usize {
        self.layers[at].rectified = false;
        if let Operation::Convolution { bias, .. } = &mut self.layers[at].operation {
            *bias = false;
        }
        let at = self.add(norm, Operation::BatchNorm(BatchNormConfig::default()), &[at]);
        self.rectify(at)
    }

    /// The same with a rectifier.
    pub(crate) fn normalised(
        &mut self,
        names: [&str; 2],
        input: usize,
        channels: usize,
        window: [usize; 3],
    ) -> usize {
        let at = self.linear_norm(names, input, channels, window);
        self.rectify(at)
    }

    /// Puts a rectifier behind a layer, which is given back.
    pub(crate) fn rectify(&mut self, at: usize) -> usize {
        self.layers[at].rectified = true;
        at
    }

    /// What a batch normalisation adds to the variance.
    pub(crate) fn set_epsilon(&mut self, at: usize, epsilon: f64) {
        if let Operation::BatchNorm(config) = &mut self.layers[at].operation {
            config.epsilon = epsilon;
        }
    }

    /// Maxima whose last window may hang over the end, as Caffe's.
    pub(crate) fn max_pool(
        &mut self,
        name: &str,
        input: usize,
        [kernel, stride, padding]: [usize; 3],
    ) -> usize {
        self.add(name, Operation::MaxPool { kernel, stride, padding, ceil: true }, &[input])
    }

    /// Maxima whose windows end within the picture.
    pub(crate) fn floor_pool(
        &mut self,
        name: &str,
        input: usize,
        [kernel, stride, padding]: [usize; 3],
    ) -> usize {
        self.add(name, Operation::MaxPool { kernel, stride, padding, ceil: false }, &[input])
    }

    /// A fully connected layer with a rectifier and dropout of one half behind it.
    pub(crate) fn hidden(
        &mut self,
        name: &str,
        dropout: &str,
        input: usize,
        outputs: usize,
    ) -> usize {
        let at = self.add(name, Operation::Linear { outputs }, &[input]);
        self.rectify(at);
        self.add(dropout, Operation::Dropout { probability: 0.5 }, &[at])
    }

    /// The graph with the mean of each window in place of its maximum: "gradient flow is improved",
    /// and pictures that are made through the network look smoother (Gatys et al. 2016, section 2).
    #[must_use]
    pub fn average_pooled(mut self) -> Self {
        for layer in &mut self.layers {
            if let Operation::MaxPool { kernel, stride, padding, ceil } = layer.operation {
                layer.operation = Operation::AveragePool { kernel, stride, padding, ceil };
            }
        }
        self
    }

    /// The graph with another ε in every batch normalisation: what is added to the variance.
    #[must_use]
    pub fn with_epsilon(mut self, epsilon: f64) -> Self {
        (0..self.layers.len()).for_each(|at| self.set_epsilon(at, epsilon));
        self
    }

    /// The place of the layer that tells the classes apart, a linear layer, or a convolution with
    /// the mean over its places behind it; `None` where there is none.
    fn classifier(&self) -> Option<usize> {
        let mut at = self.output();
        if at + 1 == self.layers.len() {
            return None;
        }
        if matches!(self.layers[at].operation, Operation::GlobalAverage) {
            at = *self.layers[at].inputs.first()?;
        }
        Some(at)
    }

    /// The classes that it tells apart; `None` where it has no classifier.
    pub fn classes(&self) -> Option<usize> {
        match self.layers[self.classifier()?].operation {
            Operation::Linear { outputs: classes }
            | Operation::Convolution { channels: classes, .. } => Some(classes),
            _ => None,
        }
    }

    /// The graph with so many classes; `None` where it has no classifier.
    pub(crate) fn with_classes(mut self, classes: usize) -> Option<Self> {
        let at = self.classifier()?;
        match &mut self.layers[at].operation {
            Operation::Linear { outputs: classifier }
            | Operation::Convolution { channels: classifier, .. } => *classifier = classes,
            _ => return None,
        }
        Some(self)
    }

    /// The graph up to the layer of this name; whole where there is none.
    #[must_use]
    pub fn until(mut self, last: &str) -> Self {
        if let Some(at) = self.position(last) {
            self.layers.truncate(at + 1);
        }
        self
    }

    /// The shape of every parameter at the size of input that the network is made for.
    pub(crate) fn parameters(&self, side: usize) -> crate::Result<BTreeMap<String, Vec<usize>>> {
        let shapes = self.shapes(&[3, side, side])?;
        let mut parameters = BTreeMap::new();
        for Layer { name, operation, inputs, .. } in &self.layers {
            let input = inputs.first().map(|&at| shapes[at].as_slice()).unwrap_or_default();
            let mut insert = |parameter: &str, shape: Vec<usize>| {
                parameters.insert(format!("{name}.{parameter}"), shape);
            };
            match *operation {
                Operation::Convolution { channels, kernel, groups, bias, .. } => {
                    insert("weight", vec![channels, input[0] / groups, kernel, kernel]);
                    if bias {
                        insert("bias", vec![channels]);
                    }
                }
                Operation::Linear { outputs } => {
                    insert("weight", vec![outputs, input.iter().product()]);
                    insert("bias", vec![outputs]);
                }
                Operation::BatchNorm(_) => {
                    for parameter in ["weight", "bias", "running_mean", "running_var"] {
                        insert(parameter, vec![input[0]]);
                    }
                }
                _ => {}
            }
        }
        Ok(parameters)
    }
}
