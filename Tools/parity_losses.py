"""Compares training configurations with the real Keras: `python Tools/parity_losses.py .build/release/athanor [part of a name]`.

For a small dense network on digits: each loss, each metric, each optimizer, and combinations (clipping, accumulation, averages of weights, scaled losses,
smoothed labels, weights of losses, metrics with sample weights). Keras trains for an epoch and writes the model, both go on from that file
with the same batches, and losses, metrics, weights and the optimizer's variables are compared. Then Keras loads what Athanor wrote, and has
the same configuration and figures.

Bounds after two epochs of six steps at small rates: figures 1e-5 of the larger of 1 and the figure, weights 1e-5, the optimizer's variables
1e-3 of the largest number of each.

Versions: Tools/requirements.txt (Keras on JAX). The pictures are the digits that come with Athanor.
"""

import csv
import os
import pathlib
import sys
import tempfile
import warnings

os.environ.setdefault("KERAS_BACKEND", "jax")
import absl.logging
import keras
import numpy as np
from keras import layers as L
from parity_support import athanor, check, finish, idx, within, write_data

absl.logging.set_verbosity(absl.logging.ERROR)  # that .h5 is an old format is known
warnings.filterwarnings("ignore", message="Skipping variable loading")  # .h5 keeps no place for the state of a new optimizer
ONLY = sys.argv[2] if len(sys.argv) > 2 else ""
COUNT, BATCH, EPOCHS = 120, 20, 2
O, K, M = keras.optimizers, keras.losses, keras.metrics
S = O.schedules

# Each kind of network with its labels: as the file has them, and as Keras' losses want them.
KINDS = {
    "classes": (lambda y: y, lambda y: y, lambda: [L.Dense(10, activation="softmax")]),
    "rows": (lambda y: y, lambda y: keras.utils.to_categorical(y, 10), lambda: [L.Dense(10, activation="softmax")]),
    "logits": (lambda y: y, lambda y: y, lambda: [L.Dense(10)]),
    "row logits": (lambda y: y, lambda y: keras.utils.to_categorical(y, 10), lambda: [L.Dense(10)]),
    "binary": (lambda y: y % 2, lambda y: (y % 2).astype("float32")[:, None], lambda: [L.Dense(1, activation="sigmoid")]),
    "binary logits": (lambda y: y % 2, lambda y: (y % 2).astype("float32")[:, None], lambda: [L.Dense(1)]),
    "number": (lambda y: y, lambda y: y.astype("float32")[:, None], lambda: [L.Dense(1)]),
    "from one": (lambda y: y % 9 + 1, lambda y: (y % 9 + 1).astype("float32")[:, None], lambda: [L.Dense(1)]),
    "positive": (lambda y: y, lambda y: y.astype("float32")[:, None], lambda: [L.Dense(1, activation="softplus")]),
}

LOSSES = {
    "sparse_categorical_crossentropy": ("classes", lambda: "sparse_categorical_crossentropy"),
    "sparse crossentropy from logits": ("logits", lambda: K.SparseCategoricalCrossentropy(from_logits=True)),
    "sparse crossentropy without class 3": ("classes", lambda: K.SparseCategoricalCrossentropy(ignore_class=3)),
    "categorical_crossentropy": ("rows", lambda: "categorical_crossentropy"),
    "categorical crossentropy of smoothed labels": ("rows", lambda: K.CategoricalCrossentropy(label_smoothing=0.1)),
    "categorical crossentropy from logits, sum": ("row logits", lambda: K.CategoricalCrossentropy(from_logits=True, reduction="sum")),
    "categorical focal crossentropy": ("rows", lambda: K.CategoricalFocalCrossentropy(alpha=0.5, gamma=1.5)),
    "bce": ("binary", lambda: "bce"),
    "binary crossentropy of smoothed labels": ("binary", lambda: K.BinaryCrossentropy(label_smoothing=0.2, name="mine")),
    "binary crossentropy from logits": ("binary logits", lambda: K.BinaryCrossentropy(from_logits=True)),
    "binary focal crossentropy": ("binary", lambda: K.BinaryFocalCrossentropy(apply_class_balancing=True, alpha=0.3, gamma=3.0)),
    "mse": ("number", lambda: "mse"),
    "mean squared error, sum": ("number", lambda: K.MeanSquaredError(reduction="sum")),
    "mean squared error, mean with sample weights": ("number", lambda: K.MeanSquaredError(reduction="mean_with_sample_weight")),
    "MAE": ("number", lambda: "MAE"),
    "mape": ("from one", lambda: "mape"),
    "msle": ("positive", lambda: "msle"),
    "huber": ("number", lambda: "huber"),
    "Huber": ("number", lambda: K.Huber()),
    "log_cosh": ("number", lambda: "log_cosh"),
    "poisson": ("positive", lambda: "poisson"),
    "kld": ("rows", lambda: "kl_divergence"),
    "cosine similarity": ("rows", lambda: K.CosineSimilarity()),
    "hinge": ("binary logits", lambda: "hinge"),
    "squared hinge": ("binary logits", lambda: "squared_hinge"),
    "categorical hinge": ("row logits", lambda: K.CategoricalHinge()),
}  # fmt: skip

METRICS = {
    "classes": (
        "sparse_categorical_crossentropy",
        lambda: [
            "accuracy", M.SparseCategoricalAccuracy(name="mine"), M.SparseTopKCategoricalAccuracy(k=3), "sparse_top_k_categorical_accuracy",
            M.SparseCategoricalCrossentropy(), "sparse_categorical_accuracy",
        ],
    ),
    "rows": (
        "categorical_crossentropy",
        lambda: [
            "acc", M.CategoricalAccuracy(), M.TopKCategoricalAccuracy(k=2), M.BinaryAccuracy(threshold=0.3), M.Precision(thresholds=0.3, name="p"),
            M.Precision(top_k=2, class_id=4, name="q"), M.Recall(top_k=3), M.AUC(), M.AUC(curve="PR", num_thresholds=50, name="pr"),
            M.AUC(multi_label=True, name="each"), M.F1Score(average="macro"), M.FBetaScore(average="micro", beta=2.0, threshold=0.2),
            M.TruePositives(), M.FalseNegatives(thresholds=0.2), M.CategoricalCrossentropy(label_smoothing=0.1), M.CategoricalHinge(),
            M.KLDivergence(), M.CosineSimilarity(), "mse", keras.losses.huber, M.R2Score(), M.RecallAtPrecision(0.3),
        ],
    ),
    "binary": (
        "binary_crossentropy",
        lambda: [
            "accuracy", "binary_accuracy", "AUC", M.Precision(), M.Recall(thresholds=[0.4]), M.TrueNegatives(), M.FalsePositives(),
            M.BinaryCrossentropy(), M.SensitivityAtSpecificity(0.5), M.SpecificityAtSensitivity(0.5, num_thresholds=20), M.PrecisionAtRecall(0.6),
        ],
    ),
    "from one": (
        "mse",
        lambda: [
            "MeanSquaredError", M.MeanAbsoluteError(), "mape", M.MeanSquaredLogarithmicError(), M.RootMeanSquaredError(), M.LogCoshError(),
            M.R2Score(), M.Accuracy(), "mae",
        ],
    ),
}  # fmt: skip

OPTIMIZERS = {
    "SGD": lambda: O.SGD(1e-3), "SGD with momentum": lambda: O.SGD(1e-3, momentum=0.9, nesterov=True, weight_decay=0.01),
    "RMSprop": lambda: O.RMSprop(1e-5, momentum=0.5, centered=True), "Adam": lambda: O.Adam(1e-5),
    "Adam with amsgrad": lambda: O.Adam(1e-5, amsgrad=True), "AdamW": lambda: O.AdamW(1e-5, weight_decay=0.1), "Adamax": lambda: O.Adamax(1e-5),
    "Nadam": lambda: O.Nadam(1e-5), "Adagrad": lambda: O.Adagrad(1e-4), "Adadelta": lambda: O.Adadelta(0.01),
    "Ftrl": lambda: O.Ftrl(1e-4, l1_regularization_strength=1e-4, l2_regularization_strength=1e-3, beta=0.1),
    "Lion": lambda: O.Lion(1e-6), "one limit": lambda: O.SGD(1e-3, clipvalue=0.001), "a norm": lambda: O.SGD(1e-2, clipnorm=0.05),
    "a norm of all": lambda: O.SGD(1e-2, global_clipnorm=0.1), "accumulation": lambda: O.Adam(1e-5, gradient_accumulation_steps=4),
    "average": lambda: O.SGD(1e-3, use_ema=True, ema_momentum=0.7),
    "average, overwriting": lambda: O.Adam(1e-5, use_ema=True, ema_momentum=0.9, ema_overwrite_frequency=5),
    "accumulation and average": lambda: O.SGD(1e-3, gradient_accumulation_steps=3, use_ema=True, ema_momentum=0.5),
    "scaled loss": lambda: O.LossScaleOptimizer(O.Adam(1e-5)),
    "InverseTimeDecay": lambda: O.SGD(S.InverseTimeDecay(1e-3, 1, 0.5)), "PolynomialDecay": lambda: O.SGD(S.PolynomialDecay(1e-3, 8, 1e-4, 2.0, True)),
    "CosineDecayRestarts": lambda: O.SGD(S.CosineDecayRestarts(1e-3, 3)), "CosineDecay": lambda: O.SGD(S.CosineDecay(1e-4, 9, 0.1, warmup_target=1e-3, warmup_steps=4)),
    "PiecewiseConstantDecay": lambda: O.SGD(S.PiecewiseConstantDecay([3, 6], [1e-3, 1e-4, 1e-3])),
}  # fmt: skip


def same(a, b):
    """Whether two configurations say the same; 32-bit rates and tuples apart."""
    if isinstance(a, dict) and isinstance(b, dict):
        return all(same(a.get(key), b.get(key)) for key in set(a) | set(b) if key not in ("registered_name", "build_config", "shared_object_id"))
    if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b))
    if isinstance(a, (int, float)) and isinstance(b, (int, float)):
        return abs(a - b) <= 1e-6 * max(abs(a), abs(b))
    return a == b


def settings(thing):
    return thing.get_config() if hasattr(thing, "get_config") else getattr(thing, "__name__", thing)


def variables(optimizer):
    return [np.asarray(v).astype("float64") for v in optimizer.variables]


def compare(folder, title, kind, loss, optimizer, ending, metrics=(), **compiled):
    if ONLY and ONLY not in title:
        return
    what = f"{title}, .{ending}"
    stored, targets, head = KINDS[kind]
    images, labels = idx("digits-train-images-idx3-ubyte", COUNT), idx("digits-train-labels-idx1-ubyte", COUNT)
    data = folder / f"data of {kind}"
    if not data.exists():
        write_data(data, (images, stored(labels).astype("uint8")), (images, stored(labels).astype("uint8")))
    x, y = images.astype("float32")[..., None] / 255, targets(labels.astype("int32"))
    keras.backend.clear_session()
    keras.utils.set_random_seed(5)
    model = keras.Sequential([keras.Input((28, 28, 1)), L.AveragePooling2D(4), L.Flatten(), L.Dense(6, activation="tanh"), *head()])
    model.compile(optimizer=optimizer(), loss=loss(), metrics=list(metrics), **compiled)
    start, output = folder / f"start.{ending}", folder / what.replace("/", " ")
    model.fit(x, y, batch_size=BATCH, epochs=1, shuffle=False, verbose=0)
    model.save(start)
    if ending == "keras":  # from a .h5 file Keras itself cannot take over the optimizer's state
        model = keras.models.load_model(start)
    athanor("train", start, "--dataset", "mnist", "--data-dir", data, "--validate-on", "test", "--epochs", EPOCHS, "--batch-size", BATCH, "--no-shuffle", "--output", output)
    history = model.fit(x, y, batch_size=BATCH, epochs=EPOCHS, shuffle=False, validation_data=(x, y), verbose=0).history
    with open(output / "history.csv") as file:
        rows = list(csv.DictReader(file))
    # `acc` is called `accuracy` here.
    wanted = {key.replace("val_acc", "val_accuracy") if key == "val_acc" else "accuracy" if key == "acc" else key: value for key, value in history.items()}
    ours = {key: [float(row[key]) for row in rows] for key in rows[0] if key not in ("epoch", "learning_rate", "seconds", "lr")}
    check(f"{what}: names of figures", sorted(ours) == sorted(wanted), f"{sorted(set(ours) ^ set(wanted)) or len(ours)}")
    for key in sorted(set(ours) & set(wanted)):
        a, b = np.array(ours[key]), np.array(wanted[key])
        within(f"{what}: {key}", float(np.max(np.abs(a - b) / np.maximum(1, np.abs(b)))), 1e-5)
    last = output / "last.h5"
    if ending == "keras":
        athanor("convert", last, output / "last.keras")
        last = output / "last.keras"
    read = keras.models.load_model(last)
    distance = max(float(np.max(np.abs(np.asarray(a) - np.asarray(b)))) for a, b in zip(read.weights, model.weights))
    averaged = getattr(model.optimizer, "use_ema", False)
    if not averaged:  # the last checkpoint is written before the end of fit, where weights become their averages
        within(f"{what}: weights", distance, 1e-5)
    inner = getattr(model.optimizer, "inner_optimizer", model.optimizer)  # here the loss is not scaled
    check(f"{what}: optimizer as Keras reads it", same(settings(read.optimizer), settings(inner)), read.optimizer.name)
    if ending == "keras":
        a, b = variables(read.optimizer), variables(inner)
        check(f"{what}: variables of the optimizer", [v.shape for v in a] == [v.shape for v in b], f"{len(a)} and {len(b)}")
        worst = max((float(np.max(np.abs(p - q)) / max(np.max(np.abs(q)), 1e-3)) for p, q in zip(a, b)), default=0)
        within(f"{what}: the state of the optimizer, of the largest number", worst, 1e-3)
    if not averaged:
        a, b = (m.evaluate(x, y, batch_size=BATCH, verbose=0, return_dict=True) for m in (read, model))
        a = {"acc" if key == "accuracy" and "acc" in b else key: value for key, value in a.items()}
        check(f"{what}: figures of Keras from Athanor's file", sorted(a) == sorted(b), f"{sorted(set(a) ^ set(b)) or len(a)}")
        for key in sorted(set(a) & set(b)):
            within(f"{what}: {key} of Keras from Athanor's file", abs(a[key] - b[key]) / max(1, abs(b[key])), 1e-5)


with tempfile.TemporaryDirectory() as temporary:
    print(f"Keras {keras.__version__} on {keras.backend.backend()}, NumPy {np.__version__}")
    folder = pathlib.Path(temporary)
    sgd = lambda: O.SGD(1e-4)  # noqa: E731
    for title, (kind, loss) in LOSSES.items():
        for ending in ("keras", "h5"):
            compare(folder, f"loss {title}", kind, loss, sgd, ending)
    for kind, (loss, metrics) in METRICS.items():
        for ending in ("keras", "h5"):
            compare(folder, f"metrics of {kind}", kind, lambda: loss, sgd, ending, metrics())
    for title, optimizer in OPTIMIZERS.items():
        compare(folder, f"optimizer {title}", "rows", lambda: "categorical_crossentropy", optimizer, "keras")
    compare(folder, "weight of a loss", "rows", lambda: "categorical_crossentropy", sgd, "keras", loss_weights=[0.25])
    compare(
        folder, "metrics with weights", "rows", lambda: "categorical_crossentropy", sgd, "keras", ["accuracy"],
        weighted_metrics=["accuracy", M.Precision(), M.AUC(name="area")])  # fmt: skip
finish()
