#!/usr/bin/env python3
"""Makes the files that Tests/AthanorKerasTests reads, with Keras itself, and what Keras computes from them.

Usage:
    KERAS_BACKEND=jax python3 Tools/make_keras_files.py Tests/AthanorKerasTests/Goldens

Made with Python 3.11.7, Keras 3.15.1 on JAX 0.10.2, h5py 3.14.0 and NumPy 2.4.6, on a CPU. It writes

- trained.h5: many kinds of layers, compiled with Adam and a schedule, trained for 3 steps;
- plain.h5: a network that was never compiled;
- rmsprop.h5: momentum and a centred average, trained for 2 steps, for the order of an optimizer's arrays;
- rmsprop-1.8.h5: the same laid out with library bounds from 1.8 on, as HDF5 2.0 does unless told otherwise;
- keras2.h5: plain.h5 with its configuration respelt as Keras 2 wrote it;
- functional.keras: two inputs and outputs, a shared layer, models within the model, operations on symbols, trained for 2 steps;
- orders.h5, orders.weights.h5: layers of one shape side by side in a model within the model, some of them frozen;
- functional.json: inputs and predictions of these, and of functional.keras after a further step;
- keras.json: inputs, targets, predictions, and for trained.h5 one array of the optimizer's state and what further steps give.

Arrays are {"shape": [...], "values": [...]} in row-major order, with nine digits, so that each is the same 32-bit number
when it is read back.
"""

import json
import os
import pathlib
import shutil
import sys

os.environ.setdefault("KERAS_BACKEND", "jax")

import h5py  # noqa: E402
import jax  # noqa: E402
import keras  # noqa: E402
import numpy as np  # noqa: E402
from keras import layers  # noqa: E402

jax.config.update("jax_default_matmul_precision", "highest")


def array(values) -> dict:
    values = np.asarray(values)
    numbers = [int(v) if values.dtype.kind in "iu" else float(f"{float(v):.9g}") for v in values.reshape(-1)]
    return {"shape": list(values.shape), "values": numbers}


def many_layers() -> keras.Sequential:
    return keras.Sequential(
        [
            keras.Input((6, 5, 2)),
            layers.ZeroPadding2D(((1, 0), (2, 1))),
            layers.Conv2D(4, 3, padding="same", dilation_rate=(1, 2), use_bias=False),
            layers.BatchNormalization(momentum=0.9),
            layers.LeakyReLU(negative_slope=0.1),
            layers.MaxPooling2D(2, padding="same"),
            layers.Conv2D(6, (2, 3), groups=2, activation="gelu", padding="same", kernel_initializer="he_normal"),
            layers.AveragePooling2D((1, 2), strides=1),
            layers.Activation("silu"),
            layers.Reshape((-1, 6)),
            layers.Flatten(),
            layers.Dropout(0.0),
            layers.Dense(3, activation="softmax"),
        ],
        name="many_layers",
    )


def main(folder: pathlib.Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(20)
    results = {}

    keras.utils.set_random_seed(1)
    model = many_layers()
    schedule = keras.optimizers.schedules.CosineDecay(0.01, 20, alpha=0.1)
    model.compile(
        optimizer=keras.optimizers.Adam(schedule, clipnorm=1.5, epsilon=1e-5),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    x = random.standard_normal((8, 6, 5, 2)).round(4).astype(np.float32)
    y = random.integers(0, 3, 8).astype(np.int32)
    for _ in range(3):
        model.train_on_batch(x, y)
    model.save(folder / "trained.h5")
    predictions = model.predict(x, verbose=0)
    velocity = [v for v in model.optimizer.variables if v.path.endswith("dense_kernel_velocity")][0]
    results["trained"] = {
        "inputs": array(x),
        "targets": array(y),
        "predictions": array(predictions),
        "denseKernelVelocity": array(velocity),
    }
    results["trained"]["furtherLosses"] = []
    for _ in range(3):
        model.reset_metrics()
        results["trained"]["furtherLosses"].append(float(f"{float(model.train_on_batch(x, y)[0]):.9g}"))
    results["trained"]["furtherPredictions"] = array(model.predict(x, verbose=0))

    keras.utils.set_random_seed(2)
    plain = keras.Sequential(
        [
            keras.Input((4, 4, 1)),
            layers.Conv2D(3, 2, activation="relu", strides=(1, 2)),
            layers.LeakyReLU(0.2),
            layers.BatchNormalization(),
            layers.GlobalAveragePooling2D(),
            layers.Dense(2, activation="tanh"),
        ],
        name="plain",
    )
    x = random.standard_normal((3, 4, 4, 1)).round(4).astype(np.float32)
    plain.save(folder / "plain.h5")
    results["plain"] = {"inputs": array(x), "predictions": array(plain.predict(x, verbose=0))}
    as_keras2(folder / "plain.h5", folder / "keras2.h5")

    keras.utils.set_random_seed(3)
    model = keras.Sequential([keras.Input((4,)), layers.Dense(2, activation="tanh")], name="averages")
    optimizer = keras.optimizers.RMSprop(0.01, momentum=0.5, centered=True, weight_decay=0.01)
    model.compile(optimizer=optimizer, loss=keras.losses.MeanSquaredError())
    x = random.standard_normal((5, 4)).round(4).astype(np.float32)
    y = random.standard_normal((5, 2)).round(4).astype(np.float32)
    for _ in range(2):
        model.train_on_batch(x, y)
    model.save(folder / "rmsprop.h5")
    results["rmsprop"] = {"inputs": array(x), "targets": array(y), "predictions": array(model.predict(x, verbose=0))}
    for _ in range(2):
        model.train_on_batch(x, y)
    results["rmsprop"]["furtherPredictions"] = array(model.predict(x, verbose=0))

    with_new_bounds(folder / "rmsprop.h5", folder / "rmsprop-1.8.h5")

    functional(folder, random)
    (folder / "keras.json").write_text(json.dumps(results, separators=(",", ":")) + "\n")


def redraw(model: keras.Model, random: np.random.Generator) -> None:
    for weight in model.weights:
        low, high = (0.5, 1.5) if weight.name in ("gamma", "moving_variance") else (-0.7, 0.7)
        weight.assign(random.uniform(low, high, weight.shape).astype(np.float32))


def functional(folder: pathlib.Path, random: np.random.Generator) -> None:
    keras.utils.clear_session()
    picture, age = keras.Input((6, 6, 2), name="picture"), keras.Input((1,), name="age")
    inside = keras.Input((6, 6, 2))
    normal = layers.BatchNormalization(name="normal")(layers.Conv2D(2, 3, padding="same", name="inner")(inside))
    block = keras.Model(inside, normal, name="block")
    chain = keras.Sequential([keras.Input((6, 6, 2)), layers.Conv2D(3, 3, activation="relu"), layers.GlobalAveragePooling2D()], name="chain")
    shared = layers.Dense(4, activation="tanh", name="shared")
    x = layers.Concatenate(name="both")([chain(block(block(picture))), age])
    first, second = shared(layers.Dense(3, name="left")(x)), shared(layers.Dense(3, name="right")(x))
    x = layers.Add(name="sum")([first, second]) * 0.5 + 1.0 - second
    outputs = [layers.Dense(2, activation="softmax", name="kind")(x), layers.Dense(1, name="size")(first)]
    model = keras.Model([picture, age], outputs, name="two_of_each")
    redraw(model, random)
    block.get_layer("inner").trainable = False
    losses = ["sparse_categorical_crossentropy", "mean_squared_error"]
    model.compile(keras.optimizers.Adam(0.01), losses, loss_weights=[1.0, 0.5], metrics=[["accuracy"], ["mean_absolute_error"]])
    inputs = [random.uniform(-1, 1, (4, 6, 6, 2)).astype(np.float32), random.uniform(-1, 1, (4, 1)).astype(np.float32)]
    targets = [random.integers(0, 2, (4,)).astype(np.int32), random.uniform(-1, 1, (4, 1)).astype(np.float32)]
    for _ in range(2):
        model.train_on_batch(inputs, targets)
    model.save(folder / "functional.keras")
    result = {"inputs": [array(v) for v in inputs], "targets": [array(v) for v in targets]}
    result["predictions"] = [array(v) for v in model.predict(inputs, verbose=0)]
    model.train_on_batch(inputs, targets)
    result["furtherPredictions"] = [array(v) for v in model.predict(inputs, verbose=0)]

    keras.utils.clear_session()
    x = keras.Input((4,), name="x")
    a, b, c = (layers.Dense(4, name=name) for name in "abc")
    norm = layers.BatchNormalization(name="norm")
    inside = keras.Model(x, layers.Concatenate(name="join")([norm(c(b(x))), a(x)]), name="inside")
    z = keras.Input((4,), name="z")
    sides = [inside(z), inside(layers.Dense(4, name="neck")(z))]
    model = keras.Model(z, layers.Dense(3, name="head")(layers.Add(name="sum")(sides)), name="outside")
    redraw(model, random)
    c.trainable = norm.trainable = False
    model.save(folder / "orders.h5")
    model.save_weights(folder / "orders.weights.h5")
    inputs = random.uniform(-1, 1, (3, 4)).astype(np.float32)
    orders = {"inputs": [array(inputs)], "predictions": [array(model.predict(inputs, verbose=0))]}
    (folder / "functional.json").write_text(json.dumps({"functional": result, "orders": orders}, separators=(",", ":")) + "\n")


def with_new_bounds(source: pathlib.Path, target: pathlib.Path) -> None:
    """Copies a file with library bounds from 1.8 on: other headers of objects, with checksums."""

    def copy(old: h5py.Group, new: h5py.Group) -> None:
        for name, value in old.attrs.items():
            new.attrs[name] = value
        for name, item in old.items():
            if isinstance(item, h5py.Group):
                copy(item, new.create_group(name))
            else:
                new.create_dataset(name, data=item[()])

    with h5py.File(source) as old, h5py.File(target, "w", libver=("v108", "v108")) as new:
        copy(old, new)


def as_keras2(source: pathlib.Path, target: pathlib.Path) -> None:
    """Copies a file and respells its configuration as tf.keras 2.x and Keras 2 wrote it."""
    shutil.copyfile(source, target)
    with h5py.File(target, "r+") as file:
        model = json.loads(file.attrs["model_config"])
        config = model["config"]
        for key in ["dtype", "trainable", "build_input_shape"]:
            config.pop(key, None)
        for layer in config["layers"]:
            for key in ["module", "registered_name", "build_config"]:
                layer.pop(key, None)
            settings = layer["config"]
            settings["dtype"] = "float32"
            if "batch_shape" in settings:
                settings["batch_input_shape"] = settings.pop("batch_shape")
                settings.pop("optional", None)
            for key, value in list(settings.items()):
                if isinstance(value, dict) and "class_name" in value:
                    settings[key] = {"class_name": value["class_name"], "config": value["config"]}
            if layer["class_name"] == "LeakyReLU":
                settings["alpha"] = settings.pop("negative_slope")
            if layer["class_name"] == "BatchNormalization":
                settings["axis"] = [3]
                settings.pop("synchronized", None)
        file.attrs["keras_version"] = "2.15.0"
        file.attrs["backend"] = "tensorflow"
        # Keras 2 wrote names of fixed length, with ":0" behind a weight's name.
        file.attrs["model_config"] = np.bytes_(json.dumps(model).encode())
        weights = file["model_weights"]
        for name in list(weights):
            group = weights[name]
            old = [n.decode() if isinstance(n, bytes) else n for n in group.attrs.get("weight_names", [])]
            for path in old:
                group.move(path, path + ":0")
            if old:
                group.attrs["weight_names"] = np.array([(path + ":0").encode() for path in old])
        names = [n.decode() if isinstance(n, bytes) else n for n in weights.attrs["layer_names"]]
        weights.attrs["layer_names"] = np.array([n.encode() for n in names])


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
