"""A file of `classify export` in torchvision, beside what this project says of the same pictures:

    classify export --model MODEL --out EXPORTED
    classify features PICTURES --model MODEL --layers LOGITS --out FEATURES
    python exported.py EXPORTED FEATURES PICTURES LOGITS

LOGITS is the layer before `prob`, such as fc. PICTURES are PNG: of a JPEG file decoders make different pixels. (torch, torchvision, pillow, safetensors)"""

import json
import sys
from pathlib import Path

import numpy as np
import torch
import torchvision.models as models
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file

exported, features, pictures, layer = sys.argv[1:]
with safe_open(exported, "pt") as file:
    described = json.loads(file.metadata()["convoke"])
name = described["torchvision"]
extra = {"aux_logits": False, "init_weights": False} if name == "googlenet" else {}
state = load_file(exported)
classes = len(described["labels"]) or 1000
network = getattr(models, name)(num_classes=classes, **extra).eval()
missing = sorted(set(network.state_dict()) ^ set(state))
print("names that only one of them has", missing)
network.load_state_dict(state, strict=True)

how = described["preprocessing"]
crop, size = how["crop"], how["size"]


def read(path):
    image = Image.open(path).convert("RGB")
    width, height = image.size
    short = min(width, height)
    sides = (size, size) if how["resize"] == "squash" else (size * width // short, size * height // short)
    filter = getattr(Image.Resampling, how["filter"].upper())
    pixels = np.asarray(image.resize(sides, filter))
    top, left = (round((side - crop) / 2) for side in pixels.shape[:2])
    pixels = pixels[top : top + crop, left : left + crop].astype(np.float32)
    pixels = pixels[..., ::-1] if how["channels"] == "bgr" else pixels
    return torch.from_numpy(((pixels * np.float32(how["scale"]) - np.float32(how["mean"])) / np.float32(how["std"])).transpose(2, 0, 1).copy())


ours, worst, same = load_file(features), 0.0, 0
for key, logits in ours.items():
    path = key[: -len(layer) - 1]
    with torch.no_grad():
        theirs = network(read(Path(pictures) / path)[None])[0]
    worst = max(worst, float((theirs - logits).abs().max() / theirs.abs().max()))
    same += int(theirs.argmax() == logits.argmax())
print(f"{name}, {classes} classes: {same} of {len(ours)} pictures have the same class first; logits differ by {worst:.1e} of their largest")
