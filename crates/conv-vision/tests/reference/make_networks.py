"""Fixtures of layers and gradients: python make_networks.py (torch, numpy). Of each tensor its Euclidean norm, its largest
absolute value and 64 of its elements, evenly spread; the weights are numbers by formula, so that nothing of a trained network is in here."""

import json
import struct
import sys
from pathlib import Path

import numpy as np
import torch

import seeded
import twins

# A weight's shape by its name, from the published tables.
INCEPTIONS = {
    "3a": (192, 64, 96, 128, 16, 32, 32), "3b": (256, 128, 128, 192, 32, 96, 64),
    "4a": (480, 192, 96, 208, 16, 48, 64), "4b": (512, 160, 112, 224, 24, 64, 64),
    "4c": (512, 128, 128, 256, 24, 64, 64), "4d": (512, 112, 144, 288, 32, 64, 64),
    "4e": (528, 256, 160, 320, 32, 128, 128), "5a": (832, 256, 160, 320, 32, 128, 128),
    "5b": (832, 384, 192, 384, 48, 128, 128),
}


def googlenet():
    shapes = {"conv1/7x7_s2": (64, 3, 7, 7), "conv2/3x3_reduce": (64, 64, 1, 1), "conv2/3x3": (192, 64, 3, 3)}
    for stage, (from_, one, reduce3, three, reduce5, five, projection) in INCEPTIONS.items():
        part = f"inception_{stage}/"
        shapes |= {
            part + "1x1": (one, from_, 1, 1),
            part + "3x3_reduce": (reduce3, from_, 1, 1), part + "3x3": (three, reduce3, 3, 3),
            part + "5x5_reduce": (reduce5, from_, 1, 1), part + "5x5": (five, reduce5, 5, 5),
            part + "pool_proj": (projection, from_, 1, 1),
        }
    return shapes | {"loss3/classifier": (1000, 1024)}


def squeezenet():
    shapes, from_ = {"conv1": (64, 3, 3, 3)}, 64
    for number, squeezed in zip(range(2, 10), (16, 16, 32, 32, 48, 48, 64, 64)):
        part = f"fire{number}/"
        shapes |= {
            part + "squeeze1x1": (squeezed, from_, 1, 1),
            part + "expand1x1": (4 * squeezed, squeezed, 1, 1),
            part + "expand3x3": (4 * squeezed, squeezed, 3, 3),
        }
        from_ = 8 * squeezed
    return shapes | {"conv10": (1000, 512, 1, 1)}


def alexnet():
    return {
        "conv1": (96, 3, 11, 11), "conv2": (256, 48, 5, 5), "conv3": (384, 256, 3, 3),
        "conv4": (384, 192, 3, 3), "conv5": (256, 192, 3, 3),
        "fc6": (4096, 9216), "fc7": (4096, 4096), "fc8": (1000, 4096),
    }


def alexnet32(norm=False):
    shapes = {
        "conv1": (64, 3, 5, 5), "conv2": (96, 32, 5, 5), "conv3": (192, 96, 3, 3),
        "conv4": (192, 96, 3, 3), "conv5": (128, 96, 3, 3),
        "fc6": (512, 2048), "fc7": (512, 512), "fc8": (1000, 512),
    }
    norms = {"bn" + name[4:]: shape[:1] for name, shape in shapes.items() if name.startswith("conv")}
    return shapes | norms if norm else shapes


def vgg16_conv5_1():
    shapes, from_ = {}, 3
    for block, (convolutions, channels) in enumerate(((2, 64), (2, 128), (3, 256), (3, 512), (1, 512)), 1):
        for convolution in range(1, convolutions + 1):
            shapes[f"conv{block}_{convolution}"] = (channels, from_, 3, 3)
            from_ = channels
    return shapes


def conv4():
    shapes, from_ = {}, 3
    for block, channels in enumerate((32, 64, 128, 256), 1):
        shapes |= {f"conv{block}": (channels, from_, 3, 3), f"bn{block}": (channels,)}
        from_ = channels
    return shapes | {"fc5": (1000, 256)}


def weights(shapes):
    result = {}
    for name, shape in shapes.items():
        if len(shape) == 1:
            for part in ("weight", "bias", "running_mean"):
                result[f"{name}.{part}"] = seeded.numbers(f"{name}.{part}", shape) * 0.1
            result[name + ".running_var"] = 1 + seeded.numbers(name + ".running_var", shape) * 0.5
            continue
        bound = (6 / np.prod(shape[1:])) ** 0.5
        result[name + ".weight"] = seeded.numbers(name + ".weight", shape) * bound
        result[name + ".bias"] = seeded.numbers(name + ".bias", shape[:1]) * 0.1
    return {name: torch.from_numpy(value.astype(np.float32)) for name, value in result.items()}


def digest(tensor):
    values = tensor.detach().double().flatten().numpy()
    count = min(64, values.size)
    at = np.arange(count) * values.size // count
    return np.concatenate([[np.linalg.norm(values), np.abs(values).max()], values[at]]).astype("<f4")


def write(path, tensors):
    header, data = {}, b""
    for name, values in sorted(tensors.items()):
        offsets = [len(data), len(data) + values.nbytes]
        header[name] = {"dtype": "F32", "shape": list(values.shape), "data_offsets": offsets}
        data += values.tobytes()
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def main():
    """Those that are named, or all."""
    for name, shapes, twin, side, last, middle in [
        ("googlenet", googlenet(), twins.googlenet, 224, "loss3/classifier", "inception_4c/output/pre_relu"),
        ("squeezenet1_1", squeezenet(), twins.squeezenet, 227, "pool10", "fire4/concat/pre_relu"),
        ("alexnet", alexnet(), twins.alexnet, 227, "fc8", "conv3/pre_relu"),
        ("alexnet32", alexnet32(), twins.alexnet32, 32, "fc8", "conv3/pre_relu"),
        ("alexnet32_bn", alexnet32(norm=True), twins.alexnet32, 32, "fc8", "bn3/pre_relu"),
        ("conv4", conv4(), twins.conv4, 53, "fc5", "bn3/pre_relu"),
        # Smaller than it is made for: the convolutions take any size, and this one is odd.
        ("vgg16_conv5_1", vgg16_conv5_1(), twins.vgg16_conv5_1, 75, "conv5_1", "conv3_2/pre_relu"),
    ]:
        if sys.argv[1:] and name not in sys.argv[1:]:
            continue
        x = torch.from_numpy((seeded.numbers("picture", (1, 3, side, side)) * 120).astype(np.float32))
        x.requires_grad_()
        values = twin(x, weights(shapes))
        fixture = {layer: digest(value) for layer, value in values.items() if layer != "data"}
        for layer in (last, middle):
            loss = (values[layer] ** 2).mean()
            (gradient,) = torch.autograd.grad(loss, x, retain_graph=True)
            fixture["gradient of " + layer] = digest(gradient)
        write(Path(__file__).with_name(name + ".safetensors"), fixture)


if __name__ == "__main__":
    main()
