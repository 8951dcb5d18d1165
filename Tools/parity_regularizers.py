"""Trains models with regularizers and constraints in the real Keras and here, from one file: `python Tools/parity_regularizers.py .build/release/athanor`.

30 steps of SGD on the digits that come with Athanor, for each kind of regularizer and constraint at each kind of weight; then all weights, and the
loss that `evaluate` gives, which has the penalties in it.

Versions: Tools/requirements.txt (Keras on JAX).
"""

import json
import os
import pathlib
import tempfile

os.environ.setdefault("KERAS_BACKEND", "jax")
import absl.logging
import keras
import numpy as np
from keras import constraints as C
from keras import layers as L
from keras import regularizers as R
from parity_support import athanor, finish, idx, within, write_data

absl.logging.set_verbosity(absl.logging.ERROR)  # that .h5 is an old format is known
RULES = {
    # Where a weight is exactly 0 the slope of |w| is 1 on JAX, and 0 on TensorFlow, PyTorch and here: no L1 with NonNeg.
    "l1 and largest norm": (R.L1(1e-3), R.L1(1e-4), lambda axis: C.MaxNorm(0.9, axis)),
    "l2 and non-negative": (R.L2(1e-2), R.L2(1e-3), lambda axis: C.NonNeg()),
    "both and unit norm": (R.L1L2(1e-3, 1e-2), R.L1L2(1e-4, 1e-3), lambda axis: C.UnitNorm(axis)),
    "bounded norms": (R.L2(1e-2), None, lambda axis: C.MinMaxNorm(0.7, 0.8, 0.3, axis)),
}


def network(weight, result, limit):
    def named(*names):
        rules = {}
        for name, axis in names:
            rules |= {f"{name}_regularizer": weight, f"{name}_constraint": limit(axis)}
        return rules

    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            L.Conv2D(4, 3, strides=3, activation="relu", activity_regularizer=result, **named(("kernel", [0, 1, 2]))),
            L.DepthwiseConv2D(2, activity_regularizer=result, **named(("depthwise", [0, 1]))),
            L.SeparableConv2D(6, 2, activity_regularizer=result, **named(("depthwise", [0, 1]), ("pointwise", 2))),
            L.BatchNormalization(beta_initializer="ones", **named(("gamma", 0), ("beta", 0))),
            L.PReLU(shared_axes=[1, 2], alpha_initializer=keras.initializers.Constant(0.2), **named(("alpha", 0))),
            L.Flatten(),
            L.ActivityRegularization(l1=1e-4, l2=1e-4),
            L.Dense(12, activation="tanh", bias_initializer="ones", activity_regularizer=result, **named(("kernel", 0), ("bias", 0))),
            L.Dense(10, activation="softmax"),
        ],
        name="regularized",
    )


def main(folder):
    images, labels = idx("digits-train-images-idx3-ubyte", 320), idx("digits-train-labels-idx1-ubyte", 320)
    write_data(folder / "data", (images, labels), (images[:64], labels[:64]))
    x, y = images.astype("float32")[..., None] / 255, keras.utils.to_categorical(labels, 10)
    for number, (name, rules) in enumerate(RULES.items()):
        keras.utils.set_random_seed(number)
        model = network(*rules)
        model.compile(keras.optimizers.SGD(1e-2), "categorical_crossentropy", metrics=["accuracy"])
        model.save(folder / "start.keras")
        data = ("--dataset", "mnist", "--data-dir", folder / "data")
        athanor(
            "train", folder / "start.keras", *data, "--validate-on", "test", "--epochs", 3, "--batch-size", 32, "--no-shuffle", "--output", folder / "run",
        )  # fmt: skip
        model.fit(x, y, batch_size=32, epochs=3, shuffle=False, verbose=0)
        ours = keras.models.load_model(folder / "run" / "last.h5")
        farthest = max(float(np.max(np.abs(np.asarray(a) - np.asarray(b)))) for a, b in zip(ours.weights, model.weights))
        within(f"{name}, 30 steps: weights", farthest, 1e-4)
        wanted = model.evaluate(x[:64], y[:64], verbose=0)[0]
        got = json.loads(athanor("evaluate", folder / "run" / "last.h5", *data, "--json"))["loss"]
        within(f"{name}, the loss of evaluation", abs(got - wanted), 1e-4)


with tempfile.TemporaryDirectory() as folder:
    main(pathlib.Path(folder))
finish()
