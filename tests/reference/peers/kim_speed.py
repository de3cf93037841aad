"""Times our sentence CNN against its PyTorch twin, in turns, as Markdown.

    cargo build --release --example repro
    cargo run --release --example repro -- kim --sets mr --variants nonstatic --export twin
    python kim_speed.py ../../../twin/mr_nonstatic ../../../target/release/examples/repro [--threads 2] [--rounds 5]

Each side is a process of its own; the table has the medians, and the ratio of medians, over the rounds.
"""
import argparse, json, pathlib, statistics, subprocess, sys

ROWS = [("training steps/s", lambda r: r["steps_per_second"]),
        ("sentences/s predicted", lambda r: r["sentences_per_second"]),
        ("peak resident MiB", lambda r: r["peak_kib"] / 1024),
        ("the same less start-up", lambda r: (r["peak_kib"] - r["start_kib"]) / 1024)]


def result(command):
    output = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    return json.loads(output)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("repro")
    parser.add_argument("--threads", default="2")
    parser.add_argument("--steps", default="200")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    described = json.loads((pathlib.Path(arguments.folder) / "set.json").read_text())
    twin = pathlib.Path(__file__).with_name("kim_torch.py")
    commands = {
        "ours": [arguments.repro, "kim", "--sets", described["set"], "--variants", described["variant"],
                 "--speed", arguments.steps, "--threads", arguments.threads, "--json"],
        "PyTorch": [sys.executable, str(twin), "speed", arguments.folder,
                    "--steps", arguments.steps, "--threads", arguments.threads],
    }
    results = {side: [] for side in commands}
    for _ in range(arguments.rounds):
        for side, command in commands.items():
            results[side].append(result(command))
    print(f"{described['set']} {described['variant']}, {arguments.threads} threads, "
          f"medians of {arguments.rounds} rounds in turns\n")
    print("| | ours | PyTorch | ours / PyTorch |\n|---|---|---|---|")
    for name, figure in ROWS:
        ours, theirs = (statistics.median(map(figure, results[side])) for side in commands)
        print(f"| {name} | {ours:.1f} | {theirs:.1f} | {ours / theirs:.2f} |")
