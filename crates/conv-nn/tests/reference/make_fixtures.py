"""Writes fixtures.safetensors: what PyTorch gives for each operation of conv-nn, forward and backward.

    python make_fixtures.py

A case is `operation.number.name`: the arguments, `y`, the cotangent `dy` that y was multiplied by, and the
gradients `dx`, `dweight`, `dbias` of the arguments. Needs torch and safetensors; made with torch 2.15.0.
"""

from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import save_file

torch.manual_seed(20261124)
cases = {}
counts = {}


def case(operation, arguments, f, **settings):
    """Records f(**arguments) and its gradients. Integer arguments and settings are stored as they are."""
    number = counts.get(operation, 0)
    counts[operation] = number + 1
    for argument in arguments.values():
        if argument.is_floating_point():
            argument.requires_grad_()
    y = f(**arguments)
    dy = torch.randn_like(y)
    y.backward(dy)
    stored = {"y": y, "dy": dy}
    for name, argument in arguments.items():
        stored[name] = argument if argument.is_floating_point() else argument.to(torch.int64)
        if argument.grad is not None:
            stored["d" + name] = argument.grad
    for name, value in settings.items():
        stored[name] = torch.as_tensor(value)
    for name, value in stored.items():
        cases[f"{operation}.{number}.{name}"] = value.detach().clone().contiguous()


def linear():
    for shape, out, bias in [((5, 3), 4, True), ((2, 7, 6), 5, True), ((2, 3, 2, 8), 3, False), ((9,), 2, True)]:
        arguments = {"x": torch.randn(shape), "weight": torch.randn(out, shape[-1])}
        if bias:
            arguments["bias"] = torch.randn(out)
        case("linear", arguments, lambda x, weight, bias=None: F.linear(x, weight, bias))


def embedding():
    for rows, width, shape, padding in [(7, 3, (5,), None), (600, 4, (3, 40), 0), (9, 2, (2, 3, 4), 8)]:
        ids = torch.randint(rows, shape)
        ids.view(-1)[0] = 0 if padding is None else padding
        settings = {} if padding is None else {"padding": padding}
        weight = torch.randn(rows, width)
        if padding is not None:
            weight[padding] = 0
        case(
            "embedding",
            {"weight": weight, "ids": ids},
            lambda weight, ids: F.embedding(ids, weight, padding_idx=padding),
            **settings,
        )


def relu():
    x = torch.randn(4, 9)
    x[1] = 0
    case("relu", {"x": x}, lambda x: F.relu(x))


def layer_norm():
    for shape, epsilon in [((4, 6), 1e-5), ((2, 3, 40), 1e-6), ((300, 17), 1e-5)]:
        size = shape[-1]
        arguments = {"x": torch.randn(shape) * 3 + 1, "weight": torch.randn(size), "bias": torch.randn(size)}
        case("layer_norm", arguments, lambda x, weight, bias: F.layer_norm(x, [size], weight, bias, epsilon), epsilon=epsilon)


def softmax():
    for name, function in [("softmax", F.softmax), ("log_softmax", F.log_softmax)]:
        for shape, dim in [((5, 7), 1), ((3, 4, 6), 0), ((3, 4, 6), 1), ((2, 1, 33), 2)]:
            x = torch.randn(shape) * 4
            x.view(-1)[0] = -torch.inf
            case(name, {"x": x}, lambda x: function(x, dim), dim=dim)


def cross_entropy():
    for samples, classes, smoothing, weighted, ignore in [
        (6, 4, 0.0, False, None),
        (6, 4, 0.1, False, None),
        (8, 5, 0.0, True, 2),
        (8, 5, 0.3, True, 1),
        (30, 300, 0.1, False, 1),
        (5, 3, 1.0, True, None),
    ]:
        for reduction in ["mean", "sum", "none"]:
            x = torch.randn(samples, classes) * 3
            targets = torch.randint(classes, (samples,))
            settings = {"smoothing": smoothing}
            options = {"label_smoothing": smoothing, "reduction": reduction}
            if weighted:
                options["weight"] = settings["weights"] = torch.rand(classes) + 0.1
            if ignore is not None:
                targets[:2] = ignore
                options["ignore_index"] = settings["ignore"] = ignore
            arguments = {"x": x, "targets": targets}
            case(f"cross_entropy_{reduction}", arguments, lambda x, targets: F.cross_entropy(x, targets, **options), **settings)


def max_over_time():
    for batch, channels, time in [(3, 4, 9), (2, 5, 1), (4, 2, 30)]:
        x = torch.randn(batch, channels, time)
        x[0, 0] = 0.5
        windows = torch.randint(1, time + 1, (batch,))
        beyond = torch.arange(time) >= windows[:, None, None]
        case(
            "max_over_time",
            {"x": x, "windows": windows},
            lambda x, windows: x.masked_fill(beyond, -torch.inf).max(2).values,
        )
        cases[f"max_over_time.{counts['max_over_time'] - 1}.positions"] = x.masked_fill(beyond, -torch.inf).max(2).indices


def conv():
    for name, function, kernel, size in [("conv1d", F.conv1d, (3,), (11,)), ("conv2d", F.conv2d, (3, 2), (7, 6))]:
        for groups, stride, padding, dilation, bias in [(1, 1, 0, 1, True), (2, 2, 1, 1, True), (1, 1, 2, 2, False)]:
            arguments = {"x": torch.randn(2, 4, *size), "weight": torch.randn(6, 4 // groups, *kernel)}
            if bias:
                arguments["bias"] = torch.randn(6)
            settings = {"groups": groups, "stride": stride, "padding": padding, "dilation": dilation}
            case(name, arguments, lambda **arguments: function(**{"input": arguments["x"], **{k: v for k, v in arguments.items() if k != "x"}}, **settings), **settings)


def glu():
    for shape, dim in [((3, 8), 1), ((4, 5, 3), 0), ((2, 6, 33), 1)]:
        case("glu", {"x": torch.randn(shape) * 3}, lambda x: F.glu(x, dim), dim=dim)


def batch_norm():
    for shape, training, momentum in [((5, 3), True, 0.1), ((4, 3, 7), True, 0.3), ((3, 4, 5, 6), True, 0.1),
                                      ((3, 4, 5, 6), False, 0.1), ((1, 2, 40, 40), True, 1.0)]:
        channels = shape[1]
        running = {"running_mean": torch.randn(channels), "running_var": torch.rand(channels) + 0.5}
        stored = {name: value.clone() for name, value in running.items()}
        arguments = {"x": torch.randn(shape) * 3 + 1, "weight": torch.randn(channels), "bias": torch.randn(channels)}
        case("batch_norm", arguments, lambda x, weight, bias: F.batch_norm(x, *running.values(), weight, bias, training, momentum),
             training=float(training), momentum=momentum, **stored)
        for name, value in running.items():
            cases[f"batch_norm.{counts['batch_norm'] - 1}.new_{name}"] = value.clone()


def write(name):
    path = Path(__file__).with_name(name)
    save_file(cases, path)
    print(f"{path}: {len(cases)} tensors, {path.stat().st_size} bytes")


if __name__ == "__main__":
    for make in [linear, embedding, relu, layer_norm, softmax, cross_entropy, max_over_time, conv, glu, batch_norm]:
        make()
    write("fixtures.safetensors")
