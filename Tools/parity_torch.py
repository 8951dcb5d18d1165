"""Reads what today's PyTorch exports to ONNX and compares predictions with PyTorch's:
`python Tools/parity_torch.py .build/release/athanor`.

Each network is exported by both of PyTorch's exporters (the default one, `dynamo=True`, and the older one), with a fixed and with an open
batch, and must give PyTorch's numbers within 1e-4 at the batches that the file allows. Some weights lie in a file beside the model. Networks
that cannot be read must be refused with a message that names the operator and says what to do.

Versions: Tools/requirements-export.txt.
"""

import contextlib
import io
import logging
import pathlib
import subprocess
import tempfile
import warnings

warnings.filterwarnings("ignore")
logging.disable(logging.WARNING)

import numpy as np
import torch
from parity_support import ATHANOR, check, finish
from torch import nn
from torch.nn import functional as F


class Digits(nn.Module):
    """The network of PyTorch's own MNIST example."""

    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 32, 3, 1), nn.Conv2d(32, 64, 3, 1)
        self.dropout1, self.dropout2 = nn.Dropout(0.25), nn.Dropout(0.5)
        self.fc1, self.fc2 = nn.Linear(9216, 128), nn.Linear(128, 10)

    def forward(self, x):
        x = F.relu(self.conv2(F.relu(self.conv1(x))))
        x = self.dropout1(F.max_pool2d(x, 2))
        x = self.dropout2(F.relu(self.fc1(torch.flatten(x, 1))))
        return F.log_softmax(self.fc2(x), dim=1)


class SqueezeExcitation(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.pool, self.down, self.up = nn.AdaptiveAvgPool2d(1), nn.Conv2d(channels, 4, 1), nn.Conv2d(4, channels, 1)

    def forward(self, x):
        return x * F.hardsigmoid(self.up(F.relu(self.down(self.pool(x)))))


class Residual(nn.Module):
    def __init__(self, *layers):
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def forward(self, x):
        return x + self.layers(x)


def mobile():
    """A stem, an inverted residual block with squeeze and excitation, and a head, as in MobileNetV3."""
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, 2, 1, bias=False), nn.BatchNorm2d(8, eps=1e-3), nn.Hardswish(),
        Residual(
            nn.Conv2d(8, 16, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU6(),
            nn.Conv2d(16, 16, 5, 1, 2, groups=16, bias=False), nn.BatchNorm2d(16), nn.Hardswish(),
            SqueezeExcitation(16), nn.Conv2d(16, 8, 1, bias=False), nn.BatchNorm2d(8)),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 12), nn.Hardswish(), nn.Dropout(0.2), nn.Linear(12, 5))


def norms():
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.GroupNorm(4, 8), nn.ReLU(), nn.Conv2d(8, 8, 3, padding=1, padding_mode="reflect"),
        nn.InstanceNorm2d(8, affine=True), nn.LeakyReLU(0.1), nn.Conv2d(8, 8, 3), nn.BatchNorm2d(8), nn.LayerNorm([8, 10, 10]), nn.Flatten(),
        nn.Linear(800, 6), nn.LayerNorm(6), nn.BatchNorm1d(6))


class Decoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.one, self.two = nn.ConvTranspose2d(4, 8, 3, 2, 1, 1), nn.ConvTranspose2d(8, 6, 4, 2, 1, groups=2)
        self.nearest, self.bilinear = nn.Upsample(scale_factor=2), nn.Upsample(scale_factor=2, mode="bilinear")
        self.corners = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)
        self.last = nn.Conv2d(6, 3, 3, padding=1)

    def forward(self, x):
        x = self.nearest(F.relu(self.one(x)))
        x = self.corners(self.bilinear(F.relu(self.two(x))))
        x = F.interpolate(self.last(x), size=(30, 26), mode="nearest")
        return torch.sigmoid(F.interpolate(x, size=(17, 33), mode="bilinear", align_corners=False))


class Bicubic(nn.Module):
    def forward(self, x):
        return F.pixel_shuffle(F.interpolate(x, scale_factor=1.5, mode="bicubic"), 2)


class Shapes(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(12, 12)

    def forward(self, x):  # [N, 6, 8, 4]
        first, second = torch.chunk(x, 2, dim=1)
        x = torch.cat([first.permute(0, 1, 3, 2).reshape(x.shape[0], 12, 8), second.flatten(2).view(x.shape[0], 12, 8)], dim=2)
        x = self.linear(x.transpose(1, 2)) + x[:, :, 2:-1:2].mean(2, keepdim=True).transpose(1, 2)
        x = torch.cat([x[:, 1:9], x[:, -3:, :].flip(1), x.amax(1, keepdim=True), x.unsqueeze(1).squeeze(1)[:, ::5]], dim=1)
        return torch.stack([x.mean((1, 2)), x.amax(dim=(1, 2)), x[:, -1, 3], x.std(dim=(1, 2)), x[:, 0].prod(-1), x.norm(dim=2).sum(1)], dim=1)


class Attention(nn.Module):
    """One layer of a transformer over eight steps, with the mean over time."""

    def __init__(self):
        super().__init__()
        self.layer = nn.TransformerEncoderLayer(12, 3, 24, batch_first=True, activation="gelu")
        self.head = nn.Linear(12, 4)

    def forward(self, x):
        return self.head(self.layer(x).mean(1))


class HandMadeAttention(nn.Module):
    def __init__(self):
        super().__init__()
        self.qkv, self.out = nn.Linear(12, 36), nn.Linear(12, 12)

    def forward(self, x):
        q, k, v = self.qkv(x).reshape(x.shape[0], x.shape[1], 3, 2, 6).permute(2, 0, 3, 1, 4).unbind(0)
        weights = torch.softmax(q @ k.transpose(-2, -1) * 6**-0.5, dim=-1)
        return self.out((weights @ v).transpose(1, 2).reshape(x.shape[0], x.shape[1], 12))


class Functions(nn.Module):
    def forward(self, x):
        y = torch.where(x > 0.3, x, -x.abs()) + torch.clamp(x, -0.5, 0.7) + x.clamp(min=0.1).sqrt() + torch.maximum(x, x.mean(1, keepdim=True))
        y = y + torch.exp(-x * x) + torch.log1p(x.abs()) + torch.tanh(x) * torch.erf(x) + x.sin() * x.cos() + torch.pow(x, 3) + x.masked_fill(x < -1, 0.25)
        return y + torch.rsqrt(x.abs() + 1) + torch.round(x) + x.floor() + (x / 0.3) % 1.0 + F.normalize(x, dim=1) + x.cumsum(1) + F.softmin(x, 1)


class Channels(nn.Module):
    """Channel shuffle, dilated, grouped and one-sided convolutions, a constant pad."""

    def __init__(self):
        super().__init__()
        self.one, self.two = nn.Conv2d(4, 8, 3, padding="same", dilation=2, groups=2), nn.Conv2d(8, 6, (1, 5), stride=(2, 1), padding=(0, 2))
        self.three = nn.Conv1d(6, 5, 3, padding=1)

    def forward(self, x):
        x = self.one(x)
        x = x.view(x.shape[0], 2, 4, x.shape[2], x.shape[3]).transpose(1, 2).flatten(1, 2)
        x = F.pad(self.two(F.pad(x, (1, 0, 2, 1), value=0.5)), (0, 1, 2, 0), mode="replicate")
        return self.three(x.mean(2)).flatten(1)


class Activations(nn.Module):
    """The sum of many functions of the same numbers, then a pool whose last windows reach beyond the edge."""

    def __init__(self):
        super().__init__()
        self.functions = nn.ModuleList([
            nn.PReLU(3, 0.3), nn.PReLU(), nn.SiLU(), nn.GELU(), nn.GELU(approximate="tanh"), nn.Mish(), nn.ELU(0.7), nn.SELU(), nn.CELU(0.8),
            nn.Softplus(), nn.Softplus(beta=2), nn.Hardtanh(-1, 0.5), nn.Softsign(), nn.LogSigmoid(), nn.Hardshrink(0.3), nn.Softshrink(0.2),
            nn.Hardsigmoid(), nn.Hardswish(), nn.ReLU6(), nn.LeakyReLU(0.2), nn.Tanh(), nn.Tanhshrink(), nn.GLU(3)])
        self.pool = nn.AvgPool2d(3, 2, ceil_mode=True)

    def forward(self, x):
        parts = [function(x) for function in self.functions]
        parts[-1] = torch.cat([parts[-1], parts[-1]], dim=3)
        return self.pool(torch.stack(parts).sum(0))


def pools():
    return nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.MaxPool2d(3, 2, 1, ceil_mode=True), nn.AvgPool2d(3, 2, 1, count_include_pad=False), nn.AvgPool2d(2, ceil_mode=True),
        nn.ZeroPad2d((1, 0, 0, 1)), nn.LPPool2d(2, 2, 1), nn.AdaptiveMaxPool2d(1), nn.Flatten())


def perceptron():
    return nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.BatchNorm1d(32), nn.Linear(32, 16), nn.Tanh(), nn.Dropout(0.5), nn.Linear(16, 3), nn.Softmax(-1))


def lines():
    return nn.Sequential(
        nn.Conv1d(3, 8, 5, 2, 2), nn.BatchNorm1d(8), nn.GELU(), nn.MaxPool1d(2), nn.ConvTranspose1d(8, 6, 4, 2, 1), nn.AvgPool1d(3, 1, 1),
        nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(6, 2))


NETWORKS = {
    "PyTorch's MNIST example": (Digits, (1, 28, 28)),
    "MobileNetV3's blocks": (mobile, (3, 24, 24)),
    "normalisations": (norms, (3, 12, 12)),
    "decoder": (Decoder, (4, 4, 3)),
    "bicubic, pixel shuffle": (Bicubic, (4, 6, 8)),
    "views and parts": (Shapes, (6, 8, 4)),
    "functions": (Functions, (9,)),
    "channels": (Channels, (4, 9, 9)),
    "activations": (Activations, (3, 12, 14)),
    "pooling": (pools, (3, 21, 20)),
    "perceptron": (perceptron, (20,)),
    "one dimension": (lines, (3, 40)),
    "transformer layer": (Attention, (8, 12)),
    "attention by hand": (HandMadeAttention, (8, 12)),
}


# What is refused, by the name of the network and whether its batch is open, and what the message says.
REFUSED = {("transformer layer", True): "Export it with fixed lengths"}


def export(network, example, file, dynamo, is_open, **options):
    if is_open:
        options |= {"dynamic_shapes": ({0: torch.export.Dim("batch")},)} if dynamo else {"dynamic_axes": {"x": [0], "y": [0]}}
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        torch.onnx.export(network, (example,), str(file), dynamo=dynamo, input_names=["x"], output_names=["y"], **options)


def predict(file, value):
    """The predictions of a file, or the message with which it is refused."""
    np.save(file.with_suffix(".x.npy"), value)
    output = file.with_suffix(".y")
    run = subprocess.run(
        [ATHANOR, "predict", str(file), "--inputs", str(file.with_suffix(".x.npy")), "--outputs", str(output), "--threads", "1"],
        capture_output=True, text=True, timeout=60)
    if run.returncode:
        return run.stderr.strip()
    return np.load(next(output.glob("*.npy")))


def compare(what, network, file, example, is_open, refusal):
    with torch.no_grad():
        for batch in (1, 5) if is_open else (len(example),):
            value = example.repeat(3, *[1] * (example.ndim - 1))[:batch] * 0.9
            expected, got = network(value).numpy(), predict(file, value.numpy())
            if isinstance(got, str) or refusal:
                return check(what, isinstance(got, str) and refusal is not None and refusal in got, got if isinstance(got, str) else "is read")
            fits = got.shape == expected.shape and np.allclose(got, expected, rtol=1e-4, atol=1e-4)
            detail = f"largest difference {np.max(np.abs(got - expected)):.1e}" if got.shape == expected.shape else f"{got.shape} for {expected.shape}"
            check(f"{what}, {batch} at once", fits, detail)


def main():
    with tempfile.TemporaryDirectory() as folder:
        for name, (make, shape) in NETWORKS.items():
            torch.manual_seed(5)
            network = make()
            with torch.no_grad():
                network(torch.randn(4, *shape))  # in training, so that running means and variances are no zeros and ones
            network.eval()
            for dynamo in (True, False):
                for is_open in (True, False):
                    what = f"{name}, {'default' if dynamo else 'older'} exporter, {'open' if is_open else 'fixed'} batch"
                    file = pathlib.Path(folder) / f"{len(list(pathlib.Path(folder).iterdir()))}.onnx"
                    example = torch.randn(2, *shape)
                    try:
                        export(network, example, file, dynamo, is_open, **({"external_data": is_open} if dynamo else {}))
                    except Exception as error:
                        check(what, False, f"PyTorch did not export it: {error}".split("\n")[0][:300])
                        continue
                    compare(what, network, file, example, is_open, REFUSED.get((name, is_open)))
    finish()


if __name__ == "__main__":
    main()
