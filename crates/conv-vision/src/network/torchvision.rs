//! Networks of others as torchvision has them, with its names: a layer is called by its place in
//! the module, and a module's name stands for its last layer.

use super::{Graph, Operation};
use conv_nn::BatchNormConfig;

/// Convolutions and channels of each block of a VGG (Simonyan and Zisserman 2014, table 1: A, B, D
/// and E).
type Blocks = [(usize, usize); 5];

pub(super) const VGG11: Blocks = [(1, 64), (1, 128), (2, 256), (2, 512), (2, 512)];
pub(super) const VGG13: Blocks = [(2, 64), (2, 128), (2, 256), (2, 512), (2, 512)];
pub(super) const VGG16: Blocks = [(2, 64), (2, 128), (3, 256), (3, 512), (3, 512)];
pub(super) const VGG19: Blocks = [(2, 64), (2, 128), (4, 256), (4, 512), (4, 512)];

/// Its mean over windows before the classifier does nothing at the size that the network is made
/// for.
pub(super) fn vgg(blocks: Blocks, has_norm: bool) -> Graph {
    let mut graph = Graph::new();
    let (mut at, mut place) = (0, 0);
    let mut next = |count| {
        place += count;
        format!("features.{}", place - count)
    };
    for (convolutions, channels) in blocks {
        for _ in 0..convolutions {
            let window = [3, 1, 1];
            at = if has_norm {
                // Here the convolution keeps its bias.
                let convolution = graph.linear_convolution(&next(1), at, channels, window);
                let norm = Operation::BatchNorm(BatchNormConfig::default());
                let norm = graph.add(&next(2), norm, &[convolution]);
                graph.rectify(norm)
            } else {
                graph.convolution(&next(2), at, channels, window)
            };
        }
        at = graph.floor_pool(&next(1), at, [2, 2, 0]);
    }
    let at = graph.hidden("classifier.0", "classifier.2", at, 4096);
    let at = graph.hidden("classifier.3", "classifier.5", at, 4096);
    let at = graph.add("classifier.6", Operation::Linear { outputs: 1000 }, &[at]);
    graph.add("prob", Operation::Softmax, &[at]);
    graph
}

/// AlexNet as Krizhevsky (2014) has it, in one column: without groups and response normalisation.
pub(super) fn alexnet() -> Graph {
    let mut graph = Graph::new();
    let at = graph.convolution("features.0", 0, 64, [11, 4, 2]);
    let at = graph.floor_pool("features.2", at, [3, 2, 0]);
    let at = graph.convolution("features.3", at, 192, [5, 1, 2]);
    let at = graph.floor_pool("features.5", at, [3, 2, 0]);
    let at = graph.convolution("features.6", at, 384, [3, 1, 1]);
    let at = graph.convolution("features.8", at, 256, [3, 1, 1]);
    let at = graph.convolution("features.10", at, 256, [3, 1, 1]);
    let at = graph.floor_pool("features.12", at, [3, 2, 0]);
    let dropout = Operation::Dropout { probability: 0.5 };
    let at = graph.add("classifier.0", dropout, &[at]);
    let at = graph.hidden("classifier.1", "classifier.3", at, 4096);
    let at = graph.add("classifier.4", Operation::Linear { outputs: 4096 }, &[at]);
    let at = graph.rectify(at);
    let at = graph.add("classifier.6", Operation::Linear { outputs: 1000 }, &[at]);
    graph.add("prob", Operation::Softmax, &[at]);
    graph
}

/// SqueezeNet 1.1 (Iandola et al. 2016).
pub(super) fn squeezenet() -> Graph {
    let mut graph = Graph::new();
    let mut at = graph.convolution("features.0", 0, 64, [3, 2, 0]);
    let fires = [(3, 16), (4, 16), (6, 32), (7, 32), (9, 48), (10, 48), (11, 64), (12, 64)];
    for (place, squeezed) in fires {
        if matches!(place, 3 | 6 | 9) {
            at = graph.max_pool(&format!("features.{}", place - 1), at, [3, 2, 0]);
        }
        let name = |part: &str| format!("features.{place}.{part}");
        let squeeze = graph.convolution(&name("squeeze"), at, squeezed, [1, 1, 0]);
        let one = graph.convolution(&name("expand1x1"), squeeze, 4 * squeezed, [1, 1, 0]);
        let three = graph.convolution(&name("expand3x3"), squeeze, 4 * squeezed, [3, 1, 1]);
        at = graph.add(&format!("features.{place}"), Operation::Concat, &[one, three]);
    }
    let at = graph.add("classifier.0", Operation::Dropout { probability: 0.5 }, &[at]);
    let at = graph.convolution("classifier.1", at, 1000, [1, 1, 0]);
    let at = graph.add("classifier.3", Operation::GlobalAverage, &[at]);
    graph.add("prob", Operation::Softmax, &[at]);
    graph
}

/// GoogLeNet with batch normalisation, as TensorFlow's authors trained it: 3 × 3 where the paper
/// has 5 × 5. Without the auxiliary heads, which only training has.
pub(super) fn googlenet() -> Graph {
    let mut graph = Graph::new();
    let at = basic(&mut graph, "conv1", 0, 64, [7, 2, 3]);
    let at = graph.max_pool("maxpool1", at, [3, 2, 0]);
    let at = basic(&mut graph, "conv2", at, 64, [1, 1, 0]);
    let at = basic(&mut graph, "conv3", at, 192, [3, 1, 1]);
    let mut at = graph.max_pool("maxpool2", at, [3, 2, 0]);
    for (stage, [one, reduce3, three, reduce5, five, projection]) in super::googlenet::inceptions()
    {
        match stage {
            "4a" => at = graph.max_pool("maxpool3", at, [3, 2, 0]),
            "5a" => at = graph.max_pool("maxpool4", at, [2, 2, 0]),
            _ => {}
        }
        let name = |part: &str| format!("inception{stage}.{part}");
        let ones = basic(&mut graph, &name("branch1"), at, one, [1, 1, 0]);
        let reduced = basic(&mut graph, &name("branch2.0"), at, reduce3, [1, 1, 0]);
        let threes = basic(&mut graph, &name("branch2.1"), reduced, three, [3, 1, 1]);
        let reduced = basic(&mut graph, &name("branch3.0"), at, reduce5, [1, 1, 0]);
        let fives = basic(&mut graph, &name("branch3.1"), reduced, five, [3, 1, 1]);
        let pool = graph.max_pool(&name("branch4.0"), at, [3, 1, 1]);
        let projected = basic(&mut graph, &name("branch4.1"), pool, projection, [1, 1, 0]);
        let parts = [ones, threes, fives, projected];
        at = graph.add(&format!("inception{stage}"), Operation::Concat, &parts);
    }
    let at = graph.add("avgpool", Operation::GlobalAverage, &[at]);
    let at = graph.add("dropout", Operation::Dropout { probability: 0.2 }, &[at]);
    let at = graph.add("fc", Operation::Linear { outputs: 1000 }, &[at]);
    graph.add("prob", Operation::Softmax, &[at]);
    graph
}

/// A convolution with batch normalisation, `.conv` and `.bn`.
fn basic(
    graph: &mut Graph,
    name: &str,
    input: usize,
    channels: usize,
    window: [usize; 3],
) -> usize {
    let convolution = format!("{name}.conv");
    let norm = format!("{name}.bn");
    let at = graph.normalised([&convolution, &norm], input, channels, window);
    graph.set_epsilon(at, 0.001);
    at
}
