//! VGG-16 (Simonyan and Zisserman 2014, configuration D) with Caffe's names.

use super::{Graph, Operation};

/// Convolutions and channels of each block.
const BLOCKS: [(usize, usize); 5] = [(2, 64), (2, 128), (3, 256), (3, 512), (3, 512)];

pub(super) fn graph() -> Graph {
    let mut graph = Graph::new();
    let mut at = 0;
    for (block, (convolutions, channels)) in (1..).zip(BLOCKS) {
        for convolution in 1..=convolutions {
            at = graph.convolution(&format!("conv{block}_{convolution}"), at, channels, [3, 1, 1]);
        }
        at = graph.max_pool(&format!("pool{block}"), at, [2, 2, 0]);
    }
    let at = graph.hidden("fc6", "drop6", at, 4096);
    let at = graph.hidden("fc7", "drop7", at, 4096);
    let at = graph.add("fc8", Operation::Linear { outputs: 1000 }, &[at]);
    graph.add("prob", Operation::Softmax, &[at]);
    graph
}
