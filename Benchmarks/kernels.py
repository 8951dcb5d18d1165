"""Prints GFLOP/s and the share of the machine's peak of each kernel, beside oneDNN's (through PyTorch), and GB/s of each pointwise function.

python Benchmarks/kernels.py .build/release/AthanorBenchmarks [part of a shape's name]
"""

import json
import os
import re
import subprocess
import sys
import time

import torch

torch.set_num_threads(os.cpu_count())


def athanor(*arguments):
    return json.loads(subprocess.run([sys.argv[1], *arguments], capture_output=True, text=True, check=True).stdout)


def median_seconds(action):
    for _ in range(2):
        action()
    begin = time.perf_counter()
    action()
    runs = max(5, min(200, int(0.3 / (time.perf_counter() - begin))))
    seconds = []
    for _ in range(runs):
        begin = time.perf_counter()
        action()
        seconds.append(time.perf_counter() - begin)
    return sorted(seconds)[runs // 2]


def convolution(name):
    """The same shape in PyTorch, from a name such as `28x28x48 * 3x3x80 stride 2`."""
    height, width, channels, kernel, _, filters = map(int, re.match(r"(\d+)x(\d+)x(\d+) \* (\d+)x(\d+)(?:x(\d+))?", name).groups("0"))
    depthwise, groups = "depthwise" in name, re.search(r"(\d+) groups", name)
    groups = channels if depthwise else int(groups.group(1)) if groups else 1
    filters = channels if depthwise else filters
    special = re.search("same|stride|groups|depthwise", name)
    stride, pad = 2 if "stride 2" in name else 1, 1 if special else 0
    batch = 16 if height == 56 else 64 if special else 200
    last = torch.channels_last
    x = torch.randn(batch, channels, height, width).contiguous(memory_format=last)
    weights = torch.randn(filters, channels // groups, kernel, kernel).contiguous(memory_format=last)
    bias = torch.randn(filters)
    dy = torch.randn_like(torch.conv2d(x, weights, bias, stride, pad, 1, groups)).contiguous(memory_format=last)

    def backward(mask):
        return lambda: torch.ops.aten.convolution_backward(
            dy, x, weights, [filters], [stride] * 2, [pad] * 2, [1, 1], False, [0, 0], groups, mask)

    flops = 2 * dy.numel() * channels // groups * kernel * kernel
    return flops, {
        "forward": lambda: torch.conv2d(x, weights, bias, stride, pad, 1, groups),
        "input gradient": backward([True, False, False]),
        "weight gradient": backward([False, True, True]),
    }


def product(name):
    rows, steps, columns = map(int, re.match(r"matmul (\d+)x(\d+)x(\d+)", name).groups())
    x, weights, dy = torch.randn(rows, steps), torch.randn(steps, columns), torch.randn(rows, columns)
    return 2 * rows * steps * columns, {
        "forward": lambda: x @ weights,
        "input gradient": lambda: dy @ weights.T,
        "weight gradient": lambda: x.T @ dy,
    }


peak = athanor("peak")["all_cores"]
print(f"Peak {peak:.0f} GFLOP/s; PyTorch {torch.__version__}, {os.cpu_count()} cores\n")
print("| shape | pass | Athanor | of peak | PyTorch | of peak |\n|---|---|---|---|---|---|")
with torch.inference_mode():
    for row in athanor("kernels", "--only", *(sys.argv[2:] or [""])):
        flops, passes = (product if row["name"].startswith("matmul") else convolution)(row["name"])
        other = flops / median_seconds(passes[row["pass"]]) * 1e-9
        own = row["gigaflops"]
        print(f"| {row['name']} | {row['pass']} | {own:.0f} | {100 * own / peak:.0f} % | {other:.0f} | {100 * other / peak:.0f} % |", flush=True)

if len(sys.argv) <= 2:
    print("\nPointwise functions, 65,536 numbers, one thread; GB/s read and written\n\n| function | value | gradient |\n|---|---|---|")
    for row in athanor("pointwise"):
        print(f"| {row['name']} | {row['value']:.0f} | {row['gradient']:.0f} |")
