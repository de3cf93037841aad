"""Puts whole training steps of Convoke beside PyTorch's, in turns, each in a process of its own, as Markdown.

    cargo build --release -p speed
    python steps.py ../../../target/release/steps [--threads 1] [--rounds 3] [--seconds 10] [--torch=--channels-last]

A ratio of steps/s is ours over PyTorch's, medians over all rounds: above 1 Convoke is faster. Memory is the peak less what the
process held after its start, before the network was made. Let nothing else run.
"""
import argparse, json, os, pathlib, statistics, subprocess, sys

NETWORKS = ["convs2s", "resnet18"]


def result(command):
    return json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--threads", default="1")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", default="10")
    parser.add_argument("--only", default="")
    parser.add_argument("--torch", action="append", default=[], help="a flag for steps_torch.py")
    options = parser.parse_args()
    twin = str(pathlib.Path(__file__).with_name("steps_torch.py"))
    processor = next((line.split(": ")[1].strip() for line in open("/proc/cpuinfo") if "model name" in line), "")
    print(f"{processor}, {options.threads} thread(s), medians of {options.rounds} rounds in turns, "
          f"load before {os.getloadavg()[0]:.1f}. Memory in MiB.\n")
    print("| case | steps/s | PyTorch | ratio | best | peak less start | PyTorch | ratio | start | PyTorch |")
    print("|---|---|---|---|---|---|---|---|---|---|", flush=True)
    for network in NETWORKS:
        if options.only not in network:
            continue
        flags = ["--network", network, "--threads", options.threads, "--seconds", options.seconds]
        commands = [[options.program, *flags], [sys.executable, twin, *flags, *options.torch]]
        rounds = [[result(command) for command in commands] for _ in range(options.rounds)]
        sides = list(zip(*rounds))
        sizes = {run["parameters"] for side in sides for run in side}
        assert len(sizes) == 1, (network, sizes)
        for run in (run for side in sides for run in side):
            first, last = run["losses"]
            assert last < first, (network, run)
        of = lambda figure, which=statistics.median: [which([figure(run) for run in side]) for side in sides]
        ours, theirs = of(lambda run: run["steps_per_second"])
        best = of(lambda run: run["best"], max)
        start = of(lambda run: run["start_kib"] / 1024)
        more = of(lambda run: (run["peak_kib"] - run["start_kib"]) / 1024)
        cells = [f"{ours:.2f}", f"{theirs:.2f}", f"**{ours / theirs:.2f}**", f"{best[0] / best[1]:.2f}",
                 f"{more[0]:.0f}", f"{more[1]:.0f}", f"**{more[0] / more[1]:.2f}**", *(f"{mib:.0f}" for mib in start)]
        print(f"| {network} | " + " | ".join(cells) + " |", flush=True)
