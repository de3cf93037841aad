"""Times of the forward passes that `crates/speed/src/cases.rs` lists, as onnxruntime computes them: a line of JSON each.

    python speed_onnx.py [--threads 1] [--only NAME] [--seconds 0.5]

Each case is a model of one or a few nodes whose weights are its own, as those of an exported network: what a session prepares of
them once is not timed. Left out is what only training has: batch normalisation by the batch's statistics, and cross-entropy.
"""
import json
import numpy, onnxruntime
from onnx import TensorProto, helper, numpy_helper
from clock import clock, flags


def convolution(x, weight, stride=1, padding=0, groups=1, then=(), left=0):
    sides = len(x) - 2
    pads = [left, 0] if left else [padding] * (2 * sides)
    node = helper.make_node("Conv", ["x", "weight", "bias"], ["c"], strides=[stride] * sides, pads=pads, group=groups)
    return x, weight, weight[0], [node, *then] if then else [renamed(node)]


def renamed(node):
    node.output[0] = "y"
    return node


def kim(width):
    nodes = [helper.make_node("Relu", ["c"], ["r"]), helper.make_node("GlobalMaxPool", ["r"], ["y"])]
    return convolution([50, 300, 56], [100, 300, width], then=nodes)


def convs2s(size):
    nodes = [helper.make_node("Split", ["c"], ["a", "b"], axis=1, num_outputs=2),
             helper.make_node("Sigmoid", ["b"], ["s"]), helper.make_node("Mul", ["a", "s"], ["y"])]
    return convolution([32, size, 30], [2 * size, size, 3], then=nodes, left=2)


def other(operator, x, weight=(), outputs=0, **attributes):
    arguments = ["x", "weight", "bias"] if weight else ["x"]
    return x, weight, outputs, [helper.make_node(operator, arguments, ["y"], **attributes)]


def pool(operator, side, window):
    return other(operator, [16, 96, side, side], kernel_shape=[window] * 2, strides=[2, 2])


CASES = {
    "kim3": kim(3), "kim4": kim(4), "kim5": kim(5),
    "convs2s-256": convs2s(256), "convs2s-512": convs2s(512),
    "raw-window": convolution([64, 1, 560], [40, 1, 400]),
    "raw-utterance": convolution([8, 1, 32000], [40, 1, 400]),
    "raw-utterance-s4": convolution([8, 1, 32000], [40, 1, 400], 4),
    "alexnet-conv1": convolution([16, 3, 227, 227], [96, 3, 11, 11], 4),
    "alexnet-conv2": convolution([16, 96, 27, 27], [256, 48, 5, 5], 1, 2, 2),
    "alexnet-conv3": convolution([16, 256, 13, 13], [384, 256, 3, 3], 1, 1),
    "resnet-3x3-64": convolution([8, 64, 56, 56], [64, 64, 3, 3], 1, 1),
    "resnet-3x3-128": convolution([8, 128, 28, 28], [128, 128, 3, 3], 1, 1),
    "resnet-3x3-512": convolution([8, 512, 7, 7], [512, 512, 3, 3], 1, 1),
    "resnet-3x3-s2": convolution([8, 64, 56, 56], [128, 64, 3, 3], 2, 1),
    "resnet-1x1": convolution([8, 256, 56, 56], [64, 256, 1, 1]),
    "resnet-7x7-s2": convolution([8, 3, 224, 224], [64, 3, 7, 7], 2, 3),
    "vgg-3x3": convolution([1, 64, 224, 224], [64, 64, 3, 3], 1, 1),
    "depthwise-3x3": convolution([8, 128, 28, 28], [128, 1, 3, 3], 1, 1, 128),
    "transposed-3x3-s2": other("ConvTranspose", [4, 64, 64, 64], [64, 32, 3, 3], 32, strides=[2, 2]),
    "max-pool-3-s2": pool("MaxPool", 55, 3),
    "max-pool-2-s2": pool("MaxPool", 54, 2),
    "avg-pool-3-s2": pool("AveragePool", 55, 3),
    "avg-pool-2-s2": pool("AveragePool", 54, 2),
    "layer-norm": other("LayerNormalization", [32, 30, 512], [512], 512, axis=-1, epsilon=1e-5),
    "softmax": other("Softmax", [256, 1000], axis=1),
    "relu": other("Relu", [8, 64, 56, 56]),
}


def uniform(shape):
    return numpy.random.default_rng(1).uniform(-1, 1, shape).astype(numpy.float32)


def session(x, weight, outputs, nodes, threads):
    of = lambda name, shape: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
    constants = [numpy_helper.from_array(uniform(shape), name)
                 for name, shape in [("weight", weight), ("bias", [outputs])] if outputs]
    graph = helper.make_graph(nodes, "case", [of("x", x)], [of("y", None)], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


if __name__ == "__main__":
    options = flags()
    for name, case in CASES.items():
        if options.only in name:
            model = session(*case, options.threads)
            # Bound, since the result would else be copied.
            bound = model.io_binding()
            bound.bind_cpu_input("x", uniform(case[0]))
            bound.bind_output("y")
            forward = clock(options.seconds, lambda: model.run_with_iobinding(bound))
            shape = bound.get_outputs()[0].shape()
            print(json.dumps({"case": name, "shape": shape, "forward": forward}), flush=True)
