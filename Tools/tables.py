"""Accuracy on scikit-learn's wine and breast-cancer tables beside scikit-learn's own network, over ten splits.

    python Tools/tables.py .build/release/athanor [--splits 10]

Needs scikit-learn. Each table is written as CSV; `athanor train` splits it, and make_pipeline(StandardScaler(), MLPClassifier(max_iter=1000))
is fitted to the rows that are not for testing in the same split.csv. The mean accuracy may be 1.5 points lower.
"""

import argparse
import csv
import json
import pathlib
import subprocess
import sys
import tempfile
import warnings

import numpy as np
from sklearn.datasets import load_breast_cancer, load_wine
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

ALLOWED = 0.015


def run(program, *arguments):
    result = subprocess.run([program, *map(str, arguments)], capture_output=True, text=True)
    if result.returncode != 0:
        sys.exit(f"athanor {' '.join(map(str, arguments))} failed ({result.returncode}):\n{result.stderr}")
    return result.stdout


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program")
    parser.add_argument("--splits", type=int, default=10)
    options = parser.parse_args()
    program = str(pathlib.Path(options.program).resolve())
    warnings.simplefilter("ignore", ConvergenceWarning)
    failed = []
    with tempfile.TemporaryDirectory() as place:
        folder = pathlib.Path(place)
        for name, load in {"wine": load_wine, "breast_cancer": load_breast_cancer}.items():
            data = load()
            table = folder / f"{name}.csv"
            with open(table, "w", newline="") as file:
                writer = csv.writer(file)
                writer.writerow([*data.feature_names, "kind"])
                for row, target in zip(data.data, data.target):
                    writer.writerow([*map(repr, map(float, row)), data.target_names[target]])
            ours, theirs = [], []
            for seed in range(options.splits):
                output = folder / f"{name}_{seed}"
                run(program, "train", "--dataset", table, "--target", "kind", "--test-split", 0.2, "--seed", seed, "--output", output)
                with open(output / "split.csv", newline="") as file:
                    parts = {int(row["example"]) - 1: row["split"] for row in csv.DictReader(file)}
                test = np.array([parts[row] == "test" for row in range(len(data.target))])
                figures = run(
                    program, "evaluate", output / "best.h5", "--dataset", table, "--split", output / "split.csv", "--json")
                ours.append(json.loads(figures.splitlines()[0])["accuracy"])
                other = make_pipeline(StandardScaler(), MLPClassifier(max_iter=1000, random_state=seed))
                other.fit(data.data[~test], data.target[~test])
                theirs.append(other.score(data.data[test], data.target[test]))
                print(f"{name}, split {seed}: {ours[-1]:.4f}, scikit-learn {theirs[-1]:.4f}", flush=True)
            mean, other = np.mean(ours), np.mean(theirs)
            passed = mean >= other - ALLOWED
            print(f"{'ok  ' if passed else 'FAIL'} {name}: {mean:.4f}, scikit-learn {other:.4f}", flush=True)
            if not passed:
                failed.append(name)
    sys.exit(f"below scikit-learn by more than {ALLOWED}: {', '.join(failed)}" if failed else 0)


if __name__ == "__main__":
    main()
