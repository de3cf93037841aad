"""Kim's sentence CNN in PyTorch: the twin that our figures are compared with.

    pip install torch numpy safetensors        (in an environment of its own)
    cargo run --release --example repro -- kim --export twin/      writes the sets' word numbers, folds and first vectors
    python kim_torch.py train twin/mr_nonstatic [--folds 0,1] [--seed 1]   one JSON line a fold: test accuracy
    python kim_torch.py bench twin/mr_nonstatic --threads 2        steps/s, sentences/s and peak memory

The same words, folds, first vectors, network and optimiser as ours; the shuffling and dropout are PyTorch's own.
"""
import argparse, json, pathlib, resource, time
import numpy as np
import torch
import torch.nn.functional as F
from safetensors.numpy import load_file


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
            outside = torch.arange(c.shape[2])[None, :] >= (lengths - width + 1)[:, None]
            pooled.append(c.masked_fill(outside[:, None, :], float("-inf")).amax(2))
        return self.fc(self.dropout(torch.cat(pooled, 1)))


def collate(sentences, index, padding):
    lengths = torch.tensor([len(sentences[i]) + 2 * padding for i in index])
    words = np.zeros((len(index), int(lengths.max())), dtype=np.int64)
    for row, i in enumerate(index):
        words[row, padding:padding + len(sentences[i])] = sentences[i]
    return torch.from_numpy(words), lengths


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
            right += int((logits.argmax(1) == torch.tensor([data["labels"][i] for i in chunk])).sum())
    return right / max(len(index), 1)


def step(model, optimizer, data, batch, padding, train):
    model.train()
    optimizer.zero_grad()
    logits = model(*collate(data["sentences"], batch, padding))
    loss = F.cross_entropy(logits, torch.tensor([data["labels"][i] for i in batch]))
    loss.backward()
    optimizer.step()
    with torch.no_grad():
        weight = model.fc.weight
        norms = weight.norm(dim=1, keepdim=True)
        weight.mul_(torch.where(norms > train["max_norm"], train["max_norm"] / (norms + 1e-7), torch.ones_like(norms)))
    return loss


def build(folder):
    folder = pathlib.Path(folder)
    data = json.loads((folder / "set.json").read_text())
    table = torch.from_numpy(load_file(folder / "table.safetensors")["embedding.weight"])
    padding = max(max(bank["width"] for bank in data["config"]["filters"]) - 1, 1)
    return data, table, padding


def optimizer_of(model, train):
    return torch.optim.Adadelta([p for p in model.parameters() if p.requires_grad], lr=1.0, rho=0.95, eps=1e-6)


def train_fold(folder, fold, seed):
    data, table, padding = build(folder)
    train, split = data["train"], data["folds"][fold]
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    model = Kim(table, data["config"])
    optimizer = optimizer_of(model, train)
    best, best_state, since, began = -1.0, None, 0, time.time()
    for epoch in range(train["epochs"]):
        for batch in bucketed(split["train"], data["sentences"], train["batch_size"], generator):
            step(model, optimizer, data, batch, padding, train)
        dev = accuracy(model, data, split["dev"], padding)
        if dev > best:
            best, since = dev, 0
            best_state = {k: v.clone() for k, v in model.state_dict().items()}
        else:
            since += 1
            if since >= train["patience"]:
                break
    model.load_state_dict(best_state)
    print(json.dumps({"set": data["set"], "fold": fold, "seed": seed, "dev": best, "epochs": epoch + 1,
                      "test": accuracy(model, data, split["test"], padding), "seconds": time.time() - began}), flush=True)


def bench(folder, steps):
    data, table, padding = build(folder)
    after_start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    torch.manual_seed(1)
    generator = torch.Generator().manual_seed(1)
    model = Kim(table, data["config"])
    optimizer = optimizer_of(model, data["train"])
    batches = bucketed(data["folds"][0]["train"], data["sentences"], data["train"]["batch_size"], generator)
    for batch in batches[:5]:
        step(model, optimizer, data, batch, padding, data["train"])
    began = time.time()
    for n in range(steps):
        step(model, optimizer, data, batches[n % len(batches)], padding, data["train"])
    rate = steps / (time.time() - began)
    index = data["folds"][0]["train"]
    accuracy(model, data, index[:500], padding)
    began = time.time()
    accuracy(model, data, index, padding)
    print(json.dumps({"steps_per_second": rate, "sentences_per_second": len(index) / (time.time() - began),
                      "peak_kib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, "start_kib": after_start}))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("verb", choices=["train", "bench"])
    parser.add_argument("folder")
    parser.add_argument("--folds", default="")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--steps", type=int, default=100)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    if arguments.verb == "bench":
        bench(arguments.folder, arguments.steps)
    else:
        count = len(build(arguments.folder)[0]["folds"])
        for fold in [int(f) for f in arguments.folds.split(",") if f] or range(count):
            train_fold(arguments.folder, fold, arguments.seed)
