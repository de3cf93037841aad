"""Writes boxes.json: what torchvision makes of boxes and masks.

    python make_boxes.py

Needs torch and torchvision; made with torchvision 0.29.2. `nms`: no boxes, boxes of no width, outside of a picture, equal scores.
`paste`: masks of 28 × 28 over boxes within a picture, across its edges and beyond it; the sum and the first pixel of what is above 0.5.
"""

import json
from pathlib import Path

import torch
from torchvision.models.detection._utils import BoxCoder
from torchvision.models.detection.roi_heads import paste_masks_in_image
from torchvision.ops import nms

torch.manual_seed(20261130)
cases = {"nms": [], "paste": []}


def suppress(boxes, scores, threshold):
    kept = nms(boxes, scores, threshold).tolist()
    cases["nms"].append({"boxes": boxes.tolist(), "scores": scores.tolist(), "threshold": threshold, "kept": kept})


suppress(torch.zeros(0, 4), torch.zeros(0), 0.5)
for threshold in (0.3, 0.5, 0.7):
    corner = (torch.rand(60, 2) * 60 - 10).round()
    boxes = torch.cat([corner, corner + (torch.rand(60, 2) * 30).round()], 1)
    boxes[::9, 2] = boxes[::9, 0]
    suppress(boxes, (torch.rand(60) * 20).round() / 20, threshold)

for box in [[10.2, 5.7, 40.9, 33.3], [-8.5, -3.2, 20.1, 14.0], [90.0, 40.0, 130.0, 90.0], [30.0, 20.0, 30.4, 20.3], [200.0, 10.0, 220.0, 30.0]]:
    mask = torch.rand(28, 28)
    pasted = paste_masks_in_image(mask[None, None], torch.tensor([box]), (80, 110))[0, 0] > 0.5
    rows = ["".join("#" if pixel else "." for pixel in row) for row in pasted.tolist()]
    cases["paste"].append({"mask": [round(v, 6) for v in mask.flatten().tolist()], "box": box, "rows": rows})

base = torch.tensor([[3.0, 4.0, 13.0, 24.0], [0.0, 0.0, 7.5, 2.5]])
target = torch.tensor([[-2.0, 5.5, 20.0, 9.0], [1.0, -1.0, 3.0, 90.0]])
numbers = torch.tensor([[0.5, -1.0, 2.0, 9.0], [-3.0, 0.2, 0.1, -0.4]])
coder = BoxCoder((10.0, 10.0, 5.0, 5.0))
cases["coder"] = {"base": base.tolist(), "target": target.tolist(), "encoded": coder.encode_single(target, base).tolist(),
                  "numbers": numbers.tolist(), "decoded": coder.decode_single(numbers, base).tolist()}
path = Path(__file__).with_name("boxes.json")
path.write_text(json.dumps(cases))
print(path, path.stat().st_size)
