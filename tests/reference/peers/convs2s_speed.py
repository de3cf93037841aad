"""Puts our translator beside PyTorch and fairseq, in turns, each in a process of its own, as Markdown.

    cargo build --release -p speed -p convoke --bins --example repro
    cargo run --release --example repro -- convs2s --export twin
    python convs2s_fairseq.py checkpoint runs/convs2s/de-en-small-35-seed1/model fairseq --input $CONVOKE_DATA/translate/multi30k/tok/val.lc.norm.tok.de
    python convs2s_speed.py ../../../target/release twin fairseq [--threads 2] [--rounds 5] [--only decode]

Ratios are of medians over the rounds, and of the best of each side. Training: the same batches from the same weights, against
`convs2s_torch.py`. Decoding: one checkpoint, which both sides open, and the same sentences, against fairseq's generator made ready as
fairseq-generate does it; that both find the same translations is checked. Memory is what the process holds at most, and that less
what it held after its start, before model and data were there (PyTorch's twin: before the model). Let nothing else run.
"""
import argparse, json, os, pathlib, statistics, subprocess, sys

HERE = pathlib.Path(__file__).parent
BATCHES = [8, 32, 64, 128, 256, 0]


def result(command):
    """The JSON line of a program."""
    done = subprocess.run(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def in_turns(commands, rounds):
    return list(zip(*([result(command) for command in commands] for _ in range(rounds))))


def row(name, sides, figure, bar, more_is_better=True, unit="{:.1f}"):
    """Ours, theirs, the ratio of medians and of bests, and whether the first holds."""
    best = max if more_is_better else min
    values = [[figure(run) for run in side] for side in sides]
    ours, theirs = map(statistics.median, values)
    ratio, of_best = ours / theirs, best(values[0]) / best(values[1])
    holds = ratio >= bar if more_is_better else ratio <= bar
    sign = "≥" if more_is_better else "≤"
    print(f"| {name} | {unit.format(ours)} | {unit.format(theirs)} | **{ratio:.2f}** | {of_best:.2f} | {sign} {bar} | "
          f"{'holds' if holds else 'MISSED'} |", flush=True)


def memory(sides):
    """What a process holds at most, and that less what it held after its start."""
    row("peak memory, MiB", sides, lambda run: run["peak_kib"] / 1024, 0.5, False, "{:.0f}")
    row("peak less start, MiB", sides, lambda run: (run["peak_kib"] - run["start_kib"]) / 1024, 0.5, False, "{:.0f}")


def rate(run):
    return run["sentences"] / min(run["seconds"])


def training(options, head):
    ours = [options.programs / "examples" / "repro", "convs2s", "--speed", options.steps, "--threads", options.threads, "--json"]
    theirs = [sys.executable, HERE / "convs2s_torch.py", "speed", options.twin, "--steps", options.steps, "--threads", options.threads]
    # Theirs as it is faster here.
    kinds = {kind: result([*theirs, "--convolution", kind])["target_tokens_per_second"] for kind in ("conv1d", "tbc")}
    sides = in_turns([ours, [*theirs, "--convolution", max(kinds, key=kinds.get)]], options.rounds)
    assert len({run["parameters"] for side in sides for run in side}) == 1
    head("training", "PyTorch")
    row("target tokens/s", sides, lambda run: run["target_tokens_per_second"], 1.3, unit="{:.0f}")
    memory(sides)


def decode(options, head):
    ours = [options.programs / "translate", "--model", options.fairseq / "checkpoint.pt", "--input", options.fairseq / "input.txt",
            "--threads", options.threads]
    theirs = [sys.executable, "-W", "ignore", HERE / "convs2s_fairseq.py", "translate", options.fairseq, "--threads", options.threads]
    few, many = ["--lines", options.few], ["--lines", options.lines]
    sides = in_turns([[*side, *few, "--batch", 1, "--texts"] for side in (ours, theirs)], options.rounds)
    head("beam 5, a sentence at a time", "fairseq")
    row("sentences/s", sides, rate, 5)
    memory(sides)
    pairs = list(zip(*(side[0]["texts"] for side in sides)))
    same = sum(ours[0] == theirs[0] for ours, theirs in pairs)
    apart = max((abs(ours[1] - theirs[1]) for ours, theirs in pairs if ours[0] == theirs[0]), default=0)
    agreement = f"{same} of {len(pairs)} translations are the same on both sides, their scores within {apart:.1e}"
    # Two hypotheses that are nearly equal may change places.
    assert same >= 0.98 * len(pairs) and apart < 1e-4, agreement
    best = [max(BATCHES, key=lambda batch: rate(result([*side, *many, "--batch", batch]))) for side in (ours, theirs)]
    commands = [[*side, *many, "--batch", batch] for side, batch in zip((ours, theirs), best)]
    sides = in_turns(commands, options.rounds)
    said = ["all" if batch == 0 else str(batch) for batch in best]
    head(f"beam 5, {options.lines} sentences, ours {said[0]} at once and theirs {said[1]}", "fairseq")
    row("sentences/s", sides, rate, 1.5)
    memory(sides)
    print(f"\n{agreement}.")


def length(options, _):
    ours = [options.programs / "translate", "--model", options.fairseq / "checkpoint.pt", "--input", options.fairseq / "input.txt",
            "--threads", options.threads, "--lines", 1, "--times", 5]
    sides = in_turns([[*ours, "--words", words] for words in (200, 25)], options.rounds)
    for run in sides[0] + sides[1]:
        assert run["tokens"] in (201, 26), run
    print("\n| one source, ours alone | 200 words | 25 words | ratio | of bests | bar | |\n|---|---|---|---|---|---|---|")
    token = lambda run: 1e3 * min(run["seconds"]) / run["tokens"]
    row("ms a token", sides, token, 1.3, False, "{:.3f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("programs", type=pathlib.Path, help="target/release")
    parser.add_argument("twin", type=pathlib.Path)
    parser.add_argument("fairseq", type=pathlib.Path)
    parser.add_argument("--threads", default="2")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", default="60", help="training steps timed")
    parser.add_argument("--few", default="100", help="sentences of decoding one by one")
    parser.add_argument("--lines", type=int, default=1000, help="sentences of decoding in batches")
    parser.add_argument("--only", choices=["training", "decode", "length"])
    options = parser.parse_args()
    processor = next((line.split(": ")[1].strip() for line in open("/proc/cpuinfo") if "model name" in line), "")
    print(f"{processor}, {options.threads} thread(s), medians of {options.rounds} rounds in turns, load before {os.getloadavg()[0]:.1f}.")

    def head(what, theirs):
        print(f"\n| {what} | ours | {theirs} | ratio | of bests | bar | |\n|---|---|---|---|---|---|---|")

    for job in (training, decode, length):
        if options.only in (None, job.__name__):
            job(options, head)
