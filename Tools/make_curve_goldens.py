"""Curves and figures of scikit-learn for the tests of figures and reports: `python Tools/make_curve_goldens.py`, with scikit-learn 1.9.1.

Probabilities have ties, and one class has no examples.
"""

import json
import pathlib

import numpy as np
from sklearn import metrics

rng = np.random.default_rng(15)
N, C = 60, 4
targets = rng.choice(C, N, p=[0.4, 0.35, 0.25, 0])
scores = rng.gumbel(size=(N, C)) + 1.5 * np.eye(C)[targets] - [0, 0, 0, 1.5]
probabilities = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
probabilities = np.round(probabilities, 2).astype("float32")
predictions = probabilities.argmax(axis=1)
classes = []
for number in range(C):
    truth, score = targets == number, probabilities[:, number]
    if not truth.any():
        classes.append({"roc": [], "auc": None, "precision_recall": [], "average_precision": None})
        continue
    fpr, tpr, _ = metrics.roc_curve(truth, score, drop_intermediate=False)
    precision, recall, _ = metrics.precision_recall_curve(truth, score)
    # scikit-learn begins with the least threshold, and adds the point (0, 1) at the end.
    classes.append(
        {
            "roc": [list(point) for point in zip(fpr, tpr)],
            "auc": metrics.roc_auc_score(truth, score),
            "precision_recall": [list(point) for point in zip(recall[-2::-1], precision[-2::-1])],
            "average_precision": metrics.average_precision_score(truth, score),
        }
    )
precision, recall, f1, support = metrics.precision_recall_fscore_support(targets, predictions, labels=range(C), zero_division=0)
true = rng.normal(size=N).astype("float32")
predicted = (true + 0.3 * rng.normal(size=N)).astype("float32")
golden = {
    "targets": targets.tolist(),
    "probabilities": {"shape": [N, C], "values": [float(value) for value in probabilities.ravel()]},
    "classes": classes,
    "accuracy": metrics.accuracy_score(targets, predictions),
    "precision": precision.tolist(),
    "recall": recall.tolist(),
    "f1": f1.tolist(),
    "support": support.tolist(),
    "true": [float(value) for value in true],
    "predicted": [float(value) for value in predicted],
    "mae": metrics.mean_absolute_error(true.astype("float64"), predicted.astype("float64")),
    "rmse": metrics.root_mean_squared_error(true.astype("float64"), predicted.astype("float64")),
    "r2": metrics.r2_score(true.astype("float64"), predicted.astype("float64")),
}
path = pathlib.Path(__file__).parent.parent / "Tests/AthanorTests/Goldens/curves.json"
path.write_text(json.dumps(golden, separators=(",", ":")) + "\n")
