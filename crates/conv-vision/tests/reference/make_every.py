"""A fixture of every network of torchvision's that is known here: python make_every.py (torch, torchvision, numpy; made with torchvision
0.29). Of each module with weights its output, and of the last module's mean square the gradient of each parameter: the norm, the largest
absolute value and two elements, rows in the order of the names. Single precision forward, double for the gradients, with weights by formula."""

from pathlib import Path

import numpy as np
import torch
import torchvision.models as models

import seeded
from make_networks import write
from make_torchvision import weight

SIDE = 64


def digest(tensor):
    values = tensor.detach().double().flatten().numpy()
    picked = values[[values.size // 3, values.size * 2 // 3]]
    return np.concatenate([[np.linalg.norm(values), np.abs(values).max()], picked])


def main():
    fixture = {}
    for name in [f"resnet{depth}" for depth in (18, 34, 50, 101, 152)] + ["squeezenet1_1", "googlenet"] + [
        f"vgg{depth}{norm}" for depth in (11, 13, 16, 19) for norm in ("", "_bn")
    ]:
        network = models.googlenet(init_weights=False, aux_logits=False) if name == "googlenet" else getattr(models, name)()
        network = network.eval()
        if name.startswith("vgg"):
            # The classifier takes pictures of 224 pixels alone, and is AlexNet's.
            network = torch.nn.ModuleDict({"features": network.features})
        state = {
            key: value if key.endswith("num_batches_tracked") else torch.from_numpy(weight(key, tuple(value.shape)).astype(np.float32))
            for key, value in network.state_dict().items()
        }
        network.load_state_dict(state)
        answer = network["features"] if name.startswith("vgg") else network
        outputs = {}
        for path, module in network.named_modules():
            if getattr(module, "weight", None) is not None:
                module.register_forward_hook(lambda _, __, y, path=path: outputs.__setitem__(path, y.clone()))
        x = torch.from_numpy((seeded.numbers("picture", (1, 3, SIDE, SIDE)) * 2).astype(np.float32))
        with torch.no_grad():
            answer(x)
        fixture[name + " layers"] = np.stack([digest(y) for _, y in sorted(outputs.items())]).astype("<f4")
        network.double()
        (answer(x.double()) ** 2).mean().backward()
        gradients = sorted((path, p.grad) for path, p in network.named_parameters())
        fixture[name + " gradients"] = np.stack([digest(g) for _, g in gradients]).astype("<f4")
        print(name, len(outputs), len(gradients), flush=True)
    write(Path(__file__).with_name("every.safetensors"), fixture)


if __name__ == "__main__":
    main()
