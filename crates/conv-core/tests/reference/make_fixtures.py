"""Makes conv.safetensors: PyTorch's convolutions and transposed convolutions, forward and all gradients, on small geometries.

    python make_fixtures.py        (torch, safetensors; needed only to make the file again)

Each case holds `<operation>.<number>.` + x, weight, bias (in some), y (the output), g (the gradient given to y), dx, dweight,
dbias, and `geometry`, whose integers are, an axis at a time: stride, before, after, dilation, output padding; then groups.
"""

import random
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import save_file

CASES = 24
rng = random.Random(21)
torch.manual_seed(21)
tensors = {}


def axis(transposed):
    """One axis: its size, its kernel, and (stride, before, after, dilation, output padding)."""
    while True:
        size, kernel = rng.randint(1, 8), rng.randint(1, 4)
        stride, dilation = rng.choice([1, 1, 2, 3]), rng.choice([1, 1, 2, 3])
        before, after = rng.randint(0, 3), rng.randint(0, 3)
        added = rng.randrange(max(stride, dilation)) if transposed else 0
        reach = dilation * (kernel - 1) + 1
        if transposed:
            fits = 1 <= (size - 1) * stride + reach + added - before - after <= 14
        else:
            fits = reach <= size + before + after
        if fits:
            return size, kernel, (stride, before, after, dilation, added)


def run(x, weight, bias, axes, groups, transposed):
    """PyTorch pads both sides alike: here padding is written out, as zeros before a convolution or as a cut after its transpose."""
    rank = len(axes)
    stride, before, after, dilation, added = zip(*axes)
    if not transposed:
        pads = [side for a in reversed(axes) for side in (a[1], a[2])]
        function = getattr(F, f"conv{rank}d")
        return function(F.pad(x, pads), weight, bias, stride, 0, dilation, groups)
    function = getattr(F, f"conv_transpose{rank}d")
    y = function(x, weight, bias, stride, 0, added, groups, dilation)
    for dim, (first, last) in enumerate(zip(before, after), start=2):
        y = y.narrow(dim, first, y.shape[dim] - first - last)
    return y


for rank in (1, 2):
    for transposed in (False, True):
        name = f"conv{'_transpose' if transposed else ''}{rank}d"
        for number in range(CASES):
            drawn = [axis(transposed) for _ in range(rank)]
            sizes, kernels, axes = zip(*drawn)
            groups = rng.choice([1, 1, 2, 3])
            # Four channels and more go by matrix products, fewer do not.
            of_group, outputs = rng.choice([1, 2, 3, 4, 5, 8]), rng.choice([1, 2, 3, 4, 5, 8])
            x = torch.randn(rng.choice([1, 2, 3]), groups * of_group, *sizes, requires_grad=True)
            shape = (groups * of_group, outputs) if transposed else (groups * outputs, of_group)
            weight = torch.randn(*shape, *kernels, requires_grad=True)
            arguments = {"x": x, "weight": weight}
            if rng.random() < 0.7:
                arguments["bias"] = torch.randn(groups * outputs, requires_grad=True)
            y = run(x, weight, arguments.get("bias"), axes, groups, transposed)
            g = torch.randn_like(y)
            gradients = torch.autograd.grad(y, list(arguments.values()), g)
            parts = {**arguments, "y": y, "g": g}
            parts.update({f"d{key}": d for key, d in zip(arguments, gradients)})
            parts["geometry"] = torch.tensor([v for a in axes for v in a] + [groups])
            for key, value in parts.items():
                tensors[f"{name}.{number}.{key}"] = value.detach().contiguous()

save_file(tensors, Path(__file__).with_name("conv.safetensors"))
