#!/usr/bin/env python3
"""Makes the .safetensors files that Athanor's reader and writer are tested on, with the reference implementation.

Usage: python3 Tools/make_safetensors_goldens.py Tests/AthanorTests/Goldens

Made with Python 3.11.7, safetensors 0.8.0, ml_dtypes 0.6.0 and NumPy 2.4.6. It writes

- written.safetensors: the four element types that Athanor writes, a single number, an empty tensor, names that are not ASCII, and one text;
- types.safetensors: every element type that Athanor reads.
"""

import pathlib
import sys

import ml_dtypes
import numpy as np
from safetensors.numpy import save_file

FOLDER = pathlib.Path(sys.argv[1])

save_file(
    {
        "dense/kernel": np.arange(6, dtype="<f4").reshape(2, 3) / 4 - 0.5,
        "dense/bias": np.array([1.5, -0.0, np.inf], "<f4"),
        "adam/step": np.array(-7, "<i4"),
        "mean": np.array([[0.1], [1e300]], "<f8"),
        "pixels": np.array([0, 1, 254, 255, 128], "u1"),
        "empty": np.zeros((3, 0, 2), "<f4"),
        "größe \"\\\n": np.array([[7]], "u1"),
    },
    FOLDER / "written.safetensors",
    {"architecture": "{\"name\":\"näh\\u0001e\"}\n"},
)
values = np.array([0.0, -0.0, 1.0, -2.5, 6e-8, 65504.0, np.inf, -np.inf])
save_file(
    {
        "bool": np.array([True, False, True]),
        "uint8": np.array([0, 255], "u1"),
        "int8": np.array([-128, 127], "i1"),
        "int16": np.array([-32768, 32767], "<i2"),
        "uint16": np.array([0, 65535], "<u2"),
        "float16": values.astype("<f2"),
        "bfloat16": values.astype(ml_dtypes.bfloat16),
        "int32": np.array([-(2**31), 2**31 - 1], "<i4"),
        "uint32": np.array([0, 2**31 - 1], "<u4"),
        "uint32_large": np.array([2**31], "<u4"),
        "float32": values.astype("<f4"),
        "float64": values.astype("<f8"),
        "int64": np.array([-(2**31), 2**31 - 1], "<i8"),
        "int64_large": np.array([0, 2**31], "<i8"),
        "uint64": np.array([2**31 - 1], "<u8"),
        "uint64_large": np.array([2**64 - 1], "<u8"),
    },
    FOLDER / "types.safetensors",
)
