"""Writes polygons.json: polygons and the run-lengths that pycocotools makes of them.

    python make_polygons.py

Needs pycocotools and numpy; made with pycocotools 2.0.11. Random ones with fractions, on and across the picture's edges, of no area, with a
side of no length, and the square (0,0)-(9,9).
"""

import json
from pathlib import Path

import numpy as np
from pycocotools import mask

rng = np.random.default_rng(20261130)
polygons = [([0, 0, 9, 0, 9, 9, 0, 9], 12, 11), ([2, 2, 2, 2, 6, 2, 4, 7], 9, 9), ([1, 1, 5, 5, 9, 9], 12, 12),
            ([-4, -4, 30, -4, 30, 30, -4, 30], 20, 10), ([40, 40, 50, 40, 45, 50], 20, 10)]
for corners in [3, 4, 5, 7, 12]:
    for spread in [0, 8, -10]:
        width, height = 33, 27
        points = rng.uniform(0, 1, (corners, 2)) * [width + 2 * spread, height + 2 * spread] - spread
        polygons.append((np.round(points.flatten(), 2).tolist(), width, height))
        polygons.append((np.round(points.flatten()).tolist(), width, height))
cases = [{"polygon": [float(v) for v in polygon], "width": width, "height": height,
          "counts": mask.frPyObjects([polygon], height, width)[0]["counts"].decode()} for polygon, width, height in polygons]
path = Path(__file__).with_name("polygons.json")
path.write_text(json.dumps(cases))
print(path, path.stat().st_size, len(cases))
