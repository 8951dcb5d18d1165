#!/usr/bin/env python3
"""Makes models with regularizers and constraints, with what Keras computes from them, for Tests/AthanorKerasTests.

Usage:
    KERAS_BACKEND=jax python3 Tools/make_regularizer_goldens.py Tests/AthanorKerasTests/Goldens

Made with Python 3.11.7, Keras 3.15.1 on JAX 0.10.2, h5py 3.14.0 and NumPy 2.4.6, on a CPU. It writes

- regularized.keras, regularized.h5: every weight that may have a regularizer or constraint, results that have one, a layer that is called twice, a
  frozen one, and a model within the model;
- regularized.json: inputs, targets, the loss that `evaluate` gives, losses of 6 steps, and the weights and predictions behind them.
"""

import json
import os
import pathlib
import sys

os.environ.setdefault("KERAS_BACKEND", "jax")

import jax  # noqa: E402
import keras  # noqa: E402
import numpy as np  # noqa: E402
from keras import constraints as c  # noqa: E402
from keras import layers as l  # noqa: E402
from keras import regularizers as r  # noqa: E402
from make_keras_files import array  # noqa: E402

jax.config.update("jax_default_matmul_precision", "highest")


def network() -> keras.Model:
    # Where a weight is exactly 0 the slope of |w| is 1 on JAX, and 0 on TensorFlow, PyTorch and here: no L1 with NonNeg.
    x = keras.Input((6, 5, 2), name="picture")
    y = l.Conv2D(
        4, 2, kernel_regularizer=r.L2(0.02), bias_regularizer=r.L1(0.03), bias_initializer=keras.initializers.Constant(0.5),
        kernel_constraint=c.MaxNorm(1.1, axis=[0, 1, 2]), activity_regularizer=r.L1(0.01), name="conv",
    )(x)
    y = l.SeparableConv2D(
        3, 2, depthwise_regularizer=r.L2(0.02), pointwise_regularizer=r.L1L2(0.01, 0.02), depthwise_constraint=c.NonNeg(),
        pointwise_constraint=c.UnitNorm(axis=2), bias_constraint=c.NonNeg(), name="separable",
    )(y)
    y = l.DepthwiseConv2D(
        2, depthwise_regularizer=r.L2(0.05), bias_regularizer=r.L2(0.05), activity_regularizer=r.L2(0.02),
        depthwise_constraint=c.MinMaxNorm(0.5, 0.9, rate=0.4, axis=[0, 1]), name="depthwise",
    )(y)
    y = l.BatchNormalization(
        gamma_regularizer=r.L2(0.1), beta_regularizer=r.L1L2(0.1, 0.2), gamma_constraint=c.MaxNorm(1.5),
        beta_constraint=c.NonNeg(), beta_initializer="ones", name="norm",
    )(y)
    y = l.PReLU(alpha_regularizer=r.L2(0.3), alpha_initializer=keras.initializers.Constant(0.2), name="slopes")(y)
    y = l.ActivityRegularization(l1=0.01, l2=0.02, name="activity")(l.Flatten()(y))
    shared = l.Dense(
        18, activation="tanh", kernel_regularizer=r.L2(0.01), kernel_constraint=c.MaxNorm(0.8), name="shared",
    )
    frozen = l.Dense(18, kernel_regularizer=r.L2(0.5), kernel_constraint=c.UnitNorm(), name="frozen")
    frozen.trainable = False
    z = keras.Input((18,))
    inner = keras.Sequential([z, l.Dense(6, kernel_regularizer="l2", kernel_constraint="non_neg", name="inside")], name="inner")
    y = l.Add()([inner(shared(y)), inner(shared(frozen(y)))])
    return keras.Model(x, l.Dense(3, activation="softmax", name="kind")(y), name="regularized")


def main(folder: pathlib.Path) -> None:
    keras.utils.set_random_seed(11)
    random = np.random.default_rng(60)
    x = random.standard_normal((7, 6, 5, 2)).round(4).astype(np.float32)
    y = random.integers(0, 3, 7).astype(np.int32)
    model = network()
    model.compile(keras.optimizers.SGD(0.05, momentum=0.5), "sparse_categorical_crossentropy")
    model.save(folder / "regularized.keras")
    model.save(folder / "regularized.h5")

    def number(value) -> float:
        return float(f"{float(value):.9g}")

    result = {"inputs": array(x), "targets": array(y), "evaluated": number(model.evaluate(x, y, verbose=0, batch_size=7)), "losses": []}
    for _ in range(6):
        model.reset_metrics()
        result["losses"].append(number(model.train_on_batch(x, y)))
    result["weights"] = {
        weight.path.removeprefix("regularized/"): array(weight) for weight in model.weights
    }
    result["predictions"] = array(model.predict(x, verbose=0))
    (folder / "regularized.json").write_text(json.dumps(result, sort_keys=True) + "\n")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
