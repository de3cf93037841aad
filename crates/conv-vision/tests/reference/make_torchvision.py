"""Fixtures of torchvision's own networks: python make_torchvision.py (torch, torchvision, numpy; made with torchvision 0.29). Of each module's
output, and of that behind a rectifier (`NAME/relu`), the norm, the largest absolute value and 12 elements; the weights are numbers by formula."""

from pathlib import Path

import numpy as np
import torch
import torchvision.models as models

import seeded
from make_networks import write

NETWORKS = {
    "resnet18": (models.resnet18, 97),
    "resnet50": (models.resnet50, 97),
    "vgg11_bn": (models.vgg11_bn, 64),
    "torchvision_alexnet": (models.alexnet, 224),
    "torchvision_googlenet": (lambda: models.googlenet(init_weights=False), 97),
    "torchvision_squeezenet1_1": (models.squeezenet1_1, 97),
}


def weight(name, shape):
    if name.endswith("running_var"):
        return 1 + seeded.numbers(name, shape) * 0.5
    bound = 0.1 if len(shape) == 1 else (6 / np.prod(shape[1:])) ** 0.5
    return seeded.numbers(name, shape) * bound


def digest(tensor, count=12):
    values = tensor.detach().double().flatten().numpy()
    count = min(count, values.size)
    at = np.arange(count) * values.size // count
    return np.concatenate([[np.linalg.norm(values), np.abs(values).max()], values[at]]).astype("<f4")


def main():
    for name, (build, side) in NETWORKS.items():
        network = build().eval()
        state = network.state_dict()
        for key, value in state.items():
            if not key.endswith("num_batches_tracked"):
                state[key] = torch.from_numpy(weight(key, tuple(value.shape)).astype(np.float32))
        network.load_state_dict(state)
        fixture, hooks = {}, []

        def keep(path):
            def hook(module, inputs, output):
                if isinstance(output, torch.Tensor):
                    fixture[path] = digest(output)
                    fixture[path + "/relu"] = digest(output.relu())
            return hook

        for path, module in network.named_modules():
            if path and not isinstance(module, torch.nn.ReLU):
                hooks.append(module.register_forward_hook(keep(path)))
        x = torch.from_numpy((seeded.numbers("picture", (1, 3, side, side)) * 2).astype(np.float32))
        # The classifier of VGG takes pictures of 224 pixels alone; its convolutions take any.
        answer = network.features if name == "vgg11_bn" else network
        fixture["prob"] = digest(torch.softmax(answer(x), 1))
        for hook in hooks:
            hook.remove()
        # With doubles: in single precision a sum that rounds to the other side of a rectifier moves PyTorch's own gradient by a tenth.
        network.double()
        x = x.double().requires_grad_()
        y = answer(x)
        (gradient,) = torch.autograd.grad((y**2).mean(), x)
        fixture["gradient"] = digest(gradient)
        write(Path(__file__).with_name(name + ".safetensors"), fixture)


if __name__ == "__main__":
    main()
