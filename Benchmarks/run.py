"""Runs Athanor and its peers in turn on the same data, and writes what came out as a table and a picture.

python Benchmarks/run.py .build/release/AthanorBenchmarks --data-dir FOLDER [--rounds 2] [--epochs 2] [--output Documentation]

FOLDER holds MNIST's four IDX files (`athanor datasets` says where they are). Every program is started anew for each run, A B A B;
nothing else should run meanwhile. Times are the programs' own; the peak of arithmetic is measured before and after.
"""

import argparse
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
from importlib.metadata import version

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt

HERE = pathlib.Path(__file__).parent
OPERATIONS = {"malireddi": 14.5e6, "chollet": 71.6e6}  # of one training image, counted as direct convolutions
PEERS = {
    "Keras on TensorFlow": ("keras_peer.py", {"KERAS_BACKEND": "tensorflow"}, []),
    "Keras on JAX": ("keras_peer.py", {"KERAS_BACKEND": "jax"}, []),
    "Keras on PyTorch": ("keras_peer.py", {"KERAS_BACKEND": "torch"}, []),
    "PyTorch": ("torch_peer.py", {}, []),
    "PyTorch, channels last": ("torch_peer.py", {}, ["channels_last"]),
}


def run(command, environment=None):
    result = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **(environment or {})})
    if result.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))} failed:\n{result.stderr[-2000:]}")
    return json.loads(result.stdout.strip().splitlines()[-1])


def processor():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines() if os.path.exists("/proc/cpuinfo") else []:
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor()


def spread(values, digits=2):
    low, middle, high = min(values), statistics.median(values), max(values)
    return f"{middle:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def measure(arguments):
    figures = {network: {} for network in arguments.networks}
    for network in arguments.networks:
        for round_number in range(arguments.rounds):
            for name in ["Athanor", *(peer for peer in PEERS if peer not in arguments.skip)]:
                parameters = [network, arguments.data_dir, str(arguments.epochs), str(round_number + 1)]
                if name == "Athanor":
                    result = run([arguments.program, "network", *parameters])
                else:
                    script, environment, more = PEERS[name]
                    result = run([sys.executable, HERE / "peers" / script, *parameters, *more], environment)
                # The first epoch of the peers holds their warming up; with more than one it is left out, for everybody.
                result["epoch_seconds"] = result["epoch_seconds"][1 if arguments.epochs > 1 else 0 :]
                figures[network].setdefault(name, []).append(result)
                print(network, round_number + 1, name, json.dumps(result), flush=True)
    return figures


def gather(runs, key):
    return [value for run_ in runs for value in (run_[key] if isinstance(run_[key], list) else [run_[key]])]


def table(network, runs, peak):
    lines = [
        f"| {network.capitalize()} | epoch with validation, s | 10,000 predictions, s | one prediction, ms | "
        "first step after, s | peak memory, MB |",
        "|---|---|---|---|---|---|",
    ]
    for name, results in runs.items():
        latency = [1e3 * value for value in gather(results, "latency_seconds")]
        lines.append(
            f"| {name} | {spread(gather(results, 'epoch_seconds'))} | {spread(gather(results, 'predict_seconds'))} | "
            f"{spread(latency, 3)} | {spread(gather(results, 'first_step_seconds'))} | "
            f"{max(gather(results, 'peak_megabytes')):.0f} |"
        )
    best = {name: statistics.median(gather(results, "epoch_seconds")) for name, results in runs.items()}
    own = best.pop("Athanor")
    fastest = min(best, key=best.get)
    share = 60000 * OPERATIONS[network] / own / (peak * 1e9)
    lines.append("")
    lines.append(
        f"An epoch takes {own / best[fastest]:.2f} of the time of the fastest peer ({fastest}). Counted as direct convolutions, "
        f"validation left out, that is {100 * share:.0f} % of the machine's peak."
    )
    return lines


def picture(figures, path):
    plt.rcParams.update({"font.family": "sans-serif", "svg.fonttype": "none", "svg.hashsalt": "athanor", "font.size": 10})
    figure, panels = plt.subplots(1, len(figures), figsize=(9, 2.8), squeeze=False)
    for panel, (network, runs) in zip(panels[0], figures.items()):
        seconds = {name: statistics.median(gather(results, "epoch_seconds")) for name, results in runs.items()}
        names = sorted(seconds, key=seconds.get, reverse=True)  # the fastest at the top
        values = [seconds[name] for name in names]
        bars = panel.barh(names, values, color=["#c2410c" if name == "Athanor" else "#9ca3af" for name in names])
        panel.bar_label(bars, [f"{value:.1f}" for value in values], padding=3)
        panel.set_title(f"{network.capitalize()}: seconds an epoch", loc="left")
        panel.set_xlim(0, max(values) * 1.15)
        panel.spines[["top", "right", "bottom"]].set_visible(False)
        panel.tick_params(left=False, bottom=False, labelbottom=False)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None}, facecolor="white")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program")
    parser.add_argument("--data-dir", required=True)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--networks", nargs="+", choices=list(OPERATIONS), default=list(OPERATIONS))
    parser.add_argument("--skip", nargs="+", choices=list(PEERS), default=[], help="peers to leave out")
    parser.add_argument("--output", type=pathlib.Path, default=pathlib.Path("Documentation"))
    arguments = parser.parse_args()
    before = run([arguments.program, "peak"])
    figures = measure(arguments)
    after = run([arguments.program, "peak"])
    peak = (before["all_cores"] + after["all_cores"]) / 2
    versions = ", ".join(f"{name} {version(name)}" for name in ["keras", "tensorflow-cpu", "jax", "torch", "numpy"])
    lines = [
        "# Measured",
        "",
        f"{processor()}, {os.cpu_count()} cores; {platform.system()}; Python {platform.python_version()}, {versions}. Batch 200, "
        f"float32, MNIST, {arguments.rounds} rounds in turn of {arguments.epochs} epochs each, the first of which is left out. "
        f"Median (minimum to maximum). Peak of multiply-adds in the same run: {before['all_cores']:.0f} GFLOP/s before, "
        f"{after['all_cores']:.0f} after.",
    ]
    for network, runs in figures.items():
        lines += ["", *table(network, runs, peak)]
    lines += ["", "![Seconds an epoch](benchmarks.svg)", "", f"`make bench DATA=FOLDER ROUNDS={arguments.rounds}` made this page."]
    text = "\n".join(lines) + "\n"
    (arguments.output / "benchmarks.md").write_text(text)
    picture(figures, arguments.output / "benchmarks.svg")
    print(text)


if __name__ == "__main__":
    main()
