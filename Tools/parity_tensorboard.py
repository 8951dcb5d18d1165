"""Reads event files with the real TensorBoard: `python Tools/parity_tensorboard.py .build/release/athanor`.

A training of two epochs, one that goes on from its checkpoint to the fourth, and one that goes on from the same checkpoint to the third, as after a
crash: TensorBoard must show what history.csv has, and nothing of the fourth epoch. Scalars, histograms and the graph; pictures are in TensorBoardTests.swift alone.

Versions: Tools/requirements.txt (tensorboard, without TensorFlow).
"""

import csv
import json
import pathlib
import shutil
import tempfile

import numpy as np
from parity_support import athanor, check, finish
from safetensors.numpy import load_file
from tensorboard.backend.event_processing import event_accumulator, plugin_event_accumulator


def read(folder):
    accumulator = event_accumulator.EventAccumulator(str(folder), size_guidance=dict.fromkeys(event_accumulator.DEFAULT_SIZE_GUIDANCE, 0))
    return accumulator.Reload()


def compare(what, run, logs):
    with open(run / "history.csv") as file:
        rows = list(csv.DictReader(file))
    steps = [int(row["epoch"]) - 1 for row in rows]
    for part, prefix in {"train": "", "validation": "val_"}.items():
        accumulator = read(logs / part)
        # What the server itself uses, which brings old forms of records into the new one.
        server = plugin_event_accumulator.EventAccumulator(str(logs / part), size_guidance={}).Reload()
        names = ["loss", "accuracy"] + ["learning_rate"] * (part == "train")
        tags = sorted("epoch_" + name for name in names)
        check(f"{what}, {part}: tags", sorted(accumulator.Tags()["scalars"]) == tags, accumulator.Tags()["scalars"])
        for name in names:
            wanted = [np.float32(row[prefix + name if name != "learning_rate" else name]) for row in rows]
            events = accumulator.Scalars(f"epoch_{name}")
            got = [np.float32(event.value) for event in events]
            check(f"{what}, {part}: {name}", ([event.step for event in events], got) == (steps, wanted), f"{got}")
            tensors = server.Tensors(f"epoch_{name}")
            same = [(event.step, np.float32(event.tensor_proto.float_val[0])) for event in tensors] == list(zip(steps, wanted))
            check(f"{what}, {part}: {name} of the server", same, f"{len(tensors)} values")
    return steps


def main(folder):
    run, logs = folder / "run", folder / "logs"
    words = ["train", "malireddi", "--dataset", "digits", "--format", "safetensors", "--output", run, "--tensorboard", logs, "--epochs"]
    athanor(*words, 2)
    compare("two epochs", run, logs)
    second = shutil.copy(run / "last.safetensors", folder / "second.safetensors")
    athanor(*words, 4, "--resume", second)
    compare("four epochs", run, logs)
    athanor(*words, 3, "--resume", second)
    steps = compare("three epochs after a crash in the fourth", run, logs)
    check("the epochs of the last training", steps == [0, 1, 2], steps)

    accumulator = read(logs / "train")
    tags = accumulator.Tags()
    weights = {name: array for name, array in load_file(run / "last.safetensors").items() if not name.startswith("optimizer/")}
    check("a histogram for each weight", sorted(tags["histograms"]) == sorted(f"{name}/histogram" for name in weights), tags["histograms"])
    for name, array in weights.items():
        events = accumulator.Histograms(f"{name}/histogram")
        histogram, numbers = events[-1].histogram_value, array.astype("float64").ravel()
        edges = np.array([histogram.min, *histogram.bucket_limit])
        wanted, _ = np.histogram(numbers, edges)
        same = [event.step for event in events] == steps and (histogram.min, histogram.max, histogram.num) == (numbers.min(), numbers.max(), numbers.size)
        close = np.allclose([histogram.sum, histogram.sum_squares], [numbers.sum(), np.square(numbers).sum()])
        # A number at the very edge of a range may be counted on either side.
        moved = np.abs(np.cumsum(histogram.bucket) - np.cumsum(wanted)).max()
        check(f"histogram of {name}", same and close and moved <= 1, f"{int(histogram.num)} numbers, {moved:g} moved")

    nodes = {node.name: node for node in accumulator.Graph().node}
    layers = json.loads(athanor("summary", "malireddi", "--json"))["layers"]
    names = [layer["name"] for layer in layers]
    chain = list(zip(names[1:], names))
    check("the graph's nodes", list(nodes)[1:] == names and all(list(nodes[name].input) == [before] for name, before in chain), list(nodes))
    shapes = {name: [axis.size for axis in node.attr["_output_shapes"].list.shape[0].dim] for name, node in nodes.items()}
    check("the shape of the result", shapes[names[-1]] == [-1, 10], shapes[names[-1]])


with tempfile.TemporaryDirectory() as folder:
    main(pathlib.Path(folder))
finish()
