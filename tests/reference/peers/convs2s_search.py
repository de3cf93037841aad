"""A search among recipes of our translator on a GPU, by its twin in PyTorch: which of them is worth two hours of our own training.

    pip install torch tokenizers sacrebleu safetensors       (in an environment of its own)
    cargo run --release --example repro -- convs2s --pairs de-en --variants bpe-6000 --export twin
    cp twin/first/tokenizer.json vocabularies/bpe-6000.json                     (and so for each vocabulary)
    python convs2s_search.py $CONVOKE_DATA/translate/multi30k/tok vocabularies --out results.jsonl --workers 12

A recipe is a name and what is other than in START. Each is trained from first weights drawn here, the weights of its last epochs are
averaged, and val is translated with beam 5 for several length penalties, and greedily. The test set is not read. Recipes are trained side by
side, as many as there are workers: on an H100 some 200 seconds for twelve of them.
"""
import argparse, json, math, pathlib, queue, random, subprocess, sys, threading, time
import sacrebleu, torch, torch.nn.functional as F
from tokenizers import Tokenizer
from torch import nn
from convs2s_torch import ConvS2S, END, HALF, PAD, Share

START = dict(export="bpe-6000", seed=1, epochs=35, tokens=4000, rate=1e-3, floor=3e-5, warm_up=1000, dropout=0.3, smoothing=0.1, agreement=0.0,
             merges=0.0, average=5, clip=1.0, decay=0.0, beta2=0.999, encoder="[(256, 3)] * 4", decoder="[(256, 3)] * 3",
             embedding=256, words=0.0, accumulate=1)
WIDE, DEEP = ({"encoder": f"[({c}, 3)] * {e}", "decoder": f"[({c}, 3)] * {d}"} for c, e, d in [(384, 4, 3), (256, 6, 4)])
TEN = {"export": "bpe-10000"}
# In the order in which they were tried: what one round said is what the next goes on from.
RECIPES = {
    "start": {}, "start, seed 2": dict(seed=2), "subword dropout 0.1": dict(merges=0.1),
    "agreement 5, 2000 tokens, 24 epochs": dict(agreement=5.0, tokens=2000, epochs=24), "dropout 0.2": dict(dropout=0.2),
    "dropout 0.4": dict(dropout=0.4), "agreement 5": dict(agreement=5.0), "agreement 1": dict(agreement=1.0),
    "2000 tokens": dict(tokens=2000), "10000 pieces": TEN, "unigram": dict(export="unigram"), "rate 2e-3": dict(rate=2e-3),
    "subword dropout 0.05, agreement 5, dropout 0.2": dict(merges=0.05, agreement=5.0, dropout=0.2),
    "10000 pieces, rate 2e-3": dict(rate=2e-3, **TEN), "10000 pieces, rate 3e-3": dict(rate=3e-3, **TEN),
    "10000 pieces, rate 4e-3": dict(rate=4e-3, **TEN), "10000 pieces, rate 6e-3": dict(rate=6e-3, **TEN),
    "10000 pieces, rate 3e-3, 2000 tokens, 18 epochs": dict(rate=3e-3, tokens=2000, epochs=18, **TEN),
    "10000 pieces, rate 3e-3, dropout 0.4": dict(rate=3e-3, dropout=0.4, **TEN),
    "10000 pieces, rate 3e-3, dropout 0.2": dict(rate=3e-3, dropout=0.2, **TEN),
    "10000 pieces, rate 3e-3, agreement 1, 27 epochs": dict(rate=3e-3, agreement=1.0, epochs=27, **TEN),
    "10000 pieces, rate 3e-3, words hidden 0.1": dict(rate=3e-3, words=0.1, **TEN),
    "10000 pieces, rate 3e-3, smoothing 0.2": dict(rate=3e-3, smoothing=0.2, **TEN),
    "10000 pieces, rate 3e-3, 384 channels, 27 epochs": dict(rate=3e-3, epochs=27, **WIDE, **TEN),
    "10000 pieces, rate 3e-3, 6 and 4 layers, 30 epochs": dict(rate=3e-3, epochs=30, **DEEP, **TEN),
    "10000 pieces, rate 4e-3, seed 2": dict(rate=4e-3, seed=2, **TEN),
    "10000 pieces, rate 4e-3, smoothing 0.2": dict(rate=4e-3, smoothing=0.2, **TEN),
    "10000 pieces, rate 4e-3, smoothing 0.2, words hidden 0.1": dict(rate=4e-3, smoothing=0.2, words=0.1, **TEN),
    "10000 pieces, rate 3e-3, smoothing 0.2, agreement 1, 27 epochs": dict(rate=3e-3, smoothing=0.2, agreement=1.0, epochs=27, **TEN),
}
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
PENALTIES = [0.6, 0.8, 1.0, 1.2, 1.4]


def lines(data, part, language):
    return (pathlib.Path(data) / f"{part}.lc.norm.tok.{language}").read_text().split("\n")[:-1]


def network(recipe, vocabulary):
    positions = dict(source_positions=256, target_positions=256)
    count = recipe["decoder"].count("(") if "*" not in recipe["decoder"] else int(recipe["decoder"].split("* ")[1])
    model = ConvS2S(dict(share_embeddings=True, tie_output=True, attention=[True] * count, target_vocabulary=vocabulary,
                         encoder_embedding=recipe["embedding"], output_embedding=recipe["embedding"], dropout=recipe["dropout"],
                         encoder_layers=recipe["encoder"], decoder_layers=recipe["decoder"], **positions), "conv1d")
    kept = 1 - recipe["dropout"]
    for name, module in model.named_modules():
        v = getattr(module, "weight_v", None)
        if v is not None:
            linear = v.dim() == 2
            fan = v.shape[1] if linear else v.shape[0] * v.shape[1]
            nn.init.normal_(v, 0, math.sqrt((1 if linear else 4) * kept / fan))
            dims = [1] if linear else [0, 1]
            module.weight_g.data.copy_(v.detach().norm(dim=dims, keepdim=True))
            nn.init.zeros_(module.bias)
    for side in (model.encoder, model.decoder):
        for table in (side.embed_tokens, side.embed_positions):
            nn.init.normal_(table.weight, 0, 0.1)
            table.weight.data[PAD] = 0
    nn.init.zeros_(model.decoder.fc3.bias)
    return model.to(DEVICE)


def batches(pairs, tokens, rng):
    """As ours: shuffled, then sorted by length within windows of fifty batches."""
    order = list(range(len(pairs)))
    rng.shuffle(order)
    length = lambda place: max(map(len, pairs[place])) + 1
    mean = sum(map(length, order)) / len(order)
    window, found = max(1, int(50 * tokens / mean)), []
    for start in range(0, len(order), window):
        batch, longest = [], 0
        for place in sorted(order[start:start + window], key=length):
            longest = max(longest, length(place))
            if batch and longest * (len(batch) + 1) > tokens:
                found.append(batch)
                batch, longest = [], length(place)
            batch.append(place)
        found.append(batch)
    rng.shuffle(found)
    return found


def filled(rows):
    longest = max(map(len, rows))
    return torch.tensor([row + [PAD] * (longest - len(row)) for row in rows]).to(DEVICE, non_blocking=True)


def encoded(model, source):
    encoder, decoder = model.encoder, model.decoder
    padding = source.eq(PAD)
    outside = padding.unsqueeze(2)
    embedded = encoder.embed(source)
    x = encoder.fc1(embedded)
    for convolution in encoder.convolutions:
        x = (convolution(encoder.drop(x.masked_fill(outside, 0))) + x) * HALF
    keys = encoder.fc2(x)
    keys = Share.apply(keys.masked_fill(outside, 0), 1 / (2 * len(decoder.attention)))
    return keys, (keys + embedded) * HALF, padding.unsqueeze(1), (~padding).sum(1).float().sqrt().view(-1, 1, 1)


def decoded(model, input, keys, values, padding, scale):
    decoder = model.decoder
    embedded = decoder.embed(input)
    x = decoder.fc1(embedded)
    for convolution, attention in zip(decoder.convolutions, decoder.attention):
        x = (attention(convolution(decoder.drop(x)), embedded, keys, values, padding, scale) + x) * HALF
    return decoder.drop(decoder.fc2(x))


def output(model, x):
    return F.linear(x, model.decoder.embed_tokens.weight, model.decoder.fc3.bias)


def loss_of(model, pairs, recipe):
    passes = 2 if recipe["agreement"] else 1
    source = filled([source + [END] for source, _ in pairs]).repeat(passes, 1)
    target = filled([target + [END] for _, target in pairs]).repeat(passes, 1)
    input = filled([[END] + target for _, target in pairs])[:, :target.shape[1]].repeat(passes, 1)
    if recipe["words"]:
        # Words of the decoder's input are hidden, as unknown ones.
        hidden = torch.rand(input.shape, device=DEVICE) < recipe["words"]
        input = input.masked_fill(hidden & input.ne(END) & input.ne(PAD), 3)
    logits = output(model, decoded(model, input, *encoded(model, source)))
    targets = target.flatten()
    value = F.cross_entropy(logits.flatten(0, 1), targets, ignore_index=PAD, label_smoothing=recipe["smoothing"])
    if recipe["agreement"]:
        a, b = F.log_softmax(logits, 2).chunk(2)
        real = target.chunk(2)[0].ne(PAD)
        both = ((a.exp() - b.exp()) * (a - b)).sum(2)
        # Mean over the positions of both passes; the symmetric divergence is half the sum of the two.
        value = value + recipe["agreement"] * 0.25 * (both * real).sum() / real.sum()
    return value


@torch.no_grad()
def perplexity(model, pairs):
    total = count = 0.0
    for start in range(0, len(pairs), 256):
        part = pairs[start:start + 256]
        source, target = (filled([pair[side] + [END] for pair in part]) for side in (0, 1))
        input = filled([[END] + pair[1] for pair in part])
        logits = output(model, decoded(model, input, *encoded(model, source)))
        total += F.cross_entropy(logits.flatten(0, 1), target.flatten(), ignore_index=PAD, reduction="sum").item()
        count += target.ne(PAD).sum().item()
    return math.exp(total / count)


@torch.no_grad()
def translate(model, sources, beam, longest=80):
    """For each sentence its finished hypotheses: ids and the sum of their log-probabilities."""
    results = [[] for _ in sources]
    order = sorted(range(len(sources)), key=lambda i: len(sources[i]))
    for start in range(0, len(order), 256):
        places = order[start:start + 256]
        keys, values, padding, scale = encoded(model, filled([sources[i] + [END] for i in places]))
        many = lambda x: x.repeat_interleave(beam, 0)
        memory = many(keys), many(values), many(padding), many(scale)
        rows = len(places)
        tokens = torch.full((rows * beam, 1), END, device=DEVICE)
        scores = torch.full((rows, beam), -math.inf, device=DEVICE)
        scores[:, 0] = 0
        for step in range(longest):
            x = decoded(model, tokens, *memory)[:, -1]
            log = F.log_softmax(output(model, x).float(), 1).view(rows, beam, -1)
            log[:, :, PAD] = -math.inf
            all = (scores.unsqueeze(2) + log).view(rows, -1)
            best, at = all.topk(2 * beam, 1)
            came, token = at // log.shape[2], at % log.shape[2]
            ends = token.eq(END)
            for row, rank in ends[:, :beam].nonzero().tolist():
                if len(results[places[row]]) < beam and best[row, rank] > -math.inf:
                    ids = tokens[row * beam + int(came[row, rank]), 1:].tolist()
                    results[places[row]].append((ids, float(best[row, rank])))
            open_ = best.masked_fill(ends, -math.inf)
            scores, keep = open_.topk(beam, 1)
            rows_of = (torch.arange(rows, device=DEVICE).unsqueeze(1) * beam + came.gather(1, keep)).flatten()
            tokens = torch.cat([tokens[rows_of], token.gather(1, keep).view(-1, 1)], 1)
            done = torch.tensor([len(results[i]) >= beam for i in places], device=DEVICE)
            scores = scores.masked_fill(done.unsqueeze(1), -math.inf)
            if bool(done.all()):
                break
    return results


def bleu(tokenizer, found, references, penalty):
    best = [max(hyps, key=lambda h: h[1] / (len(h[0]) + 1) ** penalty)[0] if hyps else [] for hyps in found]
    return sacrebleu.corpus_bleu(tokenizer.decode_batch(best), [references], tokenize="none", force=True).score


def run(name, data, exports):
    began = time.time()
    recipe = {**START, **RECIPES[name]}
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    torch.manual_seed(recipe["seed"])
    rng = random.Random(recipe["seed"])
    path = str(pathlib.Path(exports) / f"{recipe['export']}.json")
    tokenizer, cutter = Tokenizer.from_file(path), Tokenizer.from_file(path)
    encode = lambda tokenizer, part: list(map(list, zip(*([e.ids for e in tokenizer.encode_batch(lines(data, part, language), add_special_tokens=False)]
                                                          for language in ("de", "en")))))
    pairs, val = encode(tokenizer, "train"), encode(tokenizer, "val")
    if recipe["merges"]:
        cutter.model.dropout = recipe["merges"]
    model = network(recipe, tokenizer.get_vocab_size())
    optimizer = torch.optim.AdamW(model.parameters(), recipe["rate"], (0.9, recipe["beta2"]), 1e-8, weight_decay=recipe["decay"],
                                  **({"fused": True} if DEVICE == "cuda" else {}))
    steps = len(batches(pairs, recipe["tokens"], random.Random(0))) * recipe["epochs"]
    step, mean, losses = 0, None, []
    cut = lambda: encode(cutter, "train")
    for epoch in range(recipe["epochs"]):
        if recipe["merges"]:
            pairs = cut()
        model.train()
        total = torch.zeros((), device=DEVICE)
        order = batches(pairs, recipe["tokens"], rng)
        for batch in order:
            step += 1
            share = min(1.0, max(0.0, (step - recipe["warm_up"]) / max(1, steps - recipe["warm_up"])))
            rate = recipe["rate"] * step / recipe["warm_up"] if step < recipe["warm_up"] else (
                recipe["floor"] + (recipe["rate"] - recipe["floor"]) * (1 + math.cos(math.pi * share)) / 2)
            optimizer.param_groups[0]["lr"] = rate
            optimizer.zero_grad()
            loss = loss_of(model, [pairs[i] for i in batch], recipe)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), recipe["clip"])
            optimizer.step()
            total += loss.detach()
        losses.append(round(total.item() / len(order), 4))
        if epoch >= recipe["epochs"] - recipe["average"]:
            now = {name: p.detach().clone() for name, p in model.named_parameters()}
            mean = now if mean is None else {name: mean[name] + p for name, p in now.items()}
    trained = time.time() - began
    with torch.no_grad():
        for name, p in model.named_parameters():
            p.copy_(mean[name] / recipe["average"])
    model.eval()
    references, sources = lines(data, "val", "en"), [source for source, _ in val]
    found, greedy = translate(model, sources, 5), translate(model, sources, 1)
    tried = {penalty: round(bleu(tokenizer, found, references, penalty), 2) for penalty in PENALTIES}
    return {"name": name, "val": max(tried.values()), "tried": tried,
            "greedy": round(bleu(tokenizer, greedy, references, 1.0), 2), "perplexity": round(perplexity(model, val), 3),
            "parameters": sum(p.numel() for p in model.parameters()), "steps": step, "losses": losses[::5] + losses[-1:],
            "seconds": round(trained), "recipe": RECIPES[name]}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", help="folder of train.lc.norm.tok.* and val.lc.norm.tok.*")
    parser.add_argument("exports", help="folder of vocabularies, NAME.json")
    parser.add_argument("--out", help="where results are added, a line of JSON each")
    parser.add_argument("--workers", type=int, default=1, help="recipes that are trained side by side")
    parser.add_argument("--only", nargs="*", default=list(RECIPES), metavar="NAME", help="these recipes")
    parser.add_argument("--one", help="train this recipe in this process, and print its result")
    arguments = parser.parse_args()
    if arguments.one:
        torch.set_num_threads(1)
        return print("RESULT " + json.dumps(run(arguments.one, arguments.data, arguments.exports)), flush=True)
    waiting, lock = queue.Queue(), threading.Lock()
    for name in arguments.only:
        waiting.put(name)

    def work():
        while True:
            try:
                name = waiting.get_nowait()
            except queue.Empty:
                return
            command = [sys.executable, __file__, arguments.data, arguments.exports, "--one", name]
            done = subprocess.run(command, capture_output=True, text=True)
            found = [line[7:] for line in done.stdout.split("\n") if line.startswith("RESULT ")]
            text = found[0] if found else json.dumps({"name": name, "failed": done.stderr[-600:]})
            with lock, open(arguments.out, "a") as out:
                out.write(text + "\n")
                print(text[:200], flush=True)

    threads = [threading.Thread(target=work) for _ in range(arguments.workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()
