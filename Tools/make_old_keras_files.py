#!/usr/bin/env python3
"""Makes files as TensorFlow 2's Keras wrote them, and older forms of them, with what tf_keras computes from them.

Usage:
    pip install tf-keras==2.21.0 h5py==3.14.0
    python3 Tools/make_old_keras_files.py Tests/AthanorKerasTests/Goldens/old

Made with Python 3.11.7, tf-keras 2.21.0 on TensorFlow 2.21.0, on a CPU. It writes

- OPTIMIZER.h5 and legacy-OPTIMIZER.h5: one network, trained for 3 steps by the optimizers that TensorFlow 2.11 brought, and by those before;
- legacy-adam.keras: the same in the newer container, which has no arrays of these optimizers;
- untrained.h5, legacy-untrained.h5: compiled with Adam, never trained;
- pictures.h5: convolutions and batch normalisation over axis 3, metrics, mixed_float16 with its loss scaling;
- slashes.h5: a functional model whose names contain slashes;
- tutorial.h5: legacy-adam.h5 spelt as Keras 2.1.6 wrote it: a list of layers, no InputLayer, Adam's arrays without names and a third one;
- no-input.h5, no-shape.h5: the shape of the input in `build_input_shape` alone, and nowhere;
- weights.h5: arrays alone, as Keras 1 named them;
- hard-sigmoid.h5: an activation that Keras 3 computes otherwise;
- gzip.h5, lzf.h5: compressed arrays;
- old.json: inputs, targets, predictions, and the losses and predictions of 5 further steps.
"""

import json
import os
import pathlib
import sys

os.environ["TF_USE_LEGACY_KERAS"] = "1"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = ""

import h5py  # noqa: E402
import numpy as np  # noqa: E402
import tf_keras as keras  # noqa: E402

layers = keras.layers
legacy = keras.optimizers.legacy


def array(values) -> dict:
    values = np.asarray(values)
    numbers = [int(v) if values.dtype.kind in "iu" else float(f"{float(v):.9g}") for v in values.reshape(-1)]
    return {"shape": list(values.shape), "values": numbers}


def network() -> keras.Sequential:
    """Two kernels of one shape, so that arrays in another order fit as well."""
    keras.backend.clear_session()
    keras.utils.set_random_seed(4)
    return keras.Sequential(
        [
            layers.Input((4,)),
            layers.Dense(4, use_bias=False, activation="tanh"),
            layers.BatchNormalization(),
            layers.Dense(4, use_bias=False, activation="tanh"),
            layers.Dense(3, activation="softmax"),
        ],
        name="network",
    )


def golden(model: keras.Model, x: np.ndarray, y: np.ndarray, steps: int = 5) -> dict:
    """What the model predicts, and how it trains on; changes the model."""
    result = {"inputs": array(x), "predictions": array(model.predict(x, verbose=0))}
    if steps == 0:
        return result
    losses = []
    for _ in range(steps):
        logs = model.train_on_batch(x, y, reset_metrics=True, return_dict=True)
        losses.append(float(f"{float(logs['loss']):.9g}"))
    return result | {
        "targets": array(y), "furtherLosses": losses, "furtherPredictions": array(model.predict(x, verbose=0))
    }


def copy(source: h5py.Group, target: h5py.Group, **compression) -> None:
    for name, value in source.attrs.items():
        target.attrs[name] = value
    for name, item in source.items():
        if isinstance(item, h5py.Group):
            copy(item, target.create_group(name), **compression)
        else:
            options = compression if item.shape else {}
            target.create_dataset(name, data=item[()], **options)


def respelt(source: pathlib.Path, target: pathlib.Path, change, **compression) -> None:
    """A copy of a file with another configuration."""
    with h5py.File(source) as old, h5py.File(target, "w") as new:
        copy(old, new, **compression)
        new.attrs["model_config"] = json.dumps(change(json.loads(old.attrs["model_config"])))


def as_keras_216(source: pathlib.Path, target: pathlib.Path) -> None:
    """Spells a file as Keras 2.1.6 did."""
    with h5py.File(source) as old, h5py.File(target, "w") as new:
        config = json.loads(old.attrs["model_config"])["config"]
        objects = config["layers"]
        entries = [entry for entry in objects if entry["class_name"] != "InputLayer"]
        entries[0]["config"]["batch_input_shape"] = objects[0]["config"]["batch_input_shape"]
        for entry in entries[1:]:
            del entry["config"]["dtype"]
        training = json.loads(old.attrs["training_config"])
        settings = training["optimizer_config"]["config"]
        settings["lr"] = settings.pop("learning_rate")
        del settings["name"]
        new.attrs["backend"] = b"tensorflow"
        new.attrs["keras_version"] = b"2.1.6"
        new.attrs["model_config"] = json.dumps({"class_name": "Sequential", "config": entries}).encode()
        new.attrs["training_config"] = json.dumps(
            {
                "optimizer_config": {"class_name": "Adam", "config": settings}, "loss": training["loss"],
                "metrics": ["accuracy"], "sample_weight_mode": None, "loss_weights": None,
            }
        ).encode()
        weights = new.create_group("model_weights")
        copy(old["model_weights"], weights)
        del weights["top_level_model_weights"]
        weights.attrs["layer_names"] = [entry["config"]["name"].encode() for entry in entries]
        weights.attrs["keras_version"] = b"2.1.6"
        weights.attrs["backend"] = b"tensorflow"
        for name in ("input_1",):
            if name in weights:
                del weights[name]
        arrays = [old["optimizer_weights"][name][()] for name in old["optimizer_weights"].attrs["weight_names"]]
        slots = len(arrays) // 2
        named = {"Adam/iterations:0": np.asarray(arrays[0], np.int64)}
        for number, values in enumerate(arrays[1:] + [np.zeros(1, np.float32)] * slots):
            named["training/Adam/Variable" + (f"_{number}" if number else "") + ":0"] = values
        optimizer = new.create_group("optimizer_weights")
        optimizer.attrs["weight_names"] = [name.encode() for name in named]
        for name, values in named.items():
            optimizer.create_dataset(name, data=values)


def as_keras_1(model: keras.Model, target: pathlib.Path) -> None:
    """Arrays alone, named as Keras 1 did."""
    with h5py.File(target, "w") as file:
        file.attrs["layer_names"] = [layer.name.encode() for layer in model.layers]
        file.attrs["backend"] = b"tensorflow"
        file.attrs["keras_version"] = b"1.2.2"
        for layer in model.layers:
            group = file.create_group(layer.name)
            endings = {"kernel": "W", "bias": "b", "moving_mean": "running_mean", "moving_variance": "running_std"}
            parts = [weight.name.split("/")[-1].split(":")[0] for weight in layer.weights]
            names = [f"{layer.name}_{endings.get(part, part)}" for part in parts]
            group.attrs["weight_names"] = [name.encode() for name in names]
            for name, values in zip(names, layer.get_weights()):
                group.create_dataset(name, data=values)


def main(folder: pathlib.Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(40)
    x = random.standard_normal((8, 4)).round(4).astype(np.float32)
    y = random.integers(0, 3, 8).astype(np.int32)
    results = {}

    def trained(optimizer, steps: int, **compiled) -> keras.Model:
        model = network()
        model.compile(optimizer, "sparse_categorical_crossentropy", **compiled)
        for _ in range(steps):
            model.train_on_batch(x, y)
        return model

    for prefix, module in (("", keras.optimizers), ("legacy-", legacy)):
        for name, optimizer in {
            "adam": module.Adam(0.01),
            "sgd": module.SGD(0.1, momentum=0.9),
            "rmsprop": module.RMSprop(0.01, momentum=0.5, centered=True),
            "plain": module.SGD(0.1),
            "ftrl": module.Ftrl(0.1),
            # That of TensorFlow 2.11 and later is the one of Keras 3.
            **({"nadam": module.Nadam(0.01)} if prefix else {}),
        }.items():
            model = trained(optimizer, 3)
            model.save(folder / f"{prefix}{name}.h5")
            if prefix + name == "legacy-adam":
                model.save(folder / "legacy-adam.keras")
            results[prefix + name] = golden(model, x, y)
        model = trained(module.Adam(0.01), 0)
        model.save(folder / f"{prefix}untrained.h5")
        results[prefix + "untrained"] = golden(model, x, y)
    as_keras_216(folder / "legacy-adam.h5", folder / "tutorial.h5")

    def without_input(config: dict) -> dict:
        settings = config["config"]
        settings["build_input_shape"] = settings["layers"][0]["config"]["batch_input_shape"]
        del settings["layers"][0]
        return config

    def without_shape(config: dict) -> dict:
        del config["config"]["layers"][0]
        return config

    respelt(folder / "untrained.h5", folder / "no-input.h5", without_input)
    respelt(folder / "untrained.h5", folder / "no-shape.h5", without_shape)
    respelt(folder / "untrained.h5", folder / "gzip.h5", lambda c: c, compression="gzip", shuffle=True, fletcher32=True)
    respelt(folder / "untrained.h5", folder / "lzf.h5", lambda c: c, compression="lzf")
    model = trained(keras.optimizers.SGD(0.1), 1)
    as_keras_1(model, folder / "weights.h5")
    results["weights"] = golden(model, x, y, steps=0)

    keras.backend.clear_session()
    keras.utils.set_random_seed(5)
    end = layers.Input((4,), name="in/put")
    hidden = layers.Dense(5, activation="tanh", name="block/sub/one")(end)
    side = layers.Dense(5, activation="tanh", name="block_sub/two")(end)
    both = layers.Add(name="block/add")([hidden, side])
    outputs = [layers.Dense(1, name="out/first")(both), layers.Dense(2, name="out/second")(both)]
    model = keras.Model(end, outputs, name="a/model")
    model.compile(keras.optimizers.Adam(0.01), {"out/first": "mse", "out/second": "mae"})
    targets = [y.reshape(-1, 1).astype(np.float32), x[:, :2]]
    model.train_on_batch(x, targets)
    model.save(folder / "slashes.h5")
    results["slashes"] = {"inputs": array(x), "predictions": array(model.predict(x, verbose=0)[1])}

    keras.backend.clear_session()
    keras.utils.set_random_seed(6)
    model = keras.Sequential(
        [layers.Input((4,)), layers.Dense(3, activation="hard_sigmoid"), layers.Activation("hard_sigmoid")], name="gates"
    )
    model.save(folder / "hard-sigmoid.h5")
    results["hard-sigmoid"] = golden(model, 3 * x, y, steps=0)

    keras.backend.clear_session()
    keras.utils.set_random_seed(7)
    pictures = random.standard_normal((6, 5, 4, 2)).round(4).astype(np.float32)
    kinds = random.integers(0, 3, 6).astype(np.int32)
    keras.mixed_precision.set_global_policy("mixed_float16")
    model = keras.Sequential(
        [
            layers.Input((5, 4, 2)),
            layers.Conv2D(3, 2),
            layers.BatchNormalization(),
            layers.ReLU(max_value=6),
            layers.Flatten(),
            layers.Dense(3, activation="softmax", dtype="float32"),
        ],
        name="pictures",
    )
    model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
    for _ in range(2):
        model.train_on_batch(pictures, kinds)
    model.save(folder / "pictures.h5")
    # The same in 32 bits, as which it is read.
    keras.mixed_precision.set_global_policy("float32")
    layers32 = [layer.__class__.from_config(layer.get_config() | {"dtype": "float32"}) for layer in model.layers]
    exact = keras.Sequential([layers.Input((5, 4, 2))] + layers32)
    exact.set_weights(model.get_weights())
    results["pictures"] = golden(exact, pictures, kinds, steps=0)

    (folder / "old.json").write_text(json.dumps(results, indent=None, sort_keys=True) + "\n")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
