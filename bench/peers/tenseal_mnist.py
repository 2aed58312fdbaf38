"""HE-MAN's MNIST demo the way TenSEAL's own tutorial 4 does it: im2col by the client, one product a channel, packing,
two matrix products, squares. A peer of bench/onnx.ts.

Reads JSON from stdin: {convolution: channels x k x k, convolutionBias, dense: [{weights: outputs x inputs, bias}],
side, stride, images, runs, threads: [1, 2]}. Writes JSON to stdout: milliseconds, bytes and the largest error against
the network in the clear. Exits with code 3 where TenSEAL is not installed.
"""

import json
import statistics
import sys
import time

try:
    import tenseal as ts
except ImportError:
    print("TenSEAL is not installed for this Python: pip install tenseal, or set VELUM_PYTHON", file=sys.stderr)
    sys.exit(3)

# The tutorial's parameters.
N = 8192
BITS = [31, 26, 26, 26, 26, 26, 26, 31]
SCALE = 2**26


def elapsed(call):
    start = time.perf_counter()
    result = call()
    return result, (time.perf_counter() - start) * 1000


def timed(call, runs):
    times = [elapsed(call)[1] for _ in range(runs)]
    median = statistics.median(times)
    return {
        "median": median,
        "mad": statistics.median(abs(t - median) for t in times),
        "min": min(times),
        "runs": len(times),
    }


def in_the_clear(data, image):
    side, stride, kernels = data["side"], data["stride"], data["convolution"]
    k = len(kernels[0])
    out = (side - k) // stride + 1
    values = [
        sum(kernel[u][v] * image[(i * stride + u) * side + j * stride + v] for u in range(k) for v in range(k)) + bias
        for kernel, bias in zip(kernels, data["convolutionBias"])
        for i in range(out)
        for j in range(out)
    ]
    for layer in data["dense"]:
        squares = [v * v for v in values]
        values = [sum(w * x for w, x in zip(row, squares)) + b for row, b in zip(layer["weights"], layer["bias"])]
    return values


def measure(data, threads):
    def keys():
        context = ts.context(ts.SCHEME_TYPE.CKKS, N, coeff_mod_bit_sizes=BITS, n_threads=threads)
        context.global_scale = SCALE
        context.generate_galois_keys()
        return context

    context, keygen = elapsed(keys)
    side, stride, kernels = data["side"], data["stride"], data["convolution"]
    k = len(kernels[0])
    matrices = [[list(column) for column in zip(*layer["weights"])] for layer in data["dense"]]

    def encrypt(image):
        rows = [image[r * side : (r + 1) * side] for r in range(side)]
        return ts.im2col_encoding(context, rows, k, k, stride)

    def infer(encrypted, windows):
        channels = [
            encrypted.conv2d_im2col(kernel, windows) + bias
            for kernel, bias in zip(kernels, data["convolutionBias"])
        ]
        values = ts.CKKSVector.pack_vectors(channels)
        for matrix, layer in zip(matrices, data["dense"]):
            values.square_()
            values = values.mm(matrix) + layer["bias"]
        return values

    inputs = [encrypt(image) for image in data["images"]]
    plain = [in_the_clear(data, image) for image in data["images"]]
    results = [infer(*given) for given in inputs]
    outputs = [result.decrypt() for result in results]
    largest = max(abs(v) for row in plain for v in row)
    error = max(abs(a - b) for got, want in zip(outputs, plain) for a, b in zip(got, want))
    argmax = lambda row: max(range(len(row)), key=row.__getitem__)
    image = data["images"][0]
    return {
        "threads": threads,
        "keygen": keygen,
        "encrypt": timed(lambda: encrypt(image), data["runs"]),
        "compute": timed(lambda: infer(*inputs[0]), data["runs"]),
        "decrypt": timed(lambda: results[0].decrypt(), data["runs"]),
        "up": len(inputs[0][0].serialize()),
        "down": len(results[0].serialize()),
        "keys": len(
            context.serialize(
                save_public_key=True, save_secret_key=False, save_galois_keys=True, save_relin_keys=True
            )
        ),
        "error": error / largest,
        "agreeing": sum(argmax(a) == argmax(b) for a, b in zip(outputs, plain)),
        "samples": len(plain),
    }


def main():
    data = json.load(sys.stdin)
    json.dump({"version": ts.__version__, "results": [measure(data, t) for t in data["threads"]]}, sys.stdout)


main()
