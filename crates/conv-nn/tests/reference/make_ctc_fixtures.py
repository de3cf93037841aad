"""Writes ctc_fixtures.safetensors, as make_fixtures.py its own: connectionist temporal classification.

    python make_ctc_fixtures.py

`x` are logits; targets lie one behind the other. PyTorch computes in double precision here: in single its own gradients are 1e-5 off.
"""

import torch
import torch.nn.functional as F

from make_fixtures import case, cases, write

CASES = [
    # frames, classes, blank, lengths, targets
    (1, 2, 0, [1], [[1]]),
    (6, 4, 0, [6, 5], [[1, 2, 3], [3, 3]]),
    (12, 7, 6, [12, 3, 9], [[0, 0, 5, 4, 4], [2], [1, 2, 3, 4, 5]]),
    (40, 28, 0, [40, 33, 17, 40], [list(range(1, 20)), [5] * 16, [27, 3, 3, 1], []]),
    (150, 30, 0, [150, 97], [[1 + i * i % 29 for i in range(60)], [1 + i % 29 for i in range(40)]]),
]


def ctc(reduction):
    for frames, classes, blank, lengths, targets in CASES:
        flat = torch.tensor([symbol for target in targets for symbol in target], dtype=torch.int64)
        sizes = torch.tensor([len(target) for target in targets])

        def f(x):
            shares = F.log_softmax(x, 2).transpose(0, 1)
            return F.ctc_loss(shares, flat, torch.tensor(lengths), sizes, blank=blank, reduction=reduction)

        x = (torch.randn(len(lengths), frames, classes) * 2).double()
        settings = {"blank": float(blank), "lengths": torch.tensor(lengths), "targets": flat, "sizes": sizes}
        case(f"ctc_{reduction}", {"x": x}, f, **settings)


for reduction in ["mean", "sum", "none"]:
    ctc(reduction)
for name, value in cases.items():
    cases[name] = value.float() if value.is_floating_point() else value
write("ctc_fixtures.safetensors")
