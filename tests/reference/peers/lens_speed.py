"""Puts ascents beside PyTorch's, in turns, each in a process of its own, as Markdown.

    cargo build --release --example repro
    CONVOKE_DATA=… python lens_speed.py ../../../target/release/examples/repro [--threads 2] [--rounds 3] [--steps 256]

Four pictures of GoogLeNet's inception_4c:64 at 128 pixels. A ratio of steps/s is ours over PyTorch's, medians over all rounds: above 1 the
house is faster. Memory is what the process holds at most, and that less what it held after its start. Let nothing else run.
"""
import argparse, os, pathlib, sys
from convs2s_speed import in_turns, row

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=256)
    options = parser.parse_args()
    weights = pathlib.Path(os.environ["CONVOKE_DATA"]) / "vision/weights/googlenet-bvlc.safetensors"
    ours = [options.program, "lens", "--speed", options.steps, "--threads", options.threads, "--json"]
    twin = pathlib.Path(__file__).with_name("lens_torch.py")
    theirs = [sys.executable, twin, weights, "--steps", options.steps, "--threads", options.threads]
    print(f"{options.threads} thread(s), medians of {options.rounds} rounds in turns, load before {os.getloadavg()[0]:.1f}.\n")
    print("| | ours | PyTorch | ratio | of bests | bar | |\n|---|---|---|---|---|---|---|", flush=True)
    sides = in_turns([ours, theirs], options.rounds)
    row("steps/s", sides, lambda run: run["steps_per_second"], 1.1, unit="{:.2f}")
    row("peak memory, MiB", sides, lambda run: run["peak_kib"] / 1024, 0.6, False, "{:.0f}")
    row("peak less start, MiB", sides, lambda run: (run["peak_kib"] - run["start_kib"]) / 1024, 0.6, False, "{:.0f}")
