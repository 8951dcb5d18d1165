"""Compares Athanor with the real Keras: `python Tools/parity.py .build/release/athanor`.

1. Training: from the same weights, with the same batches and without dropout, 100 steps of each optimizer end within 1e-4 in every
   weight (and within 1 % of the way gone), for both of the tutorial's networks, and the optimizer's own variables within 10 %.
2. Functional models: 100 steps of each of `functional()` in make_training_goldens.py still give the numbers of its golden file, with which
   `make test` compares Athanor.
3. Files: what Athanor saves, Keras loads, and predicts the same within 1e-5; and the other way round, for a network of every layer.

Versions: Tools/requirements.txt (Keras on JAX). The pictures are the digits that come with Athanor.
"""

import json
import os
import pathlib
import sys
import tempfile

os.environ.setdefault("KERAS_BACKEND", "jax")
import absl.logging
import h5py
import keras
import numpy as np
from keras import layers as L
from make_training_goldens import functional
from parity_support import ROOT, athanor, finish, idx, within

absl.logging.set_verbosity(absl.logging.ERROR)  # that .h5 is an old format is known
BATCH = 200


def pixels(images):
    return images.astype("float32")[..., None] / 255


def one_hot(labels):
    return keras.utils.to_categorical(labels, 10)


def malireddi():
    return [
        L.Conv2D(32, 5, activation="relu"), L.MaxPooling2D(2), L.Conv2D(64, 3, activation="relu"), L.MaxPooling2D(2),
        L.Conv2D(128, 1, activation="relu"), L.MaxPooling2D(2), L.Flatten(), L.Dense(128, activation="relu"),
        L.Dense(10, activation="softmax"),
    ]  # fmt: skip


def chollet():
    return [
        L.Conv2D(32, 3, activation="relu"), L.Conv2D(64, 3, activation="relu"), L.MaxPooling2D(2), L.Flatten(),
        L.Dense(128, activation="relu"), L.Dense(10, activation="softmax"),
    ]  # fmt: skip


def every_layer():
    return [
        L.ZeroPadding2D(((1, 2), (0, 1))), L.Conv2D(6, 3, strides=2, padding="same", use_bias=False), L.BatchNormalization(),
        L.LeakyReLU(negative_slope=0.1), L.Conv2D(8, (3, 2), dilation_rate=2, groups=2, activation="elu"), L.AveragePooling2D(2, 1, "same"),
        L.Conv2D(8, 1, activation="gelu"), L.MaxPooling2D(2, padding="same"), L.Activation("silu"), L.Dropout(0.25),
        L.Reshape((-1, 4)), L.Dense(7, activation="tanh"), L.Reshape((2, -1, 7)), L.Conv2D(5, 2, activation="softplus"),
        L.GlobalAveragePooling2D(), L.Dense(12, activation="sigmoid"), L.Dense(10, activation="softmax"),
    ]  # fmt: skip


K = keras.optimizers
OPTIMIZERS = {
    "SGD": lambda: K.SGD(1e-3),
    "SGD with momentum": lambda: K.SGD(2e-4, momentum=0.9),
    "SGD with Nesterov momentum and weight decay": lambda: K.SGD(2e-4, momentum=0.9, nesterov=True, weight_decay=0.1),
    "RMSprop": lambda: K.RMSprop(1e-5),
    "Adam": lambda: K.Adam(1e-5),
    "AdamW": lambda: K.AdamW(1e-5, weight_decay=0.5),
    "Adam with an exponential schedule and clipping": lambda: K.Adam(K.schedules.ExponentialDecay(1e-5, 20, 0.9), global_clipnorm=0.5),
}


def named_arrays(group):
    found = {}
    group.visititems(lambda name, item: found.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None)
    return found


def compare_training(folder, name, network):
    """100 steps at a small learning rate.

    A maximum or a ReLU that rounds to the other side changes the gradient itself, and training amplifies that: after 100 steps at Keras'
    usual rates, Keras on JAX and Keras on TensorFlow are 3.6e-2 apart (Adam at 1e-3). At these rates they agree.
    """
    x, y = pixels(idx("digits-train-images-idx3-ubyte")), one_hot(idx("digits-train-labels-idx1-ubyte"))
    epochs = 100 * BATCH // len(x)
    for title, optimizer in OPTIMIZERS.items():
        keras.backend.clear_session()
        keras.utils.set_random_seed(7)
        model = keras.Sequential([keras.Input((28, 28, 1)), *network()])
        model.compile(optimizer=optimizer(), loss="categorical_crossentropy", metrics=["accuracy"])
        model.optimizer.build(model.trainable_variables)
        start, expected, output = folder / "start.h5", folder / "expected.h5", folder / "output"
        model.save(start)
        athanor("train", start, "--dataset", "digits", "--validate-on", "test", "--epochs", epochs, "--batch-size", BATCH, "--no-shuffle", "--output", output)
        model.fit(x, y, batch_size=BATCH, epochs=epochs, shuffle=False, verbose=0)
        model.save(expected)
        what = f"{name}, 100 steps of {title}"
        with h5py.File(start) as before, h5py.File(output / "last.h5") as ours, h5py.File(expected) as theirs:
            for part in ("model_weights", "optimizer_weights"):
                old, got, wanted = (named_arrays(file[part]) for file in (before, ours, theirs))
                if list(got) != list(wanted):
                    sys.exit(f"{what}: {part} holds {list(got)}, Keras writes {list(wanted)}")
                flat = lambda arrays: np.concatenate([v.astype("float64").ravel() for v in arrays.values() if v.dtype.kind == "f"])
                difference, moved = flat(got) - flat(wanted), flat(wanted) - flat(old)
                if part == "model_weights":
                    within(f"{what}: weights", float(np.max(np.abs(difference))), 1e-4)
                if np.any(moved):
                    # Moments are made of the last few gradients, each of which a rounded maximum may change; weights of the sum of all.
                    limit = 0.01 if part == "model_weights" else 0.1
                    within(f"{what}: {part} by the way gone", float(np.linalg.norm(difference) / np.linalg.norm(moved)), limit)


def compare_predictions(folder, title, file, test):
    model = keras.models.load_model(file)
    expected = model.predict(pixels(test[0]), verbose=0)
    athanor("predict", file, "--dataset", "digits", "--output", folder / "probabilities.npy")
    within(f"{title}: predictions", float(np.max(np.abs(np.load(folder / "probabilities.npy") - expected))), 1e-5)
    if model.compiled:
        loss, accuracy = model.evaluate(pixels(test[0]), one_hot(test[1]), batch_size=200, verbose=0)
        ours = json.loads(athanor("evaluate", file, "--dataset", "digits", "--json"))
        within(f"{title}: loss", abs(ours["loss"] - loss), 1e-5)
        within(f"{title}: accuracy", abs(ours["accuracy"] - accuracy), 1e-6)


def compare_files(folder):
    test = idx("digits-test-images-idx3-ubyte"), idx("digits-test-labels-idx1-ubyte")
    for name in ("malireddi", "chollet"):
        output = folder / name
        athanor("train", name, "--dataset", "digits", "--validate-on", "test", "--epochs", 1, "--output", output)
        compare_predictions(folder, f"{name} trained and saved by Athanor", output / "best.h5", test)
    keras.utils.set_random_seed(3)
    model = keras.Sequential([keras.Input((28, 28, 1)), *every_layer()])
    model.compile(optimizer=keras.optimizers.RMSprop(momentum=0.5), loss="categorical_crossentropy", metrics=["accuracy"])
    images, labels = idx("digits-train-images-idx3-ubyte", 1000), idx("digits-train-labels-idx1-ubyte", 1000)
    model.fit(pixels(images), one_hot(labels), batch_size=50, epochs=1, verbose=0)
    written = folder / "every-layer.h5"
    model.save(written)
    compare_predictions(folder, "every layer, saved by Keras", written, test)
    athanor("train", written, "--dataset", "digits", "--validate-on", "test", "--epochs", 1, "--output", folder / "every-layer")
    compare_predictions(folder, "every layer, trained and saved by Athanor", folder / "every-layer" / "last.h5", test)
    adapted = L.Normalization()
    adapted.adapt(pixels(images))
    layers = [L.Rescaling(2.0, offset=-0.5), adapted, L.Normalization(mean=[0.1], variance=[0.5]), L.Flatten(), L.Dense(10, activation="softmax")]
    model = keras.Sequential([keras.Input((28, 28, 1)), *layers])
    model.save(folder / "preprocessing.h5")
    compare_predictions(folder, "preprocessing, saved by Keras", folder / "preprocessing.h5", test)


def compare_functional_models():
    made = functional()
    for name, golden in json.loads((ROOT / "Tests/AthanorTests/Goldens/functional.json").read_text()).items():
        for part in ("after", "logs"):
            if sorted(made[name][part]) != sorted(golden[part]):
                sys.exit(f"{name}: {part} holds {sorted(golden[part])}, Keras gives {sorted(made[name][part])}")
            flat = lambda arrays: np.concatenate([arrays[key]["values"] for key in sorted(arrays)])
            within(f"{name}, 100 steps: {part} in the golden file", float(np.max(np.abs(flat(made[name][part]) - flat(golden[part])))), 1e-5)


with tempfile.TemporaryDirectory() as temporary:
    print(f"Keras {keras.__version__} on {keras.backend.backend()}, NumPy {np.__version__}, h5py {h5py.__version__}")
    compare_functional_models()
    compare_files(pathlib.Path(temporary))
    compare_training(pathlib.Path(temporary), "malireddi", malireddi)
    compare_training(pathlib.Path(temporary), "chollet", chollet)
finish()
