"""The recipe `small` of our translator in PyTorch: the twin that its training is timed against.

    pip install torch safetensors        (in an environment of its own)
    cargo run --release --example repro -- convs2s --export twin     batches, val and the first weights
    python convs2s_torch.py check twin                               the loss of val by the first weights, beside ours
    python convs2s_torch.py speed twin --threads 2 --steps 60        target tokens/s and memory

The same batches in the same order, first weights, network, Adam, clipping and label smoothing as ours; dropout draws its own numbers. As in
ours, logits are computed where there is a target, and not for padding.
"""
import argparse, json, math, pathlib, time
import torch, torch.nn.functional as F
from torch import nn
from safetensors.torch import load_file

PAD, END, POSITIONS_FROM = 1, 2, 2
HALF = math.sqrt(0.5)


def resident(field):
    """A line of Linux's account of this process, in KiB."""
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith(field))


class Normed(nn.Module):
    """g · v / ‖v‖ of each output: `[O, C]`, or `[K, C, O]` of a convolution, as fairseq stores them."""

    def __init__(self, shape):
        super().__init__()
        outputs = shape[0] if len(shape) == 2 else shape[2]
        self.dim = 0 if len(shape) == 2 else 2
        self.weight_v = nn.Parameter(torch.empty(shape))
        self.weight_g = nn.Parameter(torch.empty([outputs, 1] if len(shape) == 2 else [1, 1, outputs]))
        self.bias = nn.Parameter(torch.empty(outputs))

    def weight(self):
        return torch._weight_norm(self.weight_v, self.weight_g, self.dim)

    def forward(self, x):
        return F.linear(x, self.weight(), self.bias)


class Convolution(Normed):
    """With its gated linear unit, `[B, T, C]` to `[B, T, C]`."""

    def __init__(self, width, channels, outputs, before, behind, how):
        super().__init__([width, channels, 2 * outputs])
        self.before, self.behind, self.how = before, behind, how

    def forward(self, x):
        if self.how == "tbc":
            x = F.pad(x.transpose(0, 1), (0, 0, 0, 0, self.before, self.behind))
            return F.glu(torch.conv_tbc(x.contiguous(), self.weight(), self.bias, 0), 2).transpose(0, 1)
        x = F.pad(x.transpose(1, 2), (self.before, self.behind))
        return F.glu(F.conv1d(x, self.weight().permute(2, 1, 0), self.bias), 1).transpose(1, 2)


class Attention(nn.Module):
    def __init__(self, channels, embedding):
        super().__init__()
        self.in_projection, self.out_projection = Normed([embedding, channels]), Normed([channels, embedding])

    def forward(self, x, embedded, keys, values, hidden, scale):
        queries = (self.in_projection(x) + embedded) * HALF
        shares = F.softmax((queries @ keys.transpose(1, 2)).masked_fill(hidden, float("-inf")), 2)
        return (self.out_projection(shares @ values * scale) + x) * HALF


class Side(nn.Module):
    """What encoder and decoder have in common. Residuals of one layer and of one width, as the recipe's."""

    def __init__(self, words, positions, embedding, layers, outputs, padding, how, dropout):
        super().__init__()
        self.dropout = dropout
        self.embed_tokens, self.embed_positions = nn.Module(), nn.Module()
        self.embed_tokens.weight = words
        self.embed_positions.weight = nn.Parameter(torch.empty(positions, embedding))
        (channels, _), *_ = layers
        assert all(layer[0] == channels for layer in layers)
        self.fc1 = Normed([channels, embedding])
        self.convolutions = nn.ModuleList(Convolution(width, channels, channels, *padding(width), how)
                                          for _, width in layers)
        self.fc2 = Normed([outputs, channels])

    def drop(self, x):
        return F.dropout(x, self.dropout, self.training)

    def embed(self, ids):
        positions = self.embed_positions.weight[POSITIONS_FROM:POSITIONS_FROM + ids.shape[1]]
        return self.drop(F.embedding(ids, self.embed_tokens.weight, padding_idx=PAD) + positions)


class Share(torch.autograd.Function):
    """What is taken in as it is, with a share of the gradient going back."""

    @staticmethod
    def forward(ctx, x, share):
        ctx.share = share
        return x.view_as(x)

    @staticmethod
    def backward(ctx, gradient):
        return gradient * ctx.share, None


class ConvS2S(nn.Module):
    def __init__(self, config, how):
        super().__init__()
        assert config["share_embeddings"] and config["tie_output"] and all(config["attention"]), "the recipe `small` alone"
        size = config["encoder_embedding"]
        table = nn.Parameter(torch.empty(config["target_vocabulary"], size))
        layers = [parse(config[side]) for side in ("encoder_layers", "decoder_layers")]
        of_side = lambda side, layers, outputs, padding: Side(
            table, config[f"{side}_positions"], size, layers, outputs, padding, how, config["dropout"])
        self.encoder = of_side("source", layers[0], size, lambda width: ((width - 1) // 2, width // 2))
        self.decoder = of_side("target", layers[1], config["output_embedding"], lambda width: (width - 1, 0))
        self.decoder.attention = nn.ModuleList(Attention(channels, size) for channels, _ in layers[1])
        self.decoder.fc3 = nn.Module()
        self.decoder.fc3.bias = nn.Parameter(torch.empty(config["target_vocabulary"]))

    def logits(self, source, input, places):
        """Of those positions of the target that `places` says."""
        encoder, decoder = self.encoder, self.decoder
        padding = source.eq(PAD)
        has_padding, outside = bool(padding.any()), padding.unsqueeze(2)
        embedded = encoder.embed(source)
        x = encoder.fc1(embedded)
        for convolution in encoder.convolutions:
            read = x.masked_fill(outside, 0) if has_padding else x
            x = (convolution(encoder.drop(read)) + x) * HALF
        keys = encoder.fc2(x)
        keys = Share.apply(keys.masked_fill(outside, 0), 1 / (2 * len(decoder.attention)))
        values = (keys + embedded) * HALF
        scale = (~padding).sum(1).to(x.dtype).sqrt().view(-1, 1, 1)
        embedded = decoder.embed(input)
        x = decoder.fc1(embedded)
        for convolution, attention in zip(decoder.convolutions, decoder.attention):
            read = convolution(decoder.drop(x))
            read = attention(read, embedded, keys, values, padding.unsqueeze(1), scale)
            x = (read + x) * HALF
        x = decoder.drop(decoder.fc2(x)).flatten(0, 1)[places]
        return F.linear(x, decoder.embed_tokens.weight, decoder.fc3.bias)

    def loss(self, pairs, smoothing):
        source = filled([source + [END] for source, _ in pairs])
        target = filled([target + [END] for _, target in pairs])
        input = filled([[END] + target for _, target in pairs])
        places = target.flatten().ne(PAD).nonzero().squeeze(1)
        targets = target.flatten()[places]
        return F.cross_entropy(self.logits(source, input, places), targets, label_smoothing=smoothing), len(targets)


def parse(layers):
    """`[(256, 3)] * 4`, as the recipe has it."""
    one, times = layers.split(" * ")
    channels, width = one.strip("[()]").split(", ")
    return [(int(channels), int(width))] * int(times)


def filled(rows):
    longest = max(map(len, rows))
    return torch.tensor([row + [PAD] * (longest - len(row)) for row in rows])


def build(folder, how):
    folder = pathlib.Path(folder)
    training = json.loads((folder / "training.json").read_text())
    # What the lists take is no fault of PyTorch's: from here on, memory counts.
    training["start_kib"] = resident("VmRSS:")
    model = ConvS2S(training["network"], how)
    weights = load_file(folder / "first" / "model.safetensors")
    missing, unexpected = model.load_state_dict(weights, strict=False)
    # One table under three names.
    assert not unexpected and set(missing) <= {"encoder.embed_tokens.weight"}, (missing, unexpected)
    return training, model


@torch.no_grad()
def check(training, model):
    model.eval()
    pairs, loss, count = sorted(training["val"], key=lambda pair: max(map(len, pair))), 0.0, 0
    for start in range(0, len(pairs), 64):
        value, tokens = model.loss(pairs[start:start + 64], 0.0)
        loss, count = loss + value.item() * tokens, count + tokens
    print(json.dumps({"val_loss": loss / count, "ours": training["val_loss"]}))
    assert abs(loss / count - training["val_loss"]) < 1e-4


def speed(training, model, steps, warm_up=5):
    fit = training["fit"]
    adam, schedule = fit["optimizer"], fit["schedule"]
    assert adam["kind"] == "adam" and adam["weight_decay"] == 0 and len(training["batches"]) >= steps + warm_up
    optimizer = torch.optim.Adam(model.parameters(), fit["learning_rate"], (adam["beta1"], adam["beta2"]), adam["epsilon"],
                                 fused=True)
    model.train()
    losses, tokens = [], 0
    for step, pairs in enumerate(training["batches"][:steps + warm_up]):
        if step == warm_up:
            began, tokens = time.perf_counter(), 0
        # Within the first epoch, which the recipe warms up in.
        optimizer.param_groups[0]["lr"] = fit["learning_rate"] * (step + 1) / schedule["warmup_steps"]
        optimizer.zero_grad()
        loss, count = model.loss(pairs, training["label_smoothing"])
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), fit["clip_norm"])
        optimizer.step()
        losses.append(loss.item())
        tokens += count
    seconds = time.perf_counter() - began
    print(json.dumps({"target_tokens_per_second": tokens / seconds, "steps_per_second": steps / seconds,
                      "losses": [losses[0], losses[-1]], "parameters": sum(p.numel() for p in model.parameters()),
                      "start_kib": training["start_kib"], "peak_kib": resident("VmHWM:")}))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("verb", choices=["check", "speed"])
    parser.add_argument("folder")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--convolution", choices=["conv1d", "tbc"], default="conv1d", help="PyTorch's, or fairseq's own")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(1)
    training, model = build(arguments.folder, arguments.convolution)
    if arguments.verb == "check":
        check(training, model)
    else:
        speed(training, model, arguments.steps)
