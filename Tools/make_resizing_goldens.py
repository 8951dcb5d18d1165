#!/usr/bin/env python3
"""Makes Tests/AthanorDatasetsTests/Goldens/resizing.json: a picture in other sizes, by each filter.

    pip install keras==3.15.1 jax==0.10.2 numpy pillow==13.0.0
    KERAS_BACKEND=jax python3 Tools/make_resizing_goldens.py Tests/AthanorDatasetsTests/Goldens/resizing.json

nearest and bilinear, antialiased or not, are Keras' (on JAX); where a picture is antialiased, Pillow has to agree. The mean of an
area is found by making the picture as many times as large as the result's size has pixels, and taking means of whole blocks.
"""

import json
import os
import sys

os.environ.setdefault("KERAS_BACKEND", "jax")

import keras  # noqa: E402
import numpy as np  # noqa: E402
from PIL import Image  # noqa: E402

SIZES = [(5, 7), (3, 2), (18, 20), (4, 26), (9, 6)]


def area(picture, height, width):
    """Rows and columns that do not shrink are bilinear."""
    for axis, length in enumerate((height, width)):
        old = picture.shape[axis]
        if length > old:
            size = (length, picture.shape[1]) if axis == 0 else (picture.shape[0], length)
            picture = keras_resized(picture, *size, antialias=False)
            continue
        large = np.moveaxis(np.repeat(picture, length, axis=axis), axis, 0)
        means = large.reshape(length, old, *large.shape[1:]).mean(axis=1)
        picture = np.moveaxis(means, 0, axis)
    return picture


def keras_resized(picture, height, width, **options):
    result = keras.ops.image.resize(picture[None].astype(np.float32), (height, width), data_format="channels_last", **options)
    return np.asarray(result)[0]


def pillow_resized(picture, height, width):
    channels = [Image.fromarray(picture[:, :, c].astype(np.float32)) for c in range(picture.shape[2])]
    return np.stack([np.asarray(c.resize((width, height), Image.BILINEAR)) for c in channels], axis=-1)


def main():
    picture = np.random.default_rng(3).integers(0, 256, (9, 13, 3)).astype(np.float64)
    cases = []
    for height, width in SIZES:
        smooth = keras_resized(picture, height, width, interpolation="bilinear", antialias=True)
        assert np.abs(smooth - pillow_resized(picture, height, width)).max() < 1e-2
        results = {
            "nearest": keras_resized(picture, height, width, interpolation="nearest"),
            "bilinear": keras_resized(picture, height, width, interpolation="bilinear", antialias=False),
            "bilinear-antialiased": smooth,
            "area": area(picture, height, width),
        }
        for name, result in results.items():
            values = [round(float(v), 3) for v in result.reshape(-1)]
            cases.append({"filter": name, "height": height, "width": width, "values": values})
    golden = {
        "height": 9, "width": 13, "channels": 3, "pixels": [int(v) for v in picture.reshape(-1)], "cases": cases,
    }
    with open(sys.argv[1], "w") as file:
        json.dump(golden, file, separators=(",", ":"))
        file.write("\n")


if __name__ == "__main__":
    main()
