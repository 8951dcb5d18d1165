#!/usr/bin/env python3
"""Makes the numbers that Tests/AthanorTests compares layers, losses, metrics, optimizers and training with, from Keras.

Usage:
    KERAS_BACKEND=jax python3 Tools/make_training_goldens.py Tests/AthanorTests/Goldens

Made with Python 3.11.7, Keras 3.15.1 on JAX 0.10.2 and NumPy 2.4.6, on a CPU. It writes layers.json, merging.json, losses.json,
metrics.json, optimizers.json, schedules.json, fit.json, functional.json and masks.json; a run with other versions may differ in the last digits.

Arrays are {"shape": [...], "values": [...]} in row-major order, with nine digits, so that each is the same 32-bit number
when it is read back.
"""

import json
import os
import pathlib
import sys

os.environ.setdefault("KERAS_BACKEND", "jax")

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import keras  # noqa: E402
import numpy as np  # noqa: E402

jax.config.update("jax_default_matmul_precision", "highest")


class Numbers:
    """Draws the numbers of one case; each case has a generator of its own, so that adding one leaves the others alone."""

    def __init__(self, name: str) -> None:
        self.generator = np.random.default_rng(list(name.encode()))

    def normal(self, *shape: int, scale: float = 1.0) -> np.ndarray:
        return (scale * self.generator.standard_normal(shape)).round(4).astype(np.float32)

    def uniform(self, *shape: int, low: float = 0.0, high: float = 1.0) -> np.ndarray:
        return self.generator.uniform(low, high, shape).round(4).astype(np.float32)

    def classes(self, count: int, classes: int) -> np.ndarray:
        return self.generator.integers(0, classes, count).astype(np.int32)


def array(values) -> dict:
    values = np.asarray(values)
    numbers = [int(v) if values.dtype.kind in "iu" else float(f"{float(v):.9g}") for v in values.reshape(-1)]
    return {"shape": list(values.shape), "values": numbers}


# Layers: each is given random weights, an input and a cotangent (the gradient that arrives from behind).


def layer_golden(name: str, layer: keras.Layer, shape: list[int]) -> dict:
    numbers = Numbers(name)
    x = numbers.normal(*shape)
    if name.startswith("max") or name.startswith("global_max"):
        # Distinct values, far enough apart: at a tie the gradient's place is a matter of taste.
        x = (np.arange(x.size) - x.size / 2)[numbers.generator.permutation(x.size)].reshape(shape).astype(np.float32) / 16
    if name.startswith("masking"):
        x[1], x[:, 2] = 0.5, 0.5  # an example and a time step that are masked
    if name.startswith(("embedding", "category_encoding")):
        x = numbers.classes(x.size, 7).reshape(shape).astype(np.float32)
    layer.build(tuple(x.shape))
    for variable in layer.weights:
        if variable.path.endswith("variance"):
            variable.assign(numbers.uniform(*variable.shape, low=0.5, high=2.0))
        else:
            variable.assign(numbers.normal(*variable.shape, scale=0.5))
    trainable = [v.value for v in layer.trainable_variables]
    others = [v.value for v in layer.non_trainable_variables]
    # Augmentations are asked for factors between equal bounds, so that nothing about them is random.
    takes_training = isinstance(layer, keras.layers.BatchNormalization) or hasattr(layer, "get_random_transformation")
    options = {"training": True} if takes_training else {}

    def run(weights, x):
        return layer.stateless_call(weights, others, x, **options)

    y, after = run(trainable, jnp.asarray(x))
    cotangent = numbers.normal(*y.shape)

    def loss(weights, x):
        y = run(weights, x)[0]
        penalty = layer.activity_regularizer(y) / y.shape[0] if layer.activity_regularizer else 0
        return (y * cotangent).sum() + penalty

    weight_gradients, input_gradient = jax.grad(loss, argnums=(0, 1))(trainable, jnp.asarray(x))
    predicted = layer.stateless_call(trainable, others, jnp.asarray(x), **({"training": False} if takes_training else {}))[0]
    return {
        "input": array(x),
        "weights": {v.name: array(v.value) for v in layer.weights},
        "prediction": array(predicted),
        "cotangent": array(cotangent),
        "loss": float(loss(trainable, jnp.asarray(x))),
        "inputGradient": array(input_gradient),
        "gradients": {v.name: array(g) for v, g in zip(layer.trainable_variables, weight_gradients)},
        "after": {
            v.name: array(a) for v, a in zip(layer.non_trainable_variables, after) if v.name.startswith("moving_")
        },
    }


def layers() -> dict:
    l = keras.layers
    cases = {
        "rescaling": (l.Rescaling(1 / 127.5, offset=-1), [4, 7]),
        "rescaling_channels": (l.Rescaling(0.25, offset=[1.5, -2.0, 0.125]), [2, 3, 4, 3]),
        "rescaling_scales": (l.Rescaling([0.5, -2.0, 1.0], offset=0.25), [2, 3, 4, 3]),
        "normalization": (l.Normalization(mean=[0.5, -0.25, 2.0], variance=[4.0, 0.0625, 0.0]), [2, 4, 3, 3]),
        "dense": (l.Dense(7), [5, 9]),
        "dense_no_bias_tanh": (l.Dense(3, activation="tanh", use_bias=False), [4, 11]),
        "dense_rows": (l.Dense(5, activation="relu"), [3, 4, 6]),
        "conv2d_valid": (l.Conv2D(5, 3), [2, 7, 9, 3]),
        "conv2d_same_strides_relu": (l.Conv2D(4, (3, 5), strides=2, padding="same", activation="relu"), [3, 8, 11, 2]),
        "conv2d_same_even_kernel": (l.Conv2D(3, (2, 4), padding="same", use_bias=False), [2, 5, 7, 3]),
        "conv2d_dilation": (l.Conv2D(3, 3, dilation_rate=(2, 1), padding="same"), [2, 9, 7, 2]),
        "conv2d_groups": (l.Conv2D(6, 3, groups=3), [2, 6, 5, 9]),
        "conv2d_strides_valid_1x1": (l.Conv2D(7, 1, strides=(2, 3)), [2, 7, 8, 5]),
        "conv2d_depthwise": (l.Conv2D(5, 3, groups=5, padding="same"), [2, 5, 6, 5]),
        "depthwise_conv2d": (l.DepthwiseConv2D(3), [2, 6, 5, 4]),
        "depthwise_conv2d_multiplier": (
            l.DepthwiseConv2D((2, 3), strides=2, padding="same", depth_multiplier=2, activation="relu"), [2, 7, 6, 3]
        ),
        "depthwise_conv2d_dilation": (l.DepthwiseConv2D(3, dilation_rate=2, use_bias=False), [2, 7, 8, 5]),
        "separable_conv2d": (l.SeparableConv2D(5, 3, padding="same"), [2, 6, 5, 4]),
        "separable_conv2d_multiplier": (
            l.SeparableConv2D(3, (3, 2), strides=2, depth_multiplier=2, activation="tanh", use_bias=False), [2, 7, 8, 3]
        ),
        "max_pooling2d": (l.MaxPooling2D(2), [2, 7, 9, 3]),
        "max_pooling2d_same_overlap": (l.MaxPooling2D((3, 2), strides=(2, 1), padding="same"), [2, 7, 5, 3]),
        "average_pooling2d": (l.AveragePooling2D((2, 3)), [2, 7, 9, 3]),
        "average_pooling2d_same_overlap": (l.AveragePooling2D(3, strides=2, padding="same"), [2, 6, 7, 3]),
        "global_average_pooling2d": (l.GlobalAveragePooling2D(), [3, 5, 7, 3]),
        "global_average_pooling2d_keep": (l.GlobalAveragePooling2D(keepdims=True), [3, 5, 7, 3]),
        "global_max_pooling2d": (l.GlobalMaxPooling2D(), [3, 5, 7, 3]),
        "global_max_pooling2d_keep": (l.GlobalMaxPooling2D(keepdims=True), [3, 5, 3, 2]),
        "dropout_zero": (l.Dropout(0.0), [3, 7]),
        "batch_normalization": (l.BatchNormalization(momentum=0.9), [3, 5, 4, 3]),
        "batch_normalization_rows": (l.BatchNormalization(epsilon=1e-2), [7, 5]),
        "batch_normalization_plain": (l.BatchNormalization(center=False, scale=False, momentum=0.5), [7, 3]),
        "batch_normalization_center": (l.BatchNormalization(scale=False, momentum=0.8), [2, 3, 3, 5]),
        "leaky_re_lu": (l.LeakyReLU(negative_slope=0.1), [5, 7]),
        "elu": (l.ELU(alpha=0.5), [5, 7]),
        "p_re_lu": (l.PReLU(), [5, 7]),
        "p_re_lu_shared": (l.PReLU(shared_axes=[1, 2]), [2, 4, 3, 5]),
        "softmax": (l.Softmax(), [3, 4, 5]),
        "softmax_axis": (l.Softmax(axis=1), [3, 4, 5]),
        "re_lu": (l.ReLU(), [5, 7]),
        "re_lu_maximum": (l.ReLU(max_value=1.25), [5, 7]),
        "re_lu_slope": (l.ReLU(max_value=1.0, negative_slope=0.25), [5, 7]),
        "re_lu_threshold": (l.ReLU(max_value=1.5, negative_slope=0.5, threshold=0.75), [5, 7]),
        "flatten": (l.Flatten(), [3, 5, 2, 3]),
        "reshape": (l.Reshape((3, -1, 2)), [3, 30]),
        "masking": (l.Masking(0.5), [3, 4, 2]),
        "repeat_vector": (l.RepeatVector(3), [4, 5]),
        "permute": (l.Permute((3, 1, 2)), [2, 4, 3, 5]),
        "zero_padding2d": (l.ZeroPadding2D(((1, 3), (0, 2))), [2, 5, 3, 3]),
        "cropping2d": (l.Cropping2D(((1, 2), (0, 3))), [2, 6, 7, 3]),
        "up_sampling2d": (l.UpSampling2D((2, 3)), [2, 3, 4, 3]),
        "resizing": (l.Resizing(5, 12), [2, 8, 7, 3]),
        "resizing_antialias": (l.Resizing(3, 9, antialias=True), [2, 8, 7, 2]),
        "resizing_nearest": (l.Resizing(5, 11, interpolation="nearest"), [2, 8, 7, 2]),
        "random_flip": (l.RandomFlip("horizontal"), [3, 4, 1, 2]),
        "random_rotation": (l.RandomRotation((0.1, 0.1)), [2, 7, 6, 3]),
        "random_rotation_constant": (l.RandomRotation((-0.2, -0.2), fill_mode="constant", fill_value=0.5), [2, 6, 9, 1]),
        "random_rotation_nearest": (l.RandomRotation((0.35, 0.35), fill_mode="wrap", interpolation="nearest"), [2, 6, 9, 2]),
        "random_translation": (l.RandomTranslation((0.3, 0.3), (-0.25, -0.25), fill_mode="wrap"), [2, 6, 7, 3]),
        "random_translation_edge": (l.RandomTranslation((-0.9, -0.9), (0.45, 0.45), fill_mode="nearest"), [2, 5, 7, 1]),
        "random_translation_reflect": (l.RandomTranslation((0.9, 0.9), (-1.0, -1.0)), [2, 5, 7, 1]),
        "random_zoom": (l.RandomZoom((0.2, 0.2)), [2, 7, 6, 3]),
        "random_zoom_width": (l.RandomZoom((-0.3, -0.3), (0.4, 0.4), fill_mode="constant", fill_value=-0.25), [2, 7, 6, 2]),
        "random_contrast": (l.RandomContrast((-0.3, 0.3), value_range=(-1.0, 1.5)), [2, 5, 4, 3]),
        "random_brightness": (l.RandomBrightness((0.2, 0.2), value_range=(-1.0, 1.5)), [2, 5, 4, 3]),
        "random_erasing": (l.RandomErasing((1.0, 1.0), scale=(1.0, 1.0), fill_value=0.5), [2, 5, 4, 3]),
        "random_crop": (l.RandomCrop(4, 5), [2, 4, 5, 3]),
        "gaussian_noise_zero": (l.GaussianNoise(0.0), [3, 7]),
        "embedding": (l.Embedding(7, 3), [4, 5]),
        "embedding_masked": (l.Embedding(7, 4, mask_zero=True, activity_regularizer="l2"), [3, 2, 4]),
        "category_encoding": (l.CategoryEncoding(7, output_mode="one_hot"), [6, 1]),
        "category_encoding_multi": (l.CategoryEncoding(7), [6, 4]),
        "category_encoding_count": (l.CategoryEncoding(7, output_mode="count"), [6, 4]),
    }
    activations = {
        name: name
        for name in (
            "linear", "relu", "sigmoid", "tanh", "softmax", "softplus", "silu", "gelu", "elu", "leaky_relu", "relu6",
            "hard_sigmoid", "hard_silu", "selu", "exponential", "softsign", "mish", "log_softmax", "celu", "hard_tanh",
            "hard_shrink", "soft_shrink", "tanh_shrink", "log_sigmoid", "sparse_sigmoid", "sparse_plus", "squareplus",
        )
    }
    for name, function in activations.items():
        cases[f"activation_{name}"] = (l.Activation(function), [5, 7])
    cases["activity_regularization"] = (l.ActivityRegularization(l1=0.5, l2=0.25), [5, 7])
    cases["activation_glu"] = (l.Activation("glu"), [5, 8])
    # As Keras 2 computed it.
    cases["activation_legacy_hard_sigmoid"] = (l.Activation(lambda x: keras.ops.clip(0.2 * x + 0.5, 0.0, 1.0)), [5, 7])
    cases["activation_elu_alpha"] = (l.Activation(lambda x: keras.activations.elu(x, alpha=0.3)), [5, 7])
    cases["activation_softmax_pictures"] = (l.Activation("softmax"), [2, 3, 2, 5])
    return {name: layer_golden(name, layer, shape) for name, (layer, shape) in cases.items()}


# Layers with several inputs: all of their gradients.


def merging() -> dict:
    def golden(name: str, layer: keras.Layer, shapes: list[list[int]]) -> dict:
        numbers = Numbers(name)
        inputs = [numbers.normal(3, *shape) for shape in shapes]

        def run(inputs):
            return layer(inputs)

        y = run([jnp.asarray(x) for x in inputs])
        cotangent = numbers.normal(*y.shape)
        gradients = jax.grad(lambda inputs: (run(inputs) * cotangent).sum())([jnp.asarray(x) for x in inputs])
        return {
            "inputs": [array(x) for x in inputs],
            "prediction": array(y),
            "cotangent": array(cotangent),
            "gradients": [array(g) for g in gradients],
        }

    l = keras.layers
    cases = {
        "add": (l.Add(), [[3, 4], [3, 4], [3, 4]]),
        "add_broadcast": (l.Add(), [[3, 4], [1, 4]]),
        "add_ranks": (l.Add(), [[4], [2, 3, 4], [3, 4]]),
        "subtract": (l.Subtract(), [[3, 4], [3, 4]]),
        "subtract_ranks": (l.Subtract(), [[2, 4], [4]]),
        "multiply": (l.Multiply(), [[3, 4], [3, 4], [3, 1]]),
        "multiply_ranks": (l.Multiply(), [[2, 3, 4], [4]]),
        "average": (l.Average(), [[5], [5], [5]]),
        "average_ranks": (l.Average(), [[5], [2, 5]]),
        "maximum": (l.Maximum(), [[5], [5], [5]]),
        "maximum_ranks": (l.Maximum(), [[2, 5], [5]]),
        "minimum": (l.Minimum(), [[5], [5], [5]]),
        "minimum_ranks": (l.Minimum(), [[5], [2, 5]]),
        "concatenate": (l.Concatenate(), [[2, 3], [2, 1], [2, 4]]),
        "concatenate_axis": (l.Concatenate(axis=1), [[2, 3], [4, 3]]),
        "dot": (l.Dot(axes=-1), [[5], [5]]),
        "dot_normalize": (l.Dot(axes=1, normalize=True), [[5], [5]]),
        "dot_matrices": (l.Dot(axes=1), [[3, 2], [3, 4]]),
        "dot_axes": (l.Dot(axes=(2, 1)), [[3, 4], [4, 2]]),
        "dot_vector_matrix": (l.Dot(axes=1), [[3], [3, 4]]),
    }
    return {name: golden(name, layer, shapes) for name, (layer, shapes) in cases.items()}


# Losses: the mean over the batch, and its gradient with respect to what the model's last function gets.


def losses() -> dict:
    def golden(loss, target, logits, function, weights=None):
        def mean(x):
            return loss(jnp.asarray(target), function(x), weights)

        value, gradient = jax.value_and_grad(mean)(jnp.asarray(logits))
        result = {
            "input": array(logits), "target": array(target), "loss": float(value), "gradient": array(gradient),
        }
        return result if weights is None else {**result, "weights": array(weights)}

    def rows(count, classes, numbers):
        raw = numbers.uniform(count, classes, low=0.1)
        return (raw / raw.sum(axis=-1, keepdims=True)).astype(np.float32)

    result = {}
    k = keras.losses
    n = Numbers("losses")
    same = lambda x: x  # noqa: E731
    softmax, sigmoid = keras.ops.softmax, keras.ops.sigmoid
    one_hot = np.eye(5, dtype=np.float32)[n.classes(7, 5)]
    result["categorical_softmax"] = golden(k.CategoricalCrossentropy(), one_hot, n.normal(7, 5), softmax)
    result["categorical_softmax_soft"] = golden(k.CategoricalCrossentropy(), rows(7, 5, n), n.normal(7, 5), softmax)
    # After a softmax we compute from its input, as Keras does on TensorFlow: here Keras is asked for it by from_logits.
    result["categorical_softmax_extreme"] = golden(
        k.CategoricalCrossentropy(from_logits=True), one_hot, n.normal(7, 5, scale=60), same)
    result["categorical_probabilities"] = golden(
        k.CategoricalCrossentropy(), one_hot, n.uniform(7, 5, low=0.05), same)
    result["sparse_softmax"] = golden(
        k.SparseCategoricalCrossentropy(), n.classes(9, 4), n.normal(9, 4), softmax)
    result["sparse_probabilities"] = golden(
        k.SparseCategoricalCrossentropy(), n.classes(9, 4), rows(9, 4, n), same)
    result["sparse_softmax_pictures"] = golden(
        k.SparseCategoricalCrossentropy(), n.classes(12, 5).reshape(3, 4), n.normal(3, 4, 5), softmax)
    result["binary_sigmoid"] = golden(
        k.BinaryCrossentropy(), n.classes(11, 2).reshape(11, 1).astype(np.float32), n.normal(11, 1), sigmoid)
    result["binary_sigmoid_several"] = golden(k.BinaryCrossentropy(), n.uniform(5, 3), n.normal(5, 3), sigmoid)
    result["binary_sigmoid_extreme"] = golden(
        k.BinaryCrossentropy(from_logits=True), n.uniform(5, 3), n.normal(5, 3, scale=40), same)
    result["binary_probabilities"] = golden(
        k.BinaryCrossentropy(), n.uniform(5, 3), n.uniform(5, 3, low=0.05, high=0.95), same)
    result["mean_squared_error"] = golden(k.MeanSquaredError(), n.normal(5, 3), n.normal(5, 3), same)
    result["mean_squared_error_pictures"] = golden(k.MeanSquaredError(), n.normal(3, 2, 5), n.normal(3, 2, 5), same)
    result["mean_absolute_error"] = golden(k.MeanAbsoluteError(), n.normal(5, 3), n.normal(5, 3), same)
    result["huber"] = golden(k.Huber(), n.normal(7, 3, scale=2), n.normal(7, 3), same)
    result["huber_delta"] = golden(k.Huber(delta=0.4), n.normal(7, 3), n.normal(7, 3), same)

    n = Numbers("further losses")
    numbers = {
        "mean_absolute_percentage_error": (k.MeanAbsolutePercentageError(), n.normal(7, 3), n.normal(7, 3)),
        "mean_squared_logarithmic_error": (k.MeanSquaredLogarithmicError(), n.uniform(7, 3, low=-0.5, high=3), n.uniform(7, 3, low=-0.5, high=3)),
        "log_cosh": (k.LogCosh(), n.normal(7, 3, scale=3), n.normal(7, 3, scale=3)),
        "cosine_similarity": (k.CosineSimilarity(), n.normal(7, 3), n.normal(7, 3)),
        "cosine_similarity_pictures": (k.CosineSimilarity(), n.normal(3, 2, 4), n.normal(3, 2, 4)),
        "kl_divergence": (k.KLDivergence(), rows(7, 4, n), rows(7, 4, n)),
        "poisson": (k.Poisson(), n.uniform(7, 3, high=4), n.uniform(7, 3, low=0.1, high=4)),
        "hinge": (k.Hinge(), 2 * n.classes(21, 2).reshape(7, 3).astype(np.float32) - 1, n.normal(7, 3)),
        "hinge_binary": (k.Hinge(), n.classes(21, 2).reshape(7, 3).astype(np.float32), n.normal(7, 3)),
        "squared_hinge": (k.SquaredHinge(), n.classes(21, 2).reshape(7, 3).astype(np.float32), n.normal(7, 3)),
        "categorical_hinge": (k.CategoricalHinge(), one_hot, n.normal(7, 5)),
        "squared_error_sum": (k.MeanSquaredError(reduction="sum"), n.normal(5, 3), n.normal(5, 3)),
        "squared_error_mean": (k.MeanSquaredError(reduction="mean"), n.normal(5, 3), n.normal(5, 3)),
    }
    for name, (loss, target, prediction) in numbers.items():
        result[name] = golden(loss, target, prediction, same)
    weights = n.uniform(6, high=2)
    for reduction in ("sum_over_batch_size", "sum", "mean_with_sample_weight"):
        result[f"weighted_{reduction}"] = golden(
            k.MeanAbsoluteError(reduction=reduction), n.normal(6, 3), n.normal(6, 3), same, weights)
        result[f"ignored_{reduction}"] = golden(
            k.SparseCategoricalCrossentropy(ignore_class=255, reduction=reduction),
            np.array([0, 255, 2, 1, 255, 3], np.int32), n.normal(6, 4), softmax, weights)
    result["ignored_pictures"] = golden(
        k.SparseCategoricalCrossentropy(ignore_class=2), n.classes(12, 5).reshape(3, 4), n.normal(3, 4, 5), softmax)
    result["ignored_probabilities"] = golden(
        k.SparseCategoricalCrossentropy(ignore_class=-1), np.array([0, -1, 2, 1], np.int32), rows(4, 3, n), same)
    result["sum_pictures"] = golden(
        k.SparseCategoricalCrossentropy(reduction="sum"), n.classes(12, 5).reshape(3, 4), n.normal(3, 4, 5), softmax)
    result["categorical_smooth"] = golden(
        k.CategoricalCrossentropy(label_smoothing=0.2), one_hot, n.normal(7, 5), softmax)
    result["categorical_smooth_probabilities"] = golden(
        k.CategoricalCrossentropy(label_smoothing=0.2), one_hot, rows(7, 5, n), same)
    result["binary_smooth"] = golden(
        k.BinaryCrossentropy(label_smoothing=0.3), n.classes(15, 2).reshape(5, 3).astype(np.float32), n.normal(5, 3), sigmoid)
    result["categorical_focal"] = golden(k.CategoricalFocalCrossentropy(), one_hot, n.normal(7, 5), softmax)
    result["categorical_focal_classes"] = golden(
        k.CategoricalFocalCrossentropy(alpha=[0.1, 0.2, 0.3, 0.4, 0.5], gamma=1.5, label_smoothing=0.1), one_hot, n.normal(7, 5), softmax)
    result["categorical_focal_logits"] = golden(
        k.CategoricalFocalCrossentropy(from_logits=True), one_hot, n.normal(7, 5), same)
    truth = n.classes(15, 2).reshape(5, 3).astype(np.float32)
    result["binary_focal"] = golden(k.BinaryFocalCrossentropy(), truth, n.normal(5, 3), sigmoid)
    result["binary_focal_balanced"] = golden(
        k.BinaryFocalCrossentropy(apply_class_balancing=True, alpha=0.3, gamma=3.0, label_smoothing=0.1), truth, n.normal(5, 3), sigmoid)
    result["binary_focal_logits"] = golden(k.BinaryFocalCrossentropy(from_logits=True), truth, n.normal(5, 3), same)
    return result


# Metrics: over two batches of different size, as an epoch has them.


def metrics() -> dict:
    m = keras.metrics
    n = Numbers("metrics")

    def golden(metric, target, prediction, weights=None):
        for part in (slice(0, 8), slice(8, None)):
            metric.update_state(target[part], prediction[part], None if weights is None else weights[part])
        result = {"prediction": array(prediction), "target": array(target), "value": float(metric.result())}
        return result if weights is None else {**result, "weights": array(weights)}

    logits = n.normal(13, 6)
    probabilities = np.asarray(keras.ops.softmax(logits))
    classes = n.classes(13, 6)
    one_hot = np.eye(6, dtype=np.float32)[classes]
    binary = n.uniform(13, 1)
    truth = n.classes(13, 2).reshape(13, 1)
    several = n.uniform(13, 4)
    labels = n.classes(52, 2).reshape(13, 4).astype(np.float32)
    further = Numbers("further metrics")
    weights = further.uniform(13, high=2)
    numbers, near = further.normal(13, 3), further.normal(13, 3)
    several_logits = further.normal(13, 4)
    sloped = {
        f"auc_{curve}_{method}".lower(): golden(m.AUC(curve=curve, summation_method=method, num_thresholds=50), labels, several)
        for curve in ("ROC", "PR", "PRGAIN") for method in ("interpolation", "minoring", "majoring")
    }
    return {
        **sloped,
        "auc": golden(m.AUC(), truth, binary),
        "auc_weighted": golden(m.AUC(), labels, several, weights),
        "auc_multi_label": golden(m.AUC(multi_label=True, curve="PR"), labels, several),
        "auc_logits": golden(m.AUC(from_logits=True), labels, several_logits),
        "auc_thresholds": golden(m.AUC(thresholds=[0.2, 0.31, 0.9]), labels, several),
        "sensitivity_at_specificity": golden(m.SensitivityAtSpecificity(0.6), labels, several),
        "specificity_at_sensitivity": golden(m.SpecificityAtSensitivity(0.7), labels, several),
        "precision_at_recall": golden(m.PrecisionAtRecall(0.7), labels, several),
        "recall_at_precision": golden(m.RecallAtPrecision(0.6, num_thresholds=30, class_id=1), labels, several),
        "binary_accuracy_several": golden(m.BinaryAccuracy(threshold=0.3), labels, several),
        "binary_accuracy_weighted": golden(m.BinaryAccuracy(), labels, several, weights),
        "sparse_accuracy_weighted": golden(m.SparseCategoricalAccuracy(), classes, probabilities, weights),
        "exact_accuracy": golden(m.Accuracy(), labels, (several > 0.5).astype(np.float32)),
        "true_positives": golden(m.TruePositives(), labels, several),
        "true_negatives_threshold": golden(m.TrueNegatives(thresholds=0.3), labels, several),
        "false_positives_weighted": golden(m.FalsePositives(), labels, several, weights),
        "false_negatives": golden(m.FalseNegatives(), labels, several),
        "precision_top_k": golden(m.Precision(top_k=2), labels, several),
        "precision_class": golden(m.Precision(thresholds=0.4, class_id=2), labels, several),
        "recall_top_k_class": golden(m.Recall(top_k=3, class_id=1), labels, several),
        "recall_weighted": golden(m.Recall(), labels, several, weights),
        **{f"f1_{average}": golden(m.F1Score(average=average), one_hot, probabilities) for average in ("micro", "macro", "weighted")},
        "fbeta_threshold": golden(m.FBetaScore(average="macro", beta=2.0, threshold=0.4), labels, several),
        "f1_weighted_samples": golden(m.F1Score(average="macro", threshold=0.5), labels, several, weights),
        "root_mean_squared_error": golden(m.RootMeanSquaredError(), numbers, near),
        "root_mean_squared_error_weighted": golden(m.RootMeanSquaredError(), numbers, near, weights),
        "cosine_similarity": golden(m.CosineSimilarity(), numbers, near),
        "r2": golden(m.R2Score(), numbers, near),
        "r2_variance_weighted": golden(m.R2Score(class_aggregation="variance_weighted_average", num_regressors=2), numbers, near),
        "r2_weighted_samples": golden(m.R2Score(), numbers, near, weights),
        "mean_squared_error_weighted": golden(m.MeanSquaredError(), numbers, near, weights),
        "log_cosh": golden(m.LogCoshError(), numbers, near),
        "accuracy_categorical": golden(m.CategoricalAccuracy(), one_hot, probabilities),
        "accuracy_sparse": golden(m.SparseCategoricalAccuracy(), classes, probabilities),
        "accuracy_binary": golden(m.BinaryAccuracy(), truth, binary),
        "top_3_categorical": golden(m.TopKCategoricalAccuracy(k=3), one_hot, probabilities),
        "top_2_sparse": golden(m.SparseTopKCategoricalAccuracy(k=2), classes, probabilities),
        "precision": golden(m.Precision(), labels, several),
        "precision_threshold": golden(m.Precision(thresholds=0.7), labels, several),
        "recall": golden(m.Recall(), labels, several),
        "recall_threshold": golden(m.Recall(thresholds=0.3), truth, binary),
        "mean_absolute_error": golden(m.MeanAbsoluteError(), labels, several),
    }


# Optimizers: the gradients are given, so only the steps' arithmetic is compared.

STEPS = 17


def optimizers() -> dict:
    o = keras.optimizers
    cases = {
        "sgd": o.SGD(0.05),
        "sgd_momentum": o.SGD(0.05, momentum=0.9),
        "sgd_nesterov": o.SGD(0.05, momentum=0.8, nesterov=True),
        "sgd_weight_decay": o.SGD(0.05, momentum=0.9, weight_decay=0.1),
        "sgd_clip_value": o.SGD(0.05, clipvalue=0.3),
        "sgd_clip_norm": o.SGD(0.05, clipnorm=0.7),
        "sgd_global_clip_norm": o.SGD(0.05, global_clipnorm=0.7),
        "sgd_exponential": o.SGD(o.schedules.ExponentialDecay(0.1, 5, 0.7)),
        "rmsprop": o.RMSprop(0.02),
        "rmsprop_momentum_centered": o.RMSprop(0.02, rho=0.8, momentum=0.5, epsilon=1e-3, centered=True),
        "rmsprop_weight_decay": o.RMSprop(0.02, weight_decay=0.05, momentum=0.3),
        "adam": o.Adam(0.02),
        "adam_parameters": o.Adam(0.02, beta_1=0.7, beta_2=0.95, epsilon=1e-2),
        "adam_weight_decay_clip": o.Adam(0.02, weight_decay=0.1, global_clipnorm=1.0),
        "adam_cosine": o.Adam(o.schedules.CosineDecay(0.0, 12, alpha=0.1, warmup_target=0.05, warmup_steps=4)),
        "adamw": o.AdamW(0.02),
        "adamw_weight_decay": o.AdamW(0.02, weight_decay=0.2),
        "adam_amsgrad": o.Adam(0.02, amsgrad=True, weight_decay=0.05),
        "adamw_amsgrad": o.AdamW(0.02, amsgrad=True),
        "adamax": o.Adamax(0.02),
        "adamax_parameters": o.Adamax(0.02, beta_1=0.7, beta_2=0.9, epsilon=1e-3, weight_decay=0.1),
        "nadam": o.Nadam(0.02),
        "nadam_parameters": o.Nadam(0.02, beta_1=0.7, beta_2=0.9, epsilon=1e-3, clipnorm=1.0),
        "adagrad": o.Adagrad(0.2),
        "adagrad_parameters": o.Adagrad(0.2, initial_accumulator_value=0.5, epsilon=1e-2, weight_decay=0.1),
        "adadelta": o.Adadelta(1.0),
        "adadelta_parameters": o.Adadelta(1.0, rho=0.8, epsilon=1e-3),
        "ftrl": o.Ftrl(0.1),
        "ftrl_parameters": o.Ftrl(
            0.1, learning_rate_power=-0.7, initial_accumulator_value=0.2, l1_regularization_strength=0.05,
            l2_regularization_strength=0.1, l2_shrinkage_regularization_strength=0.02, beta=0.3),
        "lion": o.Lion(0.02),
        "lion_parameters": o.Lion(0.02, beta_1=0.7, beta_2=0.8, weight_decay=0.1),
        "adam_accumulation": o.Adam(o.schedules.InverseTimeDecay(0.05, 4, 0.5), gradient_accumulation_steps=3, clipnorm=0.7),
        "sgd_average": o.SGD(0.05, momentum=0.9, use_ema=True, ema_momentum=0.7, ema_overwrite_frequency=4),
        "rmsprop_accumulation_average": o.RMSprop(
            0.02, gradient_accumulation_steps=2, use_ema=True, ema_momentum=0.5, ema_overwrite_frequency=2),
        "sgd_two_limits": o.SGD(0.05),
    }
    result = {}
    for name, optimizer in cases.items():
        n = Numbers("optimizers")
        kernel, bias = keras.Variable(n.normal(3, 5)), keras.Variable(n.normal(5))
        optimizer.build([kernel, bias])
        gradients = n.normal(STEPS, 3, 5)
        after = []
        for gradient in gradients:
            # A dense layer that is fed the rows of the identity: its bias gets the sums over the examples.
            gradients_of_step = [jnp.asarray(gradient), jnp.asarray(gradient).sum(axis=0)]
            if name == "sgd_two_limits":  # what optimizers before Keras 2.11 did with clipvalue=0.3 and clipnorm=0.5
                clipped = [jnp.clip(g, -0.3, 0.3) for g in gradients_of_step]
                gradients_of_step = [g * jnp.minimum(1, 0.5 / jnp.linalg.norm(g)) for g in clipped]
            optimizer.apply(gradients_of_step, [kernel, bias])
            after.append(np.concatenate([np.asarray(kernel.value), np.asarray(bias.value)[None]]))
        result[name] = {"after": array(np.stack([after[0], after[4], after[-1]]))}
    n = Numbers("optimizers")
    result["common"] = {"kernel": array(n.normal(3, 5)), "bias": array(n.normal(5)), "gradients": array(n.normal(STEPS, 3, 5))}
    return result


def schedules() -> dict:
    s = keras.optimizers.schedules
    cases = {
        "exponential": s.ExponentialDecay(0.1, 7, 0.5),
        "exponential_staircase": s.ExponentialDecay(0.1, 7, 0.5, staircase=True),
        "cosine": s.CosineDecay(0.2, 20),
        "cosine_alpha": s.CosineDecay(0.2, 20, alpha=0.25),
        "cosine_warm_up": s.CosineDecay(0.0, 20, warmup_target=0.2, warmup_steps=6),
        "piecewise": s.PiecewiseConstantDecay([4, 9, 15], [0.4, 0.2, 0.1, 0.05]),
        "cosine_warm_up_from": s.CosineDecay(0.05, 20, warmup_target=0.2, warmup_steps=6, alpha=0.1),
        "cosine_restarts": s.CosineDecayRestarts(0.2, 5),
        "cosine_restarts_equal": s.CosineDecayRestarts(0.2, 7, t_mul=1.0, m_mul=0.8, alpha=0.1),
        "polynomial": s.PolynomialDecay(0.2, 12, 0.01, 2.0),
        "polynomial_cycle": s.PolynomialDecay(0.2, 12, 0.01, 0.5, cycle=True),
        "inverse_time": s.InverseTimeDecay(0.2, 3, 0.5),
        "inverse_time_staircase": s.InverseTimeDecay(0.2, 3, 0.5, staircase=True),
    }
    return {name: array(np.asarray([float(schedule(step)) for step in range(32)])) for name, schedule in cases.items()}


# Whole trainings, without shuffling and dropout: their random numbers are each library's own.


def fit() -> dict:
    def network():
        l = keras.layers
        return keras.Sequential([
            keras.Input((6, 5, 2)),
            l.Conv2D(3, 3, padding="same", activation="relu"),
            l.BatchNormalization(momentum=0.8),
            l.MaxPooling2D(2),
            l.Flatten(),
            l.Dense(4, activation="softmax"),
        ])

    def short(path):
        return path.removeprefix("sequential/")

    def golden(class_weight=None, weighted=False):
        keras.utils.set_random_seed(7)
        n = Numbers("fit")
        x, y = n.normal(11, 6, 5, 2), n.classes(11, 4)
        vx, vy = n.normal(5, 6, 5, 2), n.classes(5, 4)
        weights = n.uniform(11, low=0.2, high=2.0)
        model = network()
        for variable in model.weights:
            if variable.path.endswith(("kernel", "bias")):
                variable.assign(n.normal(*variable.shape, scale=0.4))
        before = {short(v.path): array(v.value) for v in model.weights}
        model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
        history = model.fit(
            x, y, batch_size=4, epochs=3, shuffle=False, verbose=0, validation_data=(vx, vy), class_weight=class_weight,
            sample_weight=weights if weighted else None)
        return {
            "x": array(x), "y": array(y), "vx": array(vx), "vy": array(vy), "weights": array(weights), "before": before,
            "history": {key: array(np.asarray(values)) for key, values in history.history.items()},
            "after": {short(v.path): array(v.value) for v in model.weights},
        }

    cases = {}
    for name, options in {
        "plain": {}, "class_weights": {"class_weight": {0: 0.5, 1: 2.0, 2: 1.5, 3: 0.0}}, "sample_weights": {"weighted": True},
    }.items():
        keras.backend.clear_session()
        cases[name] = golden(**options)
    return cases


# Models that are no chains: 100 steps of each. Weights and batches follow from a formula that the tests know too.

EXAMPLES = 8


class Sequence:
    """Numbers from -1 to 1 in steps of 1/512, by a linear congruence: the same in every language."""

    def __init__(self, seed: int) -> None:
        self.state = seed

    def integers(self, *shape: int, below: int) -> np.ndarray:
        result = np.empty(shape, np.int32)
        for place in range(result.size):
            self.state = (self.state * 1103515245 + 12345) % (1 << 31)
            result.flat[place] = (self.state >> 16) % below
        return result

    def numbers(self, *shape: int, scale: float = 1.0) -> np.ndarray:
        return ((self.integers(*shape, below=1025) - 512) / 512 * scale).astype(np.float32)


def start(model):
    """Gives kernels and biases their numbers; the other weights keep Keras' own."""
    numbers = Sequence(1)
    for variable in model.weights:
        if variable.path.endswith(("kernel", "bias")):
            variable.assign(numbers.numbers(*variable.shape, scale=0.5))


def weights(model):
    return {v.path: array(v.value) for v in model.weights}


def step(model, *batch, **options):
    model.reset_metrics()  # they would go on from step to step
    return {name: float(value) for name, value in model.train_on_batch(*batch, return_dict=True, **options).items()}


def kept(logs):
    """The figures of every tenth step."""
    return {name: array(np.asarray([figures[name] for figures in logs[9::10]])) for name in logs[0]}


def functional() -> dict:
    l = keras.layers
    o = keras.optimizers

    def two_inputs_two_outputs(optimizer):
        picture, age = keras.Input((6, 6, 2), name="picture"), keras.Input((1,), name="age")
        x = l.Conv2D(3, 3, padding="same", activation="tanh", name="first")(picture)
        x = l.Add(name="sum")([x, l.Conv2D(3, 3, padding="same", name="second")(x)])
        x = l.Concatenate(name="join")([l.GlobalAveragePooling2D(name="mean")(x), age])
        kind, size = l.Dense(3, activation="softmax", name="kind")(x), l.Dense(1, name="size")(x)
        model = keras.Model([picture, age], {"kind": kind, "size": size})
        model.compile(
            optimizer, {"kind": "sparse_categorical_crossentropy", "size": "mean_squared_error"},
            loss_weights={"kind": 1.0, "size": 0.1}, metrics={"kind": ["accuracy"]})
        start(model)
        before, logs, n = weights(model), [], Sequence(2)
        for _ in range(100):
            x = {"picture": n.numbers(EXAMPLES, 6, 6, 2), "age": n.numbers(EXAMPLES, 1)}
            y = {"kind": n.integers(EXAMPLES, below=3), "size": n.numbers(EXAMPLES, 1)}
            certainty = {"kind": np.ones(EXAMPLES, np.float32), "size": n.numbers(EXAMPLES) + 1}
            logs.append(step(model, x, y, sample_weight=certainty))
        return {"before": before, "after": weights(model), "logs": kept(logs)}

    def siamese():
        left, right = keras.Input((5,), name="left"), keras.Input((5,), name="right")
        encode = l.Dense(4, activation="tanh", name="encode")
        a, b = encode(left), encode(right)
        x = l.Concatenate(name="join")([l.Subtract(name="difference")([a, b]), l.Dot(axes=1, normalize=True, name="angle")([a, b])])
        model = keras.Model([left, right], l.Dense(1, activation="sigmoid", name="same")(x))
        model.compile(o.Adam(1e-3), "binary_crossentropy", metrics=["accuracy"])
        start(model)
        before, logs, n = weights(model), [], Sequence(3)
        for _ in range(100):
            x = {"left": n.numbers(EXAMPLES, 5), "right": n.numbers(EXAMPLES, 5)}
            logs.append(step(model, x, n.integers(EXAMPLES, 1, below=2).astype(np.float32)))
        return {"before": before, "after": weights(model), "logs": kept(logs)}

    def shared_batch_normalization():
        left, right = keras.Input((3,), name="left"), keras.Input((3,), name="right")
        norm = l.BatchNormalization(momentum=0.9, name="norm")
        x = l.Multiply(name="product")([norm(left), l.Dense(3, name="dense")(norm(right))])
        model = keras.Model([left, right], l.Dense(2, name="last")(x))
        model.compile(o.SGD(0.01, momentum=0.9), "mean_squared_error")
        start(model)
        before, logs, n = weights(model), [], Sequence(4)
        for _ in range(100):
            x = {"left": n.numbers(EXAMPLES, 3), "right": n.numbers(EXAMPLES, 3, scale=3) + 1}
            logs.append(step(model, x, n.numbers(EXAMPLES, 2)))
        return {"before": before, "after": weights(model), "logs": kept(logs)}

    def frozen_inside():
        """A generator is trained through a discriminator that stays, and the discriminator alone in between."""
        picture, noise = keras.Input((4,), name="picture"), keras.Input((3,), name="noise")
        x = l.BatchNormalization(momentum=0.9, name="norm")(l.Dense(5, activation="tanh", name="look")(picture))
        discriminator = keras.Model(picture, l.Dense(1, activation="sigmoid", name="judge")(x), name="discriminator")
        generated = l.Dense(4, name="draw")(l.Dense(5, activation="tanh", name="think")(noise))
        gan = keras.Model(noise, discriminator(generated), name="gan")
        drawing = keras.Model(noise, generated)
        discriminator.compile(o.Adam(1e-3), "binary_crossentropy")
        gan.compile(o.AdamW(1e-3, weight_decay=0.1), "binary_crossentropy")
        start(gan)
        before, alone, inside, n = weights(gan), [], [], Sequence(5)
        for _ in range(100):
            real, z = n.numbers(EXAMPLES, 4) + 1, n.numbers(EXAMPLES, 3)
            x = np.concatenate([real, drawing.predict_on_batch(z)])
            y = np.concatenate([np.ones((EXAMPLES, 1)), np.zeros((EXAMPLES, 1))]).astype(np.float32)
            discriminator.trainable = True
            alone.append(step(discriminator, x, y))
            discriminator.trainable = False
            inside.append(step(gan, n.numbers(EXAMPLES, 3), np.ones((EXAMPLES, 1), np.float32)))
        return {"before": before, "after": weights(gan), "logs": kept(inside), "logsAlone": kept(alone)}

    cases = {}
    for name, make in {
        "two_inputs_two_outputs_adam": lambda: two_inputs_two_outputs(o.Adam(1e-3)),
        "two_inputs_two_outputs_sgd": lambda: two_inputs_two_outputs(o.SGD(0.01, momentum=0.9)),
        "siamese": siamese,
        "shared_batch_normalization": shared_batch_normalization,
        "frozen_inside": frozen_inside,
    }.items():
        keras.backend.clear_session()
        cases[name] = make()
    return cases


# Masks: from Masking layers through layers and merges to losses and metrics; 100 steps of each.


def masks() -> dict:
    l = keras.layers
    o = keras.optimizers
    steps = 5

    def sequence(n, features, value):
        """Time steps, a third of which have the mask's value."""
        x = n.numbers(EXAMPLES, steps, features)
        x[n.integers(EXAMPLES, steps, below=3) == 0] = value
        return x

    def two_outputs(weighted):
        x = keras.Input((steps, 3), name="steps")
        y = l.Dense(4, activation="tanh", name="first")(l.Masking(0.5, name="masking")(x))
        y = l.BatchNormalization(momentum=0.9, name="norm")(y)
        kind, size = l.Dense(3, activation="softmax", name="kind")(y), l.Dense(2, name="size")(y)
        model = keras.Model(x, {"kind": kind, "size": size})
        model.compile(
            o.Adam(1e-3), {"kind": "sparse_categorical_crossentropy", "size": "mean_squared_error"},
            loss_weights={"kind": 1.0, "size": 0.5},
            metrics={"kind": ["accuracy"], "size": ["mean_absolute_error"]})
        start(model)
        before, logs, n = weights(model), [], Sequence(6)
        for _ in range(100):
            x = sequence(n, 3, 0.5)
            y = {"kind": n.integers(EXAMPLES, steps, below=3), "size": n.numbers(EXAMPLES, steps, 2)}
            options = {}
            if weighted:
                options["sample_weight"] = {
                    "kind": n.numbers(EXAMPLES, steps) + 1, "size": n.numbers(EXAMPLES, steps) + 1}
            # On JAX, Keras 3.15 loses the masks of predictions on their way to the metrics of a training step.
            logs.append({name: value for name, value in step(model, x, y, **options).items() if name.endswith("loss")})
        model.reset_metrics()
        evaluation = model.test_on_batch(x, y, return_dict=True, **options)
        return {
            "before": before, "after": weights(model), "logs": kept(logs),
            "evaluation": {name: float(value) for name, value in evaluation.items()}}

    def merged():
        left, right, plain = (keras.Input((steps, 2), name=name) for name in ("left", "right", "plain"))
        a, b = l.Masking(name="mask_left")(left), l.Masking(-1.0, name="mask_right")(right)
        outputs = {
            "sum": l.Dense(1, name="sum")(l.Add(name="add")([a, b])),
            "features": l.Dense(1, name="features")(l.Concatenate(name="join")([a, b])),
            "unmasked": l.Dense(1, name="unmasked")(l.Concatenate(name="join_plain")([a, plain])),
            "times": l.Dense(1, name="times")(l.Concatenate(axis=1, name="chain")([a, plain, b])),
            "flat": l.Dense(1, name="flat")(l.Flatten(name="flatten")(b)),
        }
        model = keras.Model([left, right, plain], outputs)
        model.compile(o.SGD(0.01, momentum=0.9), {name: "mean_squared_error" for name in outputs})
        start(model)
        before, logs, n = weights(model), [], Sequence(7)
        for _ in range(100):
            x = {
                "left": sequence(n, 2, 0.0), "right": sequence(n, 2, -1.0), "plain": n.numbers(EXAMPLES, steps, 2)}
            y = {name: n.numbers(EXAMPLES, steps, 1) for name in ("sum", "features", "unmasked")}
            y["times"], y["flat"] = n.numbers(EXAMPLES, 3 * steps, 1), n.numbers(EXAMPLES, 1)
            logs.append(step(model, x, y))
        return {"before": before, "after": weights(model), "logs": kept(logs)}

    cases = {}
    for name, make in {
        "two_outputs": lambda: two_outputs(False), "two_outputs_weighted": lambda: two_outputs(True), "merged": merged,
    }.items():
        keras.backend.clear_session()
        cases[name] = make()
    return cases


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    if keras.backend.backend() != "jax":
        sys.exit("set KERAS_BACKEND=jax")
    folder = pathlib.Path(sys.argv[1])
    for make in (layers, merging, losses, metrics, optimizers, schedules, fit, functional, masks):
        path = folder / f"{make.__name__}.json"
        path.write_text(json.dumps(make(), separators=(",", ":"), sort_keys=True) + "\n")
        print(f"{path}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
