"""Writes norm_fixtures.safetensors, as make_fixtures.py its own: normalisations over channels.

    python make_norm_fixtures.py
"""

import torch
import torch.nn.functional as F

from make_fixtures import case, write


def group_norm():
    for shape, groups, affine, epsilon in [((3, 6), 2, True, 1e-5), ((2, 6, 9), 3, True, 1e-3), ((2, 4, 5, 7), 1, True, 1e-5),
                                           ((2, 4, 5, 7), 4, False, 1e-5), ((2, 64, 5, 3), 32, True, 1e-5)]:
        channels = shape[1]
        arguments = {"x": torch.randn(shape) * 3 + 1}
        if affine:
            arguments |= {"weight": torch.randn(channels), "bias": torch.randn(channels)}
        case("group_norm", arguments, lambda x, weight=None, bias=None: F.group_norm(x, groups, weight, bias, epsilon),
             groups=float(groups), epsilon=epsilon)


def local_response_norm():
    for shape, size, alpha, beta, k in [((2, 7, 5, 3), 5, 1e-4, 0.75, 2.0), ((2, 7, 30), 5, 1.0, 0.75, 1.0), ((3, 9, 4, 4), 4, 2.0, 0.6, 0.5),
                                        ((2, 3, 10), 7, 1.0, 1.0, 1.0), ((1, 40, 8, 9), 1, 1.0, 0.75, 1.0)]:
        case("local_response_norm", {"x": torch.randn(shape) * 2}, lambda x: F.local_response_norm(x, size, alpha, beta, k),
             size=float(size), alpha=alpha, beta=beta, k=k)


for make in [group_norm, local_response_norm]:
    make()
write("norm_fixtures.safetensors")
