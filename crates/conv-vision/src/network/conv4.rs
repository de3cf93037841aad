//! Four convolutions of 3 × 3 with batch normalisation, rectifiers and max pooling, the network
//! that few-shot learning compares its methods by (Vinyals et al. 2016, section 4.1.1), but with
//! channels that double, and a mean over places and a linear classifier at its end. Some 0.4
//! million parameters: minutes of training on a CPU for small pictures of plain things.

use super::{Graph, Operation};

/// Channels of each block.
const CHANNELS: [usize; 4] = [32, 64, 128, 256];

pub(super) fn graph() -> Graph {
    let mut graph = Graph::new();
    let mut at = 0;
    for (block, channels) in (1..).zip(CHANNELS) {
        let convolution = format!("conv{block}");
        let norm = format!("bn{block}");
        at = graph.normalised([&convolution, &norm], at, channels, [3, 1, 1]);
        at = match block {
            4 => graph.add("pool4", Operation::GlobalAverage, &[at]),
            _ => graph.max_pool(&format!("pool{block}"), at, [2, 2, 0]),
        };
    }
    let at = graph.add("drop5", Operation::Dropout { probability: 0.2 }, &[at]);
    let at = graph.add("fc5", Operation::Linear { outputs: 1000 }, &[at]);
    graph.add("prob", Operation::Softmax, &[at]);
    graph
}
