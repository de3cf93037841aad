"""Numbers by one formula here and in Rust (tests/seeded/mod.rs): element i of what is called `name`, from -1 to 1."""

import numpy as np


def seed(name):
    """FNV-1a, 32 bits."""
    value = 0x811C9DC5
    for byte in name.encode():
        value = (value ^ byte) * 0x01000193 & 0xFFFFFFFF
    return value


def integers(name, count):
    x = np.arange(count, dtype=np.uint32) * np.uint32(0x9E3779B1) + np.uint32(seed(name))
    x = (x ^ (x >> np.uint32(16))) * np.uint32(0x85EBCA6B)
    x = (x ^ (x >> np.uint32(13))) * np.uint32(0xC2B2AE35)
    return x ^ (x >> np.uint32(16))


def numbers(name, shape):
    count = int(np.prod(shape))
    return (integers(name, count) / 2.0**31 - 1.0).reshape(shape)


def picture(name, width, height):
    """Bytes of red, green and blue."""
    return (integers(name, 3 * width * height) >> np.uint32(24)).astype(np.uint8).reshape(height, width, 3)
