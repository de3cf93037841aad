"""The slim network in torchvision's own parts, with the weights of a model folder; writes twin.safetensors, what it finds on a scene.

    python twin.py

Needs torch, torchvision, safetensors and Pillow; made with torchvision 0.29.2. Parameters load by name; those of attributes and measures,
which torchvision lacks, are left out.
"""

import json
from collections import OrderedDict
from pathlib import Path

import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import nn
from torchvision.models.detection import MaskRCNN
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor, TwoMLPHead
from torchvision.models.detection.mask_rcnn import MaskRCNNHeads, MaskRCNNPredictor
from torchvision.models.detection.rpn import AnchorGenerator
from torchvision.models.resnet import BasicBlock
from torchvision.ops import FeaturePyramidNetwork, MultiScaleRoIAlign
from torchvision.transforms.functional import to_tensor

ROOT = Path(__file__).parents[4]


class Backbone(nn.Module):
    def __init__(self, config):
        super().__init__()
        sizes = config["backbone"]
        norm = lambda channels: nn.GroupNorm(sizes["groups"], channels)
        body, inputs = OrderedDict(), sizes["stem"]
        body["conv1"] = nn.Conv2d(3, inputs, 5, 2, 2, bias=False)
        body["bn1"] = norm(inputs)
        for at, outputs in enumerate(sizes["stages"]):
            shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, 2, bias=False), norm(outputs))
            body[f"layer{at + 1}"] = nn.Sequential(BasicBlock(inputs, outputs, 2, shortcut, norm_layer=norm))
            inputs = outputs
        self.body = nn.ModuleDict(body)
        self.fpn = FeaturePyramidNetwork(sizes["stages"], config["pyramid"])
        self.out_channels = config["pyramid"]

    def forward(self, x):
        x = self.body["bn1"](self.body["conv1"](x)).relu()
        levels = OrderedDict()
        for at in range(4):
            x = self.body[f"layer{at + 1}"](x)
            levels[str(at)] = x
        return self.fpn(levels)


def build(config, **more):
    """A network of these sizes; `more` goes to MaskRCNN."""
    pyramid, features, masks = config["pyramid"], config["box_features"], config["mask_channels"]
    proposals, detections = config["proposals"], config["detections"]
    answers = config["classes"] + 1
    levels = ["0", "1", "2", "3"]
    return MaskRCNN(
        Backbone(config), min_size=config["input"]["short_side"], max_size=config["input"]["long_side"],
        rpn_anchor_generator=AnchorGenerator(tuple((size,) for size in config["anchors"]["sizes"]), (tuple(config["anchors"]["aspects"]),) * 4),
        rpn_pre_nms_top_n_test=proposals["before_nms"], rpn_post_nms_top_n_test=proposals["in_detection"], rpn_nms_thresh=proposals["nms"],
        box_roi_pool=MultiScaleRoIAlign(levels, 7, 2), box_head=TwoMLPHead(pyramid * 49, features),
        box_predictor=FastRCNNPredictor(features, answers), box_score_thresh=detections["score"], box_nms_thresh=detections["nms"],
        box_detections_per_img=detections["in_picture"], mask_roi_pool=MultiScaleRoIAlign(levels, 14, 2),
        mask_head=MaskRCNNHeads(pyramid, [masks] * config["mask_layers"], 1), mask_predictor=MaskRCNNPredictor(masks, masks, answers), **more)


def twin(folder):
    model = build(json.loads((folder / "config.json").read_text()))
    weights = {name: value.float() for name, value in load_file(folder / "model.safetensors").items()
               if "attribute_" not in name and "measure_" not in name}
    model.load_state_dict(weights)
    return model.eval()


@torch.no_grad()
def main():
    model = twin(ROOT / "data/models/clevr-objects")
    picture = to_tensor(Image.open(ROOT / "data/samples/scenes/images/CLEVR_rendered_000004.png").convert("RGB"))
    images, _ = model.transform([picture])
    levels = list(model.backbone(images.tensors).values())
    objectness, differences = model.rpn.head(levels)
    place = lambda x, width: x.view(1, -1, width, *x.shape[2:]).permute(0, 3, 4, 1, 2).reshape(1, -1, width)
    stored = {f"level{at}": level[:, [0, 31, 63]] for at, level in enumerate(levels)}
    stored["objectness"] = torch.cat([place(x, 1) for x in objectness], 1).squeeze(2)
    # The finest level's are many; those of the others begin behind it.
    stored["differences"] = torch.cat([place(x, 4) for x in differences[1:]], 1)
    found = model([picture])[0]
    stored |= {"boxes": found["boxes"], "scores": found["scores"], "labels": found["labels"]}
    pixels = (found["masks"][:, 0] > 0.5).to(torch.uint8)
    stored["areas"] = pixels.sum((1, 2))
    stored["pixels"] = pixels.amax(0)
    path = Path(__file__).with_name("twin.safetensors")
    save_file({name: value.contiguous() for name, value in stored.items()}, path)
    print(path, path.stat().st_size, found["boxes"].round(decimals=1).tolist(), found["scores"].tolist())


if __name__ == "__main__":
    main()
