"""Puts training steps of FiLM and MAC heads beside the same in PyTorch, in turns, by processor time.

    cargo build --examples --features hub,jieba
    python clevr_heads.py ../../../target/debug/examples/repro WORLD [--rounds 3] [--steps 40]

WORLD is a folder that `repro clevr --world WORLD` has filled, whose questions give the lengths. Both sides have one thread, the sizes of the
presets, batches of six pictures with all their questions, Adam and clipped gradients, and compute what no question has changed once a
picture. Ours is told from two runs of different length, so that reading and starting cancel. Processor time, unlike the clock's, is hardly
moved by what else runs; with an idle machine and --threads 2 the clock may be used as well.
"""
import argparse, json, os, re, resource, statistics, subprocess, time
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

E, D, HIDDEN, PICTURES = 64, 64, 128, 6


def with_coordinates(x):
    n, _, h, w = x.shape
    across = torch.linspace(-1, 1, w).view(1, 1, 1, w).expand(n, 1, h, w)
    down = torch.linspace(-1, 1, h).view(1, 1, h, 1).expand(n, 1, h, w)
    return torch.cat([x, across, down], 1)


class Head(nn.Module):
    def __init__(self, words, answers, units, both, inputs):
        super().__init__()
        self.words = nn.Embedding(words, E, padding_idx=0)
        self.question = nn.LSTM(E, units, batch_first=True, bidirectional=both)
        self.stem = nn.Sequential(nn.Conv2d(64, D, 3, 2, 1), nn.BatchNorm2d(D), nn.ReLU())
        self.classifier = nn.Sequential(nn.Linear(inputs, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, answers))

    def read(self, words, lengths):
        packed = nn.utils.rnn.pack_padded_sequence(self.words(words), lengths, batch_first=True, enforce_sorted=False)
        outputs, (last, _) = self.question(packed)
        return outputs, last.transpose(0, 1).flatten(1)


class Film(Head):
    def __init__(self, words, answers, steps=3, units=96):
        super().__init__(words, answers, units, False, HIDDEN)
        self.modulation = nn.Linear(units, 2 * D * steps)
        self.first = nn.ModuleList(nn.Conv2d(D + 2, D, 1) for _ in range(steps))
        self.second = nn.ModuleList(nn.Conv2d(D, D, 3, padding=1) for _ in range(steps))
        self.norm = nn.ModuleList(nn.BatchNorm2d(D, affine=False) for _ in range(steps))
        self.last = nn.Conv2d(D + 2, HIDDEN, 1)

    def forward(self, words, lengths, maps, of_map):
        _, question = self.read(words, lengths)
        says = self.modulation(question).view(len(words), -1, D, 1, 1)
        x = self.stem(maps)
        for at, (first, second, norm) in enumerate(zip(self.first, self.second, self.norm)):
            one = F.relu(first(with_coordinates(x)))
            two = second(one)
            if at == 0:
                one, two = one[of_map], two[of_map]
            x = one + F.relu((1 + says[:, 2 * at]) * norm(two) + says[:, 2 * at + 1])
        return self.classifier(F.relu(self.last(with_coordinates(x))).amax((2, 3)))


class Mac(Head):
    def __init__(self, words, answers, steps=4, units=64):
        super().__init__(words, answers, units, True, 2 * D)
        linear = lambda inputs, bias=True: nn.Linear(inputs, D, bias)
        self.knowledge, self.of_words, self.of_question = linear(D + 2), linear(2 * units), linear(2 * units)
        self.positions = nn.ModuleList(linear(D) for _ in range(steps))
        self.control, self.control_score, self.read_score = linear(2 * D), nn.Linear(D, 1), nn.Linear(D, 1)
        self.of_memory, self.of_place, self.related, self.itself = linear(D), linear(D), linear(D, False), linear(D)
        self.write, self.before = linear(D), linear(D, False)
        self.first = nn.Parameter(torch.randn(2, D))

    def forward(self, words, lengths, maps, of_map):
        outputs, question = self.read(words, lengths)
        outputs, _ = nn.utils.rnn.pad_packed_sequence(outputs, batch_first=True)
        words, question = self.of_words(outputs), self.of_question(question)
        padding = torch.arange(words.shape[1])[None] >= torch.tensor(lengths)[:, None]
        places = F.elu(self.knowledge(with_coordinates(self.stem(maps)).flatten(2).transpose(1, 2)))
        of_place, itself = self.of_place(places)[of_map], self.itself(places)[of_map]
        places = places[of_map]
        control, memory = (first.expand(len(words), D) for first in self.first)
        for position in self.positions:
            sought = self.control(torch.cat([control, position(question)], 1))
            scores = self.control_score(words * sought[:, None])[..., 0].masked_fill(padding, -torch.inf)
            control = (scores.softmax(1)[:, None] @ words)[:, 0]
            related = F.elu(self.related(of_place * self.of_memory(memory)[:, None]) + itself)
            attention = self.read_score(related * control[:, None])[..., 0].softmax(1)
            memory = self.write((attention[:, None] @ places)[:, 0]) + self.before(memory)
        return self.classifier(torch.cat([question, memory], 1))


def questions(world):
    """Of each picture the words of its questions, as numbers."""
    file = json.loads((world / "train/questions.json").read_text())
    pictures, words = {}, {}
    for question in file["questions"]:
        tokens = re.findall(r"[\w'-]+|[^\w\s]", question["question"].lower())
        numbers = [words.setdefault(token, len(words) + 1) for token in tokens]
        pictures.setdefault(question["image_filename"], []).append(numbers)
    return list(pictures.values()), len(words) + 1


def theirs(kind, world, steps, threads):
    """Seconds of processor time a step."""
    torch.set_num_threads(threads)
    torch.manual_seed(1)
    pictures, words = questions(world)
    model = {"film": Film, "mac": Mac}[kind](words, 28)
    optimizer = torch.optim.Adam(model.parameters(), 7e-4)
    begun = None
    for step in range(5 + steps):
        if step == 5:
            begun = time.process_time()
        batch = [pictures[(PICTURES * step + at) % len(pictures)] for at in range(PICTURES)]
        asked = [torch.tensor(words) for about in batch for words in about]
        of_map = torch.tensor([at for at, about in enumerate(batch) for _ in about])
        padded = nn.utils.rnn.pad_sequence(asked, batch_first=True)
        logits = model(padded, [len(words) for words in asked], torch.randn(PICTURES, 64, 15, 20), of_map)
        loss = F.cross_entropy(logits, torch.randint(28, (len(asked),)))
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()
    return (time.process_time() - begun) / steps


def processor(command):
    """Seconds of processor time of a program."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(list(map(str, command)), check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def ours(kind, options):
    command = [options.repro.resolve(), "clevr", "--world", options.world.resolve(), "--pictures", options.pictures, "--heads", kind]
    few, many = (processor([*command, "--speed", steps, "--threads", options.threads]) for steps in (options.steps, 3 * options.steps))
    return (many - few) / (2 * options.steps)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("repro", type=Path)
    parser.add_argument("world", type=Path)
    parser.add_argument("--pictures", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    os.chdir(Path(__file__).parents[3])
    print("| head | ours, ms a step | PyTorch | ratio of medians |\n|---|---|---|---|")
    for kind in ("film", "mac"):
        turns = [(ours(kind, options), theirs(kind, options.world, options.steps, options.threads)) for _ in range(options.rounds)]
        own, other = (statistics.median(side) for side in zip(*turns))
        print(f"| {kind} | {1000 * own:.1f} | {1000 * other:.1f} | **{other / own:.2f}** |", flush=True)


main()
