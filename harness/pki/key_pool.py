"""Which RSA keys does a process make only once, because they take long?"""

import functools
import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from cryptography.hazmat.primitives.asymmetric import rsa

from harness.pki.keys import KeyType, PrivateKey, generate

SLOW_KINDS = (KeyType.RSA_4096, KeyType.RSA_3072, KeyType.RSA_2048, KeyType.RSA_1024)


class SlowKeys:
    """One RSA key of each size, for a whole process. Another thread makes them: OpenSSL does not hold Python up."""

    def __init__(self, kinds: Sequence[KeyType] = SLOW_KINDS) -> None:
        """Begin to make keys of these kinds."""
        workers = ThreadPoolExecutor(max_workers=2)
        self._keys = {kind: workers.submit(_made, kind) for kind in kinds}
        workers.shutdown(wait=False)

    def __getitem__(self, kind: KeyType) -> PrivateKey:
        return self._keys[kind].result()


def _made(kind: KeyType) -> PrivateKey:
    return of_four_primes() if kind is KeyType.RSA_4096 else generate(kind)


def of_four_primes() -> rsa.RSAPrivateKey:
    """An RSA-4096 key, in a sixth of the time: of four primes of 1024 bits (RFC 8017 section 3.2), taken from two
    RSA-2048 keys. To the peer it is a key like any other. It protects nothing."""
    exponent = 65537
    while True:
        # The factors p and q of the key are products of two primes each: only their orders are not p-1 and q-1.
        halves = [rsa.generate_private_key(exponent, 2048).private_numbers() for _ in range(2)]
        first, second = sorted(halves, key=lambda half: half.public_numbers.n, reverse=True)
        p, q = first.public_numbers.n, second.public_numbers.n
        if (p * q).bit_length() == 4096:
            break
    orders = [math.lcm(half.p - 1, half.q - 1) for half in (first, second)]
    d = pow(exponent, -1, math.lcm(*orders))
    numbers = rsa.RSAPrivateNumbers(
        p, q, d, d % orders[0], d % orders[1], pow(q, -1, p), rsa.RSAPublicNumbers(exponent, p * q)
    )
    # The validation would look for two primes.
    return numbers.private_key(unsafe_skip_rsa_key_validation=True)


@functools.cache
def slow_keys() -> SlowKeys:
    """The process's RSA keys. They protect nothing, so several runs may share them."""
    return SlowKeys()
