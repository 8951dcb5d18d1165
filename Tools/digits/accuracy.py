#!/usr/bin/env python3
"""How well a model reads digits that are not MNIST's: `accuracy.py ATHANOR MODEL`.

Two sets: digits drawn with a pen (trajectories.txt: any size, place, slant and width, dark on light and light on dark), and scikit-learn's
1,797 scanned digits of 8 x 8 pixels, scaled up to 64 x 64. Each is read as `athanor predict` prepares pictures, and with --no-normalize, which
only brings them to the model's size. Needs Pillow and scikit-learn."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image
from sklearn.datasets import load_digits

import pen


def scanned():
    data = load_digits()
    for pixels, digit in zip(data.images, data.target):
        yield int(digit), Image.fromarray((pixels * 255 / 16).astype("uint8")).resize((64, 64), Image.BICUBIC)


def accuracy(athanor, model, folder, options):
    run = subprocess.run([athanor, "predict", model, folder, "--json", *options], capture_output=True, text=True, check=True)
    answers = [json.loads(line) for line in run.stdout.splitlines()]
    right = sum(Path(answer["file"]).name[0] == answer["label"] for answer in answers)
    return f"{100 * right / len(answers):.2f} % of {len(answers)}"


def main():
    athanor, model = sys.argv[1:]
    for name, pictures in [("drawn with a pen", pen.pictures(each=24)), ("scanned, 8 x 8", scanned())]:
        with tempfile.TemporaryDirectory() as folder:
            for number, (digit, picture) in enumerate(pictures):
                picture.save(f"{folder}/{digit}-{number}.png")
            prepared, plain = (accuracy(athanor, model, folder, options) for options in ([], ["--no-normalize"]))
        print(f"{name}: {prepared} prepared, {plain} only brought to size")


if __name__ == "__main__":
    main()
