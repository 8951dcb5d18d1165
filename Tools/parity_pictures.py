"""Compares the pixels that `athanor predict` hands to a model with those that Pillow reads.

The model is an ONNX file with channels first that gives its input back, so that layouts are compared too.

    python Tools/parity_pictures.py .build/release/athanor
"""

import json
import pathlib
import subprocess
import sys
import tempfile

import numpy
import onnx
from onnx import TensorProto, helper

import make_picture_goldens


def model(height, width, path):
    count = 3 * height * width
    nodes = [helper.make_node("Reshape", ["x", "shape"], ["y"])]
    graph = helper.make_graph(
        nodes, "pixels", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3, height, width])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", count])],
        [helper.make_tensor("shape", TensorProto.INT64, [2], [-1, count])])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


def main():
    failures = 0
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        for name, file, tolerance in make_picture_goldens.cases():
            expected = make_picture_goldens.pixels(file)
            if expected.width in (1, 3):
                continue  # The shape of such a model would be one with channels last.
            (folder / "picture").write_bytes(file)
            model(expected.height, expected.width, folder / "pixels.onnx")
            run = subprocess.run(
                [pathlib.Path(sys.argv[1]).resolve(), "predict", "pixels.onnx", "picture", "--no-normalize", "--json"], cwd=folder,
                capture_output=True, text=True)
            if run.returncode:
                print(f"{name}: {run.stderr.strip()}")
                failures += 1
                continue
            scores = json.loads(run.stdout)["scores"]
            numbers = numpy.array([scores[str(index)] for index in range(len(scores))]) * 255
            pixels = numbers.reshape(3, expected.height, expected.width).transpose(1, 2, 0)
            difference = numpy.abs(pixels - numpy.asarray(expected, dtype=float)).max()
            isFine = difference <= tolerance + 1e-3
            failures += not isFine
            print(f"{'' if isFine else 'DIFFERENT '}{name}: largest difference {difference:.3f} (limit {tolerance})")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
