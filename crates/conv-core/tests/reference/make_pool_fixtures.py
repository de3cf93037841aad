"""Makes pool.safetensors: PyTorch's pooling, upsampling and padding, forward and gradient, on small geometries.

    python make_pool_fixtures.py        (torch, safetensors; needed only to make the file again)

Each case holds `<operation>.<number>.` + x, y (the output), g (the gradient given to y), dx (the gradient
of x) and `geometry`, whose integers are
    pools, an axis at a time:  kernel, stride, before, after, dilation; then ceil_mode, count_include_pad
    global pools:              none
    upsampling:                the output's sizes; then align_corners
    padding:                   before, after, an axis at a time
    same:                      kernel, dilation of a convolution with the weight 1, 2, …
"""

import random
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import save_file

CASES = 21
rng = random.Random(20)
torch.manual_seed(20)
tensors = {}


def save(name, number, x, y, geometry):
    g = torch.randn_like(y)
    (dx,) = torch.autograd.grad(y, x, g)
    parts = {"x": x.detach(), "y": y.detach(), "g": g, "dx": dx, "geometry": torch.tensor(geometry, dtype=torch.long)}
    for key, value in parts.items():
        tensors[f"{name}.{number}.{key}"] = value.contiguous().clone()


def input_of(sizes, ties):
    shape = [rng.choice([1, 2]), rng.choice([1, 2]), *sizes]
    x = torch.randint(-2, 3, shape).float() if ties else torch.randn(shape)
    return x.requires_grad_()


def pool_axis(maximum, one_sided):
    """One axis: its size and (kernel, stride, before, after, dilation); every window sees an element."""
    kernel, stride = rng.randint(1, 4), rng.randint(1, 4)
    dilation = rng.choice([1, 1, 2, 3]) if maximum else 1
    extent = dilation * (kernel - 1) + 1
    size = max(rng.randint(3, 7), dilation)
    if one_sided:
        before, after = rng.randint(0, extent - 1), 0
    else:
        before = after = rng.randint(0, kernel // 2)
    size = max(size, extent - before - after)
    return size, (kernel, stride, before, after, dilation)


def pool(x, axes, maximum, ceil, include):
    """PyTorch pads both sides alike: one-sided padding is written out before the call."""
    rank = len(axes)
    kernel, stride, before, after, dilation = zip(*axes)
    function = getattr(F, f"{'max' if maximum else 'avg'}_pool{rank}d")
    extra = {"dilation": dilation} if maximum else {"count_include_pad": include}
    if before == after:
        return function(x, kernel, stride, before, ceil_mode=ceil, **extra)
    pads = [side for axis in reversed(axes) for side in (axis[2], axis[3])]
    if maximum:
        return function(F.pad(x, pads, value=-torch.inf), kernel, stride, ceil_mode=ceil, **extra)
    mean = function(F.pad(x, pads), kernel, stride, ceil_mode=ceil)
    if include:
        return mean
    return mean / function(F.pad(torch.ones_like(x), pads), kernel, stride, ceil_mode=ceil)


for maximum in (True, False):
    for rank in (1, 2):
        name = f"{'max' if maximum else 'avg'}_pool{rank}d"
        for number in range(CASES):
            sizes, axes = zip(*(pool_axis(maximum, number % 3 == 2) for _ in range(rank)))
            ceil, include = rng.random() < 0.5, rng.random() < 0.5
            x = input_of(sizes, ties=number % 4 == 3)
            y = pool(x, axes, maximum, ceil, include)
            save(name, number, x, y, [n for axis in axes for n in axis] + [ceil, include])

for number in range(CASES):
    sizes = [rng.randint(1, 7) for _ in range(1 + number % 2)]
    places = tuple(range(2, 2 + len(sizes)))
    x = input_of(sizes, ties=False)
    save("global_max_pool", number, x, torch.amax(x, places), [])
    save("global_avg_pool", number, x, torch.mean(x, places), [])

for mode, rank in (("nearest", 1), ("nearest", 2), ("linear", 1), ("bilinear", 2)):
    for number in range(CASES):
        sizes = [rng.randint(1, 7) for _ in range(rank)]
        outputs = [rng.randint(1, 11) for _ in range(rank)]
        align = mode != "nearest" and number % 2 == 1
        x = input_of(sizes, ties=False)
        y = F.interpolate(x, size=outputs, mode=mode, **({} if mode == "nearest" else {"align_corners": align}))
        save(f"upsample_{mode}{rank}d", number, x, y, outputs + [align])

# A size whose float32 scale falls short of the whole number: 41 · (2 / 82) floors to 0.
x = torch.randn(1, 1, 2).requires_grad_()
save("upsample_nearest1d", CASES, x, F.interpolate(x, size=82, mode="nearest"), [82, 0])

# Ceil mode where the kernel is wider than the padded input, by less than a stride: one window, over the end.
for maximum in (True, False):
    for rank in (1, 2):
        name = f"{'max' if maximum else 'avg'}_pool{rank}d"
        for number, (size, axis) in enumerate([(2, (3, 2, 0, 0, 1)), (1, (4, 3, 1, 1, 1)), (3, (5, 5, 0, 0, 1))], CASES):
            x = input_of([size] * rank, ties=False)
            include = number % 2 == 0
            y = pool(x, [axis] * rank, maximum, True, include)
            save(name, number, x, y, list(axis) * rank + [True, include])

for mode in ("reflect", "replicate"):
    for number in range(CASES):
        sizes = [rng.randint(1, 6) for _ in range(1 + number % 2)]
        most = [size - 1 if mode == "reflect" else 4 for size in sizes]
        pads = [(rng.randint(0, pad), rng.randint(0, pad)) for pad in most]
        x = input_of(sizes, ties=False)
        y = F.pad(x, [side for pair in reversed(pads) for side in pair], mode=mode)
        save(f"pad_{mode}", number, x, y, [side for pair in pads for side in pair])

for number in range(CASES):
    size, kernel, dilation = rng.randint(1, 9), rng.randint(1, 5), rng.randint(1, 3)
    x = torch.randn(2, 1, size).requires_grad_()
    weight = torch.arange(1.0, kernel + 1).reshape(1, 1, kernel)
    save("same", number, x, F.conv1d(x, weight, padding="same", dilation=dilation), [kernel, dilation])

save_file(tensors, Path(__file__).with_name("pool.safetensors"))
