"""Kim's sentence CNN in PyTorch: the twin that our figures are compared with.

    pip install torch numpy safetensors        (in an environment of its own)
    cargo run --release --example repro -- kim --variants nonstatic --export twin     words, folds and first vectors
    python kim_torch.py train twin/mr_nonstatic >> docs/results/kim.jsonl             one cell a fold or seed
    python kim_torch.py speed twin/mr_nonstatic --threads 2                           steps/s, sentences/s and memory

The same words, folds, first vectors, network, optimiser and early stopping as ours; shuffling, dropout and the first
values of filters are PyTorch's own.
"""
import argparse, json, pathlib, subprocess, sys, time
import numpy as np
import torch
import torch.nn.functional as F
from safetensors.numpy import load_file


DEVICE = "cpu"


class Kim(torch.nn.Module):
    def __init__(self, table, config):
        super().__init__()
        self.tuned = config["variant"] != "static"
        self.embedding = torch.nn.Embedding.from_pretrained(table.clone(), freeze=not self.tuned, padding_idx=0)
        self.widths = [bank["width"] for bank in config["filters"]]
        self.convs = torch.nn.ModuleList(
            torch.nn.Conv1d(table.shape[1], bank["maps"], bank["width"]) for bank in config["filters"])
        self.fc = torch.nn.Linear(sum(bank["maps"] for bank in config["filters"]), config["classes"])
        self.dropout = torch.nn.Dropout(config["dropout"])

    def forward(self, words, lengths):
        x = self.embedding(words).transpose(1, 2)
        pooled = []
        for conv, width in zip(self.convs, self.widths):
            c = F.relu(conv(x))
            outside = torch.arange(c.shape[2], device=DEVICE)[None, :] >= (lengths - width + 1)[:, None]
            pooled.append(c.masked_fill(outside[:, None, :], float("-inf")).amax(2))
        return self.fc(self.dropout(torch.cat(pooled, 1)))


def collate(sentences, index, padding):
    lengths = torch.tensor([len(sentences[i]) + 2 * padding for i in index])
    words = np.zeros((len(index), int(lengths.max())), dtype=np.int64)
    for row, i in enumerate(index):
        words[row, padding:padding + len(sentences[i])] = sentences[i]
    return torch.from_numpy(words).to(DEVICE), lengths.to(DEVICE)


def labels(data, index):
    return torch.tensor([data["labels"][i] for i in index]).to(DEVICE)


def bucketed(index, sentences, size, generator, window=20):
    """Shuffled, then sorted by length within windows of batches, then the batches shuffled."""
    order = [index[i] for i in torch.randperm(len(index), generator=generator).tolist()]
    batches = []
    for start in range(0, len(order), size * window):
        chunk = sorted(order[start:start + size * window], key=lambda i: len(sentences[i]))
        batches += [chunk[i:i + size] for i in range(0, len(chunk), size)]
    return [batches[i] for i in torch.randperm(len(batches), generator=generator).tolist()]


def accuracy(model, data, index, padding):
    model.eval()
    order, right = sorted(index, key=lambda i: len(data["sentences"][i])), 0
    with torch.inference_mode():
        for start in range(0, len(order), 100):
            chunk = order[start:start + 100]
            logits = model(*collate(data["sentences"], chunk, padding))
            right += int((logits.argmax(1) == labels(data, chunk)).sum())
    return right / max(len(index), 1)


def bound(weight, limit):
    """Scales the rows that are longer than `limit` back to it."""
    norms = weight.norm(dim=1, keepdim=True)
    weight.mul_(torch.where(norms > limit, limit / (norms + 1e-7), torch.ones_like(norms)))


def step(model, optimizer, data, batch, padding):
    model.train()
    optimizer.zero_grad()
    logits = model(*collate(data["sentences"], batch, padding))
    loss = F.cross_entropy(logits, labels(data, batch))
    loss.backward()
    optimizer.step()
    with torch.no_grad():
        for rule in data["fit"]["max_norm"]:
            bound(model.get_parameter(rule["parameter"]), rule["norm"])
    return loss


def build(folder):
    folder = pathlib.Path(folder)
    data = json.loads((folder / "set.json").read_text())
    table = torch.from_numpy(load_file(folder / "table.safetensors")["embedding.weight"])
    padding = max(max(bank["width"] for bank in data["network"]["filters"]) - 1, 1)
    return data, table, padding


def optimizer_of(model, fit):
    rule = fit["optimizer"]
    if rule["kind"] != "adadelta":
        sys.exit(f"the twin knows adadelta, not {rule['kind']}")
    tuned = [p for p in model.parameters() if p.requires_grad]
    return torch.optim.Adadelta(tuned, lr=fit["learning_rate"], rho=rule["rho"], eps=rule["epsilon"])


def batches_of(data, index, generator):
    batching = data["fit"]["batching"]
    return bucketed(index, data["sentences"], batching["size"]["examples"], generator, batching["window"])


def train(folder, fold, seed):
    data, table, padding = build(folder)
    fit, split = data["fit"], data["folds"][fold]
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    model = Kim(table, data["network"]).to(DEVICE)
    optimizer = optimizer_of(model, fit)
    best, best_state, since, began = -1.0, None, 0, time.time()
    for epoch in range(fit["epochs"]):
        for batch in batches_of(data, split["train"], generator):
            step(model, optimizer, data, batch, padding)
        dev = accuracy(model, data, split["dev"], padding)
        if dev > best:
            best, since = dev, 0
            best_state = {k: v.clone() for k, v in model.state_dict().items()}
        else:
            since += 1
            if since >= fit["patience"]:
                break
    seconds = time.time() - began
    model.load_state_dict(best_state)
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True,
                            cwd=pathlib.Path(__file__).parent).stdout.strip()
    print(json.dumps({"set": data["set"], "variant": data["variant"], "recipe": "kim-torch", "round": fold,
                      "seed": seed, "dev": best, "test": accuracy(model, data, split["test"], padding),
                      "epochs": epoch + 1, "seconds": seconds, "commit": commit or "unknown"}), flush=True)


def resident(line):
    """A line of Linux's account of this process, in KiB."""
    return next(int(l.split()[1]) for l in open("/proc/self/status") if l.startswith(line))


def speed(folder, steps):
    data, table, padding = build(folder)
    torch.manual_seed(1)
    generator = torch.Generator().manual_seed(1)
    model = Kim(table, data["network"]).to(DEVICE)
    optimizer = optimizer_of(model, data["fit"])
    start = resident("VmRSS:")
    index = data["folds"][0]["train"]
    batches = batches_of(data, index, generator)
    for batch in batches[:5]:
        step(model, optimizer, data, batch, padding)
    began = time.time()
    for n in range(steps):
        step(model, optimizer, data, batches[n % len(batches)], padding)
    rate = steps / (time.time() - began)
    accuracy(model, data, index[:500], padding)
    began = time.time()
    accuracy(model, data, index, padding)
    print(json.dumps({"steps_per_second": rate, "sentences_per_second": len(index) / (time.time() - began),
                      "start_kib": start, "peak_kib": resident("VmHWM:")}))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("verb", choices=["train", "speed"])
    parser.add_argument("folder")
    parser.add_argument("--folds", default="", help="e.g. 0,1 [default: all]")
    parser.add_argument("--seeds", default="1", help="e.g. 1,2,3")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--steps", type=int, default=200)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    DEVICE = arguments.device
    if arguments.verb == "speed":
        speed(arguments.folder, arguments.steps)
    else:
        count = len(build(arguments.folder)[0]["folds"])
        for fold in [int(f) for f in arguments.folds.split(",") if f] or range(count):
            for seed in arguments.seeds.split(","):
                train(arguments.folder, fold, int(seed))
