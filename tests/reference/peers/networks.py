"""Puts whole networks of the house beside torchvision's, answers and training steps, in turns, each in a process of its own, as Markdown.

    cargo build --release -p speed
    python networks.py ../../../target/release/networks [--threads 1] [--rounds 3] [--seconds 5] [--only resnet] [--torch=--channels-last]

A ratio of pictures/s is ours over PyTorch's, medians over all rounds: above 1 the house is faster. `best` is that of the fastest turns.
Memory is the peak less what the process held after its start. Let nothing else run.
"""
import argparse, math, os, pathlib, statistics, sys

from steps import result

CASES = [(network, work, batch) for network in ("torchvision_alexnet", "resnet18", "resnet50")
         for work in ("inference", "training") for batch in (1, 8) if (work, batch) != ("training", 1)]

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--threads", default="1")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", default="5")
    parser.add_argument("--only", default="")
    parser.add_argument("--torch", action="append", default=[], help="a flag for networks_torch.py")
    options = parser.parse_args()
    twin = str(pathlib.Path(__file__).with_name("networks_torch.py"))
    processor = next((line.split(": ")[1].strip() for line in open("/proc/cpuinfo") if "model name" in line), "")
    print(f"{processor}, {options.threads} thread(s), medians of {options.rounds} rounds in turns, "
          f"load before {os.getloadavg()[0]:.1f}. Memory in MiB.\n")
    print("| case | pictures/s | PyTorch | ratio | best | peak less start | PyTorch | ratio |")
    print("|---|---|---|---|---|---|---|---|", flush=True)
    ratios = []
    for network, work, batch in CASES:
        case = f"{network.removeprefix('torchvision_')}, {work}, batch {batch}"
        if options.only not in case:
            continue
        flags = ["--network", network, "--work", work, "--batch", str(batch), "--threads", options.threads, "--seconds", options.seconds]
        commands = [[options.program, *flags], [sys.executable, twin, *flags, *options.torch]]
        rounds = [[result(command) for command in commands] for _ in range(options.rounds)]
        sides = list(zip(*rounds))
        assert len({run["parameters"] for side in sides for run in side}) == 1, case
        of = lambda figure, which=statistics.median: [which([figure(run) for run in side]) for side in sides]
        ours, theirs = of(lambda run: run["per_second"])
        best = of(lambda run: run["best"], max)
        more = of(lambda run: (run["peak_kib"] - run["start_kib"]) / 1024)
        ratios.append(ours / theirs)
        print(f"| {case} | {ours:.2f} | {theirs:.2f} | **{ours / theirs:.2f}** | {best[0] / best[1]:.2f} | "
              f"{more[0]:.0f} | {more[1]:.0f} | **{more[0] / more[1]:.2f}** |", flush=True)
    if ratios:
        mean = math.exp(sum(map(math.log, ratios)) / len(ratios))
        print(f"\nGeometric mean {mean:.2f}, smallest {min(ratios):.2f}.")
