"""What PyTorch with Pillow gets on a folder of photographs called nXXXXXXXX_label.jpg, from real weights:

    python photographs.py googlenet|squeezenet WEIGHTS FOLDER [--squash] [--beside PREDICTIONS]

PREDICTIONS is the output of `classify predict --json --top 1000`: the largest difference of a probability is printed, and how
often both name the same class first. (torch, numpy, pillow, safetensors)"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file

import twins

parser = argparse.ArgumentParser()
parser.add_argument("network", choices=["googlenet", "squeezenet"])
parser.add_argument("weights", type=Path)
parser.add_argument("folder", type=Path)
parser.add_argument("--squash", action="store_true")
parser.add_argument("--beside", type=Path)
options = parser.parse_args()

twin = getattr(twins, options.network)
crop = {"googlenet": 224, "squeezenet": 227}[options.network]
weights = {name: tensor.float() for name, tensor in load_file(options.weights).items()}
words = (options.weights.parent / "synset_words.txt").read_text().splitlines()
labels = [line.split(" ")[0] for line in words]


def read(path):
    image = Image.open(path).convert("RGB")
    width, height = image.size
    short = min(width, height)
    size = (256, 256) if options.squash else (256 * width // short, 256 * height // short)
    pixels = np.asarray(image.resize(size, Image.Resampling.BILINEAR))
    top, left = (round((side - crop) / 2) for side in pixels.shape[:2])
    pixels = pixels[top : top + crop, left : left + crop, ::-1].astype(np.float32)
    return torch.from_numpy((pixels - np.float32([104, 117, 123])).transpose(2, 0, 1))


paths = sorted(path for path in options.folder.iterdir() if path.suffix == ".jpg")
probabilities = {}
with torch.no_grad():
    for start in range(0, len(paths), 16):
        batch = paths[start : start + 16]
        rows = twin(torch.stack([read(path) for path in batch]), weights)["prob"]
        probabilities |= {path.name: row.numpy() for path, row in zip(batch, rows)}
truth = {name: labels.index(name.split("_")[0]) for name in probabilities}
order = {name: np.argsort(-row, kind="stable") for name, row in probabilities.items()}
print("images", len(paths))
print("right", sum(order[name][0] == truth[name] for name in order))
print("among five", sum(truth[name] in order[name][:5] for name in order))

if options.beside:
    largest, same = 0.0, 0
    for line in options.beside.read_text().splitlines():
        line = json.loads(line)
        theirs = probabilities[Path(line["path"]).name]
        same += labels.index(line["top"][0]["label"]) == int(theirs.argmax())
        largest = max(largest, max(abs(guess["probability"] - theirs[labels.index(guess["label"])]) for guess in line["top"]))
    print("same class first", same)
    print("largest difference of a probability", round(float(largest), 4))
