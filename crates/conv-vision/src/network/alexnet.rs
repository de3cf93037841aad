//! AlexNet (Krizhevsky et al. 2012, figure 2) as in Caffe's model zoo: two groups, as the paper's two GPUs had them; response
//! normalisation before overlapping pooling.

use super::googlenet::RESPONSE_NORM;
use super::{Graph, Operation};

pub(super) fn graph() -> Graph {
    let mut graph = Graph::new();
    let at = graph.convolution("conv1", 0, 96, [11, 4, 0]);
    let at = graph.add("norm1", RESPONSE_NORM, &[at]);
    let at = graph.max_pool("pool1", at, [3, 2, 0]);
    let at = graph.grouped("conv2", at, 256, [5, 1, 2], 2);
    let at = graph.add("norm2", RESPONSE_NORM, &[at]);
    let at = graph.max_pool("pool2", at, [3, 2, 0]);
    let at = graph.convolution("conv3", at, 384, [3, 1, 1]);
    let at = graph.grouped("conv4", at, 384, [3, 1, 1], 2);
    let at = graph.grouped("conv5", at, 256, [3, 1, 1], 2);
    let at = graph.max_pool("pool5", at, [3, 2, 0]);
    let at = graph.hidden("fc6", "drop6", at, 4096);
    let at = graph.hidden("fc7", "drop7", at, 4096);
    let at = graph.add("fc8", Operation::Linear { outputs: 1000 }, &[at]);
    graph.add("prob", Operation::Softmax, &[at]);
    graph
}
