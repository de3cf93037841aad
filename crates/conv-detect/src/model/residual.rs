//! A residual network of `conv-vision` as a backbone.

use crate::{Result, config};
use candle_core::Tensor;
use conv_nn::{Init, Mode, VarBuilder};
use conv_vision::{Address, Network, Operation, network};

/// The side of a picture that shapes are told with: a convolution's parameters do not depend on it.
const SIDE: usize = 224;

/// The network up to its last stage, and where each stage ends.
#[derive(Debug, Clone)]
pub(super) struct Residual {
    network: Network,
    stages: [Address; 4],
}

impl Residual {
    /// With the channels of each stage.
    pub fn new(config: &config::Residual, vb: &VarBuilder) -> Result<(Self, [usize; 4])> {
        let (graph, stages) = config.graph()?;
        let shapes = graph.shapes(&[3, SIDE, SIDE])?;
        for (layer, shape) in graph.layers().iter().zip(&shapes) {
            if matches!(layer.operation, Operation::BatchNorm(_)) {
                // Asked for as buffers before the layer asks: so they are no parameters.
                for (name, first) in [("weight", 1.0), ("bias", 0.0)] {
                    let first = Init::Buffer(Box::new(Init::Const(first)));
                    vb.pp(&layer.name).get_with_hints(shape[0], name, first)?;
                }
            }
        }
        let network = network(config.architecture.name(), graph, SIDE, vb)?;
        let address = |layer| Address { layer, before_rectifier: false, channel: None };
        let channels = stages.map(|stage| shapes[stage][0]);
        Ok((Self { network, stages: stages.map(address) }, channels))
    }

    /// What comes out of each stage.
    pub fn forward(&self, x: &Tensor) -> Result<Vec<Tensor>> {
        Ok(self.network.values(x, &self.stages, &mut Mode::Eval)?)
    }
}
