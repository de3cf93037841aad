"""Writes heads.json: logits, loss and gradients of every head by PyTorch, with weights by formula (conv-vision's seeded.py) and doubles.

    python make_heads.py > heads.json

Needs torch and numpy. Each head is written out here by its paper's equations, one question at a time, in the mode of training: batch
normalisation has the moments of the batch.
"""

import json
import sys
from pathlib import Path

import torch
from torch.nn import functional as F

sys.path.append(str(Path(__file__).parents[3] / "conv-vision/tests/reference"))
import seeded  # noqa: E402

WORDS, ANSWERS, EMBEDDING, UNITS, CHANNELS, HIDDEN, STEPS, FUNCTIONS = 7, 3, 3, 4, 4, 5, 2, 15
MAPS = (3, 4, 6)
STRIDE, OBJECTS = 2, (2, 2)
QUESTIONS = [[1, 2, 3], [4], [5, 6, 1, 2], [3, 3], [2, 6, 5, 4, 1]]
OF_MAP, TARGETS, ROWS = [0, 0, 1, 2, 2], [0, 2, 1, 1, 0], [0, 1, 1, 14, 7]

torch.set_default_dtype(torch.float64)


class Weights(dict):
    """Parameters by name, made as they are first asked for."""

    def get(self, name, *shape):
        if name not in self:
            numbers = torch.tensor(seeded.numbers(name, shape))
            if len(shape) > 1:
                fan_in = numbers[0].numel()
                numbers = numbers * (6 / fan_in) ** 0.5
            else:
                numbers = numbers * 0.1
            if name.endswith("norm.weight"):
                numbers = 1 + numbers
            self[name] = numbers.requires_grad_()
        assert self[name].shape == shape, (name, self[name].shape, shape)
        return self[name]

    def linear(self, x, name, out, bias=True):
        weight = self.get(f"{name}.weight", out, x.shape[-1])
        return F.linear(x, weight, self.get(f"{name}.bias", out) if bias else None)

    def conv(self, x, name, out, kernel, **more):
        weight = self.get(f"{name}.weight", out, x.shape[1], *kernel)
        return F.conv2d(x, weight, self.get(f"{name}.bias", out), **more)

    def norm(self, x, name):
        weight, bias = self.get(f"{name}.weight", x.shape[1]), self.get(f"{name}.bias", x.shape[1])
        return F.batch_norm(x, None, None, weight, bias, training=True)

    def lstm(self, x, suffix=""):
        ih = self.get(f"question.weight_ih_l0{suffix}", 4 * UNITS, EMBEDDING)
        hh = self.get(f"question.weight_hh_l0{suffix}", 4 * UNITS, UNITS)
        b = self.get(f"question.bias_ih_l0{suffix}", 4 * UNITS) + self.get(f"question.bias_hh_l0{suffix}", 4 * UNITS)
        h, c, outputs = torch.zeros(UNITS), torch.zeros(UNITS), []
        for word in x.flip(0) if suffix else x:
            i, f, g, o = (ih @ word + hh @ h + b).chunk(4)
            c = f.sigmoid() * c + i.sigmoid() * g.tanh()
            h = o.sigmoid() * c.tanh()
            outputs.append(h)
        if suffix:
            outputs.reverse()
        return torch.stack(outputs), h

    def read(self, question, bidirectional=False):
        x = self.get("words.weight", WORDS, EMBEDDING)[torch.tensor(question)]
        outputs, last = self.lstm(x)
        if not bidirectional:
            return outputs, last
        others, first = self.lstm(x, "_reverse")
        return torch.cat([outputs, others], 1), torch.cat([last, first])

    def stem(self, maps, coordinates=False):
        mean, deviation = torch.tensor([0.1, -0.2, 0.3]), torch.tensor([0.5, 0.8, 1.1])
        x = (maps - mean.view(1, -1, 1, 1)) / deviation.view(1, -1, 1, 1)
        x = self.conv(x, "stem.conv", CHANNELS, (3, 3), stride=STRIDE, padding=1)
        x = self.norm(x, "stem.norm").relu()
        return with_coordinates(x) if coordinates else x

    def classify(self, x):
        return self.linear(self.linear(x, "classifier.hidden", HIDDEN).relu(), "classifier.answers", ANSWERS)


def with_coordinates(x):
    count, _, rows, columns = x.shape
    across = torch.linspace(-1, 1, columns).view(1, 1, 1, columns).expand(count, 1, rows, columns)
    down = torch.linspace(-1, 1, rows).view(1, 1, rows, 1).expand(count, 1, rows, columns)
    return torch.cat([x, across, down], 1)


def places(x):
    return x.flatten(2).transpose(1, 2)


def counted(w, maps):
    return w.get("table", FUNCTIONS, ANSWERS)[torch.tensor(ROWS)]


def lstm(w, maps):
    return torch.stack([w.classify(w.read(question)[1]) for question in QUESTIONS])


def cnn_lstm(w, maps):
    seen = w.stem(maps).mean((2, 3))
    return torch.stack([w.classify(torch.cat([w.read(q)[1], seen[at]])) for q, at in zip(QUESTIONS, OF_MAP)])


def attention(w, maps):
    seen = w.linear(places(w.stem(maps)), "project", UNITS).tanh()
    logits = []
    for question, at in zip(QUESTIONS, OF_MAP):
        v, u = seen[at], w.read(question)[1]
        for step in range(STEPS):
            name = f"glimpses.{step}"
            h = (w.linear(v, f"{name}.of_place", CHANNELS, bias=False) + w.linear(u, f"{name}.of_question", CHANNELS)).tanh()
            p = w.linear(h, f"{name}.score", 1, bias=False)[:, 0].softmax(0)
            u = u + p @ v
        logits.append(w.classify(u))
    return torch.stack(logits)


def relation(w, maps):
    x = w.stem(maps)
    stride = [side // count for side, count in zip(x.shape[2:], OBJECTS)]
    kernel = [side - (count - 1) * step for side, count, step in zip(x.shape[2:], OBJECTS, stride)]
    x = w.norm(w.conv(x, "coarse", CHANNELS, kernel, stride=stride), "coarse_norm").relu()
    objects = places(with_coordinates(x))
    logits = []
    for question, at in zip(QUESTIONS, OF_MAP):
        q, pairs = w.read(question)[1], []
        for one in objects[at]:
            for other in objects[at]:
                x = w.linear(one, "pair.0.one", HIDDEN, bias=False) + w.linear(other, "pair.0.other", HIDDEN, bias=False)
                x = (x + w.linear(q, "pair.0.question", HIDDEN)).relu()
                for layer in range(1, STEPS):
                    x = w.linear(x, f"pair.{layer}", HIDDEN).relu()
                pairs.append(x)
        logits.append(w.classify(torch.stack(pairs).mean(0)))
    return torch.stack(logits)


def film(w, maps):
    x = w.stem(maps)[torch.tensor(OF_MAP)]
    q = torch.stack([w.read(question)[1] for question in QUESTIONS])
    says = w.linear(q, "modulation", 2 * CHANNELS * STEPS).view(len(QUESTIONS), STEPS, 2, CHANNELS, 1, 1)
    for step in range(STEPS):
        name = f"blocks.{step}"
        first = w.conv(with_coordinates(x), f"{name}.first", CHANNELS, (1, 1)).relu()
        second = w.conv(first, f"{name}.second", CHANNELS, (3, 3), padding=1)
        second = F.batch_norm(second, None, None, training=True)
        x = first + ((1 + says[:, step, 0]) * second + says[:, step, 1]).relu()
    last = w.conv(with_coordinates(x), "last", HIDDEN, (1, 1)).relu()
    return w.classify(last.amax((2, 3)))


def mac(w, maps):
    d = CHANNELS
    seen = F.elu(w.linear(places(w.stem(maps, coordinates=True)), "knowledge", d))
    logits = []
    for question, at in zip(QUESTIONS, OF_MAP):
        outputs, last = w.read(question, bidirectional=True)
        words, q, k = w.linear(outputs, "of_words", d), w.linear(last, "of_question", d), seen[at]
        control, memory = w.get("first_control", 1, d)[0], w.get("first_memory", 1, d)[0]
        for step in range(STEPS):
            here = w.linear(q, f"positions.{step}", d)
            sought = w.linear(torch.cat([control, here]), "control", d)
            control = w.linear(sought * words, "control_score", 1, bias=False)[:, 0].softmax(0) @ words
            interaction = w.linear(memory, "of_memory", d) * w.linear(k, "of_place", d)
            related = F.elu(w.linear(interaction, "related", d, bias=False) + w.linear(k, "itself", d))
            found = w.linear(control * related, "read_score", 1, bias=False)[:, 0].softmax(0) @ k
            memory = w.linear(found, "write.read", d) + w.linear(memory, "write.before", d, bias=False)
        logits.append(w.classify(torch.cat([q, memory])))
    return torch.stack(logits)


def rounded(tensor):
    return [float(f"{number:.6g}") for number in tensor.flatten().tolist()]


def main():
    maps = torch.tensor(seeded.numbers("maps", (3, *MAPS)))
    heads = {"type": counted, "lstm": lstm, "cnn-lstm": cnn_lstm, "attention": attention, "relation": relation, "film": film, "mac": mac}
    cases = {}
    for name, head in heads.items():
        weights = Weights()
        logits = head(weights, maps)
        loss = F.cross_entropy(logits, torch.tensor(TARGETS))
        loss.backward()
        gradients = {name: rounded(weight.grad) for name, weight in weights.items()}
        cases[name] = {"logits": rounded(logits), "loss": loss.item(), "gradients": gradients}
    print(json.dumps(cases, separators=(",", ":")))


main()
