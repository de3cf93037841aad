"""Neural style in PyTorch, as conv-style does it: a line of JSON.

    python style_torch.py gatys WEIGHTS PHOTOGRAPH PAINTING [--size 256] [--evaluations 300] [--style-weight 0.05]
    python style_torch.py apply FOLDER PHOTOGRAPH [--style wave] [--rounds 5]
    python style_torch.py train WEIGHTS PHOTOGRAPHS PAINTING… [--steps 50] [--crop 128] [--style-weight 0.05]

`gatys` is torch.optim.LBFGS with its search for the strong Wolfe conditions from the photograph, on the losses of docs/style.md. `apply`
paints through a StyleBank's folder, from bytes to bytes. `train` takes the steps of a bank of these paintings: two that paint, one of
the auto-encoder; photographs are read before the clock starts. All take [--threads 2].
"""
import argparse, json, math, pathlib, statistics, sys, time
import numpy as np
import torch, torch.nn.functional as F
from PIL import Image

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[3] / "crates/conv-style/tests/reference"))
from lens_torch import read, resident  # noqa: E402
from make_stylebank import StyleBank, load  # noqa: E402

CONTENT, STYLE = "conv4_2", ["conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1"]
MEAN = torch.tensor([104.007, 116.669, 122.679]).reshape(1, 3, 1, 1)


def picture(path, side=None):
    image = Image.open(path).convert("RGB")
    if side:
        longer = max(image.size)
        image = image.resize([max(1, math.ceil(length * side / longer)) for length in image.size], Image.BILINEAR)
    return torch.from_numpy(np.array(image)).permute(2, 0, 1)[None].float().contiguous()


class Losses:
    """VGG-16 to conv5_1 with means in place of maxima; weights get no gradient."""

    def __init__(self, weights, style_weight):
        self.weights, self.style_weight = read(weights), style_weight

    def features(self, pixels):
        x, found = pixels.flip(1) - MEAN, {}
        for block, count in enumerate((2, 2, 3, 3, 1), 1):
            if block > 1:
                x = F.avg_pool2d(x, 2, 2, ceil_mode=True)
            for at in range(1, count + 1):
                name = f"conv{block}_{at}"
                x = F.relu(F.conv2d(x, self.weights[name + ".weight"], self.weights[name + ".bias"], 1, 1))
                if name == CONTENT or name in STYLE:
                    found[name] = x
        return found

    def grams(self, found):
        flat = [found[name].flatten(2) for name in STYLE]
        return [x @ x.transpose(1, 2) / x.shape[2] for x in flat]

    def terms(self, pixels, content, grams):
        found = self.features(pixels)
        style = sum((a - b).square().mean() * 0.25 for a, b in zip(self.grams(found), grams)) / len(STYLE)
        return (found[CONTENT] - content).square().mean() * 0.5, style * self.style_weight


def gatys(options):
    losses = Losses(options.weights, options.style_weight)
    photograph = picture(options.photograph, options.size)
    painting = picture(options.paintings[0])
    painting = picture(options.paintings[0], min(options.size, max(painting.shape[2:])))
    begun = time.perf_counter()
    with torch.no_grad():
        content, grams = losses.features(photograph)[CONTENT], losses.grams(losses.features(painting))
    x = photograph.clone().requires_grad_()
    seen = []

    def closure():
        descent.zero_grad()
        loss = sum(losses.terms(x, content, grams))
        loss.backward()
        seen.append(loss.item())
        return loss

    most = options.evaluations
    descent = torch.optim.LBFGS([x], lr=1, max_iter=most, max_eval=most, history_size=20, tolerance_grad=0,
                                tolerance_change=0, line_search_fn="strong_wolfe")
    descent.step(closure)
    seconds = time.perf_counter() - begun
    with torch.no_grad():
        written = x.round().clamp(0, 255)
        content_term, style_term = (term.item() for term in losses.terms(written, content, grams))
    return {"start": seen[0], "loss": content_term + style_term, "content": content_term, "style": style_term,
            "evaluations": len(seen), "seconds": seconds}


def apply(options):
    network, styles = load(pathlib.Path(options.weights))
    photograph = np.array(Image.open(options.photograph).convert("RGB"))
    times = []
    with torch.inference_mode():
        for _ in range(options.rounds):
            begun = time.perf_counter()
            pixels = torch.from_numpy(photograph).permute(2, 0, 1)[None].float()
            painted = network(pixels, options.style or styles[0])[0]
            painted.round().clamp(0, 255).to(torch.uint8).permute(1, 2, 0).contiguous().numpy()
            times.append(time.perf_counter() - begun)
    return {"seconds": sum(times) / len(times), "median": statistics.median(times), "best": min(times)}


def train(options):
    losses, crop = Losses(options.weights, options.style_weight), options.crop
    with torch.no_grad():
        paintings = [picture(path, min(256, max(Image.open(path).size))) for path in options.paintings]
        grams = [losses.grams(losses.features(painting)) for painting in paintings]
    styles = [str(at) for at in range(len(paintings))]
    network = StyleBank([32, 64, 128], 2, styles)
    adam = torch.optim.Adam(network.parameters(), lr=2e-3)
    files = sorted(pathlib.Path(options.photograph).rglob("*.jpg"))[:64]
    photographs = [picture(path, math.ceil(crop * 1.7)) for path in files]
    photographs = [one for one in photographs if min(one.shape[2:]) >= crop]
    seen, warm_up, painted = [], 5, 0
    for step in range(warm_up + options.steps):
        if step == warm_up:
            begun = time.perf_counter()
        photograph = photographs[step % len(photographs)]
        y, x = (int(torch.randint(0, side - crop + 1, ())) for side in photograph.shape[2:])
        pixels = photograph[:, :, y : y + crop, x : x + crop]
        if step % 3 == 2:
            loss = (network(pixels, "") - pixels).square().mean() * 0.5
        else:
            style, painted = painted % len(styles), painted + 1
            with torch.no_grad():
                content = losses.features(pixels)[CONTENT]
            loss = sum(losses.terms(network(pixels, styles[style]), content, grams[style]))
        adam.zero_grad()
        loss.backward()
        adam.step()
        seen.append(loss.item())
    seconds = time.perf_counter() - begun
    assert all(map(math.isfinite, seen)), seen
    return {"steps_per_second": options.steps / seconds, "parameters": sum(p.numel() for p in network.parameters())}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["gatys", "apply", "train"])
    parser.add_argument("weights")
    parser.add_argument("photograph")
    parser.add_argument("paintings", nargs="*")
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--evaluations", type=int, default=300)
    parser.add_argument("--style-weight", type=float, default=0.05)
    parser.add_argument("--style")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--crop", type=int, default=128)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(1)
    start = resident("VmRSS:")
    found = {"gatys": gatys, "apply": apply, "train": train}[options.what](options)
    print(json.dumps({**found, "start_kib": start, "peak_kib": resident("VmHWM:")}))
