"""What the timing scripts of operations share: their flags, and medians over as many calls as fit some seconds."""
import argparse, time


def flags():
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--only", default="")
    parser.add_argument("--seconds", type=float, default=0.5)
    return parser.parse_args()


def clock(seconds, f):
    f()
    times, start = [], time.perf_counter()
    while len(times) < 5 or time.perf_counter() - start < seconds:
        begin = time.perf_counter()
        f()
        times.append((time.perf_counter() - begin) * 1e3)
    times.sort()
    return {"median": times[len(times) // 2], "best": times[0]}
