"""Exports what Athanor has read of ONNX files to ONNX again, and runs both files in onnxruntime:
`python Tools/parity_again.py .build/release/athanor`.

The networks are those of `make_onnx_cases.py`. Transposed convolutions, chosen places, paddings and sizes must come through; what else cannot be exported must
be refused by name. Where the batch is open, both files also run on one example alone. It also looks up the operations that
Documentation/coreml.md lists in coremltools.

Versions: Tools/requirements-export.txt.
"""

import logging
import pathlib
import re
import subprocess
import tempfile

import numpy as np
import onnxruntime
from parity_support import ATHANOR, ROOT, check, finish

import make_onnx_cases

NEEDED = ("convT", "gather", "pad", "resize", "conv1d", "maxpool1d")


def run(model, x):
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: x})[0]


def compare(name, model, x, folder):
    source, target = folder / f"{name}.onnx", folder / f"{name}-again.onnx"
    source.write_bytes(model.SerializeToString())
    result = subprocess.run([ATHANOR, "export", source, target], capture_output=True, text=True)
    if result.returncode:
        text = " ".join(result.stderr.split())
        return check(f"{name}: refused by name", not name.startswith(NEEDED) and text.startswith("Error: "), text)
    limit = 2e-3 if "half" in name or name == "fold_gemm" else 1e-5
    batches = [x] if model.graph.input[0].type.tensor_type.shape.dim[0].dim_value else [x, x[:1]]
    for batch in batches:
        # Interfaces of half precision come back in 32 bits.
        expected = run(source, batch).astype(np.float32)
        got = run(target, batch if batch.dtype != np.float16 else batch.astype(np.float32)).astype(np.float32)
        fits = got.shape == expected.shape
        worst = float(np.max(np.abs(got - expected) / np.maximum(1, np.abs(expected)))) if fits else float("inf")
        check(f"{name}: {len(batch)} examples", worst <= limit, f"largest difference {worst:.1e} (limit {limit:.0e})")


def compare_names():
    """What the page lists is what MIL has."""
    logging.disable(logging.WARNING)
    import coremltools.converters.mil.mil.ops.defs  # noqa: F401
    from coremltools.converters.mil.mil.ops.registry import SSAOpRegistry

    page = (ROOT / "Documentation/coreml.md").read_text()
    paragraph = page.split("## Operations of ML Programs\n\n")[1].split("\n\n")[0]
    unknown = [name for name in re.split(r"[, \n.]+", paragraph) if name and name not in SSAOpRegistry.core_ops]
    check("operations of Documentation/coreml.md", not unknown, unknown or "all are MIL's")


with tempfile.TemporaryDirectory() as temporary:
    compare_names()
    for name, (model, x) in make_onnx_cases.cases.items():
        compare(name, model, x, pathlib.Path(temporary))
finish()
