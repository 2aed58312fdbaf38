"""Medians of TenSEAL's CKKS operations in microseconds, as JSON on standard output: a peer of bench/ckks.ts.

    python3 tenseal_ckks.py LOG_N BITS[,BITS...] LOG_SCALE

TenSEAL carries SEAL compiled natively; its `sealapi` is called, one thread.
"""

import json
import random
import sys
import time

import tenseal
from tenseal import sealapi as seal

ROTATIONS = range(1, 9)


def median(call, samples=25):
    times = []
    call()
    for _ in range(samples):
        start = time.perf_counter()
        call()
        times.append((time.perf_counter() - start) * 1e6)
    times.sort()
    return times[samples // 2]


def main():
    degree = 2 ** int(sys.argv[1])
    bits = [int(b) for b in sys.argv[2].split(",")]
    scale = 2.0 ** int(sys.argv[3])

    parameters = seal.EncryptionParameters(seal.SCHEME_TYPE.CKKS)
    parameters.set_poly_modulus_degree(degree)
    parameters.set_coeff_modulus(seal.CoeffModulus.Create(degree, bits))
    context = seal.SEALContext(parameters, True, seal.SEC_LEVEL_TYPE.TC128)
    generator = seal.KeyGenerator(context)
    secret = generator.secret_key()
    public, relin, galois = seal.PublicKey(), seal.RelinKeys(), seal.GaloisKeys()
    generator.create_public_key(public)
    generator.create_relin_keys(relin)
    elements = [pow(3, k, 2 * degree) for k in ROTATIONS]
    generator.create_galois_keys(elements, galois)
    encoder, evaluator = seal.CKKSEncoder(context), seal.Evaluator(context)
    encryptor, decryptor = seal.Encryptor(context, public, secret), seal.Decryptor(context, secret)

    values = [random.uniform(-1, 1) for _ in range(degree // 2)]
    plain, decrypted = seal.Plaintext(), seal.Plaintext()
    a, b, result = seal.Ciphertext(), seal.Ciphertext(), seal.Ciphertext()
    encoder.encode(values, scale, plain)
    encryptor.encrypt_symmetric(plain, a)
    encryptor.encrypt_symmetric(plain, b)

    def multiply():
        evaluator.multiply(a, b, result)
        evaluator.relinearize_inplace(result, relin)
        evaluator.rescale_to_next_inplace(result)

    def rotations():
        for k in ROTATIONS:
            evaluator.rotate_vector(a, k, galois, result)

    def decrypt():
        decryptor.decrypt(a, decrypted)
        encoder.decode_double(decrypted)

    medians = {
        "encode": median(lambda: encoder.encode(values, scale, plain)),
        "encrypt": median(lambda: encryptor.encrypt_symmetric(plain, result)),
        "decrypt": median(decrypt),
        "add": median(lambda: evaluator.add(a, b, result)),
        "multiplyPlain": median(lambda: evaluator.multiply_plain(a, plain, result)),
        "multiply": median(multiply),
        "rotate": median(lambda: evaluator.rotate_vector(a, 1, galois, result)),
        "rotations": median(rotations),
        "relinearizationKey": median(lambda: generator.create_relin_keys(seal.RelinKeys())),
        "galoisKey": median(lambda: generator.create_galois_keys(elements[:1], seal.GaloisKeys())),
    }
    print(json.dumps({"library": f"TenSEAL {tenseal.__version__}", "medians": medians}))


if __name__ == "__main__":
    main()
