"""Writes average_precision.json: boxes on made-up pictures, and what pycocotools says of them.

    python make_average_precision.py

Needs pycocotools and numpy; made with pycocotools 2.0.11. Two classes, crowds, objects of all sizes, more than a hundred answers on one
picture, equal scores, pictures without objects and without answers. Coordinates are whole numbers, so that areas are exact.
"""

import contextlib
import io
import json
from pathlib import Path

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

rng = np.random.default_rng(20261130)
images, annotations, results = [], [], []
for image in range(12):
    images.append({"id": image, "width": 400, "height": 300})
    count = 0 if image == 3 else int(rng.integers(1, 9))
    for _ in range(count):
        side = int(rng.choice([12, 40, 130]))
        w, h = (int(max(4, side * rng.uniform(0.6, 1.5))) for _ in range(2))
        x, y = int(rng.integers(0, 400 - w)), int(rng.integers(0, 300 - h))
        crowd, category = int(rng.random() < 0.15), int(rng.integers(1, 3))
        annotations.append({"id": len(annotations) + 1, "image_id": image, "category_id": category, "bbox": [x, y, w, h],
                            "area": w * h, "iscrowd": crowd})
        if image != 5:
            for _ in range(int(rng.integers(0, 4))):
                shift = rng.integers(-6, 7, 4)
                box = [int(x + shift[0]), int(y + shift[1]), int(max(2, w + shift[2])), int(max(2, h + shift[3]))]
                results.append({"image_id": image, "category_id": category, "bbox": box, "score": round(float(rng.random()), 1)})
    for _ in range(140 if image == 7 else 2):
        box = [int(v) for v in rng.integers(2, 150, 4)]
        results.append({"image_id": image, "category_id": int(rng.integers(1, 3)), "bbox": box, "score": round(float(rng.random()) * 0.6, 2)})

with contextlib.redirect_stdout(io.StringIO()):
    coco = COCO()
    coco.dataset = {"images": images, "annotations": annotations, "categories": [{"id": 1}, {"id": 2}]}
    coco.createIndex()
    evaluation = COCOeval(coco, coco.loadRes(results), "bbox")
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
stats = evaluation.stats
at50 = evaluation.eval["recall"][0, :, 0, -1]
pictures = []
for image in range(12):
    for category in (1, 2):
        truth = [a for a in annotations if a["image_id"] == image and a["category_id"] == category]
        found = [r for r in results if r["image_id"] == image and r["category_id"] == category]
        pictures.append({"class": category, "objects": [[*a["bbox"], a["iscrowd"]] for a in truth],
                         "found": [[*r["bbox"], r["score"]] for r in found]})
expected = {"AP": stats[0], "AP50": stats[1], "AP75": stats[2], "APs": stats[3], "APm": stats[4], "APl": stats[5], "AR": stats[8],
            "recall50": float(at50[at50 > -1].mean())}
path = Path(__file__).with_name("average_precision.json")
path.write_text(json.dumps({"pictures": pictures, "expected": expected}))
print(path, path.stat().st_size, expected)
