"""MNIST from a folder of IDX files, as float32 pictures [N, 28, 28, 1] from 0 to 1 and integer labels."""

import gzip
import pathlib

import numpy as np


def _read(folder, name, header):
    path = pathlib.Path(folder) / name
    if path.exists():
        content = path.read_bytes()
    else:
        with gzip.open(f"{path}.gz") as file:
            content = file.read()
    return np.frombuffer(content, np.uint8, offset=header)


def load(folder):
    def part(name):
        pictures = _read(folder, f"{name}-images-idx3-ubyte", 16).reshape(-1, 28, 28, 1).astype(np.float32) / 255
        return pictures, _read(folder, f"{name}-labels-idx1-ubyte", 8).astype(np.int32)

    return part("train"), part("t10k")
