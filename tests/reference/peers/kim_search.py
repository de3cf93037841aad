"""What a sentence CNN can still gain over the paper's recipe, tried with the PyTorch twin on dev parts alone.

    cargo run --release --example repro -- kim --variants nonstatic --export twin
    python kim_search.py run twin --device cuda >> docs/results/kim-search.jsonl      what is tried, one line a run
    python kim_search.py print docs/results/kim-search.jsonl                          the table of docs/kim2014.md

No test part is read. A trial is compared with the paper's recipe in the same rounds.
"""
import argparse, collections, json, math, pathlib, sys, time
import torch
import torch.nn.functional as F
import kim_torch as twin

# Folds and seeds of the small sets, and SST-1, which is evaluated every 500 steps.
SMALL = [("cr", 0, 1), ("cr", 1, 1), ("cr", 2, 1), ("cr", 3, 1), ("trec", 0, 1), ("trec", 0, 2), ("trec", 0, 3),
         ("mr", 0, 1), ("mr", 1, 1), ("mr", 2, 1)]
PHRASES = [("sst1", 0, 1)]

PAPER = dict(widths=[3, 4, 5], maps=100, dropout=0.5, vector_dropout=0.0, word_dropout=0.0, smoothing=0.0, rule="adadelta",
             rate=1.0, vector_rate=1.0, decay=0.01, average=0.0, norm=3.0, mean=False, cosine=0, epochs=25, patience=5,
             every=0)
ADAM = dict(rule="adamw", rate=1e-3)
OFTEN = dict(every=500, patience=12)

# name: (what it changes, the changes, where it is tried)
TRIALS = {
    "kim": ("the paper's recipe", {}, SMALL),
    "vector dropout .3": ("dropout on the words' vectors", dict(vector_dropout=0.3), SMALL),
    "vector dropout .5": ("more of it", dict(vector_dropout=0.5), SMALL),
    "word dropout .1": ("words left out", dict(word_dropout=0.1), SMALL),
    "smoothing": ("label smoothing 0.1", dict(smoothing=0.1), SMALL),
    "unbounded": ("no bound on the last layer's rows", dict(norm=0), SMALL),
    "300 maps": ("300 maps a width", dict(maps=300), SMALL),
    "widths 1-5": ("widths 1 to 5 of 100 maps", dict(widths=[1, 2, 3, 4, 5]), SMALL),
    "mean pooling": ("mean over time beside the maximum", dict(mean=True), SMALL),
    "slow": ("Adadelta at rate 0.3", dict(rate=0.3), SMALL),
    "slow vectors": ("vectors tuned at a tenth of the rate", dict(vector_rate=0.1), SMALL),
    "patience": ("10 epochs of patience", dict(patience=10), SMALL),
    "average": ("moving average of the weights, 0.998", dict(average=0.998), SMALL),
    "average, vector dropout": ("both", dict(average=0.998, vector_dropout=0.3), SMALL),
    "adam": ("AdamW at 0.001", ADAM, SMALL),
    "adam slow": ("AdamW at 0.0005", dict(ADAM, rate=5e-4), SMALL),
    "adam fast": ("AdamW at 0.002", dict(ADAM, rate=2e-3), SMALL),
    "adam, decay .1": ("weight decay 0.1", dict(ADAM, decay=0.1), SMALL),
    "adam, decay .3": ("weight decay 0.3", dict(ADAM, decay=0.3), SMALL),
    "adam, cosine": ("rate to zero in 10 epochs", dict(ADAM, cosine=10, epochs=11, patience=11), SMALL),
    "adam, unbounded": ("no bound on norms", dict(ADAM, norm=0), SMALL),
    "adam, dropout .7": ("more dropout", dict(ADAM, dropout=0.7), SMALL),
    "adam, slow vectors": ("vectors at half the rate", dict(ADAM, vector_rate=0.5), SMALL),
    "adam, 300 maps": ("300 maps a width", dict(ADAM, maps=300), SMALL),
    "adam, average": ("moving average", dict(ADAM, average=0.998), SMALL),
    "adam, smoothing": ("label smoothing 0.1", dict(ADAM, smoothing=0.1), SMALL),
    "adam, vector dropout": ("0.3", dict(ADAM, vector_dropout=0.3), SMALL),
    "adam, vector dropout, smoothing": ("**tuned**", dict(ADAM, vector_dropout=0.3, smoothing=0.1), SMALL),
    "the same, 300 maps": ("", dict(ADAM, vector_dropout=0.3, smoothing=0.1, maps=300), SMALL),
    "the same, average": ("", dict(ADAM, vector_dropout=0.3, smoothing=0.1, average=0.998), SMALL),
    "the same, average, patience": ("", dict(ADAM, vector_dropout=0.3, smoothing=0.1, average=0.998, patience=10), SMALL),
    "adam, vector dropout .2, smoothing .05, average .995":
        ("", dict(ADAM, vector_dropout=0.2, smoothing=0.05, average=0.995), SMALL),
    "adam, vector dropout .5, average": ("", dict(ADAM, vector_dropout=0.5, average=0.998), SMALL),
    "adam, vector dropout .5, average, widths 1-5 of 200":
        ("", dict(ADAM, vector_dropout=0.5, average=0.998, maps=200, widths=[1, 2, 3, 4, 5]), SMALL),
    "phrases: often": ("evaluated every 500 steps, 12 of patience", OFTEN, PHRASES),
    "phrases: average, vector dropout": ("", dict(OFTEN, average=0.998, vector_dropout=0.3), PHRASES),
    "phrases: adam": ("AdamW at 0.001", dict(OFTEN, **ADAM), PHRASES),
    "phrases: adam slow": ("**tuned**: AdamW at 0.0005", dict(OFTEN, **ADAM) | dict(rate=5e-4), PHRASES),
    "phrases: adam, decay .1": ("", dict(OFTEN, **ADAM) | dict(decay=0.1), PHRASES),
    "phrases: adam, 300 maps": ("", dict(OFTEN, **ADAM) | dict(maps=300), PHRASES),
    "phrases: adam, average": ("", dict(OFTEN, **ADAM) | dict(average=0.998), PHRASES),
    "phrases: adam, smoothing": ("", dict(OFTEN, **ADAM) | dict(smoothing=0.1), PHRASES),
    "phrases: adam, vector dropout, smoothing":
        ("", dict(OFTEN, **ADAM) | dict(vector_dropout=0.3, smoothing=0.1), PHRASES),
    "phrases: adam, vector dropout .5, average, 200 maps":
        ("", dict(OFTEN, **ADAM) | dict(vector_dropout=0.5, average=0.998, maps=200), PHRASES),
    "phrases: adam slow, word and vector dropout, smoothing, average":
        ("", dict(OFTEN, **ADAM) | dict(rate=5e-4, vector_dropout=0.3, word_dropout=0.1, smoothing=0.1, average=0.998),
         PHRASES),
}


class Network(torch.nn.Module):
    def __init__(self, table, change, classes):
        super().__init__()
        self.change = change
        self.embedding = torch.nn.Embedding.from_pretrained(table.clone(), freeze=False, padding_idx=0)
        self.convs = torch.nn.ModuleList(
            torch.nn.Conv1d(table.shape[1], change["maps"], width) for width in change["widths"])
        pools = 2 if change["mean"] else 1
        self.fc = torch.nn.Linear(len(change["widths"]) * change["maps"] * pools, classes)

    def forward(self, words, lengths):
        change, x = self.change, self.embedding(words)
        if self.training:
            x = x * (torch.rand(words.shape, device=x.device) >= change["word_dropout"]).unsqueeze(2)
        x = F.dropout(x, change["vector_dropout"], self.training).transpose(1, 2)
        pooled = []
        for conv, width in zip(self.convs, change["widths"]):
            c, windows = F.relu(conv(x)), (lengths - width + 1)[:, None]
            outside = (torch.arange(c.shape[2], device=x.device)[None, :] >= windows)[:, None, :]
            pooled.append(c.masked_fill(outside, float("-inf")).amax(2))
            if change["mean"]:
                pooled.append(c.masked_fill(outside, 0).sum(2) / windows)
        return self.fc(F.dropout(torch.cat(pooled, 1), change["dropout"], self.training))


def run(folder, change, fold, seed):
    """Trains one network and gives the best dev accuracy and the epochs run."""
    data, table, padding = twin.build(folder)
    split = data["folds"][fold]
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    model = Network(table, change, max(data["labels"]) + 1).to(twin.DEVICE)
    weights = list(model.parameters())
    groups = [dict(params=weights[:1], lr=change["rate"] * change["vector_rate"]),
              dict(params=weights[1:], lr=change["rate"])]
    if change["rule"] == "adadelta":
        optimizer = torch.optim.Adadelta(groups, rho=0.95, eps=1e-6)
    else:
        optimizer = torch.optim.AdamW(groups, weight_decay=change["decay"])
    rates = [group["lr"] for group in optimizer.param_groups]
    average = [weight.detach().clone() for weight in weights]

    def dev():
        if not change["average"]:
            return twin.accuracy(model, data, split["dev"], padding)
        kept = [weight.detach().clone() for weight in weights]
        with torch.no_grad():
            torch._foreach_copy_(weights, average)
            result = twin.accuracy(model, data, split["dev"], padding)
            torch._foreach_copy_(weights, kept)
        return result

    best, waited, steps = -1.0, 0, 0
    for epoch in range(change["epochs"]):
        batches = twin.batches_of(data, split["train"], generator)
        for position, batch in enumerate(batches):
            if change["cosine"]:
                factor = 0.5 * (1 + math.cos(math.pi * min(1, steps / (change["cosine"] * len(batches)))))
                for group, rate in zip(optimizer.param_groups, rates):
                    group["lr"] = rate * factor
            model.train()
            optimizer.zero_grad()
            logits = model(*twin.collate(data["sentences"], batch, padding))
            F.cross_entropy(logits, twin.labels(data, batch), label_smoothing=change["smoothing"]).backward()
            optimizer.step()
            steps += 1
            with torch.no_grad():
                if change["norm"]:
                    twin.bound(model.fc.weight, change["norm"])
                if change["average"]:
                    decay = min(change["average"], (1 + steps) / (10 + steps))
                    torch._foreach_lerp_(average, [weight.detach() for weight in weights], 1 - decay)
            if steps % change["every"] == 0 if change["every"] else position + 1 == len(batches):
                now = dev()
                best, waited = (now, 0) if now > best else (best, waited + 1)
                if waited >= change["patience"]:
                    return best, epoch + 1
    return best, change["epochs"]


def table(rows):
    """Markdown: the mean dev accuracy on each set, and what it gains over the paper's recipe."""
    paper = {(row["set"], row["fold"], row["seed"]): row["dev"] for row in rows if row["trial"] == "kim"}
    found = collections.defaultdict(lambda: collections.defaultdict(list))
    for row in rows:
        base = paper.get((row["set"], row["fold"], row["seed"]), 0)
        found[row["trial"]][row["set"]].append(100 * (row["dev"] - base))
    mean = lambda values: sum(values) / len(values)
    print("| tried | what | CR | TREC | MR | mean |\n|---|---|---|---|---|---|")
    for name, (says, _, where) in TRIALS.items():
        sets = found.get(name)
        if sets and where is SMALL and name != "kim":
            gains = [mean(sets[s]) for s in ("cr", "trec", "mr")]
            print(f"| {name} | {says} | " + " | ".join(f"{g:+.1f}" for g in [*gains]) + f" | {mean(gains):+.2f} |")
    print("\n| tried with SST-1's phrases | what | dev accuracy |\n|---|---|---|")
    for name, (says, _, where) in TRIALS.items():
        if found.get(name) and where is PHRASES:
            print(f"| {name.removeprefix('phrases: ')} | {says} | {mean(found[name]['sst1']):.1f} |")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("verb", choices=["run", "print"])
    parser.add_argument("path", type=pathlib.Path)
    parser.add_argument("--trials", default="", help="names, divided by ; [default: all]")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    arguments = parser.parse_args()
    if arguments.verb == "print":
        sys.exit(table([json.loads(line) for line in arguments.path.read_text().splitlines()]))
    torch.set_num_threads(arguments.threads)
    twin.DEVICE = arguments.device
    for name in [n for n in arguments.trials.split(";") if n] or TRIALS:
        _, change, where = TRIALS[name]
        for set_name, fold, seed in where:
            began = time.time()
            dev, epochs = run(arguments.path / f"{set_name}_nonstatic", {**PAPER, **change}, fold, seed)
            print(json.dumps({"trial": name, "set": set_name, "fold": fold, "seed": seed, "dev": dev, "epochs": epochs,
                              "seconds": round(time.time() - began, 1)}), flush=True)
