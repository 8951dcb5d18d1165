#!/usr/bin/env python3
"""Trains on data as users have them, from the command line alone, and checks what comes of it.

    python3 Tools/own_data.py ATHANOR letters    # letters of Debian's fonts, validated on fonts unseen in training: at least 95 %
    python3 Tools/own_data.py ATHANOR fashion    # Fashion-MNIST with `cnn --augment` in 20 epochs: at least 93 % (half an hour)
    python3 Tools/own_data.py ATHANOR stream     # an epoch from a stream against one from memory: at most 1.1 of the time
    python3 Tools/own_data.py ATHANOR memory     # 100,000 pictures of 224 x 224 from a stream, a trivial network: at most 1 GB

The first two end with a labelled Core ML file and a report. Python 3.11, Pillow 12; fonts as Tools/letters.py says.
"""

import json
import os
import pathlib
import random
import resource
import subprocess
import sys
import tempfile
import time


def run(*words):
    """A command's standard output; its errors are shown, and end the program."""
    print("$", "athanor", *words[1:], flush=True)
    return subprocess.run([str(word) for word in words], check=True, capture_output=False, stdout=subprocess.PIPE, text=True).stdout


def check(what, holds):
    print(("ok  " if holds else "BAD ") + what, flush=True)
    if not holds:
        sys.exit(1)


def finish(athanor, folder, data, split, image):
    """Accuracy on the part that was kept, a report, and a Core ML file that knows its labels."""
    best = folder / "run/best.h5"
    figures = json.loads(run(athanor, "evaluate", best, "--dataset", data, *split, "--report", folder / "report.html", "--json"))
    run(athanor, "export", best, folder / "Model.mlpackage", "--image-input", image, "--dataset", data, *split, "--json")
    facts = run(athanor, "inspect", folder / "Model.mlpackage")
    check(f"the report is one file of {(folder / 'report.html').stat().st_size // 1024} KB", (folder / "report.html").stat().st_size > 10_000)
    return figures, facts


def letters(athanor, folder):
    subprocess.run([sys.executable, pathlib.Path(__file__).with_name("letters.py"), folder / "letters"], check=True)
    start = time.time()
    run(athanor, "train", "--dataset", folder / "letters", "--augment", "--seed", 1, "--output", folder / "run")
    seconds = time.time() - start
    figures, facts = finish(athanor, folder, folder / "letters", [], "gray")
    check("the Core ML file names the letters", "A, B, C, D, E, F, G, H, I, J" in facts)
    check(f"{figures['accuracy']:.4f} of {figures['count']} letters of unseen fonts, trained in {seconds:.0f} s", figures["accuracy"] >= 0.95)


def fashion(athanor, folder):
    start = time.time()
    run(athanor, "train", "cnn", "--dataset", "fashion-mnist", "--augment", "--epochs", 20, "--seed", 1, "--output", folder / "run")
    seconds = time.time() - start
    figures, facts = finish(athanor, folder, "fashion-mnist", [], "gray")
    check("the Core ML file names the clothes", "Trouser" in facts)
    check(f"{figures['accuracy']:.4f} of {figures['count']} test pictures, trained in {seconds:.0f} s", figures["accuracy"] >= 0.93)


def photographs(folder, side, count, distinct):
    """Two classes of JPEG pictures; `distinct` of them are different, the others are links to these."""
    from PIL import Image

    generator = random.Random(1)
    for number in range(count):
        kind = number % 2
        target = folder / ("noise" if kind else "waves") / f"{number:06d}.jpg"
        target.parent.mkdir(parents=True, exist_ok=True)
        if number < distinct:
            small = Image.effect_noise((side // 8, side // 8), 80 if kind else 40).convert("RGB")
            picture = small.resize((side, side), Image.Resampling.BICUBIC)
            picture.putpixel((0, 0), (generator.randrange(256), 0, 0))
            picture.save(target, quality=85)
        else:
            os.link(target.parent / f"{number % distinct:06d}.jpg", target)


def stream(athanor, folder):
    def epochs(data, *words):
        """The seconds of the last of two epochs, whose files and plans are warm."""
        lines = run(athanor, "train", *words, "--dataset", data, "--epochs", 2, "--json", "--output", folder / "run").splitlines()
        return json.loads(lines[-1])["seconds"]

    photographs(folder / "small", 64, 4000, 4000)
    pairs = [(epochs(folder / "small", "cnn"), epochs(folder / "small", "cnn", "--stream")) for _ in range(3)]
    ratio = sorted(streamed / memory for memory, streamed in pairs)[1]
    check(f"an epoch from a stream takes {ratio:.2f} of the time of one from memory (median of 3)", ratio <= 1.1)


def memory(athanor, folder):
    photographs(folder / "large", 224, 100_000, 500)
    network = {
        "class_name": "Sequential", "config": {"name": "means", "layers": [
            {"class_name": "InputLayer", "config": {"batch_shape": [None, 224, 224, 3], "dtype": "float32", "name": "input"}},
            {"class_name": "GlobalAveragePooling2D", "config": {"name": "mean"}},
            {"class_name": "Dense", "config": {"name": "dense", "units": 2, "activation": "softmax"}}]}}
    (folder / "means.json").write_text(json.dumps(network))
    start = time.time()
    run(athanor, "train", folder / "means.json", "--dataset", folder / "large", "--stream", "--epochs", 1, "--json", "--output", folder / "means")
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"{time.time() - start:.0f} s for looking at 100,000 pictures and one epoch")
    check(f"the peak of all commands is {peak:.0f} MB", peak <= 1024)


def main():
    athanor, what = pathlib.Path(sys.argv[1]).resolve(), sys.argv[2]
    with tempfile.TemporaryDirectory() as folder:
        {"letters": letters, "fashion": fashion, "stream": stream, "memory": memory}[what](athanor, pathlib.Path(folder))


if __name__ == "__main__":
    main()
