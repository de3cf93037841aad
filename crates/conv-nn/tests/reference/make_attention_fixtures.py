"""Writes attention_fixtures.safetensors, as make_fixtures.py its own: attention over sequences of several lengths.

    python make_attention_fixtures.py
"""

import torch
import torch.nn.functional as F

from make_fixtures import case, write

for queries, size, width, lengths in [(4, 8, 8, [5, 2]), (1, 33, 7, [9, 1, 4]), (3, 16, 40, [6, 6]), (2, 1, 1, [1])]:
    batch, longest = len(lengths), max(lengths)
    own = torch.arange(longest)[None, None, :] < torch.tensor(lengths)[:, None, None]
    arguments = {"queries": torch.randn(batch, queries, size), "keys": torch.randn(batch, longest, size),
                 "values": torch.randn(batch, longest, width)}
    case("dot_attention", arguments,
         lambda queries, keys, values: F.scaled_dot_product_attention(queries, keys, values, own, scale=1.0),
         lengths=torch.tensor(lengths))
write("attention_fixtures.safetensors")
