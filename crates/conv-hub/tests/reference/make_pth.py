"""Writes the PyTorch checkpoints that tests/pth.rs reads, and beside each the tensors it must find (safetensors).

Run: python crates/conv-hub/tests/reference/make_pth.py   (torch, numpy, safetensors)
"""

import argparse
import collections
import pathlib

import torch
from safetensors.torch import save_file

HERE = pathlib.Path(__file__).parent


def expected(name, tensors):
    save_file({k: v.contiguous().clone() for k, v in tensors.items()}, HERE / f"{name}.safetensors")


torch.manual_seed(0)

# Every element type, no elements, no dimensions.
types = {
    "f32": torch.randn(3, 4),
    "f64": torch.randn(2, 3, dtype=torch.float64),
    "f16": torch.randn(5).half(),
    "bf16": torch.randn(5).bfloat16(),
    "i64": torch.tensor([-(2**40), 0, 7]),
    "i32": torch.tensor([[-5, 6]], dtype=torch.int32),
    "i16": torch.tensor([-300, 300], dtype=torch.int16),
    "u8": torch.tensor([0, 255], dtype=torch.uint8),
    "bool": torch.tensor([True, False, True]),
    "empty": torch.zeros(0, 3),
    "scalar": torch.tensor(1.5),
}
torch.save(types, HERE / "types.pth")
expected("types", {k: v.to(torch.uint8) if v.dtype == torch.bool else v for k, v in types.items()})

# Views: shared storages, transposes, steps, expansion, a narrow part of a long storage.
base = torch.arange(24, dtype=torch.float32)
views = {
    "whole": base,
    "tied": base,
    "matrix": base.view(4, 6),
    "transposed": base.view(4, 6).t(),
    "permuted": base.view(2, 3, 4).permute(2, 0, 1),
    "stepped": base[1::5],
    "part": base[8:12].view(2, 2),
    "expanded": base[3:5].unsqueeze(1).expand(2, 4),
    "column": base.view(24, 1)[:, 0:1],
}
torch.save(views, HERE / "views.pth")
expected("views", views)


# A training checkpoint: nested, with a module's state, an optimiser's, arguments, and an object of a class of its own.
class Meter:
    def __init__(self):
        self.best = 0.75
        self.history = [0.5, 0.75]


Meter.__module__ = "training.meters"
model = torch.nn.Sequential(
    torch.nn.Embedding(5, 3),
    torch.nn.utils.parametrizations.weight_norm(torch.nn.Linear(3, 2)),
    torch.nn.BatchNorm1d(2),
)
optimizer = torch.optim.Adam(model.parameters())
model[1](model[0](torch.tensor([1, 2]))).sum().backward()
optimizer.step()
import sys, types as modules  # noqa: E402

sys.modules["training"] = modules.ModuleType("training")
sys.modules["training.meters"] = modules.ModuleType("training.meters")
sys.modules["training.meters"].Meter = Meter
torch.save(
    {
        "args": argparse.Namespace(arch="fconv", encoder_layers="[(256, 3)] * 4", dropout=0.2, share=True, seed=2**70),
        "epoch": 3,
        "lr": [0.25, 1e-3],
        "vocabulary": collections.OrderedDict([("the", 0), ("naïve", 1)]),
        "meter": Meter(),
        "nothing": None,
        "blob": b"\x00\xff",
        "dtype": torch.float16,
        "size": torch.Size([2, 3]),
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
    },
    HERE / "training.pth",
)
expected("training", model.state_dict())

# The same in the newest pickle protocol, and a parameter saved by itself.
torch.save({"state_dict": model.state_dict()}, HERE / "protocol5.pth", pickle_protocol=5)
torch.save(model[0].weight, HERE / "parameter.pth")

# PyTorch's form before 1.6, with a module and types that have no counterpart beside those that have.
Criterion = type("Criterion", (torch.nn.Module,), {"__module__": "training.meters"})
sys.modules["training.meters"].Criterion = Criterion
older = {"_use_new_zipfile_serialization": False}
torch.save(types, HERE / "types_legacy.pth", **older)
torch.save(views, HERE / "views_legacy.pth", **older)
torch.save(
    {
        "args": argparse.Namespace(arch="fconv", dropout=0.2),
        "criterion": Criterion(),
        "mask": torch.tensor([1, -1], dtype=torch.int8),
        "spectrum": torch.zeros(2, dtype=torch.complex64),
        "model": model.state_dict(),
    },
    HERE / "training_legacy.pth",
    **older,
)

# What is refused by name.
torch.save(torch.nn.Linear(2, 1), HERE / "module.pth")
torch.save({"w": torch.eye(2).to_sparse()}, HERE / "sparse.pth")
torch.save({"w": torch.zeros(2, dtype=torch.complex64)}, HERE / "complex.pth")
torch.jit.script(torch.nn.Linear(2, 1)).save(str(HERE / "script.pth"))
