"""Makes recordings of spoken digits with espeak-ng: what the shipped model `spoken-digits` learnt from, and the samples.

    python make_speech.py FOLDER       training recordings: FOLDER/train.tsv and its WAV files
    python make_speech.py --samples    the samples beside this script: speech/samples.tsv and its WAV files

Needs espeak-ng (1.51) and numpy. The samples' voices are in no training recording.
"""

import random
import subprocess
import sys
import wave
from io import BytesIO
from pathlib import Path

import numpy as np

RATE = 8000
DIGITS = "ZERO ONE TWO THREE FOUR FIVE SIX SEVEN EIGHT NINE".split()
ACCENTS = ["en-us", "en-gb", "en-gb-x-rp", "en-gb-scotland", "en-029"]
VOICES = ["", "+m1", "+m2", "+m3", "+m4", "+m5", "+m6", "+m8", "+f1", "+f2", "+f3", "+f5", "+adam", "+linda", "+max", "+paul"]
HELD_OUT = ["+m7", "+f4", "+john", "+steph"]


def spoken(digits, voice, speed, pitch):
    """Samples from -1 to 1 at RATE."""
    command = ["espeak-ng", "-v", voice, "-s", str(speed), "-p", str(pitch), "--stdout", " ".join(digits).lower()]
    sound = wave.open(BytesIO(subprocess.run(command, check=True, capture_output=True).stdout))
    samples = np.frombuffer(sound.readframes(1 << 30), "<i2") / 32768
    # Band-limited: the spectrum above half the new rate is left out.
    count = len(samples) * RATE // sound.getframerate()
    return np.fft.irfft(np.fft.rfft(samples)[: count // 2 + 1], count) * (count / len(samples))


def write(path, samples):
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())


def make(folder, count, seed, voices, speeds, most):
    """`count` recordings of 2 to `most` digits, with some noise and of different loudness, and their table."""
    folder.mkdir(parents=True, exist_ok=True)
    draw, noise = random.Random(seed), np.random.default_rng(seed)
    lines = ["path\tspeaker\tspeed\ttext"]
    for number in range(count):
        voice = draw.choice(ACCENTS) + draw.choice(voices) if len(voices) > 4 else "en-us" + voices[number % 4]
        speed, pitch = draw.randint(*speeds), draw.randint(25, 75)
        digits = draw.choices(DIGITS, k=draw.randint(2, most))
        samples = spoken(digits, voice, speed, pitch) * draw.uniform(0.3, 1)
        samples = samples + noise.normal(0, 10 ** draw.uniform(-4, -2.3), len(samples))
        name = f"{number + 1}.wav"
        write(folder / name, samples)
        lines.append(f"{name}\t{voice}\t{speed}\t{' '.join(digits)}")
    return lines


if sys.argv[1:] == ["--samples"]:
    folder = Path(__file__).with_name("speech")
    lines = make(folder, 8, 7, HELD_OUT, (125, 195), 4)
    (folder / "samples.tsv").write_text("\n".join(lines) + "\n")
else:
    folder = Path(sys.argv[1])
    lines = make(folder, 1200, 1, VOICES, (110, 210), 6)
    (folder / "train.tsv").write_text("\n".join(lines[:1101]) + "\n")
    (folder / "dev.tsv").write_text("\n".join(lines[:1] + lines[1101:]) + "\n")
