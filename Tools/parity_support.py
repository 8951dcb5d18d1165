"""What the parity checks share: running the program, keeping count of what failed, the digits that come with Athanor."""

import gzip
import os
import pathlib
import subprocess
import sys

import numpy as np

ATHANOR = os.path.abspath(sys.argv[1])
ROOT = pathlib.Path(__file__).parent.parent
DIGITS = ROOT / "Sources/AthanorDatasets/Resources/digits"
failures = []


def check(what, passed, detail):
    print(f"{'ok  ' if passed else 'FAIL'} {what}: {detail}", flush=True)
    if not passed:
        failures.append(what)


def within(what, value, limit):
    check(what, value <= limit, f"{value:.2e} (limit {limit:g})")  # false for NaN


def athanor(*arguments):
    result = subprocess.run([ATHANOR, *map(str, arguments)], capture_output=True, text=True)
    if result.returncode != 0:
        sys.exit(f"athanor {' '.join(map(str, arguments))} failed ({result.returncode}):\n{result.stdout}{result.stderr}")
    return result.stdout


def idx(name, count=None):
    with gzip.open(DIGITS / f"{name}.gz") as file:
        content = file.read()
    axes = [int.from_bytes(content[4 + 4 * i : 8 + 4 * i], "big") for i in range(content[3])]
    return np.frombuffer(content, np.uint8, offset=4 + 4 * len(axes)).reshape(axes)[:count]


def write_idx(path, array):
    header = bytes([0, 0, 8, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape)
    path.write_bytes(header + array.tobytes())


def write_data(folder, train, test):
    folder.mkdir()
    for part, (images, labels) in {"train": train, "t10k": test}.items():
        write_idx(folder / f"{part}-images-idx3-ubyte", images)
        write_idx(folder / f"{part}-labels-idx1-ubyte", labels)


def finish():
    sys.exit(f"{len(failures)} comparisons failed: {', '.join(failures)}" if failures else 0)
