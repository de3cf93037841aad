"""A StyleBank's folder in PyTorch, for tests/stylebank.rs: python make_stylebank.py [FOLDER] (torch, numpy).

The network is written from the paper's section 3.2 and docs/style.md; its state_dict takes the folder's tensors under their own names,
strictly. Without a folder: the bank that ships."""

import json
import sys
from pathlib import Path

import numpy
import torch
import torch.nn.functional as F
from torch import nn

here = Path(__file__).resolve()
vision = here.parents[3] / "conv-vision" / "tests" / "reference"
sys.path.insert(0, str(vision))
import seeded  # noqa: E402


def read_safetensors(path):
    data = path.read_bytes()
    size = int.from_bytes(data[:8], "little")
    kinds = {"F16": numpy.float16, "F32": numpy.float32}
    tensors = {}
    for name, of in json.loads(data[8 : 8 + size]).items():
        if name == "__metadata__":
            continue
        start, end = of["data_offsets"]
        values = numpy.frombuffer(data[8 + size + start : 8 + size + end], kinds[of["dtype"]])
        tensors[name] = torch.from_numpy(values.astype(numpy.float32)).reshape(of["shape"])
    return tensors


class Normalised(nn.Conv2d):
    """A convolution behind a mirrored border, instance norm, a rectifier."""

    def __init__(self, from_, to, kernel, stride=1):
        super().__init__(from_, to, kernel, stride)
        self.norm = nn.InstanceNorm2d(to, affine=True)

    def forward(self, x):
        x = F.pad(x, (self.kernel_size[0] // 2,) * 4, mode="reflect")
        return F.relu(self.norm(super().forward(x)))


class StyleBank(nn.Module):
    def __init__(self, channels, bank, styles):
        super().__init__()
        first, second, third = channels
        layers = lambda modules: nn.ModuleDict({str(at + 1): module for at, module in enumerate(modules)})
        self.encoder = layers([Normalised(3, first, 9), Normalised(first, second, 3, 2), Normalised(second, third, 3, 2)])
        self.bank = nn.ModuleDict({style: layers([Normalised(third, third, 3) for _ in range(bank)]) for style in styles})
        self.decoder = layers([Normalised(third, second, 3), Normalised(second, first, 3), nn.Conv2d(first, 3, 9)])

    def forward(self, pixels, style):
        height, width = pixels.shape[2:]
        x = F.pad(pixels / 127.5 - 1, (0, -width % 4, 0, -height % 4), mode="reflect")
        for layer in self.encoder.values():
            x = layer(x)
        for layer in self.bank[style].values() if style else []:
            x = layer(x)
        x = self.decoder["1"](F.interpolate(x, scale_factor=2))
        x = self.decoder["2"](F.interpolate(x, scale_factor=2))
        x = self.decoder["3"](F.pad(x, (4,) * 4, mode="reflect"))
        return (torch.tanh(x / 10) + 1)[:, :, :height, :width] * 127.5


def load(folder):
    config = json.loads((folder / "config.json").read_text())
    network = StyleBank(config["channels"], config["bank"], config["styles"])
    network.load_state_dict(read_safetensors(folder / "model.safetensors"), strict=True)
    return network.eval(), config["styles"]


if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else here.parents[4] / "data" / "models" / "stylebank"
    network, styles = load(folder)
    width, height = 42, 37
    pixels = torch.from_numpy(seeded.picture("photo", width, height)).float().permute(2, 0, 1).unsqueeze(0)
    outputs = {}
    with torch.no_grad():
        # Smoother than noise, as photographs are.
        pixels = F.avg_pool2d(pixels, 5, 1, 2, count_include_pad=False)
        for style in ["", *styles]:
            flat = network(pixels, style).flatten()
            outputs[style] = flat[torch.arange(64) * flat.numel() // 64].tolist()
    fixture = {"width": width, "height": height, "outputs": outputs}
    here.with_name("stylebank.json").write_text(json.dumps(fixture, indent=0) + "\n")
