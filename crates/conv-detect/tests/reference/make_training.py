"""Fixtures of torchvision's Mask R-CNN with weights by formula: python make_training.py

Needs torch, torchvision, numpy and safetensors; made with torchvision 0.29.2. Of each tensor the norm, the largest absolute value and 62 elements.

resnet50.safetensors: `maskrcnn_resnet50_fpn` as it is made for training from weights, on two pictures: the pyramid's levels, what the region proposal network says, what the heads say of
fixed boxes of all levels, and the losses. slim.safetensors: the slim network's losses and the gradient of each parameter, with doubles, since a
sum that rounds to the other side of a rectifier moves a gradient more than any error. Nothing is left to chance: no proposal is suppressed, and
all that are kept, and all anchors, are looked at.
"""

import sys
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torchvision.models import resnet50
from torchvision.models.detection import MaskRCNN
from torchvision.models.detection.backbone_utils import _resnet_fpn_extractor
from torchvision.models.detection.image_list import ImageList
from torchvision.ops import FrozenBatchNorm2d

from twin import build

HERE = Path(__file__).parent
sys.path.append(str(HERE.parents[2] / "conv-vision/tests/reference"))
import seeded  # noqa: E402

ALL = 1 << 14
# Boxes of two pictures, of sizes that are cut from each of the four levels.
BOXES = [[[5.2, 3.1, 60.7, 80.4], [-20.0, -10.0, 120.0, 110.0]], [[-100.0, -90.5, 200.0, 180.0], [-200.0, -200.0, 300.0, 300.0]]]
OBJECTS = [[[10.3, 8.6, 41.1, 40.2], [50.7, 20.4, 71.3, 51.8]], [[20.6, 10.3, 62.2, 50.9]]]
CLASSES = [[1, 2], [2]]


def weight(name, shape):
    numbers = seeded.numbers(name, shape)
    if name.endswith("running_var"):
        return 1 + numbers * 0.5
    if len(shape) == 1:
        # The scales of normalisations, and biases.
        return 0.5 + numbers * 0.25 if name.endswith(".weight") else numbers * 0.1
    return numbers * (6 / np.prod(shape[1:])) ** 0.5


def fill(model):
    state = model.state_dict()
    for name, value in state.items():
        state[name] = torch.from_numpy(weight(name, tuple(value.shape)).astype(np.float32))
    model.load_state_dict(state)


def digest(tensor, count=62):
    values = tensor.detach().double().flatten().numpy()
    count = min(count, values.size)
    at = np.arange(count) * values.size // count
    return torch.from_numpy(np.concatenate([[np.linalg.norm(values), np.abs(values).max()], values[at]]).astype(np.float32))


def targets(height, width, dtype):
    """Boxes whose masks are the ellipses within them."""
    y, x = torch.meshgrid(torch.arange(height) + 0.5, torch.arange(width) + 0.5, indexing="ij")
    made = []
    for boxes, classes in zip(OBJECTS, CLASSES):
        ellipse = lambda l, t, r, b: ((2 * x - l - r) / (r - l)) ** 2 + ((2 * y - t - b) / (b - t)) ** 2 < 1
        made.append({"boxes": torch.tensor(boxes, dtype=dtype), "labels": torch.tensor(classes),
                     "masks": torch.stack([ellipse(*box) for box in boxes]).to(torch.uint8)})
    return made


def losses(model, x):
    height, width = x.shape[2:]
    wanted = targets(height, width, x.dtype)
    sizes = [(height, width)] * len(x)
    levels = model.backbone(x)
    proposals, of_proposals = model.rpn(ImageList(x, sizes), levels, wanted)
    _, of_heads = model.roi_heads(levels, proposals, sizes, wanted)
    names = {"loss_objectness": "objectness", "loss_rpn_box_reg": "proposal_boxes", "loss_classifier": "classes",
             "loss_box_reg": "boxes", "loss_mask": "masks"}
    return {names[name]: value for name, value in {**of_proposals, **of_heads}.items()}


def write(name, fixture):
    path = HERE / name
    save_file({key: value.contiguous() for key, value in fixture.items()}, path)
    print(path, path.stat().st_size)


def large():
    backbone = _resnet_fpn_extractor(resnet50(norm_layer=FrozenBatchNorm2d), 5)
    model = MaskRCNN(backbone, 4, rpn_pre_nms_top_n_train=30, rpn_post_nms_top_n_train=60, rpn_nms_thresh=1.0,
                     rpn_batch_size_per_image=ALL, box_batch_size_per_image=ALL)
    fill(model)
    model.train()
    x = torch.from_numpy((seeded.numbers("picture", (2, 3, 64, 96)) * 2).astype(np.float32))
    with torch.no_grad():
        levels = model.backbone(x)
        fixture = {f"level{at}": digest(level) for at, level in enumerate(levels.values())}
        objectness, differences = model.rpn.head(list(levels.values()))
        place = lambda x, width: x.view(2, -1, width, *x.shape[2:]).permute(0, 3, 4, 1, 2).reshape(2, -1, width)
        fixture["objectness"] = digest(torch.cat([place(x, 1) for x in objectness], 1))
        fixture["differences"] = digest(torch.cat([place(x, 4) for x in differences], 1))
        boxes, sizes, heads = [torch.tensor(b) for b in BOXES], [(64, 96)] * 2, model.roi_heads
        features = heads.box_head(heads.box_roi_pool(levels, boxes, sizes))
        fixture["features"] = digest(features)
        fixture["classes"], fixture["boxes"] = map(digest, heads.box_predictor(features))
        fixture["masks"] = digest(heads.mask_predictor(heads.mask_head(heads.mask_roi_pool(levels, boxes, sizes))))
        fixture |= {f"loss of {name}": value[None] for name, value in losses(model, x).items()}
    write("resnet50.safetensors", fixture)


def slim():
    config = {"input": {"short_side": 240, "long_side": 320}, "backbone": {"stem": 32, "stages": [32, 64, 128, 192], "groups": 8},
              "pyramid": 64, "anchors": {"sizes": [16.0, 32.0, 64.0, 128.0], "aspects": [0.5, 1.0, 2.0]}, "box_features": 256,
              "mask_layers": 2, "mask_channels": 64, "classes": 2, "detections": {"score": 0.05, "nms": 0.5, "in_picture": 100},
              "proposals": {"before_nms": ALL, "in_detection": ALL, "nms": 1.0}}
    model = build(config, rpn_pre_nms_top_n_train=ALL, rpn_post_nms_top_n_train=ALL, rpn_batch_size_per_image=ALL, box_batch_size_per_image=ALL)
    fill(model)
    model.train().double()
    x = torch.from_numpy((seeded.numbers("picture", (2, 3, 64, 96)) * 2).astype(np.float32)).double()
    found = losses(model, x)
    fixture = {f"loss of {name}": value.detach().float()[None] for name, value in found.items()}
    sum(found.values()).backward()
    fixture |= {f"gradient of {name}": digest(parameter.grad) for name, parameter in model.named_parameters()}
    write("slim.safetensors", fixture)
    print({name: round(value.item(), 4) for name, value in found.items()})


if __name__ == "__main__":
    large()
    slim()
