//! SqueezeNet 1.1 (Iandola et al. 2016, and the authors' repository for 1.1) with Caffe's names.

use super::{Graph, Operation};

pub(super) fn graph() -> Graph {
    let mut graph = Graph::new();
    let at = graph.convolution("conv1", 0, 64, [3, 2, 0]);
    let at = graph.max_pool("pool1", at, [3, 2, 0]);
    let at = fire(&mut graph, at, 2, 16);
    let at = fire(&mut graph, at, 3, 16);
    let at = graph.max_pool("pool3", at, [3, 2, 0]);
    let at = fire(&mut graph, at, 4, 32);
    let at = fire(&mut graph, at, 5, 32);
    let at = graph.max_pool("pool5", at, [3, 2, 0]);
    let at = [(6, 48), (7, 48), (8, 64), (9, 64)]
        .iter()
        .fold(at, |at, &(number, squeezed)| fire(&mut graph, at, number, squeezed));
    let at = graph.add("drop9", Operation::Dropout { probability: 0.5 }, &[at]);
    let at = graph.convolution("conv10", at, 1000, [1, 1, 0]);
    let at = graph.add("pool10", Operation::GlobalAverage, &[at]);
    graph.add("prob", Operation::Softmax, &[at]);
    graph
}

/// A few channels, from which 1×1 and 3×3 filters each make four times as many.
fn fire(graph: &mut Graph, input: usize, number: usize, squeezed: usize) -> usize {
    let name = |part: &str| format!("fire{number}/{part}");
    let at = graph.convolution(&name("squeeze1x1"), input, squeezed, [1, 1, 0]);
    let one = graph.convolution(&name("expand1x1"), at, 4 * squeezed, [1, 1, 0]);
    let three = graph.convolution(&name("expand3x3"), at, 4 * squeezed, [3, 1, 1]);
    graph.add(&name("concat"), Operation::Concat, &[one, three])
}
