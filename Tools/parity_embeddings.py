"""Embeddings and encoded categories in Keras' files, both ways: the program's models in the real Keras, and Keras' models here.

    python Tools/parity_embeddings.py .build/release/athanor
"""

import csv
import os
import pathlib
import tempfile

os.environ.setdefault("KERAS_BACKEND", "jax")

import keras  # noqa: E402
import numpy as np  # noqa: E402

from parity_support import athanor, check, finish, within  # noqa: E402


def table(folder):
    """A table with numbers, a column of three texts and one of thirty."""
    numbers = np.random.default_rng(1)
    rows = [[round(float(numbers.normal()), 4), f"kind {numbers.integers(3)}", f"town {numbers.integers(30)}"] for _ in range(200)]
    path = folder / "table.csv"
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["size", "kind", "town", "answer"])
        for row in rows:
            writer.writerow([*row, "yes" if row[0] + len(row[2]) > 6.5 else "no"])
    return path, rows


def ours(folder):
    path, rows = table(folder)
    athanor("train", "--dataset", path, "--target", "answer", "--epochs", 5, "--seed", 2, "--output", folder / "run")
    answers = folder / "answers.csv"
    athanor("predict", folder / "run/best.h5", path, "--output", answers)
    with open(answers, newline="") as file:
        expected = list(csv.DictReader(file))
    athanor("convert", folder / "run/best.h5", folder / "best.keras")
    inputs = {"numbers": np.array([[row[0]] for row in rows], np.float32)}
    with open(folder / "run/split.csv", newline="") as file:
        training = [int(row["example"]) - 1 for row in csv.DictReader(file) if row["split"] == "train"]
    for place, column in ((1, 1), (2, 2)):
        known = sorted({rows[row][column] for row in training})
        codes = {text: code for code, text in enumerate(known, 1)}
        inputs[f"category_{place}"] = np.array([[codes.get(row[column], 0)] for row in rows], np.int32)
    for file in (folder / "run/best.h5", folder / "best.keras"):
        model = keras.saving.load_model(file, compile=False)
        kinds = [type(layer).__name__ for layer in model.layers]
        check(f"{file.name}: layers", {"Embedding", "CategoryEncoding"} <= set(kinds), kinds)
        result = np.asarray(model.predict([inputs[tensor.name] for tensor in model.inputs], verbose=0))
        probabilities = [result[i][int(row["prediction"] == "yes")] for i, row in enumerate(expected)]
        within(f"{file.name} in Keras", max(abs(p - float(row["probability"])) for p, row in zip(probabilities, expected)), 1e-5)


def theirs(folder):
    layers = keras.layers
    words, marks = keras.Input([6], dtype="int32", name="words"), keras.Input([4], dtype="int32", name="marks")
    vectors = layers.Embedding(20, 5, mask_zero=True, embeddings_regularizer="l2", name="vectors")(words)
    features = [
        layers.Flatten(name="flat")(layers.Dense(3, activation="tanh", name="each")(vectors)),
        layers.CategoryEncoding(7, output_mode="count", name="counts")(marks),
        layers.CategoryEncoding(7, name="known")(marks),
        layers.Flatten(name="rows")(layers.CategoryEncoding(7, output_mode="one_hot", name="hot")(marks)),
    ]
    model = keras.Model([words, marks], layers.Dense(2, name="out")(layers.Concatenate(name="join")(features)))
    numbers = np.random.default_rng(3)
    data = {"words": numbers.integers(0, 20, (9, 6)).astype(np.int32), "marks": numbers.integers(0, 7, (9, 4)).astype(np.int32)}
    expected = np.asarray(model.predict([data["words"], data["marks"]], verbose=0))
    for name, array in data.items():
        np.save(folder / f"{name}.npy", array)
    for ending in ("keras", "h5"):
        path = folder / f"theirs.{ending}"
        model.save(path)
        output = folder / f"{ending}.npy"
        given = [f"{name}={folder / name}.npy" for name in data]
        athanor("predict", path, "--inputs", given[0], "--inputs", given[1], "--outputs", output)
        within(f"theirs.{ending} here", float(np.abs(np.load(output) - expected).max()), 1e-5)


def main():
    with tempfile.TemporaryDirectory() as place:
        folder = pathlib.Path(place)
        ours(folder)
        theirs(folder)
    finish()


if __name__ == "__main__":
    main()
