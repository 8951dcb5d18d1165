"""Models of tables elsewhere: the pipeline of a Core ML file, evaluated model by model as the format describes them, and the ONNX file in
onnxruntime, against the program's own predictions.

    python Tools/parity_tables.py .build/release/athanor
"""

import csv
import json
import math
import pathlib
import random
import tempfile

import coremltools
import numpy as np
import onnx
import onnxruntime

import coreml_run
from parity_support import athanor, check, finish, within


def write(path, rows):
    with open(path, "w", newline="") as file:
        csv.writer(file).writerows(rows)


def people(count):
    """Rows with numbers, a column of few categories and one of many, and missing values."""
    numbers = random.Random(1)
    for _ in range(count):
        age, height = numbers.randint(18, 80), round(numbers.gauss(170, 12), 1)
        city, job = numbers.choice(["Rome", "Oslo", 'San "X", Y']), f"job {numbers.randrange(24)}"
        score = age * 0.8 + (12 if city == "Oslo" else 0) + int(job[4:]) + numbers.gauss(0, 3)
        row = [age, height, city, job]
        if numbers.random() < 0.15:
            row[numbers.randrange(4)] = ""
        yield row, score


def number(text):
    return float(text) if text else math.nan


def stage(model, values, folder):
    """The results of one model of a pipeline."""
    kind = model.WhichOneof("Type")
    names = [feature.name for feature in model.description.input]
    output = [feature.name for feature in model.description.output]
    inputs = {name: values[name] for name in names}
    if kind == "imputer":
        value = inputs[names[0]]
        assert math.isnan(model.imputer.replaceDoubleValue)
        return {output[0]: model.imputer.imputedDoubleValue if math.isnan(value) else value}
    if kind == "categoricalMapping":
        mapping = model.categoricalMapping
        return {output[0]: mapping.stringToInt64Map.map.get(inputs[names[0]], mapping.int64Value)}
    if kind == "featureVectorizer":
        columns = model.featureVectorizer.inputList
        assert [column.inputColumn for column in columns] == names and all(c.inputDimensions == 1 for c in columns)
        array = np.array([inputs[name] for name in names], np.float64)
        assert list(model.description.output[0].type.multiArrayType.shape) == [len(array)]
        return {output[0]: array}
    if kind == "arrayFeatureExtractor":
        return {output[0]: float(np.ravel(inputs[names[0]])[model.arrayFeatureExtractor.extractIndex[0]])}
    with coreml_run.torch.no_grad():
        if kind == "mlProgram":
            arrays = {name: np.asarray(value, np.float32) for name, value in inputs.items()}
            results = coreml_run.Program(model, folder).run(arrays)
        else:
            results = coreml_run.NeuralNet(model).run(inputs)
    return {name: value.numpy() if hasattr(value, "numpy") else value for name, value in results.items()}


def pipeline(path):
    """A function of the columns' values; names and types are checked on the way."""
    spec, folder, problems = coreml_run.load_spec(str(path))
    assert not problems, problems
    assert coremltools.utils.load_spec(str(path)).SerializeToString(deterministic=True) == spec.SerializeToString(deterministic=True)
    parts = getattr(spec, spec.WhichOneof("Type")).pipeline
    known = {feature.name: feature.type for feature in spec.description.input}
    for model in parts.models:
        assert model.specificationVersion <= spec.specificationVersion
        for feature in model.description.input:
            given, wanted = known[feature.name], feature.type
            assert given.WhichOneof("Type") == wanted.WhichOneof("Type"), feature.name
            assert given == wanted, feature.name
        for feature in model.description.output:
            assert feature.name not in known, feature.name
            known[feature.name] = feature.type
    for feature in spec.description.output:
        assert known[feature.name] == feature.type, feature.name

    def predict(values):
        values = dict(values)
        for model in parts.models:
            values.update(stage(model, values, folder))
        return {feature.name: values[feature.name] for feature in spec.description.output}

    return spec, predict


def compare(folder, name, target, ending, rows, header, options):
    train, new, answers = folder / f"{name}.csv", folder / f"{name}_new.csv", folder / f"{name}_answers.csv"
    write(train, [header + [target]] + [row + [label] for row, label in rows[:240]])
    unknown = [[200, 150.5, "Paris", "pilot"]] if len(header) > 2 else [["", 150.5]]
    write(new, [header] + [row for row, _ in rows[240:]] + unknown)
    run = folder / name
    athanor("train", "--dataset", train, "--target", target, "--epochs", 15, "--seed", 1, "--output", run, *options)
    athanor("predict", run / "best.h5", new, "--output", answers)
    with open(answers, newline="") as file:
        expected = list(csv.DictReader(file))
    exported = folder / f"{name}.{ending}"
    athanor("export", run / "best.h5", exported)
    spec, predict = pipeline(exported)
    kinds = {feature.name: feature.type.WhichOneof("Type") for feature in spec.description.input}
    check(f"{name}, {ending}: columns", list(kinds) == header, kinds)
    worst, same = 0.0, 0
    for row in expected:
        values = {column: number(row[column]) if kinds[column] == "doubleType" else row[column] for column in header}
        result = predict(values)
        if "probability" in row:
            label = result[spec.description.predictedFeatureName]
            same += label == row["prediction"]
            share = result[spec.description.predictedProbabilitiesName][row["prediction"]]
            worst = max(worst, abs(float(share) - float(row["probability"])))
        else:
            value = float(row["prediction"])
            worst = max(worst, abs(result[target] - value) / max(1, abs(value)))
            same += 1
    check(f"{name}, {ending}: classes", same == len(expected), f"{same} of {len(expected)}")
    within(f"{name}, {ending}: largest difference", worst, 1e-5)
    return run / "best.h5", expected


def compare_onnx(folder, name, model, header, expected):
    path = folder / f"{name}.onnx"
    athanor("export", model, path)
    onnx.checker.check_model(str(path), full_check=True)
    properties = {p.key: p.value for p in onnx.load(str(path)).metadata_props}
    encoding = json.loads(properties["athanor_table"])
    numbers = [c for c in encoding["columns"] if "mean" in c]
    texts = [c for c in encoding["columns"] if "categories" in c]
    inputs = {
        "numbers": np.array(
            [[number(row[c["name"]]) if row[c["name"]] else c["mean"] for c in numbers] for row in expected], np.float32)
    }
    for place, column in enumerate(texts, 1):
        codes = {text: code for code, text in enumerate(column["categories"], 1)}
        inputs[f"category_{place}"] = np.array([[codes.get(row[column["name"]], 0)] for row in expected], np.int32)
    session = onnxruntime.InferenceSession(str(path))
    result = session.run(None, {i.name: inputs.get(i.name, inputs["numbers"]) for i in session.get_inputs()})[0]
    classes = encoding["classes"]
    probabilities = [result[i][classes.index(row["prediction"])] for i, row in enumerate(expected)]
    within(f"{name}, onnx", max(abs(p - float(row["probability"])) for p, row in zip(probabilities, expected)), 1e-5)


def main():
    with tempfile.TemporaryDirectory() as place:
        folder = pathlib.Path(place)
        rows = list(people(300))
        header = ["age", "height in cm", "city", "job"]
        classes = [(row, "high" if score > 60 else "middle" if score > 45 else "low") for row, score in rows]
        model, expected = compare(folder, "classes", "vote", "mlpackage", classes, header, [])
        compare_onnx(folder, "classes", model, header, expected)
        scores = [(row, round(score, 3)) for row, score in rows]
        compare(folder, "numbers", "score", "mlpackage", scores, header, [])
        plain = [(row[:2], label) for row, label in classes]
        compare(folder, "plain", "vote", "mlmodel", plain, header[:2], [])
        plain_scores = [(row[:2], score) for row, score in scores]
        compare(folder, "plain_numbers", "score", "mlmodel", plain_scores, header[:2], [])
    finish()


if __name__ == "__main__":
    main()
