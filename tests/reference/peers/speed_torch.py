"""Times of the operations that `crates/speed/src/cases.rs` lists, as PyTorch computes them: a line of JSON each.

    python speed_torch.py [--threads 1] [--only NAME] [--seconds 0.5]
"""
import json
import torch, torch.nn.functional as F
from clock import clock, flags


def convolution(x, weight, stride=1, padding=0, groups=1, then=lambda y: y, input_gradient=True, left=0):
    one = len(x) == 3

    def f(x, weight, bias):
        if left:
            x = F.pad(x, (left, 0))
        return then((F.conv1d if one else F.conv2d)(x, weight, bias, stride=stride, padding=padding, groups=groups))
    return f, x, weight, weight[0], input_gradient


def kim(width):
    return convolution([50, 300, 56], [100, 300, width], then=lambda y: F.relu(y).max(2).values)


def convs2s(size):
    return convolution([32, size, 30], [2 * size, size, 3], left=2, then=lambda y: F.glu(y, 1))


def other(f, x, weight=(), outputs=0):
    return f, x, weight, outputs, True


def lstm(size, steps):
    """With as many units as inputs, a batch of 16 and weights as at the start of training."""
    def f(x, *weights):
        zeros = torch.zeros(1, 16, size)
        return torch.lstm(x, (zeros, zeros), weights, True, 1, 0.0, torch.is_grad_enabled(), False, True)[0]
    return f, [16, steps, size], [[4 * size, size], [4 * size, size], [4 * size], [4 * size]], size**-0.5, True


targets = torch.tensor([i * 7919 % 6000 for i in range(1024)])
CASES = {
    "kim3": kim(3), "kim4": kim(4), "kim5": kim(5),
    "convs2s-256": convs2s(256), "convs2s-512": convs2s(512),
    "raw-window": convolution([64, 1, 560], [40, 1, 400], input_gradient=False),
    "raw-utterance": convolution([8, 1, 32000], [40, 1, 400], input_gradient=False),
    "raw-utterance-s4": convolution([8, 1, 32000], [40, 1, 400], 4, input_gradient=False),
    "alexnet-conv1": convolution([16, 3, 227, 227], [96, 3, 11, 11], 4, input_gradient=False),
    "alexnet-conv2": convolution([16, 96, 27, 27], [256, 48, 5, 5], 1, 2, 2),
    "alexnet-conv3": convolution([16, 256, 13, 13], [384, 256, 3, 3], 1, 1),
    "resnet-3x3-64": convolution([8, 64, 56, 56], [64, 64, 3, 3], 1, 1),
    "resnet-3x3-128": convolution([8, 128, 28, 28], [128, 128, 3, 3], 1, 1),
    "resnet-3x3-512": convolution([8, 512, 7, 7], [512, 512, 3, 3], 1, 1),
    "resnet-3x3-s2": convolution([8, 64, 56, 56], [128, 64, 3, 3], 2, 1),
    "resnet-1x1": convolution([8, 256, 56, 56], [64, 256, 1, 1]),
    "resnet-7x7-s2": convolution([8, 3, 224, 224], [64, 3, 7, 7], 2, 3, input_gradient=False),
    "vgg-3x3": convolution([1, 64, 224, 224], [64, 64, 3, 3], 1, 1),
    "depthwise-3x3": convolution([8, 128, 28, 28], [128, 1, 3, 3], 1, 1, 128),
    "transposed-3x3-s2": other(lambda x, w, b: F.conv_transpose2d(x, w, b, stride=2), [4, 64, 64, 64], [64, 32, 3, 3], 32),
    "max-pool-3-s2": other(lambda x: F.max_pool2d(x, 3, 2), [16, 96, 55, 55]),
    "max-pool-2-s2": other(lambda x: F.max_pool2d(x, 2, 2), [16, 96, 54, 54]),
    "avg-pool-3-s2": other(lambda x: F.avg_pool2d(x, 3, 2), [16, 96, 55, 55]),
    "avg-pool-2-s2": other(lambda x: F.avg_pool2d(x, 2, 2), [16, 96, 54, 54]),
    "batch-norm-train": other(
        lambda x, w, b: F.batch_norm(x, torch.zeros(64), torch.ones(64), w, b, True), [8, 64, 56, 56], [64], 64),
    "layer-norm": other(lambda x, w, b: F.layer_norm(x, (512,), w, b), [32, 30, 512], [512], 512),
    "softmax": other(lambda x: F.softmax(x, 1), [256, 1000]),
    "relu": other(F.relu, [8, 64, 56, 56]),
    "cross-entropy": other(lambda x: F.cross_entropy(x, targets, label_smoothing=0.1), [1024, 6000]),
    "lstm-256-t100": lstm(256, 100), "lstm-256-t500": lstm(256, 500),
    "lstm-512-t100": lstm(512, 100), "lstm-512-t500": lstm(512, 500),
}


if __name__ == "__main__":
    options = flags()
    torch.set_num_threads(options.threads)
    for name, (f, x, weight, outputs, input_gradient) in CASES.items():
        if options.only not in name:
            continue
        leaf = lambda *shape: torch.rand(*shape) * 2 - 1
        if name.startswith("lstm"):
            arguments = [leaf(*shape) * outputs for shape in [x, *weight]]
        else:
            arguments = [leaf(*x)] + ([leaf(*weight), leaf(outputs)] if outputs else [])
        tracked = [a.clone().requires_grad_(number > 0 or input_gradient) for number, a in enumerate(arguments)]
        asked = [a for a in tracked if a.requires_grad]

        def forward():
            with torch.no_grad():
                return f(*arguments)

        y = forward()
        dy = torch.ones_like(y)
        both = clock(options.seconds, lambda: torch.autograd.grad(f(*tracked), asked, dy))
        shape = list(y.shape)
        print(json.dumps({"case": name, "shape": shape, "forward": clock(options.seconds, forward), "both": both}), flush=True)
