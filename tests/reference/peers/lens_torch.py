"""Steps of an ascent towards a unit of GoogLeNet, in PyTorch: a line of JSON, as `repro lens --speed` prints it.

    python lens_torch.py WEIGHTS [--unit inception_4c:64] [--steps 256] [--batch 4] [--size 128] [--threads 2]

The same as conv-lens renders by default: numbers of a spectrum scaled by frequency, decorrelated colours, grey around, a cut of its
own for each picture, Adam at 0.05, and nothing computed above the layer. Rectifiers are plain ones throughout, where ours are
redirected in the first 16 steps. WEIGHTS has Caffe's names.
"""
import argparse, json, math, struct, time
import numpy as np
import torch, torch.nn.functional as F

WARM_UP = 5
COLOURS = [[0.26, 0.09, 0.02], [0.27, 0.00, -0.05], [0.27, -0.09, 0.03]]


def resident(field):
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith(field))


def read(path):
    data = open(path, "rb").read()
    size = struct.unpack("<Q", data[:8])[0]
    kinds = {"F16": np.float16, "F32": np.float32}
    tensors = {}
    for name, of in json.loads(data[8 : 8 + size]).items():
        if name != "__metadata__":
            first, end = of["data_offsets"]
            array = np.frombuffer(data[8 + size + first : 8 + size + end], kinds[of["dtype"]])
            tensors[name] = torch.from_numpy(array.astype(np.float32)).reshape(of["shape"])
    return tensors


def googlenet(weights, last):
    """The layers up to the join of the branches of `last`, such as 4c."""

    def conv(x, name, stride=1, padding=0):
        return F.relu(F.conv2d(x, weights[name + ".weight"], weights[name + ".bias"], stride, padding))

    def pool(x, stride=2, padding=0):
        return F.max_pool2d(x, 3, stride, padding, ceil_mode=True)

    def norm(x):
        return F.local_response_norm(x, 5, 1e-4, 0.75, 1.0)

    def forward(x):
        x = norm(pool(conv(x, "conv1/7x7_s2", 2, 3)))
        x = pool(norm(conv(conv(x, "conv2/3x3_reduce"), "conv2/3x3", 1, 1)))
        for stage in ["3a", "3b", "", "4a", "4b", "4c", "4d", "4e", "", "5a", "5b"]:
            if not stage:
                x = pool(x)
                continue
            part = f"inception_{stage}/"
            x = torch.cat([
                conv(x, part + "1x1"),
                conv(conv(x, part + "3x3_reduce"), part + "3x3", 1, 1),
                conv(conv(x, part + "5x5_reduce"), part + "5x5", 1, 2),
                conv(pool(x, 1, 1), part + "pool_proj"),
            ], 1)
            if stage == last:
                return x

    return forward


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights")
    parser.add_argument("--unit", default="inception_4c:64")
    parser.add_argument("--steps", type=int, default=256)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(1)
    start = resident("VmRSS:")
    layer, channel = options.unit.split(":")
    network = googlenet(read(options.weights), layer.removeprefix("inception_"))
    size, batch, channel = options.size, options.batch, int(channel)
    border, moved = round(size * 12 / 128), round(size * 8 / 128)
    frequency = torch.sqrt(torch.fft.fftfreq(size)[:, None] ** 2 + torch.fft.rfftfreq(size)[None] ** 2)
    scales = size / torch.clamp(frequency, min=1 / size) / 4
    colours = torch.tensor(COLOURS)
    colours = colours / colours.norm(dim=0).max()
    mean = torch.tensor([104.0, 117.0, 123.0]).reshape(1, 3, 1, 1)
    numbers = (torch.randn(batch, 3, size, size // 2 + 1, 2) * 0.01).requires_grad_()
    adam = torch.optim.Adam([numbers], lr=0.05)
    side = size + 2 * border - moved
    values = []
    for step in range(WARM_UP + options.steps):
        if step == WARM_UP:
            begun = time.perf_counter()
        planes = torch.fft.irfft2(torch.view_as_complex(numbers) * scales, s=(size, size))
        pixels = 255 * torch.sigmoid(torch.einsum("rp,bphw->brhw", colours, planes))
        padded = F.pad(pixels, (border,) * 4, value=127.5)
        places = torch.randint(0, moved + 1, (batch, 2)).tolist()
        seen = torch.stack([one[:, y : y + side, x : x + side] for one, (y, x) in zip(padded, places)])
        value = network(seen.flip(1) - mean)[:, channel].mean((1, 2))
        adam.zero_grad()
        (-value.sum()).backward()
        adam.step()
        values.append(value.mean().item())
    seconds = time.perf_counter() - begun
    assert math.isfinite(values[-1]) and values[-1] > values[0], (values[0], values[-1])
    print(json.dumps({
        "steps_per_second": options.steps / seconds, "objective": [values[0], values[-1]],
        "start_kib": start, "peak_kib": resident("VmHWM:"),
    }))
