#!/usr/bin/env python3
"""Makes the pictures in Examples/digits, on which the demonstration tries its model.

Usage:
    python3 Tools/make_example_digits.py

Needs nothing but Python's standard library; made with Python 3.11.7 and zlib 1.2.13. The pixels are the same for every
run; the files may differ in compression with another zlib.

What it does: six digits of the bundled sample's test part (see ATTRIBUTION.txt there for their authors and licence)
become PNG files of 28 x 28 pixels, light on dark, named for their class: `7.png`. Three more, `drawn-2.png` and so on,
are strokes of a round brush, dark on white paper, larger, off the middle and with smooth edges, as people draw them in
a paint program: one in gray, one in colour, one in colour with a transparent ground.
"""

import gzip
import math
import pathlib
import struct
import zlib

ROOT = pathlib.Path(__file__).resolve().parent.parent
SAMPLE = ROOT / "Sources/AthanorDatasets/Resources/digits"
OUTPUT = ROOT / "Examples/digits"
SIDE = 28

# Class of the digit, and which of its 100 test examples: well-formed, and in different hands.
CHOSEN = {0: 10, 3: 1, 4: 3, 6: 1, 7: 1, 9: 7}

GRAY, RGB, RGBA = 0, 2, 6  # PNG's colour types
CHANNELS = {GRAY: 1, RGB: 3, RGBA: 4}


def chunk(kind: bytes, content: bytes) -> bytes:
    """One chunk of a PNG file."""
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def write_png(path: pathlib.Path, width: int, height: int, colour_type: int, pixels: bytes) -> None:
    """Writes 8-bit pixels, row by row, without filters."""
    stride = width * CHANNELS[colour_type]
    rows = b"".join(b"\0" + pixels[y * stride : (y + 1) * stride] for y in range(height))
    header = struct.pack(">IIBBBBB", width, height, 8, colour_type, 0, 0, 0)
    content = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"")
    path.write_bytes(content)
    print(f"{path.relative_to(ROOT)}: {width} x {height}, {len(content)} bytes")


def sample_digit(label: int, number: int) -> bytes:
    """The pixels of one example of a class from the test part."""
    images = gzip.decompress((SAMPLE / "digits-test-images-idx3-ubyte.gz").read_bytes())[16:]
    labels = gzip.decompress((SAMPLE / "digits-test-labels-idx1-ubyte.gz").read_bytes())[8:]
    places = [place for place, value in enumerate(labels) if value == label]
    start = places[number] * SIDE * SIDE
    return images[start : start + SIDE * SIDE]


def curve(points: list[tuple[float, float]], steps: int = 12) -> list[tuple[float, float]]:
    """A smooth line through points (a Catmull-Rom spline)."""
    padded = [points[0], *points, points[-1]]
    line = []
    for p0, p1, p2, p3 in zip(padded, padded[1:], padded[2:], padded[3:]):
        for step in range(steps):
            t = step / steps
            line.append(
                tuple(
                    0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
                    for a, b, c, d in zip(p0, p1, p2, p3)
                )
            )
    return [*line, points[-1]]


def distance(x: float, y: float, start: tuple[float, float], end: tuple[float, float]) -> float:
    """From a point to a segment."""
    dx, dy = end[0] - start[0], end[1] - start[1]
    length = dx * dx + dy * dy
    t = 0 if length == 0 else min(max(((x - start[0]) * dx + (y - start[1]) * dy) / length, 0), 1)
    return math.hypot(x - start[0] - t * dx, y - start[1] - t * dy)


def coverage(width: int, height: int, strokes: list[list[tuple[float, float]]], diameter: float) -> list[float]:
    """How much of each pixel a round brush covers that goes along the strokes."""
    result = [0.0] * (width * height)
    reach = diameter / 2 + 1
    for stroke in strokes:
        for start, end in zip(stroke, stroke[1:]):
            left, right = min(start[0], end[0]) - reach, max(start[0], end[0]) + reach
            top, bottom = min(start[1], end[1]) - reach, max(start[1], end[1]) + reach
            for y in range(max(int(top), 0), min(int(bottom) + 1, height)):
                for x in range(max(int(left), 0), min(int(right) + 1, width)):
                    share = diameter / 2 - distance(x + 0.5, y + 0.5, start, end) + 0.5
                    place = y * width + x
                    result[place] = max(result[place], min(max(share, 0.0), 1.0))
    return result


def draw(name: str, width: int, height: int, colour_type: int, ink: tuple[int, ...], diameter: float, *strokes) -> None:
    """Writes strokes on white paper, or on nothing when the picture has transparency."""
    pixels = bytearray()
    for share in coverage(width, height, list(strokes), diameter):
        if colour_type == RGBA:
            pixels += bytes([*ink, round(255 * share)])
        else:
            pixels += bytes(round(255 + (value - 255) * share) for value in ink)
    write_png(OUTPUT / name, width, height, colour_type, bytes(pixels))


def main() -> None:
    OUTPUT.mkdir(parents=True, exist_ok=True)
    for label, number in CHOSEN.items():
        write_png(OUTPUT / f"{label}.png", SIDE, SIDE, GRAY, sample_digit(label, number))
    draw(
        "drawn-2.png", 200, 200, GRAY, (20,), 13,
        curve([(62, 72), (70, 47), (96, 36), (122, 46), (130, 72), (117, 101), (92, 130), (60, 160)]),
        curve([(60, 160), (98, 155), (142, 158)]),
    )  # fmt: skip
    draw(
        "drawn-5.png", 240, 200, RGB, (22, 44, 120), 10,
        curve([(150, 38), (110, 41)]) + curve([(110, 41), (103, 88)])
        + curve([(103, 88), (128, 80), (153, 92), (160, 120), (147, 147), (119, 157), (92, 147)]),
    )  # fmt: skip
    draw(
        "drawn-8.png", 220, 260, RGBA, (10, 10, 10), 15,
        curve([
            (120, 62), (98, 52), (78, 66), (80, 92), (104, 116), (124, 142), (120, 172), (96, 184), (72, 172),
            (70, 144), (92, 118), (116, 94), (122, 70), (112, 56),
        ]),
    )  # fmt: skip


if __name__ == "__main__":
    main()
