"""The losses and their gradient to the picture in PyTorch, for tests/losses.rs: python make_losses.py (torch, numpy).

SqueezeNet with weights by formula stands for the loss network; pictures are by formula too. The equations are written from the paper
with the divisors that `losses.rs` documents."""

import json
import sys
from pathlib import Path

import torch
import torch.nn.functional as F

vision = Path(__file__).resolve().parents[3] / "conv-vision" / "tests" / "reference"
sys.path.insert(0, str(vision))
import seeded  # noqa: E402
import twins  # noqa: E402

CONTENT = {"fire5/concat": 1.0}
STYLE = {"conv1": 0.2, "fire2/concat": 0.2, "fire3/concat": 0.2, "fire5/concat": 0.2, "fire7/concat": 0.2}
WEIGHTS = {"content": 2.0, "style": 3e-5, "tv": 0.25}


def shapes():
    result, from_ = {"conv1": (64, 3, 3, 3)}, 64
    for number, squeezed in zip(range(2, 10), (16, 16, 32, 32, 48, 48, 64, 64)):
        result |= {
            f"fire{number}/squeeze1x1": (squeezed, from_, 1, 1),
            f"fire{number}/expand1x1": (4 * squeezed, squeezed, 1, 1),
            f"fire{number}/expand3x3": (4 * squeezed, squeezed, 3, 3),
        }
        from_ = 8 * squeezed
    return result | {"conv10": (1000, 512, 1, 1)}


def weights():
    result = {}
    for name, shape in shapes().items():
        bound = (6 / (shape[1] * shape[2] * shape[3])) ** 0.5
        result[name + ".weight"] = torch.from_numpy(seeded.numbers(name + ".weight", shape) * bound).float()
        result[name + ".bias"] = torch.from_numpy(seeded.numbers(name + ".bias", shape[:1]) * 0.1).float()
    return result


def picture(name, width, height):
    pixels = torch.from_numpy(seeded.picture(name, width, height)).float()
    return pixels.permute(2, 0, 1).unsqueeze(0)


def network_input(pixels):
    return pixels.flip(1) - torch.tensor([104.0, 117.0, 123.0]).view(1, 3, 1, 1)


def gram(features):
    flat = features.flatten(2)
    return flat @ flat.transpose(1, 2) / flat.shape[2]


def average_pool(run, x, name, kernel=3, stride=2, padding=0):
    return run.keep(name, F.avg_pool2d(x, kernel, stride, padding, ceil_mode=True, count_include_pad=False))


def guided_gram(features, mask):
    flat = (features * mask).flatten(2)
    return flat @ flat.transpose(1, 2) / (mask**2).sum()


def ramp(features):
    """How much of each position: the more the further right."""
    width = features.shape[3]
    return ((torch.arange(width) + 1) / width).expand(1, 1, features.shape[2], width)


def style_term(found, of, mask):
    term = 0.0
    for layer, weight in STYLE.items():
        f, a = found[layer], of[layer]
        g = gram(f) if mask is None else guided_gram(f, mask(f))
        term += weight * ((g - gram(a)) ** 2).sum() / (4 * f.shape[1] ** 2)
    return term


max_pool = twins.Run.pool
cases = []
# One style; one with means in the network; two, of which one is everywhere and one more and more to the right.
for average, shares in ((False, [(1.0, None)]), (True, [(1.0, None)]), (True, [(0.75, None), (0.25, ramp)])):
    twins.Run.pool = average_pool if average else max_pool
    values = lambda pixels: twins.squeezenet(network_input(pixels), weights())
    content = values(picture("content", 48, 40))
    styles = [values(picture("style", 36, 52)), values(picture("another", 40, 40))]
    x = picture("start", 48, 40).requires_grad_()
    found = values(x)
    terms = {"content": 0.0, "style": 0.0}
    for layer, weight in CONTENT.items():
        f, p = found[layer], content[layer]
        terms["content"] += weight * ((f - p) ** 2).sum() / (2 * f[0].numel())
    for style, (share, mask) in zip(styles, shares):
        terms["style"] += share * style_term(found, style, mask)
    y = network_input(x)
    down, across = y[:, :, 1:] - y[:, :, :-1], y[..., 1:] - y[..., :-1]
    terms["tv"] = ((down**2).sum() + (across**2).sum()) / y.numel()
    terms = {name: WEIGHTS[name] * term for name, term in terms.items()}
    total = sum(terms.values())
    (gradient,) = torch.autograd.grad(total, x)
    gradient = gradient.flatten()
    at = torch.arange(64) * gradient.numel() // 64
    cases.append({
        "average_pooling": average,
        "styles": len(shares),
        **{name: term.item() for name, term in terms.items()},
        "largest": gradient.abs().max().item(),
        "gradient": gradient[at].tolist(),
    })
Path(__file__).with_name("losses.json").write_text(json.dumps(cases, indent=0) + "\n")
