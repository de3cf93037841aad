"""Writes log_mel.safetensors: log-mel energies by numpy, in double precision, from the definition.

    python make_log_mel.py

Each case is some samples at a rate, `samples.NAME`, and their energies `log_mel.NAME`, filters by frames. Needs numpy and
safetensors.
"""

from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

rng = np.random.default_rng(20)


def mel(hertz):
    return 2595 * np.log10(1 + hertz / 700)


def log_mel(samples, rate, filters, lowest, highest):
    length, hop = round(0.025 * rate), round(0.010 * rate)
    size = 1
    while size < length:
        size *= 2
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)
    frames = [samples[at : at + length] for at in range(0, len(samples) - length + 1, hop)]
    power = np.abs(np.fft.rfft(np.array(frames, dtype=np.float64) * window, size)) ** 2
    corners = 700 * (10 ** (np.linspace(mel(lowest), mel(highest), filters + 2) / 2595) - 1)
    hertz = np.arange(size // 2 + 1) * rate / size
    bank = [np.interp(hertz, corners[i : i + 3], [0, 1, 0], left=0, right=0) for i in range(filters)]
    return np.log(power @ np.array(bank).T + 1e-6).T


tensors = {}
for name, rate, filters, lowest, highest in [("8000", 8000, 40, 20, 4000), ("16000", 16000, 80, 20, 8000), ("11025", 11025, 23, 100, 5000)]:
    t = np.arange(rate // 4) / rate
    voiced = sum(np.sin(2 * np.pi * 130 * k * t * (1 + 0.2 * t)) / k for k in range(1, 20))
    samples = 0.1 * voiced * np.minimum(1, 20 * t) + rng.normal(0, 0.002, len(t))
    samples[-rate // 20 :] = 0
    samples = samples.astype(np.float32)
    tensors[f"samples.{name}"] = samples
    tensors[f"log_mel.{name}"] = np.ascontiguousarray(log_mel(samples, rate, filters, lowest, highest), dtype=np.float32)
path = Path(__file__).with_name("log_mel.safetensors")
save_file(tensors, path)
print(path.name, {name: value.shape for name, value in tensors.items()})
