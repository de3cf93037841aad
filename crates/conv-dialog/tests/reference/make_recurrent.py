"""Writes recurrent.json: the gradient of Σ weight · log p of given games of Kottur et al.'s agents, by PyTorch, each game by itself.

    python make_recurrent.py > recurrent.json
"""

import json

import torch
from torch import nn

ASKED, ANSWERED, TASKS, UNITS, DIMENSION, GAMES = 2, 3, 6, 5, 3, 40
PAIRS = [[0, 1], [1, 0], [0, 2], [2, 0], [1, 2], [2, 1]]


def value(objects, attribute):
    return objects >> (2 * attribute) & 3


class Agents(nn.Module):
    def __init__(self):
        super().__init__()
        self.qbot = nn.ModuleDict(
            {
                "heard": nn.Embedding(ANSWERED + ASKED + TASKS, DIMENSION),
                "asking": nn.LSTM(DIMENSION, UNITS, batch_first=True),
                "ask": nn.Linear(UNITS, ASKED),
                "naming": nn.LSTM(DIMENSION, UNITS, batch_first=True),
                "name": nn.Linear(UNITS, 12),
            }
        )
        self.abot = nn.ModuleDict(
            {
                "questions": nn.Embedding(ASKED + ANSWERED, DIMENSION),
                "seen": nn.Embedding(12, DIMENSION),
                "answering": nn.LSTM(4 * DIMENSION, UNITS, batch_first=True),
                "answer": nn.Linear(UNITS, ANSWERED),
            }
        )

    def log_likelihood(self, objects, tasks, choices, memory):
        qbot, abot = self.qbot, self.abot
        values = [abot["seen"](4 * k + value(objects, k)) for k in range(3)]
        asking = answering = None
        total = 0

        def said(layer, state, symbols):
            shares = torch.log_softmax(layer(state[0][0]), 1)
            return shares[torch.arange(len(symbols)), symbols]

        def answerer(symbols, state):
            x = torch.cat([abot["questions"](symbols), *values], 1)
            return abot["answering"](x[:, None], state)[1]

        heard = tasks + ANSWERED + ASKED
        for turn in range(2):
            question, answer = choices[:, 2 * turn], choices[:, 2 * turn + 1]
            asking = qbot["asking"](qbot["heard"](heard)[:, None], asking)[1]
            total = total + said(qbot["ask"], asking, question)
            asking = qbot["asking"](qbot["heard"](ANSWERED + question)[:, None], asking)[1]
            answering = answerer(question, answering if memory else None)
            total = total + said(abot["answer"], answering, answer)
            answering = answerer(ASKED + answer, answering)
            heard = answer
        state = qbot["asking"](qbot["heard"](heard)[:, None], asking)[1]
        for place in (4, 5):
            state = qbot["naming"](qbot["heard"](tasks + ANSWERED + ASKED)[:, None], state)[1]
            total = total + said(qbot["name"], state, choices[:, place])
        return total


def rounded(tensor):
    return [float(f"{number:.6g}") for number in tensor.flatten().tolist()]


def main():
    torch.manual_seed(1)
    torch.set_default_dtype(torch.float64)
    agents = Agents()
    with torch.no_grad():
        for parameter in agents.parameters():
            parameter.copy_(torch.tensor(rounded(parameter)).view_as(parameter))
    objects, tasks = torch.randint(0, 64, (GAMES,)), torch.randint(0, TASKS, (GAMES,))
    # Few objects and tasks, so that games share what was heard.
    objects[::2], tasks[::2] = 27, 4
    sizes = [ASKED, ANSWERED, ASKED, ANSWERED, 12, 12]
    choices = torch.stack([torch.randint(0, size, (GAMES,)) for size in sizes], 1)
    weights = torch.tensor(rounded(torch.randn(GAMES)))
    cases = []
    for memory in (False, True):
        agents.zero_grad()
        total = (weights * agents.log_likelihood(objects, tasks, choices, memory)).sum()
        total.backward()
        gradients = {name: rounded(p.grad) for name, p in agents.named_parameters()}
        cases.append({"memory": memory, "total": total.item(), "gradients": gradients})
    fixture = {
        "symbols": [ASKED, ANSWERED],
        "units": UNITS,
        "dimension": DIMENSION,
        "parameters": {name: rounded(p.data) for name, p in agents.named_parameters()},
        "objects": objects.tolist(),
        "tasks": tasks.tolist(),
        "choices": choices.tolist(),
        "weights": weights.tolist(),
        "cases": cases,
    }
    print(json.dumps(fixture, separators=(",", ":")))


main()
