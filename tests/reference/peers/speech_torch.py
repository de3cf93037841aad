"""Times of what `crates/speed/src/bin/speech.rs` times, as PyTorch and torchaudio compute it: a line of JSON.

    python speech_torch.py --case cldnn|raw|bilstm-packed|bilstm-padded|ctc|rnnt [--threads 2] [--seconds 5]
"""
import argparse, json, sys, time
import torch, torch.nn as nn, torch.nn.functional as F


def resident(field):
    for line in open("/proc/self/status"):
        if line.startswith(field):
            return int(line.split()[1])


def letters(count, length, classes):
    return torch.tensor([[1 + (7 * at + one) % (classes - 1) for at in range(length)] for one in range(count)], dtype=torch.int32)


LENGTHS = [16000 * 17 // 10 + at * 32000 // 15 for at in range(16)]


class Raw(nn.Module):
    """Filters over the waveform, the maximum over each window, rectifier, ln(x + 0.01)."""

    def __init__(self):
        super().__init__()
        self.filters = nn.Conv1d(1, 40, 400, stride=4, bias=False)

    def forward(self, samples):
        x = self.filters(samples[:, None])
        return (F.relu(F.max_pool1d(x, (560 - 400) // 4 + 1, 160 // 4)) + 0.01).log()


class Cldnn(nn.Module):
    """The preset `cldnn`: a convolution over frequency, four frames a step, three LSTMs, a dense layer."""

    def __init__(self, classes):
        super().__init__()
        self.raw = Raw()
        self.convolution = nn.Conv2d(1, 32, (8, 1))
        self.norm = nn.LayerNorm(4 * 32 * 13)
        self.reduction = nn.Linear(4 * 32 * 13, 128)
        self.recurrent = nn.LSTM(128, 224, 3, batch_first=True, proj_size=128)
        self.dense = nn.Linear(128, 256)
        self.output = nn.Linear(256, classes)

    def forward(self, samples):
        x = self.raw(samples)
        x = F.relu(self.convolution(F.pad(x[:, None], (0, 0, 3, 4))))
        x = F.max_pool2d(x, (3, 1))
        batch, maps, features, frames = x.shape
        x = x.reshape(batch, maps * features, frames).transpose(1, 2)
        x = F.pad(x, (0, 0, 0, -frames % 4))
        x = self.reduction(self.norm(x.reshape(batch, x.shape[1] // 4, -1)))
        return self.output(F.relu(self.dense(self.recurrent(x)[0])))


def cldnn():
    network, longest = Cldnn(27), max(LENGTHS)
    optimizer = torch.optim.AdamW(network.parameters(), 1e-3, weight_decay=0.05)
    samples = torch.rand(16, longest) * 0.6 - 0.3
    for row, length in zip(samples, LENGTHS):
        row[length:] = 0
    steps = torch.tensor([(((length - 560) // 160 + 1) + 3) // 4 for length in LENGTHS])
    counts = [length // 1600 for length in LENGTHS]
    targets = torch.tensor([1 + (7 * at + one) % 26 for one, count in enumerate(counts) for at in range(count)])

    def f():
        logits = network(samples)
        loss = F.ctc_loss(F.log_softmax(logits, 2).transpose(0, 1), targets, steps, torch.tensor(counts), reduction="sum") / sum(counts)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        loss.item()
    return f


def raw():
    front_end, samples = Raw(), torch.rand(16, max(LENGTHS)) * 2 - 1

    def f():
        front_end.zero_grad()
        front_end(samples).sum().backward()
    return f


def bilstm(packed):
    layer = nn.LSTM(320, 192, batch_first=True, bidirectional=True)
    x = (torch.rand(16, 68, 320) * 2 - 1).requires_grad_()
    lengths = torch.tensor([40 + at * 28 // 15 for at in range(16)])

    def f():
        layer.zero_grad()
        x.grad = None
        if packed:
            y = layer(nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False))[0].data
        else:
            y = layer(x)[0]
        y.sum().backward()
    return f


def ctc():
    logits = (torch.rand(16, 200, 53) * 2 - 1).requires_grad_()
    targets, steps, counts = letters(16, 40, 53), torch.full((16,), 200), torch.full((16,), 40)

    def f():
        logits.grad = None
        F.ctc_loss(F.log_softmax(logits, 2).transpose(0, 1), targets, steps, counts).backward()
    return f


def rnnt():
    try:
        import torchaudio
    except ImportError:
        sys.exit("torchaudio is not installed")
    logits = (torch.rand(8, 68, 31, 53) * 2 - 1).requires_grad_()
    targets, steps, counts = letters(8, 30, 53), torch.full((8,), 68, dtype=torch.int32), torch.full((8,), 30, dtype=torch.int32)

    def f():
        logits.grad = None
        torchaudio.functional.rnnt_loss(logits, targets, steps, counts, blank=0).backward()
    return f


CASES = {"cldnn": cldnn, "raw": raw, "bilstm-packed": lambda: bilstm(True), "bilstm-padded": lambda: bilstm(False), "ctc": ctc, "rnnt": rnnt}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--case", choices=CASES, required=True)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=5)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(1)
    start_kib = resident("VmRSS:")
    f = CASES[options.case]()
    f()
    before = time.process_time()
    times, start = [], time.perf_counter()
    while len(times) < 5 or time.perf_counter() - start < options.seconds:
        begin = time.perf_counter()
        f()
        times.append((time.perf_counter() - begin) * 1e3)
    cpu = (time.process_time() - before) * 1e3 / len(times)
    times.sort()
    print(json.dumps({"median": times[len(times) // 2], "best": times[0], "cpu": cpu, "calls": len(times),
                      "start_kib": start_kib, "peak_kib": resident("VmHWM:")}))
