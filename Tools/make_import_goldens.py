#!/usr/bin/env python3
"""Makes the Core ML and ONNX files that Athanor's readers are tested on, as other programs write them, with the numbers they must give.

Usage: python3 Tools/make_import_goldens.py Tests/AthanorCoreMLTests/Goldens Tests/AthanorONNXTests/Goldens

Made with Python 3.11.7, PyTorch 2.15.0, coremltools 9.0, onnx 1.23.2, Keras 3.15.1 on TensorFlow 2.21.0, tf2onnx 1.17.0 and NumPy 2.4.6.
The expected numbers are PyTorch's (Keras' for tf2onnx) in float32. Weights are random from fixed seeds, and small.
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import warnings

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
warnings.filterwarnings("ignore")

import numpy as np  # noqa: E402
import torch  # noqa: E402
from torch import nn  # noqa: E402

CORE_ML, ONNX = (pathlib.Path(path) for path in sys.argv[1:3])


class Pictures(nn.Module):
    """A small network for pictures, with what is usual in them."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(8, 8, 3, stride=2, padding=1, groups=8), nn.ReLU6(), nn.Conv2d(8, 12, 1), nn.LeakyReLU(0.1))
        self.head = nn.Linear(12 * 4 * 4, 5)

    def forward(self, x):
        return torch.softmax(self.head(torch.flatten(self.body(x), 1)), dim=1)


class Branches(nn.Module):
    """Branches that meet again, padded average pools of both kinds, a gate, a global pool."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(2, 6, (3, 2), padding=(1, 0), bias=False)
        self.second = nn.Conv2d(6, 6, 3, padding=2, dilation=2)
        self.counted = nn.AvgPool2d(3, stride=2, padding=1)
        self.uncounted = nn.AvgPool2d(3, stride=2, padding=1, count_include_pad=False)
        self.rounded_up = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.slopes = nn.PReLU(6)
        self.gate = nn.Linear(6, 6)
        self.head = nn.Linear(18, 4)

    def forward(self, x):
        x = self.slopes(self.first(x))
        x = x + nn.functional.gelu(self.second(x))
        gate = torch.sigmoid(self.gate(x.mean(dim=(2, 3))))
        x = x * gate.unsqueeze(-1).unsqueeze(-1)
        a, b = self.counted(x), self.uncounted(x)
        c = self.rounded_up(x)
        joined = torch.cat([part[:, :, :5, :3] for part in (a, b)] + [c], dim=1)
        return self.head(torch.amax(joined, dim=(2, 3)))


class Rows(nn.Module):
    """Dense layers with what stands between them in today's networks."""

    reads_size = False  # coremltools 9.0 cannot convert x.size(0) beside NumPy 2

    def __init__(self):
        super().__init__()
        self.first = nn.Linear(10, 16)
        self.norm = nn.LayerNorm(16)
        self.second = nn.Linear(16, 16)
        self.third = nn.Linear(16, 3)

    def forward(self, x):
        x = nn.functional.silu(self.norm(self.first(x)))
        x = x + nn.functional.elu(self.second(x), alpha=0.7)
        batch, rest = (x.size(0), -1) if self.reads_size else (-1, 16)
        x = x.view(batch, 4, 4).transpose(1, 2).reshape(batch, rest)
        return torch.tanh(self.third(nn.functional.hardtanh(x, -0.9, 1.2)) * 0.5 - 1.0)


def made(kind, shape):
    torch.manual_seed(sum(map(ord, kind.__name__)))
    model = kind()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.uniform_(-0.3, 0.3)
            module.running_var.uniform_(0.5, 2)
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.bias, -0.3, 0.3)
        if isinstance(module, (nn.PReLU, nn.LayerNorm)):
            nn.init.uniform_(module.weight, 0.1, 0.9)
    model.eval()
    return model, torch.randn(2, *shape).mul(100).round().div(100)


def rounded(values):
    values = np.asarray(values, np.float32)
    return {"shape": list(values.shape), "values": [float(f"{float(v):.9g}") for v in values.reshape(-1)]}


def save_core_ml(goldens):
    import coremltools as ct
    import coremltools.optimize.coreml as cto

    def convert(model, shape, inputs=None, **options):
        traced = torch.jit.trace(model, torch.randn(1, *shape))
        return ct.convert(traced, inputs=inputs or [ct.TensorType("x", shape=(1, *shape))], **options)

    def save(name, converted, inputs, outputs):
        path = CORE_ML / name
        shutil.rmtree(path, ignore_errors=True)
        converted.save(str(path))
        goldens[name] = {"inputs": rounded(inputs), "outputs": rounded(outputs)}

    for kind, shape in ((Pictures, (3, 16, 16)), (Branches, (2, 10, 8)), (Rows, (10,))):
        model, x = made(kind, shape)
        with torch.no_grad():
            y = model(x)
        name = kind.__name__.lower()
        converted = convert(model, shape, compute_precision=ct.precision.FLOAT32, minimum_deployment_target=ct.target.iOS16)
        save(f"{name}.mlpackage", converted, x, y)
        if kind is Rows:
            half = convert(model, shape, compute_precision=ct.precision.FLOAT16, minimum_deployment_target=ct.target.iOS16)
            save("rows-half.mlpackage", half, x, y)
        if kind is Pictures:
            for bits, compressed in (
                ("int8", cto.linear_quantize_weights(converted, cto.OptimizationConfig(cto.OpLinearQuantizerConfig(weight_threshold=0)))),
                ("palette4", cto.palettize_weights(converted, cto.OptimizationConfig(cto.OpPalettizerConfig(mode="uniform", nbits=4, weight_threshold=0)))),
            ):
                # Read against what coremltools itself spreads out again.
                spread = cto.decompress_weights(compressed)
                save(f"pictures-{bits}.mlpackage", compressed, x, y)
                save(f"pictures-{bits}-spread.mlpackage", spread, x, y)
        try:
            save(f"{name}.mlmodel", convert(model, shape, convert_to="neuralnetwork"), x, y)
        except Exception as error:  # noqa: BLE001
            print(f"{name}.mlmodel: {error}")

    # Bytes of a picture go in, scaled and shifted by channel; a class comes out.
    model, _ = made(Pictures, (3, 16, 16))
    pixels = np.random.default_rng(1).integers(0, 256, (2, 16, 16, 3)).astype(np.uint8)
    bias = [-0.5, -0.25, -1.0]
    scaled = torch.tensor(pixels.astype(np.float32) / 127.5 + np.array(bias, np.float32)).permute(0, 3, 1, 2)
    with torch.no_grad():
        y = model(scaled)
    image = ct.ImageType("image", shape=(1, 3, 16, 16), scale=1 / 127.5, bias=bias, color_layout=ct.colorlayout.RGB)
    labels = ct.ClassifierConfig(["a", "b", "c", "d", "e"])
    for ending, options in (
        ("mlpackage", {"compute_precision": ct.precision.FLOAT32, "minimum_deployment_target": ct.target.iOS16}),
        ("mlmodel", {"convert_to": "neuralnetwork"}),
    ):
        converted = convert(model, (3, 16, 16), inputs=[image], classifier_config=labels, **options)
        save(f"classifier.{ending}", converted, pixels, y)


def save_onnx(goldens):
    Rows.reads_size = True
    for kind, shape in ((Pictures, (3, 16, 16)), (Branches, (2, 10, 8)), (Rows, (10,))):
        model, x = made(kind, shape)
        with torch.no_grad():
            y = model(x)
        for exporter, options in (("script", {"dynamo": False}), ("dynamo", {"dynamo": True})):
            name = f"{kind.__name__.lower()}-{exporter}.onnx"
            try:
                if exporter == "script":
                    options |= {"dynamic_axes": {"x": {0: "batch"}}, "opset_version": 17, "input_names": ["x"]}
                else:
                    options |= {"dynamic_shapes": ({0: torch.export.Dim("batch")},), "external_data": False, "verbose": False}
                torch.onnx.export(model, (x,), str(ONNX / name), **options)
            except Exception as error:  # noqa: BLE001
                print(f"{name}: {str(error)[:300]}")
                continue
            remove_notes(ONNX / name)
            goldens[name] = {"inputs": rounded(x), "outputs": rounded(y)}


def remove_notes(path):
    """Where in which file an operation was written says the exporter, too, with folders of its machine."""
    import onnx

    model = onnx.load(path)
    for item in [model, model.graph, *model.graph.node, *model.graph.value_info, *model.graph.initializer, *model.graph.input, *model.graph.output]:
        del item.metadata_props[:]
    onnx.save(model, path)


def save_keras(goldens):
    import keras
    import tensorflow as tf
    import tf2onnx

    keras.utils.set_random_seed(7)
    l = keras.layers
    model = keras.Sequential([
        keras.Input((12, 10, 3)), l.Rescaling(0.5, offset=-0.25), l.Conv2D(6, 3, strides=2, padding="same", activation="relu"),
        l.BatchNormalization(), l.AveragePooling2D(2, padding="same"), l.DepthwiseConv2D(2, padding="same"), l.LeakyReLU(0.2),
        l.Flatten(), l.Dense(8, activation="elu"), l.Dense(4, activation="softmax")])
    for variable in model.weights:
        if "moving" in variable.path or "gamma" in variable.path:
            variable.assign(np.random.default_rng(len(variable.path)).uniform(0.5, 1.5, variable.shape))
    x = np.random.default_rng(3).standard_normal((2, 12, 10, 3)).round(2).astype(np.float32)
    function = tf.function(lambda inputs: model(inputs, training=False), input_signature=[tf.TensorSpec((None, 12, 10, 3), tf.float32, "x")])
    tf2onnx.convert.from_function(function, input_signature=function.input_signature, opset=17, output_path=str(ONNX / "keras-tf2onnx.onnx"))
    goldens["keras-tf2onnx.onnx"] = {"inputs": rounded(x), "outputs": rounded(model.predict(x, verbose=0))}


PARTS = {"core-ml": (CORE_ML, save_core_ml), "torch": (ONNX, save_onnx), "keras": (ONNX, save_keras)}


def main():
    if len(sys.argv) == 4:
        goldens = {}
        PARTS[sys.argv[3]][1](goldens)
        print(json.dumps(goldens))
        return
    # TensorFlow and PyTorch do not bear each other in one process.
    goldens = {CORE_ML: {}, ONNX: {}}
    for part, (folder, _) in PARTS.items():
        folder.mkdir(parents=True, exist_ok=True)
        output = subprocess.run([sys.executable, *sys.argv, part], stdout=subprocess.PIPE, text=True, check=True).stdout
        goldens[folder] |= json.loads(output.splitlines()[-1])
    for folder, values in goldens.items():
        (folder / "goldens.json").write_text(json.dumps(values, separators=(",", ":"), sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
