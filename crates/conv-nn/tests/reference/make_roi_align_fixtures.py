"""Writes roi_align_fixtures.safetensors, as make_fixtures.py its own: RoIAlign and the losses of single numbers.

    python make_roi_align_fixtures.py

Needs torchvision besides; made with 0.29.2. Boxes of 0.3 pixels, across edges, outside, of no width, the whole map and more, and in the
middle of it.
"""

import torch
import torch.nn.functional as F
from torchvision.ops import roi_align

from make_fixtures import case, write

BOXES = torch.tensor([
    [0, 4.2, 2.4, 4.8, 3.0], [1, -4.0, -2.0, 6.0, 5.0], [0, 40.0, 40.0, 60.0, 50.0], [1, 6.0, 2.0, 6.0, 8.0],
    [0, 0.0, 0.0, 18.0, 14.0], [1, -9.0, -9.0, 99.0, 99.0], [0, 2.6, 0.4, 12.2, 8.8], [0, 16.5, 12.5, 18.0, 14.0],
])
for aligned in [False, True]:
    for sampling, output in [(2, (7, 7)), (-1, (4, 3)), (1, (2, 5)), (-1, (14, 14))]:
        case("roi_align", {"x": torch.randn(2, 3, 7, 9)},
             lambda x: roi_align(x, BOXES, output, 0.5, sampling, aligned),
             rois=BOXES, output=torch.tensor(output), sampling=float(sampling), aligned=float(aligned))

for shape in [(5,), (3, 4, 2)]:
    targets = torch.rand(shape)
    case("binary_cross_entropy", {"x": torch.randn(shape) * 20},
         lambda x: F.binary_cross_entropy_with_logits(x, targets, reduction="none"), targets=targets)
    for beta in [1 / 9, 1.0, 0.0]:
        targets = torch.randn(shape)
        case("smooth_l1", {"x": torch.randn(shape)},
             lambda x: F.smooth_l1_loss(x, targets, reduction="none", beta=beta), targets=targets, beta=beta)
write("roi_align_fixtures.safetensors")
