//! GoogLeNet (Szegedy et al. 2014, table 1) as in Caffe's model zoo: without the auxiliary heads,
//! which only training has.

use super::{Graph, Operation};
use conv_nn::LocalResponseNormConfig;

/// Local response normalisation as Caffe's GoogLeNet and AlexNet have it: the paper's, but for a k
/// of 1 instead of 2.
pub(super) const RESPONSE_NORM: Operation =
    Operation::ResponseNorm(LocalResponseNormConfig { size: 5, alpha: 1e-4, beta: 0.75, k: 1.0 });

/// Channels of an inception: 1×1, then reduction and output of 3×3 and of 5×5, then the projection
/// behind the pooling.
pub(super) type Channels = [usize; 6];

const THIRD: [(&str, Channels); 2] =
    [("3a", [64, 96, 128, 16, 32, 32]), ("3b", [128, 128, 192, 32, 96, 64])];
const FOURTH: [(&str, Channels); 5] = [
    ("4a", [192, 96, 208, 16, 48, 64]),
    ("4b", [160, 112, 224, 24, 64, 64]),
    ("4c", [128, 128, 256, 24, 64, 64]),
    ("4d", [112, 144, 288, 32, 64, 64]),
    ("4e", [256, 160, 320, 32, 128, 128]),
];
const FIFTH: [(&str, Channels); 2] =
    [("5a", [256, 160, 320, 32, 128, 128]), ("5b", [384, 192, 384, 48, 128, 128])];

/// All inceptions in their order.
pub(super) fn inceptions() -> impl Iterator<Item = (&'static str, Channels)> {
    THIRD.into_iter().chain(FOURTH).chain(FIFTH)
}

pub(super) fn graph() -> Graph {
    let mut graph = Graph::new();
    let at = graph.convolution("conv1/7x7_s2", 0, 64, [7, 2, 3]);
    let at = graph.max_pool("pool1/3x3_s2", at, [3, 2, 0]);
    let at = graph.add("pool1/norm1", RESPONSE_NORM, &[at]);
    let at = graph.convolution("conv2/3x3_reduce", at, 64, [1, 1, 0]);
    let at = graph.convolution("conv2/3x3", at, 192, [3, 1, 1]);
    let at = graph.add("conv2/norm2", RESPONSE_NORM, &[at]);
    let at = graph.max_pool("pool2/3x3_s2", at, [3, 2, 0]);
    let at = THIRD.iter().fold(at, |at, stage| inception(&mut graph, at, stage));
    let at = graph.max_pool("pool3/3x3_s2", at, [3, 2, 0]);
    let at = FOURTH.iter().fold(at, |at, stage| inception(&mut graph, at, stage));
    let at = graph.max_pool("pool4/3x3_s2", at, [3, 2, 0]);
    let at = FIFTH.iter().fold(at, |at, stage| inception(&mut graph, at, stage));
    let at = graph.add("pool5/7x7_s1", Operation::GlobalAverage, &[at]);
    let at = graph.add("pool5/drop_7x7_s1", Operation::Dropout { probability: 0.4 }, &[at]);
    let at = graph.add("loss3/classifier", Operation::Linear { outputs: 1000 }, &[at]);
    graph.add("prob", Operation::Softmax, &[at]);
    graph
}

fn inception(graph: &mut Graph, input: usize, (stage, channels): &(&str, Channels)) -> usize {
    let name = |part: &str| format!("inception_{stage}/{part}");
    let &[one, reduce3, three, reduce5, five, projection] = channels;
    let one = graph.convolution(&name("1x1"), input, one, [1, 1, 0]);
    let at = graph.convolution(&name("3x3_reduce"), input, reduce3, [1, 1, 0]);
    let three = graph.convolution(&name("3x3"), at, three, [3, 1, 1]);
    let at = graph.convolution(&name("5x5_reduce"), input, reduce5, [1, 1, 0]);
    let five = graph.convolution(&name("5x5"), at, five, [5, 1, 2]);
    let at = graph.max_pool(&name("pool"), input, [3, 1, 1]);
    let projection = graph.convolution(&name("pool_proj"), at, projection, [1, 1, 0]);
    graph.add(&name("output"), Operation::Concat, &[one, three, five, projection])
}
