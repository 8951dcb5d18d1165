"""Trains a network of the tutorial with PyTorch's eager mode and prints one JSON object.

python torch_peer.py malireddi|chollet FOLDER EPOCHS SEED [channels_last]
"""

import json
import os
import resource
import sys
import time

START = time.time()
import digits
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

torch.set_num_threads(os.cpu_count())
network, folder, epochs, seed = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
layout = torch.channels_last if "channels_last" in sys.argv else torch.contiguous_format
BATCH = 200


def malireddi():
    return nn.Sequential(
        nn.Conv2d(1, 32, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.5),
        nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.2),
        nn.Conv2d(64, 128, 1), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.2),
        nn.Flatten(), nn.Linear(512, 128), nn.ReLU(), nn.Linear(128, 10),
    )  # fmt: skip


def chollet():
    return nn.Sequential(
        nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.25),
        nn.Flatten(), nn.Linear(9216, 128), nn.ReLU(), nn.Dropout(0.5), nn.Linear(128, 10),
    )  # fmt: skip


def median_seconds(action, runs):
    seconds = []
    for _ in range(runs):
        begin = time.perf_counter()
        action()
        seconds.append(time.perf_counter() - begin)
    return float(np.median(seconds))


torch.manual_seed(seed)
(x, y), (test_x, test_y) = digits.load(folder)


def pictures(array):
    return torch.from_numpy(array).permute(0, 3, 1, 2).contiguous(memory_format=layout)


x, y, test_x, test_y = pictures(x), torch.from_numpy(y).long(), pictures(test_x), torch.from_numpy(test_y).long()
model = {"malireddi": malireddi, "chollet": chollet}[network]().to(memory_format=layout)
optimizer = torch.optim.Adam(model.parameters(), fused=True)
epoch_seconds, accuracy, losses, first_step = [], [], [], None
for _ in range(epochs):
    begin = time.perf_counter()
    model.train()
    order = torch.randperm(len(x))
    for start in range(0, len(x), BATCH):
        batch = order[start : start + BATCH]
        optimizer.zero_grad(set_to_none=True)
        F.cross_entropy(model(x[batch]), y[batch]).backward()
        optimizer.step()
        first_step = first_step or time.time() - START
    model.eval()
    right, loss = 0, 0.0
    with torch.inference_mode():
        for start in range(0, len(test_x), BATCH):
            logits, labels = model(test_x[start : start + BATCH]), test_y[start : start + BATCH]
            right += (logits.argmax(1) == labels).sum().item()
            loss += F.cross_entropy(logits, labels, reduction="sum").item()
    epoch_seconds.append(time.perf_counter() - begin)
    accuracy.append(right / len(test_x))
    losses.append(loss / len(test_x))


def predict():
    with torch.inference_mode():
        return torch.cat([model(test_x[start : start + BATCH]).softmax(1) for start in range(0, len(test_x), BATCH)])


def predict_one():
    with torch.inference_mode():
        return model(test_x[:1]).softmax(1)


predict()
for _ in range(10):
    predict_one()
print(json.dumps({
    "epoch_seconds": epoch_seconds,
    "val_accuracy": accuracy,
    "val_loss": losses,
    "first_step_seconds": first_step,
    "predict_seconds": median_seconds(predict, 3),
    "latency_seconds": median_seconds(predict_one, 300),
    "peak_megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform != "darwin" else 1 << 20),
}))
