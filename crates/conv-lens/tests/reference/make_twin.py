"""Writes twin.safetensors: values and gradients of objectives, and attributions, of the shipped Conv-4, as PyTorch has them.

    python make_twin.py ../../../../data/models/clevr-crops/model.safetensors
"""

import json
import math
import struct
import sys

import numpy as np
import torch
import torch.nn.functional as F

torch.set_num_threads(1)
SIDE, PICTURES, PAD, FACTOR, ANGLE = 8, 2, 2, 1.1, 0.2
MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
COLOURS = [[0.26, 0.09, 0.02], [0.27, 0.00, -0.05], [0.27, -0.09, 0.03]]


def read(path):
    data = open(path, "rb").read()
    size = struct.unpack("<Q", data[:8])[0]
    header, body = json.loads(data[8 : 8 + size]), data[8 + size :]
    tensors = {}
    for name, about in header.items():
        if name != "__metadata__":
            first, end = about["data_offsets"]
            array = np.frombuffer(body[first:end], np.float16).astype(np.float32)
            tensors[name] = torch.tensor(array).reshape(about["shape"])
    return tensors


def write(path, tensors):
    header, body = {}, b""
    for name, tensor in sorted(tensors.items()):
        array = tensor.detach().to(torch.float32).contiguous().numpy()
        header[name] = {"dtype": "F32", "shape": list(array.shape), "data_offsets": [len(body), len(body) + array.nbytes]}
        body += array.tobytes()
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    open(path, "wb").write(struct.pack("<Q", len(text)) + text + body)


weights = read(sys.argv[1])


def above(layers, block, x):
    """Fills in the layers from block `block` on, of which x is the input."""
    for k in range(block, 5):
        w = lambda name: weights[f"bn{k}.{name}"]
        x = F.conv2d(x, weights[f"conv{k}.weight"], padding=1)
        x = F.batch_norm(x, w("running_mean"), w("running_var"), w("weight"), w("bias"), eps=1e-5)
        layers[f"bn{k}/pre_relu"] = x
        x = layers[f"bn{k}"] = F.relu(x)
        x = x.mean((2, 3)) if k == 4 else F.max_pool2d(x, 2, ceil_mode=True)
    layers["fc5"] = F.linear(x, weights["fc5.weight"], weights["fc5.bias"])
    return layers


def network(pixels):
    mean, std = (torch.tensor(t).reshape(1, 3, 1, 1) for t in (MEAN, STD))
    return above({}, 1, (pixels / 255 - mean) / std)


def spectrum(numbers):
    frequency = torch.sqrt(torch.fft.fftfreq(SIDE)[:, None] ** 2 + torch.fft.rfftfreq(SIDE)[None] ** 2)
    scales = SIDE / torch.clamp(frequency, min=1 / SIDE) / 4
    return torch.fft.irfft2(torch.view_as_complex(numbers.contiguous()) * scales, s=(SIDE, SIDE))


def pixels_of(kind, numbers):
    colours = torch.tensor(COLOURS)
    colours = colours / colours.norm(dim=0).max()
    planes = spectrum(numbers) if kind == "spectrum" else numbers
    return 255 * torch.sigmoid(torch.einsum("rp,bphw->brhw", colours, planes))


def moved(pixels):
    """Grey around it, then seen FACTOR times as large and turned against the clock by ANGLE, grey from outside."""
    x = F.pad(pixels - 127.5, (PAD,) * 4)
    side = x.shape[-1]
    place = torch.arange(side, dtype=torch.float64) - (side - 1) / 2
    y, x_ = torch.meshgrid(place, place, indexing="ij")
    sin, cos = math.sin(ANGLE) / FACTOR, math.cos(ANGLE) / FACTOR
    row, column = cos * y + sin * x_, cos * x_ - sin * y
    grid = torch.stack([column, row], -1) / ((side - 1) / 2)
    grid = grid.to(torch.float32).expand(len(x), -1, -1, -1)
    return F.grid_sample(x, grid, mode="bilinear", padding_mode="zeros", align_corners=True) + 127.5


def mean(x):
    return x.flatten(1).mean(1)


def vector(channels, parts):
    v = torch.zeros(channels)
    for channel, weight in parts.items():
        v[channel] = weight
    return v[None, :, None, None]


def cosine(x, v):
    return mean(F.cosine_similarity(x, v.expand_as(x), dim=1, eps=1e-12))


def diversity(x):
    gram = torch.einsum("bchw,bdhw->bcd", x, x).flatten(1)
    cosines = F.cosine_similarity(gram[:, None], gram[None], dim=2, eps=1e-12)
    return -(cosines.sum(1) - cosines.diagonal()) / (len(x) - 1)


def tv(x):
    down, right = x[:, :, 1:] - x[:, :, :-1], x[:, :, :, 1:] - x[:, :, :, :-1]
    return -((down**2).flatten(1).sum(1) + (right**2).flatten(1).sum(1)) / x[0].numel()


def blur(x):
    kernel = torch.full((3, 1, 3, 3), 0.5)
    kernel[:, :, 1, 1] = 1
    around = lambda t: F.conv2d(t, kernel, padding=1, groups=3)
    still = x.detach()
    return -0.5 * mean((x - around(still) / around(torch.ones_like(x))) ** 2)


V = {1: 1.0, 7: -0.5, 40: 0.25}
OBJECTIVES = {
    "bn3:5": lambda l, x: mean(l["bn3"][:, 5]),
    "bn2/pre_relu:7": lambda l, x: mean(l["bn2/pre_relu"][:, 7]),
    "bn2/pre_relu:9@4,3": lambda l, x: l["bn2/pre_relu"][:, 9, 4, 3],
    "bn2/pre_relu:9@centre": lambda l, x: l["bn2/pre_relu"][:, 9, 3, 3],
    "bn3": lambda l, x: mean(l["bn3"] ** 2),
    "fc5:3": lambda l, x: l["fc5"][:, 3],
    "direction(bn2, 1:1, 7:-0.5, 40:0.25)": lambda l, x: mean((l["bn2"] * vector(64, V)).sum(1)),
    "cosine(bn2/pre_relu, 1:1, 7:-0.5, 40:0.25)": lambda l, x: cosine(l["bn2/pre_relu"], vector(64, V)),
    "diversity(bn2)": lambda l, x: diversity(l["bn2"]),
    "interpolate(bn1:3, bn2:5, 0.25)": lambda l, x: 0.75 * mean(l["bn1"][:, 3]) + 0.25 * mean(l["bn2"][:, 5]),
    "tv": lambda l, x: tv(x / 255),
    "l1": lambda l, x: -mean((x / 255 - 0.5).abs()),
    "l2": lambda l, x: -mean((x / 255 - 0.5) ** 2),
    "blur": lambda l, x: blur(x / 255),
    "bn3:5*bn2:1 - 0.5*(bn1:3 - 2*tv)": lambda l, x: mean(l["bn3"][:, 5]) * mean(l["bn2"][:, 1])
    - 0.5 * (mean(l["bn1"][:, 3]) - 2 * tv(x / 255)),
}

out = {}
torch.manual_seed(1)
for kind, shape in [("pixels", (SIDE, SIDE)), ("spectrum", (SIDE, SIDE // 2 + 1, 2))]:
    numbers = torch.randn(PICTURES, 3, *shape)
    out[f"{kind}/numbers"] = numbers
    for text, objective in OBJECTIVES.items():
        x = numbers.clone().requires_grad_()
        pixels = pixels_of(kind, x)
        value = objective(network(moved(pixels)), pixels)
        value.sum().backward()
        assert x.grad.abs().max() > 0, text
        out[f"{kind}/{text}/value"], out[f"{kind}/{text}/gradient"] = value, x.grad

# Attributions of a picture by formula.
side = 24
levels = torch.tensor([(at * 37 + at // side * 11) % 256 for at in range(3 * side * side)], dtype=torch.float32)
photo = levels.reshape(side, side, 3).permute(2, 0, 1)[None]
layers = network(photo)
activation = layers["bn2"].detach().requires_grad_()
logit = above({}, 3, F.max_pool2d(activation, 2))["fc5"][0, 3]
logit.backward()
carried = activation * activation.grad
out["gradient_times_activation/positions"] = carried.sum((0, 1))
out["gradient_times_activation/channels"] = carried.sum((0, 2, 3))
alpha = activation.grad.mean((0, 2, 3))
out["grad_cam/positions"] = F.relu((activation * alpha[None, :, None, None]).sum((0, 1)))
base = (torch.tensor(MEAN) * 255).reshape(1, 3, 1, 1).expand_as(photo)
places, rule = np.polynomial.legendre.leggauss(20)
total = torch.zeros_like(photo)
for place, weight in zip((places + 1) / 2, rule / 2):
    x = (base + (photo - base) * place).float().requires_grad_()
    network(x)["fc5"][0, 3].backward()
    total += float(weight) * x.grad
out["integrated/pixels"] = (total * (photo - base)).sum((0, 1))
whole = network(photo)["fc5"][0, 3]
falls = []
for row in [0, 5, 10, 15, 18]:
    for column in [0, 5, 10, 15, 18]:
        covered = photo.clone()
        covered[:, :, row : row + 6, column : column + 6] = base[:, :, :6, :6]
        falls.append(whole - network(covered)["fc5"][0, 3])
out["occlusion"] = torch.stack(falls).reshape(5, 5)
write("twin.safetensors", out)
