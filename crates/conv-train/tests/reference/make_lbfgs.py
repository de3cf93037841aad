"""PyTorch's L-BFGS, 20 steps of two functions in f64, for tests/lbfgs.rs: python make_lbfgs.py writes lbfgs.json beside itself.

`valley` is Rosenbrock's function of 10 numbers; `hills` is Σ (xᵢ⁴/4 − 2xᵢ² + cos(3xᵢ₊₁ + xᵢ)), indexes in a ring: its searches
have to turn back. The numbers after each step, and the evaluations that each took.
"""

import json
from pathlib import Path

import torch


def valley(x):
    return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()


def hills(x):
    return (x**4 / 4 - 2 * x**2 + torch.cos(3 * x.roll(-1) + x)).sum()


START = [0.3, -0.7, 1.1, 0.05, -1.3, 0.9, -0.2, 0.6, 1.4, -0.4]


def run(function, history):
    x = torch.tensor(START, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([x], max_iter=1, max_eval=26, history_size=history, line_search_fn="strong_wolfe")
    steps, calls = [], 0

    def closure():
        nonlocal calls
        calls += 1
        optimizer.zero_grad()
        loss = function(x)
        loss.backward()
        return loss

    for _ in range(20):
        calls = 0
        optimizer.step(closure)
        # The first evaluation of each call repeats what is known from the call before.
        steps.append({"numbers": x.tolist(), "evaluations": calls - 1})
    return steps


cases = [
    {"function": f.__name__, "history": history, "steps": run(f, history)}
    for f in (valley, hills) for history in (100, 3)
]
fixture = {"start": START, "cases": cases}
Path(__file__).with_name("lbfgs.json").write_text(json.dumps(fixture, indent=0) + "\n")
