"""PyTorch's trajectories of 50 steps for tests/pytorch_trajectories.rs.

    python make_optimizers.py        # torch 2.x, numpy, safetensors; writes optimizers.{json,safetensors} beside itself

Each case is a configuration as conv-train spells it, the learning rate of each step, and all parameters after each step
(f64, flattened, in name order). The loss at step k is (1 + cos(k)/2) * sum(curvature * (parameter - target)^2) / 2;
`late` has no gradient in the first ten steps.
"""

import json
import math
from pathlib import Path

import torch
from safetensors.torch import save_file

STEPS = 50
SHAPES = {"bias": [4], "late": [2], "weight": [3, 4]}  # name order

torch.manual_seed(20140825)
draw = {name: {key: torch.randn(shape, dtype=torch.float64) for key in ("initial", "target")} for name, shape in SHAPES.items()}
for name, shape in SHAPES.items():
    draw[name]["curvature"] = torch.rand(shape, dtype=torch.float64) * 2 + 0.2

SGD = {"kind": "sgd"}
ADAM = {"kind": "adam"}
METRICS = [0.5, 0.6, 0.6, 0.60003, 0.59, 0.58, 0.7] + [0.7 + 0.00001 * i for i in range(43)]

CASES = {
    "sgd": {"optimizer": SGD, "learning_rate": 0.1},
    "sgd_decay": {"optimizer": {**SGD, "weight_decay": 0.05}, "learning_rate": 0.1},
    "sgd_momentum": {"optimizer": {**SGD, "momentum": 0.9, "weight_decay": 0.05}, "learning_rate": 0.05},
    "sgd_nesterov": {"optimizer": {**SGD, "momentum": 0.9, "nesterov": True, "weight_decay": 0.05}, "learning_rate": 0.05},
    "adadelta": {"optimizer": {"kind": "adadelta"}, "learning_rate": 1.0},
    "adadelta_decay": {"optimizer": {"kind": "adadelta", "rho": 0.8, "epsilon": 1e-5, "weight_decay": 0.05}, "learning_rate": 0.5},
    "adam": {"optimizer": ADAM, "learning_rate": 0.05},
    "adam_decay": {"optimizer": {**ADAM, "beta1": 0.8, "beta2": 0.95, "epsilon": 1e-6, "weight_decay": 0.1}, "learning_rate": 0.05},
    "adamw": {"optimizer": {**ADAM, "weight_decay": 0.1, "decoupled": True}, "learning_rate": 0.05},
    "step": {"optimizer": SGD, "learning_rate": 0.2, "schedule": {"course": {"kind": "step", "every": 15, "factor": 0.3}}},
    "cosine": {"optimizer": SGD, "learning_rate": 0.2, "schedule": {"course": {"kind": "cosine", "steps": 50, "floor": 0.01}}},
    "warmup": {"optimizer": ADAM, "learning_rate": 0.1, "schedule": {"warmup_steps": 12, "course": {"kind": "constant"}}},
    "warmup_cosine": {"optimizer": ADAM, "learning_rate": 0.1, "schedule": {"warmup_steps": 10, "course": {"kind": "cosine", "steps": 40, "floor": 0.0}}},
    "plateau_max": {"optimizer": SGD, "learning_rate": 0.2, "schedule": {"course": {"kind": "plateau", "factor": 0.5, "patience": 2, "floor": 0.004}},
                    "monitor": {"metric": "dev", "direction": "maximize"}},
    "plateau_min": {"optimizer": SGD, "learning_rate": 0.2, "schedule": {"course": {"kind": "plateau", "factor": 0.5, "patience": 0, "floor": 0.004}},
                    "monitor": {"metric": "dev", "direction": "minimize"}},
    "clipped": {"optimizer": {"kind": "adadelta"}, "learning_rate": 1.0, "clip_norm": 0.4},
    "max_norm": {"optimizer": SGD, "learning_rate": 0.1, "max_norm": [{"parameter": "weight", "norm": 0.9}]},
}


def optimizer_of(config, parameters):
    options, rate = dict(config["optimizer"]), config["learning_rate"]
    kind = options.pop("kind")
    if "epsilon" in options:
        options["eps"] = options.pop("epsilon")
    if kind == "sgd":
        return torch.optim.SGD(parameters, lr=rate, **options)
    if kind == "adadelta":
        return torch.optim.Adadelta(parameters, lr=rate, **{"rho": 0.95, **options})
    options["betas"] = (options.pop("beta1", 0.9), options.pop("beta2", 0.999))
    decoupled = options.pop("decoupled", False)
    return (torch.optim.AdamW if decoupled else torch.optim.Adam)(parameters, lr=rate, **{"weight_decay": 0.0, **options})


def schedule_of(config, optimizer):
    schedule = config.get("schedule", {})
    course, warmup = schedule.get("course", {"kind": "constant"}), schedule.get("warmup_steps", 0)
    lr = torch.optim.lr_scheduler
    if course["kind"] == "plateau":
        mode = config["monitor"]["direction"][:3]
        return lr.ReduceLROnPlateau(optimizer, mode, factor=course["factor"], patience=course["patience"], min_lr=course["floor"])
    after = {
        "constant": lambda: lr.ConstantLR(optimizer, factor=1.0),
        "step": lambda: lr.StepLR(optimizer, course["every"], course["factor"]),
        "cosine": lambda: lr.CosineAnnealingLR(optimizer, course["steps"], eta_min=course["floor"]),
    }[course["kind"]]
    if warmup == 0:
        return after()
    rise = lr.LinearLR(optimizer, start_factor=1 / warmup, end_factor=1.0, total_iters=warmup - 1)
    return lr.SequentialLR(optimizer, [rise, after()], milestones=[warmup])


def run(config):
    parameters = {name: torch.nn.Parameter(draw[name]["initial"].clone()) for name in SHAPES}
    optimizer = optimizer_of(config, list(parameters.values()))
    schedule = schedule_of(config, optimizer)
    rates, trajectory = [], []
    for k in range(STEPS):
        optimizer.zero_grad(set_to_none=True)
        loss = sum(
            (draw[name]["curvature"] * (p - draw[name]["target"]) ** 2).sum() / 2
            for name, p in parameters.items()
            if name != "late" or k >= 10
        )
        ((1 + math.cos(k) / 2) * loss).backward()
        if "clip_norm" in config:
            torch.nn.utils.clip_grad_norm_(parameters.values(), config["clip_norm"])
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        for rule in config.get("max_norm", []):
            with torch.no_grad():
                weight = parameters[rule["parameter"]]
                weight.copy_(torch.renorm(weight, 2, 0, rule["norm"]))
        schedule.step(*([METRICS[k]] if config.get("monitor") else []))
        trajectory.append(torch.cat([p.detach().flatten() for p in parameters.values()]))
    return rates, torch.stack(trajectory)


here = Path(__file__).parent
cases, tensors = [], {f"{key}.{name}": value for name, values in draw.items() for key, value in values.items()}
for name, config in CASES.items():
    rates, tensors[name] = run(config)
    cases.append({"name": name, "config": config, "rates": rates})
(here / "optimizers.json").write_text(json.dumps({"torch": torch.__version__, "metrics": METRICS, "cases": cases}, indent=1) + "\n")
save_file(tensors, here / "optimizers.safetensors")
