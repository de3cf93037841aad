//! Batch normalisation taken into the convolution before it: half the layers for the same answers.

use super::forward::Parameters;
use super::{Graph, Layer, Network, Operation};
use crate::Result;
use conv_nn::Conv2d;

impl Network {
    /// The same network for inference: a convolution that only a batch norm reads becomes one with
    /// it, whose weights are scaled and whose bias is shifted channel by channel (Jacob et al.
    /// 2018, "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only
    /// Inference", section 3.2). It goes by the norm's name; the convolution's own value is no
    /// longer there. Values are equal but for rounding, 1e-5 of a layer's largest. Nothing of it is
    /// for training.
    ///
    /// # Errors
    /// What the tensor library refuses.
    pub fn folded(self) -> Result<Self> {
        let layers = self.graph.layers();
        let goes: Vec<bool> = (0..layers.len()).map(|at| self.goes(at)).collect();
        let (mut kept, mut parameters): (Vec<Layer>, Vec<Parameters>) = Default::default();
        // Where each layer is now; of those that go, where what they read is.
        let mut places = vec![0; layers.len()];
        for (at, layer) in layers.iter().enumerate() {
            let inputs: Vec<usize> = layer.inputs.iter().map(|&input| places[input]).collect();
            if goes[at] {
                places[at] = inputs[0];
                continue;
            }
            let taken = layer.inputs.first().filter(|&&input| goes[input]);
            let (operation, own) = match taken {
                Some(&input) => self.joined(input, at)?,
                None => (layer.operation.clone(), self.parameters[at].clone()),
            };
            places[at] = kept.len();
            kept.push(Layer { operation, inputs, ..layer.clone() });
            parameters.push(own);
        }
        let graph = Graph::of(kept);
        Ok(Self { graph, parameters, ..self })
    }

    /// Whether a layer is a convolution that a batch norm alone reads.
    fn goes(&self, at: usize) -> bool {
        let layers = self.graph.layers();
        let layer = &self.graph.layers()[at];
        let mut readers = layers.iter().filter(|reader| reader.inputs.contains(&at));
        let is_norm = |reader: &Layer| matches!(reader.operation, Operation::BatchNorm(_));
        matches!(layer.operation, Operation::Convolution { .. })
            && !layer.rectified
            && readers.next().is_some_and(is_norm)
            && readers.next().is_none()
    }

    fn joined(&self, convolution: usize, norm: usize) -> Result<(Operation, Parameters)> {
        let mut operation = self.graph.layers()[convolution].operation.clone();
        let (Parameters::Convolution(own), Parameters::BatchNorm(norm)) =
            (&self.parameters[convolution], &self.parameters[norm])
        else {
            unreachable!("a convolution and a batch norm have their parameters")
        };
        let [scale, shift] = norm.scale_and_shift()?;
        let weight = own.weight().detach().broadcast_mul(&scale.reshape(((), 1, 1, 1))?)?;
        let shift = match own.bias() {
            Some(bias) => ((bias.detach() * &scale)? + &shift)?,
            None => shift,
        };
        if let Operation::Convolution { bias, .. } = &mut operation {
            *bias = true;
        }
        let joined = Conv2d::new(weight, Some(shift), *own.config());
        Ok((operation, Parameters::Convolution(joined)))
    }
}
