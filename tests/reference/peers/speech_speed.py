"""Puts what speech needs beside PyTorch and torchaudio, in turns, each in a process of its own, as Markdown.

    cargo build --release -p speed
    python speech_speed.py ../../../target/release/speech [--threads 2] [--rounds 3] [--seconds 5]

A ratio is PyTorch's median over ours, over all rounds: above 1 ours is faster; "of CPU" is that of the time on processors, which
others on the machine lengthen least, and which says something on one thread. Memory is the peak less what the process held after
its start. The last line is ours alone, on one thread. Let nothing else run.
"""
import argparse, json, os, pathlib, statistics, subprocess, sys

# Our case, PyTorch's, and the least ratio.
ROWS = [("training step of the CLDNN, raw front end", "cldnn", "cldnn", 1.5),
        ("the front end over the waveform alone", "raw", "raw", 1.0),
        ("bidirectional LSTM, packed sequences", "bilstm", "bilstm-packed", 4.0),
        ("bidirectional LSTM, the padded batch", "bilstm", "bilstm-padded", 0.9),
        ("CTC", "ctc", "ctc", 3.0),
        ("RNN-T, torchaudio's", "rnnt", "rnnt", 3.0)]


def result(command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode and "is not installed" in done.stderr:
        return None
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--threads", default="2")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", default="5")
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    twin = str(pathlib.Path(__file__).with_name("speech_torch.py"))
    processor = next((line.split(": ")[1].strip() for line in open("/proc/cpuinfo") if "model name" in line), "")
    print(f"{processor}, {options.threads} thread(s), medians of {options.rounds} rounds in turns, in ms, "
          f"load before {os.getloadavg()[0]:.1f}. Memory in MiB.\n")
    print("| case | ours | PyTorch | ratio | least | of best | of CPU | peak less start | PyTorch | ratio |")
    print("|---|---|---|---|---|---|---|---|---|---|", flush=True)
    for name, ours, theirs, least in ROWS:
        if options.only not in ours:
            continue
        flags = ["--threads", options.threads, "--seconds", options.seconds]
        commands = [[options.program, "--case", ours, *flags], [sys.executable, twin, "--case", theirs, *flags]]
        sides = list(zip(*[[result(command) for command in commands] for _ in range(options.rounds)]))
        if None in sides[1]:
            print(f"| {name} | {sides[0][0]['median']:.2f} | not installed | – | {least} | – | – | – | – | – |", flush=True)
            continue
        of = lambda figure, which=statistics.median: [which([figure(run) for run in side]) for side in sides]
        median, best, cpu = of(lambda run: run["median"]), of(lambda run: run["best"], min), of(lambda run: run["cpu"])
        memory = of(lambda run: max(run["peak_kib"] - run["start_kib"], 1) / 1024)
        print(f"| {name} | {median[0]:.2f} | {median[1]:.2f} | **{median[1] / median[0]:.2f}** | {least} | {best[1] / best[0]:.2f} | {cpu[1] / cpu[0]:.2f} | "
              f"{memory[0]:.0f} | {memory[1]:.0f} | {memory[0] / memory[1]:.2f} |", flush=True)
    if options.only in "stream":
        run = result([options.program, "--case", "stream", "--threads", "1", "--seconds", options.seconds])
        print(f"\nStreaming in chunks of 100 ms, the preset `cldnn` with log-mel features, one thread: "
              f"{run['median'] / 30000:.4f} of real time (at best {run['best'] / 30000:.4f}, on the processor {run['cpu'] / 30000:.4f}); "
              "at most 0.02 is asked for")
