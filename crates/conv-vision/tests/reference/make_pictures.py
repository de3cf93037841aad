"""Fixtures of decoding and resizing: python make_pictures.py (pillow, numpy). Resized pictures by their sum, a weighted sum and 64
bytes; the sources are bytes by formula."""

import json
from pathlib import Path

import numpy as np
from PIL import Image

import seeded

HERE = Path(__file__).parent
FILTERS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}


def source(kind, width, height):
    if kind == "noise":
        return seeded.picture("noise", width, height)
    # Stripes of one pixel, and between columns 0 and 1 in three: next to what a grid of pixels can hold.
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    channels = [x % 2 * 255, (x + y) % 2 * 255, (x % 3 == 0) * 255]
    return np.stack(channels, 2).astype(np.uint8)


def resized():
    cases = []
    for kind, size, to in [
        ("noise", (4000, 3000), (341, 256)),
        ("noise", (300, 200), (384, 256)),
        ("noise", (1, 60), (7, 256)),
        ("noise", (97, 31), (97, 64)),
        ("noise", (500, 375), (256, 256)),
        ("stripes", (512, 384), (341, 256)),
        ("stripes", (401, 300), (200, 150)),
    ]:
        for name, filter in FILTERS.items():
            image = Image.fromarray(source(kind, *size)).resize(to, filter)
            values = np.asarray(image).astype(np.int64).flatten()
            weighted = int((values * (np.arange(values.size) % 251 + 1)).sum())
            at = np.arange(64) * values.size // 64
            cases.append({
                "kind": kind, "from": size, "to": to, "filter": name, "sum": int(values.sum()),
                "weighted": weighted, "samples": values[at].tolist(),
            })
    return cases


def decoded():
    """Small files of kinds that this project's own encoders do not write, each with Pillow's pixels."""
    x, y = np.meshgrid(np.arange(24), np.arange(16))
    smooth = np.stack([x * 10, y * 15, (x + y) * 6], 2).astype(np.uint8)
    image, options = Image.fromarray(smooth), {"quality": 95, "subsampling": 0}
    exif = Image.Exif()
    exif[0x0112] = 6
    files = {
        "cmyk.jpg": (image.convert("CMYK"), options),
        "progressive.jpg": (image, options | {"progressive": True}),
        "turned.jpg": (image, options | {"exif": exif}),
        "grey.jpg": (image.convert("L"), options),
        "palette.png": (image.convert("P", palette=Image.Palette.ADAPTIVE, colors=8), {}),
        "alpha.png": (image.convert("RGBA"), {}),
        "grey_alpha.png": (image.convert("LA"), {}),
    }
    from PIL import ImageOps

    cases = []
    for name, (image, options) in files.items():
        image.save(HERE / name, **options)
        read = ImageOps.exif_transpose(Image.open(HERE / name)).convert("RGB")
        pixels = np.asarray(read).flatten().tolist()
        cases.append({"file": name, "size": read.size, "pixels": pixels})
    return cases


def photographs():
    """JPEG files as cameras write them, of odd sizes, by a digest of Pillow's pixels, which are libjpeg-turbo's."""
    cases = []
    for name, size, options in [
        ("photo_420.jpg", (37, 29), {"quality": 85, "subsampling": 2}),
        ("photo_422.jpg", (35, 17), {"quality": 60, "subsampling": 1}),
        ("photo_444.jpg", (33, 25), {"quality": 95, "subsampling": 0}),
        ("photo_progressive.jpg", (50, 41), {"quality": 80, "subsampling": 2, "progressive": True}),
        ("photo_restarts.jpg", (61, 30), {"quality": 30, "subsampling": 2, "restart_marker_blocks": 1}),
        ("photo_grey.jpg", (19, 43), {"quality": 75}),
        ("photo_narrow.jpg", (3, 20), {"quality": 75, "subsampling": 2}),
    ]:
        x, y = np.meshgrid(np.arange(size[0]), np.arange(size[1]))
        smooth = np.stack([x * 6 % 256, y * 7 % 256, (x * y) % 256], 2)
        noise = seeded.picture(name, *size).astype(int)
        image = Image.fromarray(((smooth * 3 + noise) // 4).astype(np.uint8))
        image = image.convert("L") if "grey" in name else image
        image.save(HERE / name, **options)
        values = np.asarray(Image.open(HERE / name).convert("RGB")).astype(np.int64).flatten()
        weighted = int((values * (np.arange(values.size) % 251 + 1)).sum())
        cases.append({"file": name, "size": size, "sum": int(values.sum()), "weighted": weighted})
    return cases


fixture = {"resized": resized(), "decoded": decoded(), "photographs": photographs()}
(HERE / "pictures.json").write_text(json.dumps(fixture, separators=(",", ":")) + "\n")
