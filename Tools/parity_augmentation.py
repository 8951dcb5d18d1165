"""Augmentation layers in files, compared with the real Keras: `python Tools/parity_augmentation.py .build/release/athanor`.

A model of all of them that Keras wrote predicts the same here, is written here, and is for Keras the same model again: settings, predictions,
and what the layers do in training where nothing about them is random. Versions: Tools/requirements.txt (Keras on JAX).
"""

import os
import pathlib
import sys
import tempfile

os.environ.setdefault("KERAS_BACKEND", "jax")
import absl.logging
import keras
import numpy as np
from keras import layers as L
from parity_support import athanor, check, finish, within

absl.logging.set_verbosity(absl.logging.ERROR)  # that .h5 is an old format is known


def random_layers():
    return [
        L.RandomFlip("horizontal"), L.RandomRotation(0.1, fill_mode="nearest"),
        L.RandomTranslation(0.1, (-0.2, 0.1), interpolation="nearest"),
        L.RandomZoom((0.0, 0.3), 0.2, fill_mode="constant", fill_value=0.5), L.RandomZoom(0.2, fill_mode="wrap"),
        L.RandomContrast((0.1, 0.4), value_range=(0, 1)), L.RandomBrightness(0.3, value_range=(0, 1)),
        L.RandomErasing(0.5), L.RandomErasing((0.2, 0.4), scale=(0.1, 0.2), fill_value=[0.1, 0.2, 0.3], value_range=(0, 1)),
        L.GaussianNoise(0.25), L.RandomCrop(9, 8),
    ]


def fixed_layers():
    return [
        L.RandomRotation((0.1, 0.1)), L.RandomTranslation((0.3, 0.3), (-0.2, -0.2), fill_mode="wrap"),
        L.RandomZoom((0.2, 0.2), (-0.1, -0.1), fill_mode="nearest"), L.RandomBrightness((0.1, 0.1), value_range=(0, 1)),
        L.Resizing(7, 12, antialias=True), L.Resizing(10, 6, interpolation="nearest"),
    ]


def settings(model):
    """What the layers are, without what the seeds and the dtype's spelling say; one number for both ways is a pair of bounds."""
    result = []
    for layer in model.layers:
        config = {k: v for k, v in layer.get_config().items() if k not in ("seed", "dtype")}
        for key, value in config.items():
            if key in ("factor", "height_factor", "width_factor", "scale", "value_range") and value is not None:
                bounds = (-abs(value), abs(value)) if isinstance(value, (int, float)) else value
                config[key] = [float(number) for number in bounds]
        result.append((type(layer).__name__, config))
    return result


def difference(a, b):
    return float(np.max(np.abs(np.asarray(a) - np.asarray(b))))


def main():
    folder = pathlib.Path(tempfile.mkdtemp())
    x = np.random.default_rng(1).uniform(0, 1, (3, 9, 8, 3)).astype(np.float32)
    np.save(folder / "x.npy", x)
    for name, made in (("random", random_layers()), ("fixed", fixed_layers())):
        model = keras.Sequential([keras.Input((9, 8, 3)), *made, L.Flatten(), L.Dense(4)])
        wanted = model.predict(x, verbose=0)
        for kind in ("keras", "h5"):
            # Keras 3.15 cannot itself write these layers into .h5.
            given, written = folder / f"{name}.keras", folder / f"{name}-written.{kind}"
            model.save(given)
            athanor("predict", given, "--inputs", folder / "x.npy", "--outputs", folder / "y.npy")
            within(f"{name} .{kind}: predictions here", difference(np.load(folder / "y.npy"), wanted), 1e-5)
            athanor("convert", given, written)
            again = keras.models.load_model(written)
            pairs = list(zip(settings(model), settings(again)))
            others = [f"{a} != {b}" for a, b in pairs if a != b]
            check(f"{name} .{kind}: settings", not others and len(again.layers) == len(pairs), "; ".join(others) or f"{len(pairs)} layers")
            within(f"{name} .{kind}: predictions in Keras", difference(again.predict(x, verbose=0), wanted), 1e-5)
            if name == "fixed":
                trained = difference(again(x, training=True), model(x, training=True))
                within(f"{name} .{kind}: training in Keras", trained, 1e-5)
    finish()


if __name__ == "__main__":
    main()
