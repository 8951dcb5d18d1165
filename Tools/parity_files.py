"""Compares files of models with the real Keras, both ways: `python Tools/parity_files.py .build/release/athanor [part of a name]`.

1. Orders: layers of the same shapes side by side, unfrozen, partly frozen and within a model, in every kind of file.
2. Functional models: several inputs and outputs, shared and nested layers, operations on symbols, with their training.
3. `keras.applications` of 20 classes on small pictures with every weight drawn anew (Keras' first numbers give constant answers), in
   `.keras` and `.h5`: what Keras wrote predicts the same here, and what is written here predicts the same in Keras.
4. One training step of MobileNetV2 and ResNet50.

Versions: Tools/requirements.txt (Keras on JAX).
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
from parity_support import athanor, check, finish, idx, within, write_data

absl.logging.set_verbosity(absl.logging.ERROR)  # that .h5 is an old format is known
ONLY = sys.argv[2] if len(sys.argv) > 2 else ""
FILES = ("keras", "h5")


def redraw(model, seed=0):
    """Weights and biases around 0, scales and variances around 1."""
    random = np.random.default_rng(seed)
    for weight in model.weights:
        if weight.name in ("gamma", "moving_variance", "variance"):
            values = random.uniform(0.5, 1.5, weight.shape)
        elif len(weight.shape) > 1:
            values = random.normal(size=weight.shape) / np.sqrt(np.prod(weight.shape[:-1]))
        else:
            values = random.uniform(-0.5, 0.5, weight.shape)
        weight.assign(values.astype(weight.dtype))


def names(struct, tensors):
    """The names of inputs or outputs here: their keys, sorted, where Keras keeps them by key, else those of their layers."""
    return sorted(struct) if isinstance(struct, dict) else [tensor._keras_history.operation.name for tensor in tensors]


def inputs(model, count=4):
    random = np.random.default_rng(1)
    return {
        name: (random.uniform(0, 256 if "int" in tensor.dtype else 1, (count, *tensor.shape[1:]))).astype(tensor.dtype)
        for name, tensor in zip(names(model._inputs_struct, model.inputs), model.inputs)
    }


def given(model, x):
    """Inputs as the model wants them."""
    return x if isinstance(model._inputs_struct, dict) else list(x.values()) if len(x) > 1 else next(iter(x.values()))


def outputs(model, x):
    y = model.predict(given(model, x), verbose=0)
    values = [y[name] for name in sorted(y)] if isinstance(y, dict) else y if isinstance(y, list) else [y]
    return [np.asarray(value) for value in values]


def ours(folder, file, model, x):
    """What Athanor predicts from a file, in the order of Keras' outputs."""
    arguments = []
    for name, value in x.items():
        np.save(folder / f"{name}.npy", value)
        arguments += ["--inputs", f"{name}={folder / name}.npy"]
    target = folder / "outputs"
    athanor("predict", file, *arguments, "--outputs", target if len(model.outputs) > 1 else folder / "output.npy")
    if len(model.outputs) == 1:
        return [np.load(folder / "output.npy")]
    return [np.load(target / f"{name}.npy") for name in names(model._outputs_struct, model.outputs)]


def compare(what, got, wanted, limit):
    largest = max(float(np.max(np.abs(value))) for value in wanted)
    difference = max(float(np.max(np.abs(a - b))) for a, b in zip(got, wanted))
    within(f"{what}, of the largest output", difference / largest, limit)


def both_ways(folder, what, model, limit):
    """Keras' files here, and files of here in Keras; the same for the files that are made of them here."""
    x = inputs(model)
    wanted = outputs(model, x)
    for ending in FILES:
        theirs = folder / f"theirs.{ending}"
        model.save(theirs)
        compare(f"{what}, Keras' .{ending} here", ours(folder, theirs, model, x), wanted, limit)
        for other in FILES:
            mine = folder / f"mine.{other}"
            athanor("convert", theirs, mine)
            compare(f"{what}, .{ending} as .{other} in Keras", outputs(keras.models.load_model(mine), x), wanted, limit)
    # Weights and architecture apart.
    athanor("convert", theirs, folder / "mine.weights.h5")
    athanor("convert", theirs, folder / "mine.json")
    apart = keras.models.model_from_json((folder / "mine.json").read_text())
    apart.load_weights(folder / "mine.weights.h5")
    compare(f"{what}, .json and .weights.h5 in Keras", outputs(apart, x), wanted, limit)


def parallel(frozen, nested):
    """Two dense layers at one depth and a third at another, so that shapes do not tell them apart."""
    x = keras.Input((4,), name="x")
    a, b, c = L.Dense(4, name="a"), L.Dense(4, name="b"), L.Dense(4, name="c")
    norm = L.BatchNormalization(name="norm")
    y = L.Concatenate()([norm(c(b(x))), a(x)])
    model = keras.Model(x, y, name="inner")
    if nested:
        z = keras.Input((4,), name="z")
        model = keras.Model(z, L.Dense(3, name="head")(L.Add()([model(z), model(L.Dense(4, name="neck")(z))])))
    for name in frozen:
        {"a": a, "b": b, "c": c, "norm": norm}[name].trainable = False
    return model


def compare_orders(folder):
    for nested in (False, True):
        for frozen in ((), ("b",), ("c", "norm"), ("a", "b", "c", "norm")):
            keras.utils.clear_session()
            model = parallel(frozen, nested)
            redraw(model)
            both_ways(folder, f"orders{', nested' if nested else ''}, frozen {'+'.join(frozen) or 'none'}", model, 1e-6)


def compare_inner(folder):
    """Models within a model that keep a training of their own, or are frozen but for one layer."""
    keras.utils.clear_session()
    inner = keras.Sequential([keras.Input((4,), name="x"), L.Dense(3, activation="relu", name="a"), L.Dense(3, name="b")], name="inner")
    inner.compile(optimizer="adam", loss="mse", metrics=["mae"])
    data = np.random.default_rng(5).normal(size=(8, 4)).astype("float32")
    inner.fit(data, data[:, :3], epochs=1, verbose=0)
    x = keras.Input((4,), name="x")
    outer = keras.Model(x, L.Softmax()(inner(x)))
    both_ways(folder, "a trained model within a model", outer, 1e-6)
    inner.trainable = False
    inner.get_layer("b").trainable = True
    x = inputs(outer)
    for ending in FILES:
        # Keras does not read such an .h5 of its own.
        what = f"a frozen model with a layer that is trained, .{ending}"
        outer.save(folder / f"partly.{ending}")
        compare(what, ours(folder, folder / f"partly.{ending}", outer, x), outputs(outer, x), 1e-6)
        athanor("convert", folder / f"partly.{ending}", folder / f"again.{ending}")
        again = keras.models.load_model(folder / f"again.{ending}")
        compare(f"{what}, in Keras", outputs(again, x), outputs(outer, x), 1e-6)
        count = lambda model: sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)
        within(f"{what}: weights trained", abs(count(again) - count(outer)), 0)


def functional(form):
    picture, age = keras.Input((8, 8, 3), name="picture"), keras.Input((1,), name="age")
    inside = keras.Input((8, 8, 3))
    block = keras.Model(inside, L.BatchNormalization()(L.Conv2D(3, 3, padding="same")(inside)), name="block")
    chain = keras.Sequential([keras.Input((8, 8, 3)), L.Conv2D(4, 3, activation="relu"), L.Dropout(0.3), L.GlobalAveragePooling2D()], name="chain")
    shared = L.Dense(4, activation="tanh", name="shared")
    x = L.Concatenate()([chain(block(block(picture))), age])
    first = shared(L.Dense(5)(x))
    second = shared(L.Dense(5)(x))
    x = L.Add()([first, second]) * 0.5 + 1.0 - second
    kind, size = L.Dense(2, activation="softmax", name="kind")(x), L.Dense(1, name="size")(first)
    if form == "objects":
        return keras.Model({"picture": picture, "age": age}, {"kind": kind, "amount": size})
    return keras.Model([picture, age], [kind, size])


def compare_functional(folder):
    keras.utils.clear_session()
    x = keras.Input((8, 8, 3), dtype="uint8", name="pixels")
    model = keras.Model(x, L.GlobalAveragePooling2D()(L.Conv2D(3, 3)(L.Rescaling(1 / 127.5, offset=-1)(x))))
    redraw(model)
    both_ways(folder, "functional of bytes", model, 1e-5)
    for form in ("lists", "objects"):
        keras.utils.clear_session()
        model = functional(form)
        redraw(model)
        both_ways(folder, f"functional of {form}", model, 1e-5)
        goals = ["sparse_categorical_crossentropy", "mean_squared_error"]
        if form == "objects":
            goals = {"kind": goals[0], "amount": goals[1]}
        metrics = {"kind": ["accuracy"], "amount": ["mean_absolute_error"]} if form == "objects" else [["accuracy"], ["mean_absolute_error"]]
        model.compile(optimizer=keras.optimizers.Adam(1e-3), loss=goals, metrics=metrics)
        random = np.random.default_rng(2)
        x = inputs(model, 8)
        y = {"kind": random.integers(0, 2, (8,)), "amount": random.normal(size=(8, 1))}
        y = y if form == "objects" else list(y.values())
        model.fit(given(model, x), y, epochs=2, verbose=0)
        theirs, mine = folder / "theirs.keras", folder / "mine.keras"
        model.save(theirs)
        athanor("convert", theirs, mine)
        read = keras.models.load_model(mine)
        pairs = [(np.asarray(a), np.asarray(b)) for a, b in zip(read.optimizer.variables, model.optimizer.variables)]
        same = len(pairs) == len(model.optimizer.variables) and all(np.array_equal(a, b) for a, b in pairs)
        check(f"functional of {form}, the optimizer's state through Athanor", same, f"{len(pairs)} variables")
        a, b = (m.evaluate(given(m, x), y, verbose=0, return_dict=True) for m in (model, read))
        check(f"functional of {form}, losses and metrics through Athanor", sorted(a) == sorted(b), " ".join(sorted(b)))
        within(f"functional of {form}, evaluated after Athanor", max(abs(a[key] - b[key]) for key in a), 1e-5)


APPLICATIONS = {
    "MobileNetV2": 32, "MobileNetV3Small": 32, "ResNet50": 32, "DenseNet121": 32, "EfficientNetB0": 48, "VGG16": 32, "Xception": 71,
    "NASNetMobile": 32,
}  # fmt: skip


def application(name, size, channels=3, classes=20, activation=None):
    make = getattr(keras.applications, name)
    return make(weights=None, include_top=True, input_shape=(size, size, channels), classes=classes, classifier_activation=activation)


def compare_applications(folder):
    for name, size in APPLICATIONS.items():
        if ONLY and ONLY not in name:
            continue
        keras.utils.clear_session()
        model = application(name, size)
        redraw(model)
        both_ways(folder, name, model, 1e-4)


def compare_steps(folder):
    """One step of gradient descent from the same weights on the same 32 digits; the application is a model within the model."""
    images, labels = idx("digits-train-images-idx3-ubyte", 32), idx("digits-train-labels-idx1-ubyte", 32)
    write_data(folder / "data", (images, labels), (images, labels))
    for name in ("MobileNetV2", "ResNet50"):
        if ONLY and ONLY not in name:
            continue
        keras.utils.clear_session()
        inside = application(name, 32, channels=1, classes=10, activation="softmax")
        x = keras.Input((28, 28, 1))
        model = keras.Model(x, inside(L.ZeroPadding2D(2)(x)))
        redraw(model)
        model.compile(optimizer=keras.optimizers.SGD(1e-3), loss="categorical_crossentropy", metrics=["accuracy"])
        model.save(folder / "start.keras")
        athanor(
            "train", folder / "start.keras", "--dataset", "mnist", "--validate-on", "test", "--data-dir", folder / "data", "--epochs", 1, "--batch-size", 32,
            "--no-shuffle", "--output", folder / name,
        )  # fmt: skip
        flat = lambda weights: np.concatenate([np.asarray(w).astype("float64").ravel() for w in weights])
        before = flat(model.weights)

        def step(order=np.arange(32), change=0.0, seed=0):
            redraw(model)
            random = np.random.default_rng(seed)
            model.set_weights([w * (1 + change * random.normal(size=w.shape)).astype("float32") for w in model.get_weights()])
            x, y = images.astype("float32")[..., None] / 255, keras.utils.to_categorical(labels, 10)
            model.fit(x[order], y[order], batch_size=32, epochs=1, shuffle=False, verbose=0)
            return flat(model.weights)

        wanted, other = step(), step(np.arange(32)[::-1])
        # An input of a ReLU that is 0 but for rounding lies on one side or the other by chance, and the gradient jumps there. So Keras takes its step from
        # weights that differ by rounding, too, and the step here must be one of these.
        steps = [wanted] + [step(change=1e-7, seed=seed) for seed in range(1, 9)]
        got = flat(keras.models.load_model(folder / name / "last.h5").weights)
        moved = np.linalg.norm(wanted - before)
        for what, size in (("weights", lambda v: float(np.max(np.abs(v)))), ("by the way gone", lambda v: float(np.linalg.norm(v) / moved))):
            # ResNet50's gradients are large: the order of the examples, which changes nothing but rounding, moves them by as much.
            within(f"{name}, one step: {what}", min(size(got - possible) for possible in steps), max(1e-4, 2 * size(other - wanted)))


with tempfile.TemporaryDirectory() as temporary:
    print(f"Keras {keras.__version__} on {keras.backend.backend()}, NumPy {np.__version__}")
    for part in (compare_orders, compare_inner, compare_functional, compare_applications, compare_steps):
        if not ONLY or ONLY in part.__name__ or part in (compare_applications, compare_steps):
            part(pathlib.Path(temporary))
finish()
