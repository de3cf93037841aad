"""Whole training steps of the networks of `crates/speed/src/steps`, in PyTorch: a line of JSON.

    python steps_torch.py --network convs2s|resnet18 [--threads 1] [--seconds 10] [--channels-last] [--fused]
"""
import argparse, json, math, time
import torch, torch.nn.functional as F
from torch import nn


def resident(field):
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith(field))


def numbers(count, below, seed):
    return torch.tensor([(((i + (seed << 32)) * 0x9E3779B97F4A7C15 % 2**64) >> 40) % below for i in range(count)])


class ConvS2S(nn.Module):
    """Gehring et al. (2017), activations [B, C, T]."""
    batch, tokens, vocabulary, width, kernel, dropout, batches = 32, 30, 6000, 256, 3, 0.3, 4

    def __init__(self):
        super().__init__()
        table = lambda rows: nn.Parameter(torch.randn(rows, self.width) * 0.1)
        self.words = table(self.vocabulary)
        self.bias = nn.Parameter(torch.zeros(self.vocabulary))
        self.source_positions, self.target_positions = table(self.tokens), table(self.tokens)
        gated = lambda padding: self.convolution(2 * self.width, self.kernel, padding, 4 * (1 - self.dropout))
        self.encoder = nn.ModuleList(gated(self.kernel // 2) for _ in range(4))
        self.decoder = nn.ModuleList(gated(0) for _ in range(3))
        self.queries = nn.ModuleList(self.convolution(self.width, 1, 0, 1) for _ in range(3))
        side = lambda tokens, seed: numbers(self.batch * tokens, self.vocabulary, seed).view(self.batch, tokens)
        self.data = [(side(self.tokens, 2 * n), side(self.tokens + 1, 2 * n + 1)) for n in range(self.batches)]

    def convolution(self, outputs, kernel, padding, factor):
        layer = nn.Conv1d(self.width, outputs, kernel, padding=padding)
        nn.init.normal_(layer.weight, 0, math.sqrt(factor / (self.width * kernel)))
        nn.init.zeros_(layer.bias)
        return layer

    def drop(self, x):
        return F.dropout(x, self.dropout, self.training)

    def embed(self, ids, positions):
        return self.drop(F.embedding(ids, self.words) + positions).transpose(1, 2).contiguous()

    def loss(self, step):
        source, target = self.data[step % self.batches]
        z = e = self.embed(source, self.source_positions)
        for layer in self.encoder:
            z = (F.glu(layer(self.drop(z)), 1) + z) * math.sqrt(0.5)
        values = z + e
        h = g = self.embed(target[:, :-1], self.target_positions)
        for layer, query in zip(self.decoder, self.queries):
            y = F.glu(layer(F.pad(self.drop(h), (self.kernel - 1, 0))), 1)
            d = query(y) + g
            a = F.softmax(d.transpose(1, 2) @ z, 2)
            c = values @ a.transpose(1, 2) * math.sqrt(self.tokens)
            h = (y + c + h) * math.sqrt(0.5)
        logits = F.linear(self.drop(h).transpose(1, 2).flatten(0, 1), self.words, self.bias)
        return F.cross_entropy(logits, target[:, 1:].flatten(), label_smoothing=0.1)


class Normalised(nn.Module):
    def __init__(self, inputs, outputs, kernel, stride):
        super().__init__()
        self.convolution = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
        nn.init.kaiming_normal_(self.convolution.weight, mode="fan_out", nonlinearity="relu")
        self.norm = nn.BatchNorm2d(outputs)

    def forward(self, x):
        return self.norm(self.convolution(x))


class Block(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.first = Normalised(inputs, outputs, 3, stride)
        self.second = Normalised(outputs, outputs, 3, 1)
        self.shortcut = Normalised(inputs, outputs, 1, stride) if inputs != outputs else nn.Identity()

    def forward(self, x):
        y = self.second(F.relu(self.first(x), inplace=True))
        return F.relu(y.add_(self.shortcut(x)), inplace=True)


class ResNet18(nn.Module):
    """He et al. (2016), in place where torchvision is."""
    batch, side, classes, batches = 16, 112, 1000, 2

    def __init__(self, channels_last):
        super().__init__()
        stages = [(64, 64, 1), (64, 128, 2), (128, 256, 2), (256, 512, 2)]
        self.stem = Normalised(3, 64, 7, 2)
        self.blocks = nn.Sequential(*[block for inputs, outputs, stride in stages
                                      for block in [Block(inputs, outputs, stride), Block(outputs, outputs, 1)]])
        self.output = nn.Linear(512, self.classes)
        self.data = []
        for n in range(self.batches):
            levels = numbers(self.batch * 3 * self.side**2, 256, 2 * n).view(self.batch, 3, self.side, self.side)
            self.data.append((levels.float() / 64 - 2, numbers(self.batch, self.classes, 2 * n + 1)))
        if channels_last:
            self.to(memory_format=torch.channels_last)
            self.data = [(x.to(memory_format=torch.channels_last), classes) for x, classes in self.data]

    def loss(self, step):
        x, classes = self.data[step % self.batches]
        x = F.max_pool2d(F.relu(self.stem(x), inplace=True), 3, 2, 1)
        return F.cross_entropy(self.output(self.blocks(x).mean((2, 3))), classes)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--network", choices=["convs2s", "resnet18"], required=True)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--channels-last", action="store_true", help="images as [B, H, W, C] in memory")
    parser.add_argument("--fused", action="store_true", help="the optimiser as one operation")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(1)
    start_kib = resident("VmRSS:")
    network = ConvS2S() if options.network == "convs2s" else ResNet18(options.channels_last)
    optimizer = (torch.optim.Adam(network.parameters(), 1e-3, fused=options.fused) if options.network == "convs2s"
                 else torch.optim.SGD(network.parameters(), 0.01, momentum=0.9, fused=options.fused))
    losses = []

    def step():
        optimizer.zero_grad()
        loss = network.loss(len(losses))
        loss.backward()
        if options.network == "convs2s":
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())

    for _ in range(3):
        step()
    times, start = [], time.perf_counter()
    while len(times) < 5 or time.perf_counter() - start < options.seconds:
        begin = time.perf_counter()
        step()
        times.append(time.perf_counter() - begin)
    times.sort()
    print(json.dumps({
        "steps_per_second": 1 / times[len(times) // 2], "best": 1 / times[0], "steps": len(losses),
        "losses": [losses[0], losses[-1]], "parameters": sum(p.numel() for p in network.parameters()),
        "start_kib": start_kib, "peak_kib": resident("VmHWM:")}))
