"""Runs what Athanor exports to Core ML in an independent interpreter, and to ONNX in onnxruntime:
`python Tools/parity_export.py .build/release/athanor`.

Each package must load in coremltools (the specification and the program with its weights), have nothing for the interpreter's lint to
find, and give the numbers of `athanor predict` within 1e-5 (float32) or 5e-3 (float16) on pictures that go in as bytes. A network of many
kinds of layers, saved by Keras, must give Keras' own predictions.

Versions: Tools/requirements-export.txt. Core ML itself exists on Apple's systems only and is asked there too.
"""

import json
import os
import pathlib
import sys
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import coreml_run
import numpy as np
import onnx
import onnxruntime
from parity_support import ROOT, athanor, check, finish, idx, within

GOLDENS = ROOT / "Tests/AthanorKerasTests/Goldens"
MADE_BY_OTHERS = ROOT / "Tests/AthanorCoreMLTests/Goldens"


def problems(package):
    found = coreml_run.lint(str(package)) + coreml_run.second_opinions(str(package))
    return [text for text in found if "not built" not in text]


def compare(what, package, inputs, expected, limit, score):
    found = problems(package)
    check(f"{what}: lint and coremltools", not found, found or "nothing found")
    for runner, run, factor in runners(package):
        worst, agree = 0.0, 0
        for one, wanted in zip(inputs, expected):
            got = score(run(one))
            worst = max(worst, float(np.max(np.abs(got - wanted))))
            agree += int(got.argmax() == wanted.argmax())
        within(f"{what}: numbers{runner}", worst, factor * limit)
        check(f"{what}: first choice{runner}", agree == len(expected), f"{agree} of {len(expected)} agree")


def runners(package):
    """What computes a package here, and by how much it may be farther off: the interpreter and, on Apple's systems, Core ML on the CPU."""
    found = [("", lambda inputs: coreml_run.run(str(package), inputs), 1)]
    if sys.platform == "darwin":
        import coremltools
        from PIL import Image

        model = coremltools.models.MLModel(str(package), compute_units=coremltools.ComputeUnit.CPU_ONLY)
        image = lambda value: Image.fromarray(value) if value.dtype == np.uint8 else value
        found.append((", by Core ML", lambda inputs: model.predict({name: image(value) for name, value in inputs.items()}), 10))
    return found


def compare_networks(folder):
    pictures = idx("digits-test-images-idx3-ubyte", 25)
    for network in ("malireddi", "chollet"):
        output = folder / network
        athanor("train", network, "--dataset", "digits", "--validate-on", "test", "--epochs", 1, "--output", output)
        athanor("predict", output / "best.h5", "--dataset", "digits", "--output", folder / "probabilities.npy")
        expected = np.load(folder / "probabilities.npy")[: len(pictures)]
        inputs = [{"image": picture} for picture in pictures]
        for precision, limit in (("float32", 1e-5), ("float16", 5e-3)):
            package = folder / f"{network}-{precision}.mlpackage"
            athanor(
                "export", output / "best.h5", package, "--class-labels", "0,1,2,3,4,5,6,7,8,9", "--image-input", "gray", "--precision", precision,
                "--author", "Athanor", "--license", "MIT", "--model-version", "1.0", "--summary", "Reads digits.")
            score = lambda out: np.array([out["classLabelProbabilities"][digit] for digit in range(10)])
            compare(f"{network}, {precision}", package, inputs, expected, limit, score)
            classic = package.with_suffix(".mlmodel")
            athanor("export", output / "best.h5", classic, "--class-labels", "0,1,2,3,4,5,6,7,8,9", "--image-input", "gray", "--precision", precision)
            compare(f"{network}, .mlmodel, {precision}", classic, inputs, expected, limit, score)
        athanor("export", output / "best.h5", folder / f"{network}.onnx")
        compare_onnx(network, folder / f"{network}.onnx", pictures[..., None].astype(np.float32) / 255, expected)
        words = folder / f"{network}-words.mlpackage"
        athanor("export", output / "best.h5", words, "--class-labels", "zero,one,two,three,four,five,six,seven,eight,nine", "--image-input", "gray")
        label = coreml_run.run(str(words), inputs[0])["classLabel"]
        wanted = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"][expected[0].argmax()]
        check(f"{network}: label in words", label == wanted, label)


def compare_onnx(what, file, inputs, expected):
    """The checker finds nothing, and onnxruntime gives the numbers, at a batch of one and of all."""
    onnx.checker.check_model(str(file), full_check=True)
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    for batch in (1, len(inputs)):
        got = session.run(None, {"input": inputs[:batch]})[0]
        worst = float(np.max(np.abs(got - expected[:batch])))
        check(f"{what}, ONNX, batch {batch}", got.shape == expected[:batch].shape and worst <= 1e-5, f"largest difference {worst:.1e} (limit 1e-05)")


def compare_many_layers(folder):
    golden = json.loads((GOLDENS / "keras.json").read_text())
    case = golden["trained"]
    inputs, predictions = (np.array(case[key]["values"], np.float32).reshape(case[key]["shape"]) for key in ("inputs", "predictions"))
    package = folder / "many.mlpackage"
    athanor("export", GOLDENS / "trained.h5", package)
    athanor("export", GOLDENS / "trained.h5", folder / "many.onnx", "--author", "Athanor")
    compare_onnx("many layers, saved by Keras", folder / "many.onnx", inputs, predictions)
    compare("many layers, saved by Keras", package, [{"input": one[None]} for one in inputs], predictions, 1e-5, lambda out: out["output"].ravel())


def compare_compressed(folder):
    """Compressed weights and open sizes: the files must pass the lint and give the numbers that Athanor's own reader gives."""
    pictures = idx("digits-test-images-idx3-ubyte", 5)
    model = folder / "malireddi" / "best.h5"
    for quantize in ("int8", "palette8", "palette6", "palette4"):
        for ending in ("mlpackage", "mlmodel"):
            for precision, limit in (("float32", 1e-5), ("float16", 5e-3)):
                file = folder / f"{quantize}-{precision}.{ending}"
                athanor("export", model, file, "--class-labels", "0,1,2,3,4,5,6,7,8,9", "--image-input", "gray", "--quantize", quantize, "--precision", precision)
                athanor("predict", file, "--dataset", "digits", "--output", folder / "probabilities.npy")
                expected = np.load(folder / "probabilities.npy")[: len(pictures)]
                score = lambda out: np.array([out["classLabelProbabilities"][digit] for digit in range(10)])
                compare(f"{quantize}, {precision}, .{ending}", file, [{"image": picture} for picture in pictures], expected, limit, score)
    batches = folder / "batches.mlpackage"
    athanor("export", model, batches, "--batch-range", "1-64")
    check("batches of 1 to 64: lint and coremltools", not problems(batches), problems(batches) or "nothing found")
    inputs = pictures[..., None].astype(np.float32) / 255
    together = coreml_run.run(str(batches), {"input": inputs})["output"]
    apart = np.concatenate([coreml_run.run(str(batches), {"input": one[None]})["output"] for one in inputs])
    within("batches of 1 to 64: five at once", float(np.max(np.abs(together - apart))), 1e-6)


def compare_sizes(folder):
    """Pictures of several sizes: both formats pass the lint and agree at each."""
    files = [folder / "sizes.mlpackage", folder / "sizes.mlmodel"]
    for file in files:
        athanor("export", GOLDENS / "plain.h5", file, "--image-input", "gray", "--image-bias", "-0.25", "--image-size-range", "4x3-20x17", "--class-labels", "a,b", "--from-logits")
        check(f"sizes 4x3 to 20x17, {file.suffix}: lint and coremltools", not problems(file), problems(file) or "nothing found")
    worst = 0.0
    for size in ((4, 3), (9, 11), (20, 17)):
        picture = np.random.default_rng(size[0]).integers(0, 256, size).astype(np.uint8)
        one, other = (coreml_run.run(str(file), {"image": picture})["classLabelProbabilities"] for file in files)
        worst = max(worst, *(abs(one[label] - other[label]) for label in "ab"))
    within("sizes 4x3 to 20x17: both formats at three sizes", worst, 1e-6)


def open_model():
    """Two sequences of open lengths, one of them of integers: what is told of each step, its class as an integer, and their mean over time."""
    make, floats, integers = onnx.helper.make_node, onnx.TensorProto.FLOAT, onnx.TensorProto.INT32
    random = np.random.default_rng(5)
    constants = {
        "weights": random.normal(size=(6, 4)).astype(np.float32), "bias": random.normal(size=4).astype(np.float32),
        "split": np.array([0, 0, 2, 2], np.int64), "depth": np.array(4, np.float32), "values": np.array([0, 1], np.float32)}
    nodes = [
        make("Cast", ["codes"], ["numbers"], to=floats),
        make("Concat", ["steps", "numbers"], ["joined"], axis=1),
        make("MatMul", ["joined", "weights"], ["product"]),
        make("Add", ["product", "bias"], ["sums"]),
        make("Softmax", ["sums"], ["chances"], axis=-1),
        make("ArgMax", ["sums"], ["places"], axis=-1, keepdims=0),
        make("Cast", ["places"], ["classes"], to=integers),
        make("OneHot", ["classes", "depth", "values"], ["best"], axis=-1),
        make("ReduceMean", ["sums"], ["mean"], axes=[1], keepdims=0),
        make("Reshape", ["sums", "split"], ["halves"]),
    ]
    value = onnx.helper.make_tensor_value_info
    inputs = [value("steps", floats, ["N", "time", 6]), value("codes", integers, ["N", "length", 6])]
    outputs = [
        value("chances", floats, ["N", "all", 4]), value("classes", integers, ["N", "all"]), value("best", floats, ["N", "all", 4]),
        value("mean", floats, ["N", 4]), value("halves", floats, ["N", "all", 2, 2])]
    graph = onnx.helper.make_graph(
        nodes, "open", inputs, outputs, [onnx.numpy_helper.from_array(array, name) for name, array in constants.items()])
    return onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)


def compare_open_lengths(folder):
    """A model of open lengths and integers, exported by Athanor: onnxruntime and the interpreter give what onnxruntime gives of the model itself."""
    onnx.save(open_model(), str(folder / "open.onnx"))
    athanor("export", folder / "open.onnx", folder / "again.onnx")
    onnx.checker.check_model(str(folder / "again.onnx"), full_check=True)
    sessions = [onnxruntime.InferenceSession(str(folder / f"{name}.onnx"), providers=["CPUExecutionProvider"]) for name in ("open", "again")]
    lengths = [[(axis if isinstance(axis, int) else "open") for axis in port.shape] for port in sessions[1].get_inputs()]
    check("open lengths: inputs", lengths == [["open", "open", 6], ["open", "open", 6]], [port.shape for port in sessions[1].get_inputs()])
    packages = {}
    for precision, limit in (("float32", 1e-5), ("float16", 2e-2)):
        packages[folder / f"open-{precision}.mlpackage"] = limit
        athanor(
            "export", folder / "open.onnx", folder / f"open-{precision}.mlpackage", "--length-range", "time=1-40", "--length-range", "length=1-30",
            "--precision", precision)
        found = problems(folder / f"open-{precision}.mlpackage")
        check(f"open lengths, {precision}: lint and coremltools", not found, found or "nothing found")
    for batch, time, length in ((1, 3, 5), (4, 17, 2)):
        random = np.random.default_rng(time)
        inputs = {
            "steps": random.normal(size=(batch, time, 6)).astype(np.float32), "codes": random.integers(0, 4, (batch, length, 6)).astype(np.int32)}
        expected = dict(zip([port.name for port in sessions[0].get_outputs()], sessions[0].run(None, inputs)))
        found = {"ONNX": (dict(zip([port.name for port in sessions[1].get_outputs()], sessions[1].run(None, inputs))), 1e-5)}
        for package, limit in packages.items():
            examples = [coreml_run.run(str(package), {key: value[n : n + 1] for key, value in inputs.items()}) for n in range(batch)]
            found[package.name] = ({key: np.concatenate([one[key] for one in examples]) for key in examples[0]}, limit)
        for what, (got, limit) in found.items():
            name = f"open lengths {batch} x {time} + {length}, {what}"
            fits = got.keys() == expected.keys() and all(
                got[key].shape == value.shape and (got[key].dtype.kind == value.dtype.kind) for key, value in expected.items())
            check(f"{name}: shapes and types", fits, {key: f"{value.dtype}{list(value.shape)}" for key, value in got.items()})
            # In 16 bits two sums may be equal.
            numbers = [key for key in expected if limit < 1e-3 or key not in ("classes", "best")]
            within(f"{name}: numbers", max(float(np.max(np.abs(got[key] - expected[key]))) for key in numbers), limit)


def compare_reader():
    """Models that coremltools made, in the independent interpreter; the Swift tests hold Athanor's reader against the same numbers."""
    goldens = json.loads((MADE_BY_OTHERS / "goldens.json").read_text())
    for name, golden in sorted(goldens.items()):
        inputs = np.array(golden["inputs"]["values"], np.float32).reshape(golden["inputs"]["shape"])
        expected = np.array(golden["outputs"]["values"], np.float32).reshape(golden["outputs"]["shape"])
        if "int8" in name or "palette" in name:
            continue  # compared with what coremltools spreads out again, in the Swift tests
        is_picture = name.startswith("classifier")
        feature = "image" if is_picture else "x"
        worst = 0.0
        for one, wanted in zip(inputs, expected):
            out = coreml_run.run(str(MADE_BY_OTHERS / name), {feature: one.astype(np.uint8) if is_picture else one[None]})
            values = next(value for value in out.values() if not isinstance(value, str))
            got = np.array([values[label] for label in "abcde"]) if is_picture else np.asarray(values).ravel()
            worst = max(worst, float(np.max(np.abs(got - wanted))))
        within(f"the interpreter on {name}", worst, 5e-3 if "half" in name else 1e-5)


with tempfile.TemporaryDirectory() as temporary:
    compare_reader()
    compare_many_layers(pathlib.Path(temporary))
    compare_networks(pathlib.Path(temporary))
    compare_compressed(pathlib.Path(temporary))
    compare_sizes(pathlib.Path(temporary))
    compare_open_lengths(pathlib.Path(temporary))
finish()
