"""The predictions of bench/predict.ts in TenSEAL (SEAL, native), on one thread.

Reads JSON from stdin: {lr: {weights, bias, rows}, sigmoid, batch, nn: {layers: [{weights, bias}], rows}, runs},
where weights of nn are inputs x outputs. Writes JSON to stdout: per case the median, MAD and minimum of the
evaluation in milliseconds, bytes and the largest error. Exits with code 3 where TenSEAL is not installed.
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

# HE4Cloud's profile: N = 16384, 7 data primes and one for key switching, 50 fractional bits.
N = 16384
BITS = [60, 50, 50, 50, 50, 50, 50, 60]
SCALE = 2**50


def timed(call, runs, limit=15.0):
    """Times of `call` in milliseconds after one warm-up, as the TypeScript side summarises them."""
    call()
    times = []
    while len(times) < runs and (len(times) < 1 or sum(times) < limit * 1000):
        start = time.perf_counter()
        call()
        times.append((time.perf_counter() - start) * 1000)
    median = statistics.median(times)
    mad = statistics.median(abs(t - median) for t in times)
    return {"median": median, "mad": mad, "min": min(times), "runs": len(times)}


def new_context():
    """A context with every power-of-two rotation: TenSEAL makes no smaller set."""
    start = time.perf_counter()
    context = ts.context(ts.SCHEME_TYPE.CKKS, N, coeff_mod_bit_sizes=BITS, n_threads=1)
    context.global_scale = SCALE
    context.generate_galois_keys()
    return context, (time.perf_counter() - start) * 1000


def case(evaluate, inputs, plain, runs):
    result = evaluate(inputs).decrypt()
    error = max(abs(a - b) for a, b in zip(result, plain))
    return {
        "compute": timed(lambda: evaluate(inputs), runs),
        "up": sum(len(vector.serialize()) for vector in inputs),
        "down": len(evaluate(inputs).serialize()),
        "error": error,
    }


def network(row, layers):
    values = row
    for index, layer in enumerate(layers):
        columns = zip(*layer["weights"])
        values = [sum(w * x for w, x in zip(c, values)) + b for c, b in zip(columns, layer["bias"])]
        if index + 1 < len(layers):
            values = [v * v for v in values]
    return values


def with_bias(layers):
    """Biases as one more row of the weights, for an input that ends in 1.

    TenSEAL 0.3 adds a plain vector to the first slots alone, whereas its next product reads the repeated ones:
    `mm(W) + b` twice in a row is off by the bias (0.04 on the loan network).
    """
    matrices = []
    for index, layer in enumerate(layers):
        last = index + 1 == len(layers)
        rows = [list(row) + ([] if last else [0.0]) for row in layer["weights"]]
        matrices.append(rows + [list(layer["bias"]) + ([] if last else [1.0])])
    return matrices


def main():
    data = json.load(sys.stdin)
    runs = data["runs"]
    context, keygen_ms = new_context()
    keys = context.serialize(
        save_public_key=False, save_secret_key=False, save_galois_keys=True, save_relin_keys=True
    )
    weights, bias, rows = data["lr"]["weights"], data["lr"]["bias"], data["lr"]["rows"]
    sigmoid = data["sigmoid"]
    score = [sum(w * x for w, x in zip(weights, row)) + bias for row in rows]
    curve = [sum(c * s**k for k, c in enumerate(sigmoid)) for s in score]

    def linear_one(inputs):
        return inputs[0].dot(weights) + bias

    def linear_batch(inputs):
        total = inputs[0] * weights[0]
        for vector, weight in zip(inputs[1:], weights[1:]):
            total += vector * weight
        return total + bias

    one = [ts.ckks_vector(context, rows[0])]
    repeated = [rows[i % len(rows)] for i in range(data["batch"])]
    batch = [ts.ckks_vector(context, list(column)) for column in zip(*repeated)]
    count = min(len(rows), len(repeated))
    layers = data["nn"]["layers"]
    matrices = with_bias(layers)

    def dense(inputs):
        values = inputs[0]
        for index, matrix in enumerate(matrices):
            values = values.mm(matrix)
            if index + 1 < len(matrices):
                values = values.square()
        return values

    sample = data["nn"]["rows"][0]
    answer = {
        "version": ts.__version__,
        "keygenMs": keygen_ms,
        "keys": len(keys),
        "lr-1": case(linear_one, one, score[:1], runs),
        "lr-batch": case(linear_batch, batch, score[:count], runs),
        "lr-server-1": case(lambda v: linear_one(v).polyval(sigmoid), one, curve[:1], runs),
        "lr-server-batch": case(lambda v: linear_batch(v).polyval(sigmoid), batch, curve[:count], runs),
        "nn-1": case(
            dense,
            [ts.ckks_vector(context, sample + [1.0])],
            network(sample, layers),
            min(runs, 5),
        ),
    }
    json.dump(answer, sys.stdout)


main()
