"""Trains a network of the tutorial with Keras and prints one JSON object.

KERAS_BACKEND=tensorflow|jax|torch python keras_peer.py malireddi|chollet FOLDER EPOCHS SEED
"""

import json
import os
import resource
import sys
import time

START = time.time()
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import digits
import keras
import numpy as np
from keras import layers as L

if keras.backend.backend() == "torch":
    import torch

    torch.set_num_threads(os.cpu_count())

network, folder, epochs, seed = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
BATCH = 200


class Clock(keras.callbacks.Callback):
    """Seconds of each epoch with its validation, and when the first step ended."""

    def __init__(self):
        super().__init__()
        self.seconds, self.first_step = [], None

    def on_epoch_begin(self, epoch, logs=None):
        self.begin = time.perf_counter()

    def on_train_batch_end(self, batch, logs=None):
        if self.first_step is None:
            self.first_step = time.time() - START

    def on_epoch_end(self, epoch, logs=None):
        self.seconds.append(time.perf_counter() - self.begin)


def malireddi():
    return [
        L.Conv2D(32, 5, activation="relu"), L.MaxPooling2D(2), L.Dropout(0.5),
        L.Conv2D(64, 3, activation="relu"), L.MaxPooling2D(2), L.Dropout(0.2),
        L.Conv2D(128, 1, activation="relu"), L.MaxPooling2D(2), L.Dropout(0.2),
        L.Flatten(), L.Dense(128, activation="relu"), L.Dense(10, activation="softmax"),
    ]  # fmt: skip


def chollet():
    return [
        L.Conv2D(32, 3, activation="relu"), L.Conv2D(64, 3, activation="relu"), L.MaxPooling2D(2), L.Dropout(0.25),
        L.Flatten(), L.Dense(128, activation="relu"), L.Dropout(0.5), L.Dense(10, activation="softmax"),
    ]  # fmt: skip


def median_seconds(action, runs):
    seconds = []
    for _ in range(runs):
        begin = time.perf_counter()
        action()
        seconds.append(time.perf_counter() - begin)
    return float(np.median(seconds))


keras.utils.set_random_seed(seed)
(x, y), (test_x, test_y) = digits.load(folder)
y, test_y = keras.utils.to_categorical(y, 10), keras.utils.to_categorical(test_y, 10)
model = keras.Sequential([keras.Input((28, 28, 1)), *{"malireddi": malireddi, "chollet": chollet}[network]()])
model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
clock = Clock()
history = model.fit(
    x, y, batch_size=BATCH, epochs=epochs, validation_data=(test_x, test_y), callbacks=[clock], verbose=0)
model.predict(test_x, batch_size=BATCH, verbose=0)
predict_all = median_seconds(lambda: model.predict(test_x, batch_size=BATCH, verbose=0), 3)
one = test_x[:1]
for _ in range(5):
    model.predict_on_batch(one)
print(json.dumps({
    "epoch_seconds": clock.seconds,
    "val_accuracy": history.history["val_accuracy"],
    "val_loss": history.history["val_loss"],
    "first_step_seconds": clock.first_step,
    "predict_seconds": predict_all,
    "latency_seconds": median_seconds(lambda: model.predict_on_batch(one), 200),
    "peak_megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform != "darwin" else 1 << 20),
}))
