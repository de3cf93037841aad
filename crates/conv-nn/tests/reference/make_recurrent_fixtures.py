"""Writes recurrent_fixtures.safetensors, as make_fixtures.py its own: recurrent layers.

    python make_recurrent_fixtures.py

`y` is outputs and final states, one behind the other.
"""

import torch
from torch.func import functional_call
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from make_fixtures import case, write

CASES = [
    # batch, steps, inputs, units, layers, both directions, projection, biases, lengths
    (1, 1, 3, 2, 1, False, 0, True, None),
    (3, 5, 4, 6, 1, False, 0, True, None),
    (5, 7, 3, 30, 1, True, 0, False, [7, 1, 4, 4, 6]),
    (9, 6, 5, 8, 2, True, 0, True, [2, 6, 5, 1, 3, 6, 4, 4, 2]),
    (2, 40, 7, 26, 2, False, 0, True, None),
    (4, 6, 5, 9, 1, False, 4, True, [6, 2, 3, 5]),
    (3, 5, 4, 7, 2, True, 3, True, [5, 4, 1]),
]


def recurrent(kind):
    for batch, steps, inputs, units, layers, both, projection, bias, lengths in CASES:
        if projection and kind is torch.nn.GRU:
            continue
        options = {"num_layers": layers, "bidirectional": both, "bias": bias, "batch_first": True}
        if projection:
            options["proj_size"] = projection
        module = kind(inputs, units, **options)
        arguments = {name: value.detach().clone() * 1.5 for name, value in module.named_parameters()}
        number = layers * (2 if both else 1)
        arguments["x"] = torch.randn(batch, steps, inputs)
        arguments["h0"] = torch.randn(number, batch, projection or units)
        if kind is torch.nn.LSTM:
            arguments["c0"] = torch.randn(number, batch, units)

        def f(x, h0, c0=None, **weights):
            state = h0 if c0 is None else (h0, c0)
            if lengths:
                x = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
            y, state = functional_call(module, weights, (x, state))
            if lengths:
                y, _ = pad_packed_sequence(y, batch_first=True, total_length=steps)
            return torch.cat([part.flatten() for part in [y, *(state if c0 is not None else [state])]])

        settings = {"units": float(units), "layers": float(layers), "bidirectional": float(both), "projection": float(projection)}
        if lengths:
            settings["lengths"] = torch.tensor(lengths)
        case(kind.__name__.lower(), arguments, f, **settings)


for kind in [torch.nn.LSTM, torch.nn.GRU]:
    recurrent(kind)
write("recurrent_fixtures.safetensors")
