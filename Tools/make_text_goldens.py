#!/usr/bin/env python3
"""Makes Tests/AthanorTests/Goldens/texts_and_series.json: Keras' TextVectorization and timeseries_dataset_from_array, which need TensorFlow.

    pip install keras==3.15.1 tensorflow-cpu==2.21.0
    python3 Tools/make_text_goldens.py Tests/AthanorTests/Goldens/texts_and_series.json
"""

import itertools
import json
import os
import sys

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras  # noqa: E402
import numpy as np  # noqa: E402

LEARNED = ["The cat, the dog.", "A cat! Don't", "dog-house b\tB\n", "Äpfel ÄPFEL äpfel", "x\u00a0y  x_y [UNK] e\u0301 é", "", "1 2 2 3.5 @home"]
ASKED = ["the CAT sat", "", "dog", "Äpfel und é e\u0301 3.5", "  b\r\nB\u3000B\x0bb ", "x_y xy don't 😀 a😀"]


def texts():
    cases = []
    for standardize, split in itertools.product([None, "lower", "strip_punctuation", "lower_and_strip_punctuation"], [None, "whitespace", "character"]):
        # Without a split Keras takes rows of one text, and would cut the batch to the length of a sequence.
        for most, length in [(None, None), (7, 4 if split else None)]:
            layer = keras.layers.TextVectorization(max_tokens=most, standardize=standardize, split=split, output_sequence_length=length)
            layer.adapt(LEARNED)
            numbers = np.asarray(layer(ASKED if split else [[text] for text in ASKED]))
            cases.append({
                "standardize": standardize or "none", "split": split or "none", "maxTokens": most, "outputSequenceLength": length,
                "vocabulary": layer.get_vocabulary(), "shape": list(numbers.shape), "numbers": numbers.ravel().tolist()})
    return cases


def series():
    cases = []
    data = np.arange(40, dtype=np.float32).reshape(20, 2)
    for length, stride, rate, start, end, targets in [
        (3, 1, 1, None, None, 20), (4, 2, 1, None, None, 20), (3, 1, 2, 2, 15, 20), (5, 3, 3, None, None, None), (2, 1, 1, None, None, 9), (20, 1, 1, None, None, None)]:
        values = np.arange(100, 100 + targets, dtype=np.float32) if targets else None
        batches = list(keras.utils.timeseries_dataset_from_array(
            data, values, length, sequence_stride=stride, sampling_rate=rate, batch_size=100, start_index=start, end_index=end))
        inputs, found = (batches[0][0], batches[0][1].numpy().tolist()) if targets else (batches[0], None)
        cases.append({
            "length": length, "stride": stride, "rate": rate, "start": start or 0, "end": end, "targets": targets, "shape": list(inputs.shape),
            "inputs": inputs.numpy().ravel().tolist(), "found": found})
    return cases


def main():
    result = {"learned": LEARNED, "asked": ASKED, "texts": texts(), "series": series()}
    with open(sys.argv[1], "w", encoding="utf-8") as file:
        json.dump(result, file, ensure_ascii=True, separators=(",", ":"))
        file.write("\n")


if __name__ == "__main__":
    main()
