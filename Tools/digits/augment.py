#!/usr/bin/env python3
"""Makes a larger training set of MNIST's: `augment.py MNIST OUTPUT [COPIES]`.

Writes the four IDX files of a data directory. The training files hold MNIST's pictures and COPIES (3) changed copies of each: ones and nines
partly with strokes that people in other countries add; turned, slanted, scaled, moved and bent; then with thinner, thicker or softer strokes,
or as a coarse scan shows them. The test files are MNIST's own. Everything follows from one seed. Needs NumPy and SciPy."""

import gzip
import shutil
import sys
from pathlib import Path

import numpy as np
from scipy import ndimage

SIDE = 28
SEED = 1


def find(folder, name):
    for path in (folder / f"{name}.gz", folder / name):
        if path.exists():
            return path
    sys.exit(f"{folder} does not hold MNIST's file {name}[.gz].")


def read(path, header):
    data = path.read_bytes()
    return np.frombuffer(gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data, np.uint8, offset=header)


def write(path, values):
    lengths = np.array(values.shape, ">u4").tobytes()
    path.write_bytes(bytes([0, 0, 8, values.ndim]) + lengths + values.tobytes())


def moved(x, rng):
    """Turned, slanted, scaled, moved and bent; x is [N, 28, 28] from 0 to 1."""
    count = len(x)

    def uniform(limit):
        return rng.uniform(-limit, limit, (count, 1, 1))

    angle, slant, scale, stretch = np.radians(uniform(14)), uniform(0.35), np.exp(uniform(0.17)), np.exp(uniform(0.17))
    v, u = np.meshgrid(np.arange(SIDE) - 13.5, np.arange(SIDE) - 13.5, indexing="ij")
    u, v = u[None] - uniform(2), v[None] - uniform(2)
    u, v = u * np.cos(angle) + v * np.sin(angle), v * np.cos(angle) - u * np.sin(angle)
    u, v = (u + slant * v) / scale * stretch, v / scale / stretch
    for coordinate in (u, v):
        bend = ndimage.gaussian_filter(rng.uniform(-1, 1, (count, SIDE, SIDE)), (0, 4, 4), mode="constant")
        coordinate += bend * rng.uniform(0, 34, (count, 1, 1))
    return sampled(x, v + 13.5, u + 13.5)


def sampled(x, rows, columns):
    """Each picture at its own places, between pixels by bilinear interpolation, black outside."""
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1)))
    rows, columns = np.clip(rows + 1, 0, SIDE + 0.999), np.clip(columns + 1, 0, SIDE + 0.999)
    top, left = rows.astype(int), columns.astype(int)
    down, right = rows - top, columns - left
    number = np.arange(len(x))[:, None, None]
    return ((padded[number, top, left] * (1 - right) + padded[number, top, left + 1] * right) * (1 - down)
            + (padded[number, top + 1, left] * (1 - right) + padded[number, top + 1, left + 1] * right) * down)


def flourished(x, labels, rng):
    """Half of the ones with a flag, two in five of these with a foot too; a third of the nines with a hook at the end of the stem.

    Few of MNIST's digits have them; in many countries most have."""
    x = x.copy()
    for number in np.flatnonzero((labels == 1) & (rng.random(len(x)) < 0.5)):
        rows, columns = np.nonzero(x[number] > 0.5)
        top, bottom = rows.min(), rows.max()
        u, v = columns[rows == top].mean(), columns[rows == bottom].mean()
        width = rng.uniform(1.5, 3)
        end = (u - rng.uniform(3, 8), top + rng.uniform(1, 8))
        middle = ((u + end[0]) / 2 + rng.uniform(-1, 1), (top + end[1]) / 2 + rng.uniform(-1, 1))
        draw(x[number], [(u, top), middle, end], width)
        if rng.random() < 0.4:
            tilt = rng.uniform(-1, 1)
            left, right = (v - rng.uniform(2, 6), bottom + tilt), (v + rng.uniform(2, 6), bottom - tilt)
            draw(x[number], [left, (v, bottom), right], width)
    for number in np.flatnonzero((labels == 9) & (rng.random(len(x)) < 0.35)):
        rows, columns = np.nonzero(x[number] > 0.5)
        bottom = rows.max()
        u = columns[rows == bottom].mean()
        end = (u - rng.uniform(4, 10), bottom - rng.uniform(-1, 4))
        draw(x[number], [(u, bottom), (u - rng.uniform(1, 4), bottom + rng.uniform(0, 3)), end], rng.uniform(1.5, 3))
    return x


def draw(picture, curve, width):
    """Adds a stroke along the quadratic Bezier curve of three points (x, y)."""
    t = np.linspace(0, 1, 17)[:, None]
    a, b, c = np.array(curve)
    points = (1 - t) ** 2 * a + 2 * t * (1 - t) * b + t ** 2 * c
    grid = np.arange(SIDE)
    across, down = grid[None, None] - points[:, 0, None, None], grid[None, :, None] - points[:, 1, None, None]
    distances = np.hypot(across, down).min(axis=0)
    np.maximum(picture, np.clip(width / 2 + 0.5 - distances, 0, 1), out=picture)


def thicker(x, rng):
    return share(x, ndimage.grey_dilation(x, footprint=CROSS), rng)


def thinner(x, rng):
    return brightened(share(x, ndimage.grey_erosion(x, footprint=CROSS), rng))


def softer(x, rng):
    return brightened(ndimage.gaussian_filter(x, (0, 0.8, 0.8)))


CROSS = np.array([[[0, 1, 0], [1, 1, 1], [0, 1, 0]]], bool)


def share(x, other, rng):
    part = rng.uniform(0.3, 1, (len(x), 1, 1))
    return x * (1 - part) + other * part


def brightened(x):
    """With the brightest pixel of each picture white."""
    return x / np.maximum(x.max(axis=(1, 2), keepdims=True), 0.2)


def scanned(x, rng):
    """As a coarse scan shows it: 28 pixels averaged down to 10 to 15, in 17 shades, and interpolated again."""
    result = np.empty_like(x)
    sizes = rng.integers(10, 16, len(x))
    for size in range(10, 16):
        chosen = sizes == size
        down, up = matrix(SIDE, size), matrix(size, SIDE)
        small = np.round(16 * brightened(down @ x[chosen] @ down.T)) / 16
        result[chosen] = up @ small @ up.T
    # The preparation makes the strokes of such pictures thinner.
    black = rng.uniform(0, 0.25, (len(x), 1, 1))
    return np.clip(1.2 * (brightened(result) - black) / (1 - black), 0, 1)


def matrix(old, new):
    """The triangle filter that brings `old` pixels to `new`, [new, old]."""
    scale = old / new
    centres = (np.arange(new)[:, None] + 0.5) * scale - 0.5
    weights = np.maximum(0, 1 - abs(np.arange(old) - centres) / max(scale, 1))
    return weights / weights.sum(axis=1, keepdims=True)


STROKES = [(lambda x, rng: x, 0.25), (thicker, 0.15), (thinner, 0.1), (softer, 0.1), (scanned, 0.4)]


def changed(pixels, labels, rng):
    """One changed copy of each picture: bytes [N, 28, 28]."""
    x = moved(flourished(pixels.astype(np.float32) / 255, labels, rng), rng)
    kinds = rng.choice(len(STROKES), len(x), p=[share for _, share in STROKES])
    for kind, (function, _) in enumerate(STROKES):
        x[kinds == kind] = function(x[kinds == kind], rng)
    return np.round(255 * np.clip(x, 0, 1)).astype(np.uint8)


def main():
    source, output = Path(sys.argv[1]), Path(sys.argv[2])
    copies = int(sys.argv[3]) if len(sys.argv) > 3 else 3
    output.mkdir(parents=True, exist_ok=True)
    for name in ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"):
        path = find(source, name)
        shutil.copyfile(path, output / path.name)
    pixels = read(find(source, "train-images-idx3-ubyte"), 16).reshape(-1, SIDE, SIDE)
    labels = read(find(source, "train-labels-idx1-ubyte"), 8)
    rng = np.random.default_rng(SEED)
    parts = [pixels]
    for _ in range(copies):
        parts += [changed(pixels[start:start + 2000], labels[start:start + 2000], rng) for start in range(0, len(pixels), 2000)]
    write(output / "train-images-idx3-ubyte", np.concatenate(parts))
    write(output / "train-labels-idx1-ubyte", np.tile(labels, copies + 1))


if __name__ == "__main__":
    main()
