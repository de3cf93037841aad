"""Puts Convoke's operations beside PyTorch's and candle's, in turns, each in a process of its own, as Markdown.

    cargo build --release -p speed
    python speed.py ../../../target/release/speed [--threads 1] [--rounds 3] [--seconds 0.5] [--only NAME] [--with-onnx]

A ratio is PyTorch's median over Convoke's, both over all rounds: above 1 Convoke is faster. "Both" is the forward pass with
the operation's own backward pass, gradients delivered; "graph" goes through candle's `Tensor::backward`, which adds each gradient
to zeros; candle's own operations have only that; onnxruntime has forward passes. Let nothing else run.
"""
import argparse, json, math, os, pathlib, statistics, subprocess, sys

# The table's rows of the project's plan, and the least ratio there: forward, and both passes. At one thread alone where marked.
ROWS = [
    ("3×3 stride 1", ["resnet-3x3-64", "vgg-3x3", "resnet-3x3-128"], 1.5, 1.35),
    ("raw waveform", ["raw-window", "raw-utterance", "raw-utterance-s4"], 1.25, 1.6),
    ("Kim, widths 3, 4, 5", ["kim3", "kim4", "kim5"], 1.2, 1.2),
    ("ConvS2S with GLU", ["convs2s-256", "convs2s-512"], 1.1, 1.1),
    ("AlexNet conv1, conv3, 7×7 and 1×1, 3×3 stride 2",
     ["alexnet-conv1", "alexnet-conv3", "resnet-7x7-s2", "resnet-1x1", "resnet-3x3-s2"], 0.95, 0.95),
    ("AlexNet conv2, 3×3 on 7×7×512", ["alexnet-conv2", "resnet-3x3-512"], 0.85, 0.85),
    ("depthwise 3×3, transposed 3×3 stride 2", ["depthwise-3x3", "transposed-3x3-s2"], 1.0, 1.0),
    ("max and average pooling", ["max-pool-3-s2", "max-pool-2-s2", "avg-pool-3-s2", "avg-pool-2-s2"], 3.0, 2.0),
    ("batch norm, softmax, cross-entropy, LayerNorm",
     ["batch-norm-train", "softmax", "cross-entropy", "layer-norm"], 1.0, 1.0),
    ("ReLU", ["relu"], 0, 0),
    ("LSTM, 256 and 512 units", ["lstm-256-t100", "lstm-256-t500", "lstm-512-t100", "lstm-512-t500"], 0.9, 0.9),
]
ONE_THREAD = {"resnet-7x7-s2", "resnet-1x1"}


def lines(command):
    output = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    return {line["case"]: line for line in map(json.loads, output.splitlines())}


def squeezed(shape):
    return [size for size in shape if size > 1]


def mean(ratios):
    return math.exp(statistics.fmean(map(math.log, ratios)))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--threads", default="1")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", default="0.5")
    parser.add_argument("--only", default="")
    parser.add_argument("--without-candle", action="store_true")
    parser.add_argument("--with-onnx", action="store_true")
    options = parser.parse_args()
    flags = ["--threads", options.threads, "--seconds", options.seconds, "--only", options.only]
    twin = str(pathlib.Path(__file__).with_name("speed_torch.py"))
    commands = {"convoke": [options.program, *flags], "torch": [sys.executable, twin, *flags]}
    if not options.without_candle:
        commands["candle"] = [options.program, *flags, "--of", "candle"]
    if options.with_onnx:
        commands["onnx"] = [sys.executable, str(pathlib.Path(__file__).with_name("speed_onnx.py")), *flags]
    found = {side: [] for side in commands}
    load = os.getloadavg()[0]
    for number in range(options.rounds):
        for side, command in commands.items():
            if side != "candle" or number == 0:
                found[side].append(lines(command))

    def figure(side, case, what, which="median"):
        values = [round_[case][what][which] for round_ in found[side] if case in round_ and round_[case].get(what)]
        if not values:
            return None
        return min(values) if which == "best" else statistics.median(values)

    cases = list(found["convoke"][0])
    for case in cases:
        shapes = {side: squeezed(found[side][0][case]["shape"]) for side in commands if case in found[side][0]}
        assert all(shape == shapes["convoke"] for shape in shapes.values()), (case, shapes)
    processor = next((line.split(": ")[1].strip() for line in open("/proc/cpuinfo") if "model name" in line), "")
    print(f"{processor}, {options.threads} thread(s), medians of {options.rounds} rounds in turns, "
          f"load before {load:.1f}. Times in milliseconds; ratios above 1: Convoke is faster.\n")
    peers = [("candle forward", "candle", "forward"), ("candle graph", "candle", "graph")]
    if options.with_onnx:
        peers.append(("onnxruntime (ratio)", "onnx", "forward"))
    columns = ["case", "forward", "PyTorch", "ratio", "best", "both", "PyTorch", "ratio", "best", "graph"]
    columns += [name for name, _, _ in peers]
    print("| " + " | ".join(columns) + " |\n" + "|---" * len(columns) + "|")
    ratios = {}
    for case in cases:
        cells = []
        for what in ["forward", "both"]:
            ours, theirs = figure("convoke", case, what), figure("torch", case, what)
            best = figure("torch", case, what, "best") / figure("convoke", case, what, "best")
            ratios[case, what] = theirs / ours
            cells += [f"{ours:.2f}", f"{theirs:.2f}", f"**{theirs / ours:.2f}**", f"{best:.2f}"]
        cells.append(f"{figure('convoke', case, 'graph'):.2f}")
        for _, side, what in peers:
            value = figure(side, case, what) if side in found else None
            digits = 2 if side == "onnx" else 1
            cells.append("–" if value is None else
                         f"{value:.{digits}f} ({value / figure('convoke', case, what):.{digits}f}×)")
        print(f"| {case} | " + " | ".join(cells) + " |")
    print("\n| row | forward | bar | least | both | bar | least | |\n|---|---|---|---|---|---|---|---|")
    for name, members, *bars in ROWS:
        members = [m for m in members if m in cases and (options.threads == "1" or m not in ONE_THREAD)]
        if not members:
            continue
        cells, holds = [], True
        for what, bar in zip(["forward", "both"], bars):
            of = [ratios[m, what] for m in members]
            holds &= mean(of) >= bar and (min(of) >= 0.8 or not bar)
            cells += [f"{mean(of):.2f}", f"{bar}", f"{min(of):.2f}"]
        print(f"| {name} | " + " | ".join(cells) + f" | {'holds' if holds else 'MISSED'} |")
    for what in ["forward", "both"]:
        every = [ratios[case, what] for case in cases if options.threads == "1" or case not in ONE_THREAD]
        print(f"\ngeometric mean of all, {what}: {mean(every):.2f} (bar 1.25)")
