//! Residual networks (He et al. 2015, table 1) with torchvision's names. Where a stage of
//! bottlenecks begins, its 3 × 3 convolution has the stride, as in torchvision; in the paper it is
//! the 1 × 1 before.

use super::{Graph, Operation};

/// Blocks of each stage, and whether they are bottlenecks.
pub(super) type Depth = ([usize; 4], bool);

pub(super) const R18: Depth = ([2, 2, 2, 2], false);
pub(super) const R34: Depth = ([3, 4, 6, 3], false);
pub(super) const R50: Depth = ([3, 4, 6, 3], true);
pub(super) const R101: Depth = ([3, 4, 23, 3], true);
pub(super) const R152: Depth = ([3, 8, 36, 3], true);

/// A bottleneck's outputs are four times as many as its 3 × 3 convolution's.
const EXPANSION: usize = 4;

pub(super) fn graph((blocks, bottleneck): Depth) -> Graph {
    let mut graph = Graph::new();
    let at = graph.normalised(["conv1", "bn1"], 0, 64, [7, 2, 3]);
    let mut at = graph.floor_pool("maxpool", at, [3, 2, 1]);
    let expansion = if bottleneck { EXPANSION } else { 1 };
    let mut from = 64;
    for (stage, (&blocks, channels)) in blocks.iter().zip([64, 128, 256, 512]).enumerate() {
        for block in 0..blocks {
            let stride = if block == 0 && stage > 0 { 2 } else { 1 };
            let name = format!("layer{}.{block}", stage + 1);
            let shortcut = if stride == 1 && from == channels * expansion {
                at
            } else {
                let names = [format!("{name}.downsample.0"), format!("{name}.downsample.1")];
                let names = [names[0].as_str(), names[1].as_str()];
                graph.linear_norm(names, at, channels * expansion, [1, stride, 0])
            };
            let own = layers(&mut graph, &name, at, channels, stride, bottleneck);
            at = graph.add(&name, Operation::Add, &[own, shortcut]);
            graph.rectify(at);
            from = channels * expansion;
        }
    }
    let at = graph.add("avgpool", Operation::GlobalAverage, &[at]);
    let at = graph.add("fc", Operation::Linear { outputs: 1000 }, &[at]);
    graph.add("prob", Operation::Softmax, &[at]);
    graph
}

/// What a block adds to its input (figure 5): two convolutions of 3 × 3, or one between two of 1 × 1.
fn layers(
    graph: &mut Graph,
    block: &str,
    input: usize,
    channels: usize,
    stride: usize,
    bottleneck: bool,
) -> usize {
    let wide = channels * EXPANSION;
    let three = [3, stride, 1];
    let windows: &[(usize, [usize; 3])] = if bottleneck {
        &[(channels, [1, 1, 0]), (channels, three), (wide, [1, 1, 0])]
    } else {
        &[(channels, three), (channels, [3, 1, 1])]
    };
    let mut at = input;
    for (number, &(channels, window)) in (1..).zip(windows) {
        let convolution = format!("{block}.conv{number}");
        let norm = format!("{block}.bn{number}");
        let names = [convolution.as_str(), norm.as_str()];
        at = if number == windows.len() {
            graph.linear_norm(names, at, channels, window)
        } else {
            graph.normalised(names, at, channels, window)
        };
    }
    at
}
