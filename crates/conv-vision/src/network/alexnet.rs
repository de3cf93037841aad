//! AlexNet (Krizhevsky et al. 2012, figure 2) as in Caffe's model zoo: two groups, as the paper's
//! two GPUs had them; response normalisation before overlapping pooling.

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

/// The same layers for pictures of 32 × 32, in 54 million multiply-adds: a first convolution
/// without stride, and fewer channels and hidden units. With batch normalisation (Ioffe and Szegedy
/// 2015) it stands behind every convolution, and response normalisation goes.
pub(super) fn small(has_norm: bool) -> Graph {
    let mut graph = Graph::new();
    let mut at = 0;
    for (number, channels, kernel, groups) in
        [(1, 64, 5, 1), (2, 96, 5, 2), (3, 192, 3, 1), (4, 192, 3, 2), (5, 128, 3, 2)]
    {
        let name = format!("conv{number}");
        let norm = format!("bn{number}");
        at = graph.grouped(&name, at, channels, [kernel, 1, kernel / 2], groups);
        if has_norm {
            at = graph.normalise(&norm, at);
        }
        if matches!(number, 1 | 2 | 5) {
            if number < 5 && !has_norm {
                at = graph.add(&format!("norm{number}"), RESPONSE_NORM, &[at]);
            }
            at = graph.max_pool(&format!("pool{number}"), at, [3, 2, 0]);
        }
    }
    let at = graph.hidden("fc6", "drop6", at, 512);
    let at = graph.hidden("fc7", "drop7", at, 512);
    let at = graph.add("fc8", Operation::Linear { outputs: 1000 }, &[at]);
    graph.add("prob", Operation::Softmax, &[at]);
    graph
}
