"""Puts neural style beside PyTorch's, in turns, each in a process of its own, as Markdown.

    cargo build --release --examples
    CONVOKE_DATA=… python style_speed.py ../../../target/release/examples [--threads 2] [--rounds 3] [--only gatys|apply|train]

The descent: 256 pixels, 300 evaluations of L-BFGS, on the losses of the bank that ships; besides the seconds both final losses are printed, of
the pictures of 8 bits. `apply`: a square of 512 pixels through the bank, five times. `train`: steps of a bank of the six paintings on crops
of 128 pixels. Ratios of seconds are ours over PyTorch's, of steps/s too; memory is what the process holds at most. Let nothing else run.
"""
import argparse, json, os, pathlib, sys, tempfile
from convs2s_speed import in_turns, row

HERE = pathlib.Path(__file__).resolve().parent
BANK = HERE.parents[2] / "data/models/stylebank"


def peak(run):
    return run["peak_kib"] / 1024


def memory(sides, bar):
    """The most that a process holds, libraries included."""
    row("peak memory, MiB", sides, peak, bar, False, "{:.0f}")


def gatys(options, data, twin, folder):
    request = json.dumps({
        "way": "gatys", "photograph": str(data / "content_photos/chicago.jpg"), "painting": str(data / "style_paintings/wave.jpg"),
        "model": None, "size": 256, "evaluations": options.evaluations, "losses": options.losses,
        "data": os.environ["CONVOKE_DATA"], "out": str(folder / "gatys.png"),
    })
    ours = [options.programs / "repro", "style", "--one", request, "--threads", options.threads]
    theirs = [*twin("gatys"), options.vgg, data / "content_photos/chicago.jpg", data / "style_paintings/wave.jpg",
              "--evaluations", options.evaluations, "--style-weight", options.losses["style_weight"]]
    sides = in_turns([ours, theirs], options.rounds)
    loss = lambda run: run["sum"]["loss"] if "sum" in run else run["loss"]
    row("descent, seconds", sides, lambda run: run["seconds"], 0.7, False, "{:.1f}")
    row("descent, final loss", sides, loss, 1.0, False, "{:.2f}")
    memory(sides, 0.7)


def apply(options, data, twin, folder):
    from PIL import Image

    image = Image.open(data / "content_photos/chicago.jpg").convert("RGB")
    side = min(image.size)
    frames, count = folder / "frames", 5
    frames.mkdir()
    square = image.crop((0, 0, side, side)).resize((512, 512), Image.BILINEAR)
    for number in range(count):
        square.save(frames / f"{number}.png")
    ours = [options.programs / "style", "apply", frames, "--model", BANK, "--style", "wave", "--out", folder / "painted",
            "--json", "--threads", options.threads]
    theirs = [*twin("apply"), BANK, frames / "0.png", "--style", "wave", "--rounds", count]
    sides = in_turns([ours, theirs], options.rounds)
    seconds = lambda run: run["seconds"] / run.get("frames", 1)
    row("apply, 512 pixels, seconds", sides, seconds, 0.83, False, "{:.3f}")


def train(options, data, twin, folder):
    ours = [options.programs / "repro", "style", "--model", BANK, "--speed", options.steps, "--threads", options.threads, "--json"]
    named = json.loads((BANK / "config.json").read_text())["styles"]
    paintings = [path for path in sorted((data / "style_paintings").iterdir()) if path.stem.replace(" ", "_") in named]
    theirs = [*twin("train"), options.vgg, data / "caltech101", *paintings, "--steps", options.steps,
              "--style-weight", options.losses["style_weight"]]
    sides = in_turns([ours, theirs], options.rounds)
    row("training, steps/s", sides, lambda run: run["steps_per_second"], 1.2, unit="{:.2f}")
    memory(sides, 1.0)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("programs", type=pathlib.Path)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--evaluations", type=int, default=300)
    parser.add_argument("--steps", type=int, default=48)
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    vision = pathlib.Path(os.environ["CONVOKE_DATA"]) / "vision"
    options.vgg = vision / "weights/vgg16-hed-conv1_1-conv5_1.f16.safetensors"
    options.losses = json.loads((BANK / "training.json").read_text())["recipe"]["losses"]
    twin = lambda what: [sys.executable, HERE / "style_torch.py", what, "--threads", options.threads]
    print(f"{options.threads} thread(s), medians of {options.rounds} rounds in turns, load before {os.getloadavg()[0]:.1f}.\n")
    print("| | ours | PyTorch | ratio | of bests | bar | |\n|---|---|---|---|---|---|---|", flush=True)
    for part in (gatys, apply, train):
        if options.only in part.__name__:
            with tempfile.TemporaryDirectory() as folder:
                part(options, vision / "images", twin, pathlib.Path(folder))
