"""GoogLeNet, SqueezeNet 1.1, AlexNet, VGG-16's convolutions and Conv-4 in PyTorch, written from the papers' tables and Caffe's
definitions, not from the Rust descriptions. Each takes a picture and a dictionary of weights with Caffe's names, and gives every
layer's output by name; `NAME/pre_relu` is what goes into a rectifier."""

import torch
import torch.nn.functional as F


class Run:
    """What has been computed so far."""

    def __init__(self, x, weights):
        self.values, self.weights = {"data": x}, weights

    def keep(self, name, value):
        assert name not in self.values, name
        self.values[name] = value
        return value

    def conv(self, x, name, stride=1, padding=0, groups=1):
        weight, bias = self.weights[name + ".weight"], self.weights[name + ".bias"]
        y = self.keep(name + "/pre_relu", F.conv2d(x, weight, bias, stride, padding, 1, groups))
        return self.keep(name, F.relu(y))

    def normalised(self, x, conv, norm, padding=1, groups=1):
        x = self.keep(conv, F.conv2d(x, self.weights[conv + ".weight"], None, 1, padding, 1, groups))
        of = lambda part: self.weights[f"{norm}.{part}"]
        x = F.batch_norm(x, of("running_mean"), of("running_var"), of("weight"), of("bias"), False, 0.1, 1e-5)
        return self.keep(norm, F.relu(self.keep(norm + "/pre_relu", x)))

    def pool(self, x, name, kernel=3, stride=2, padding=0):
        return self.keep(name, F.max_pool2d(x, kernel, stride, padding, ceil_mode=True))

    def norm(self, x, name):
        return self.keep(name, F.local_response_norm(x, 5, 1e-4, 0.75, 1.0))

    def linear(self, x, name):
        return F.linear(x.flatten(1), self.weights[name + ".weight"], self.weights[name + ".bias"])

    def finish(self, logits, name):
        self.keep(name, logits)
        self.keep("prob", torch.softmax(logits, 1))
        return self.values

    def join(self, names, name):
        for end in ("", "/pre_relu"):
            self.keep(name + end, torch.cat([self.values[part + end] for part in names], 1))
        return self.values[name]


def googlenet(x, weights):
    run = Run(x, weights)
    x = run.pool(run.conv(x, "conv1/7x7_s2", 2, 3), "pool1/3x3_s2")
    x = run.conv(run.norm(x, "pool1/norm1"), "conv2/3x3_reduce")
    x = run.norm(run.conv(x, "conv2/3x3", 1, 1), "conv2/norm2")
    x = run.pool(x, "pool2/3x3_s2")
    for stage in ["3a", "3b", "pool3", "4a", "4b", "4c", "4d", "4e", "pool4", "5a", "5b"]:
        if stage.startswith("pool"):
            x = run.pool(x, stage + "/3x3_s2")
            continue
        part = f"inception_{stage}/"
        run.conv(x, part + "1x1")
        run.conv(run.conv(x, part + "3x3_reduce"), part + "3x3", 1, 1)
        run.conv(run.conv(x, part + "5x5_reduce"), part + "5x5", 1, 2)
        run.conv(run.pool(x, part + "pool", 3, 1, 1), part + "pool_proj")
        x = run.join([part + end for end in ("1x1", "3x3", "5x5", "pool_proj")], part + "output")
    x = run.keep("pool5/7x7_s1", x.mean((2, 3)))
    return run.finish(run.linear(run.keep("pool5/drop_7x7_s1", x), "loss3/classifier"), "loss3/classifier")


def squeezenet(x, weights):
    run = Run(x, weights)
    x = run.pool(run.conv(x, "conv1", 2), "pool1")
    for number in range(2, 10):
        part = f"fire{number}/"
        x = run.conv(x, part + "squeeze1x1")
        run.conv(x, part + "expand1x1")
        run.conv(x, part + "expand3x3", 1, 1)
        x = run.join([part + "expand1x1", part + "expand3x3"], part + "concat")
        if number in (3, 5):
            x = run.pool(x, f"pool{number}")
    x = run.conv(run.keep("drop9", x), "conv10")
    return run.finish(x.mean((2, 3)), "pool10")


def alexnet(x, weights):
    run = Run(x, weights)
    x = run.pool(run.norm(run.conv(x, "conv1", 4), "norm1"), "pool1")
    x = run.pool(run.norm(run.conv(x, "conv2", 1, 2, 2), "norm2"), "pool2")
    x = run.conv(x, "conv3", 1, 1)
    x = run.conv(run.conv(x, "conv4", 1, 1, 2), "conv5", 1, 1, 2)
    x = run.pool(x, "pool5")
    for number in "67":
        x = run.keep(f"fc{number}/pre_relu", run.linear(x, f"fc{number}"))
        x = run.keep(f"drop{number}", run.keep(f"fc{number}", F.relu(x)))
    return run.finish(run.linear(x, "fc8"), "fc8")


def alexnet32(x, weights):
    run = Run(x, weights)
    for number, groups in (("1", 1), ("2", 2), ("3", 1), ("4", 2), ("5", 2)):
        conv, padding = "conv" + number, 2 if number in "12" else 1
        if f"bn{number}.weight" in weights:
            x = run.normalised(x, conv, "bn" + number, padding, groups)
        else:
            x = run.conv(x, conv, 1, padding, groups)
            x = run.norm(x, "norm" + number) if number in "12" else x
        x = run.pool(x, "pool" + number) if number in "125" else x
    for number in "67":
        x = run.keep(f"fc{number}/pre_relu", run.linear(x, f"fc{number}"))
        x = run.keep(f"drop{number}", run.keep(f"fc{number}", F.relu(x)))
    return run.finish(run.linear(x, "fc8"), "fc8")


def vgg16_conv5_1(x, weights):
    run = Run(x, weights)
    for block, convolutions in enumerate((2, 2, 3, 3, 1), 1):
        if block > 1:
            x = run.pool(x, f"pool{block - 1}", 2, 2)
        for convolution in range(1, convolutions + 1):
            x = run.conv(x, f"conv{block}_{convolution}", 1, 1)
    return run.values


def conv4(x, weights):
    run = Run(x, weights)
    for block in range(1, 5):
        x = run.normalised(x, f"conv{block}", f"bn{block}")
        x = run.keep("pool4", x.mean((2, 3))) if block == 4 else run.pool(x, f"pool{block}", 2, 2)
    return run.finish(run.linear(run.keep("drop5", x), "fc5"), "fc5")
