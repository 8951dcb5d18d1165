"""Runs ONNX' own tests of single operators (`onnx.backend.test`, kind "node") through `athanor predict`:
`python Tools/onnx_node_suite.py .build/release/athanor [--list]`.

Each test is one small model with inputs and outputs. It counts as matching when each output has the shape that it should have, integers
where integers are expected, and numbers within 1e-4 (1e-3 in half precision). A model that is refused as it stands is tried again with
all inputs but its data turned into constants and with its first output alone, which is how networks have them. A wrong result fails, and
so does a crash; a refusal does not. With --list each test has a line.

Versions: Tools/requirements-export.txt.
"""

import collections
import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import warnings

warnings.filterwarnings("ignore")  # some tests divide by zero on purpose

import numpy as np
import onnx
import onnx.backend.test.loader

ATHANOR = os.path.abspath(sys.argv[1])
NUMPY = "bBhHiIlLqQefd?"  # the kinds of elements that .npy files hold here


def array(value):
    if isinstance(value, onnx.TensorProto):
        value = onnx.numpy_helper.to_array(value)
    return np.asarray(value) if isinstance(value, np.generic) else value


def is_plain(value):
    return isinstance(value, np.ndarray) and value.dtype.char in NUMPY


def matches(expected, path):
    """What is wrong with an output, if anything."""
    if not path.exists():
        return f"{path.name} was not written"
    got = np.load(path)
    if got.shape != expected.shape:
        return f"shape {got.shape} instead of {expected.shape}"
    if (expected.dtype.kind == "f" or expected.dtype.name == "bfloat16") != (got.dtype.kind == "f"):
        return f"{got.dtype} instead of {expected.dtype}"
    limit = {"float16": 1e-3, "bfloat16": 1e-2}.get(expected.dtype.name, 1e-4)  # they have three and two digits
    if not np.allclose(got.astype(np.float64), expected.astype(np.float64), rtol=limit, atol=limit, equal_nan=True):
        return f"numbers differ by up to {np.max(np.abs(got.astype(np.float64) - expected.astype(np.float64))):.2e}"
    return None


def attempt(model, inputs, expected, folder):
    """`matching`, `wrong` or `refused`, and why."""
    folder.mkdir()
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    arguments = [ATHANOR, "predict", str(folder / "model.onnx"), "--threads", "1", "--batch-size", "100000", "--outputs", str(folder / "out")]
    for place, (name, value) in enumerate(inputs):
        file = folder / f"{place}.npy"
        if is_plain(value):
            np.save(file, value)
        else:
            file.write_bytes(b"")  # of a kind that no file holds; the model must be refused for it
        arguments += ["--inputs", f"{name}={file}" if len(inputs) > 1 else str(file)]
    if not inputs:
        arguments = [ATHANOR, "summary", str(folder / "model.onnx")]  # to be refused: there is nothing to predict from
    run = subprocess.run(arguments, capture_output=True, text=True, timeout=60)
    if run.returncode == 1:
        return "refused", run.stderr.strip().removeprefix(f"Error: {folder / 'model.onnx'}: ")
    if run.returncode != 0:
        return "wrong", f"exit code {run.returncode}: {run.stderr.strip()[-300:]}"
    for name, value in expected:
        if not is_plain(value) and getattr(value, "dtype", None) != "bfloat16":
            return "wrong", f"output {name} is of a kind that no file holds"
        files = list((folder / "out").glob("*.npy"))
        named = folder / "out" / (re.sub(r"[^\w\-.]", "_", name) + ".npy")
        found = matches(value, files[0] if len(files) == 1 and len(expected) == 1 else named)
        if found:
            return "wrong", f"output {name}: {found}"
    return "matching", ""


def with_constants(model, inputs, expected):
    """The model with all inputs but the first of floating-point numbers as constants, and its first output alone."""
    data = next((name for name, value in inputs if is_plain(value) and value.dtype.kind == "f"), inputs[0][0] if inputs else None)
    constants = [(name, value) for name, value in inputs if name != data and is_plain(value)]
    changed = onnx.ModelProto.FromString(model.SerializeToString())
    changed.graph.initializer.extend(onnx.numpy_helper.from_array(value, name) for name, value in constants)
    names = {name for name, _ in constants}
    kept = [value for value in changed.graph.input if value.name not in names]
    del changed.graph.input[:], changed.graph.output[1:]
    changed.graph.input.extend(kept)
    return changed, [(name, value) for name, value in inputs if name not in names], expected[:1]


def run(place, test, folder):
    inputs, outputs = test.data_sets[0]
    inputs = [(port.name, array(value)) for port, value in zip(test.model.graph.input, inputs)]
    expected = [(port.name, array(value)) for port, value in zip(test.model.graph.output, outputs)]
    verdict, reason = attempt(test.model, inputs, expected, folder / f"{place}-as-given")
    if verdict == "refused" and inputs and (len(inputs) > 1 or len(expected) > 1):
        second, other = attempt(*with_constants(test.model, inputs, expected), folder / f"{place}-constants")
        if second != "refused":
            return f"{second}, with constants", other
        reason = other
    return verdict, reason


def group(reason):
    """A reason without what differs from test to test."""
    reason = re.sub(r"^node \"[^\"]*\" \((\w+)\): there is no operation.*", r"no operation: \1", reason, flags=re.DOTALL)
    reason = re.sub(r"^[\w.]+ \((\w+)\): ", r"(\1) ", reason)
    reason = re.sub(r"^node \"[^\"]*\" \((\w+)\): ", r"(\1) ", reason)
    return re.sub(r"\"[^\"]*\"|\([\d, None]*\)|\[[\d, -]*\]|-?\b\d+(\.\d+)?\b", "*", reason)[:150]


tests = [test for test in onnx.backend.test.loader.load_model_tests(kind="node") if test.model is not None]
with tempfile.TemporaryDirectory() as temporary, concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
    results = list(pool.map(lambda pair: run(*pair, pathlib.Path(temporary)), enumerate(tests)))
counts = collections.Counter(verdict for verdict, _ in results)
reasons = collections.Counter(group(reason) for verdict, reason in results if verdict == "refused")
if "--list" in sys.argv:
    for test, (verdict, reason) in zip(tests, results):
        print(f"{test.name}: {verdict}: {' '.join(reason.split())}")
print("Refused, by reason:")
for reason, count in reasons.most_common():
    print(f"{count:5}  {reason}")
print(f"{len(tests)} tests: " + ", ".join(f"{count} {verdict}" for verdict, count in sorted(counts.items())))
wrong = [f"{test.name}: {reason}" for test, (verdict, reason) in zip(tests, results) if verdict.startswith("wrong")]
print(*wrong, sep="\n")
sys.exit(f"{len(wrong)} wrong results" if wrong else 0)
