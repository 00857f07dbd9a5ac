"""Which RSA keys does a process make only once, because they take long?"""

import functools
import math
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from cryptography.hazmat.primitives.asymmetric import rsa

from harness.pki.keys import KeyType, PrivateKey, generate

SLOW_KINDS = (KeyType.RSA_4096, KeyType.RSA_3072, KeyType.RSA_2048, KeyType.RSA_1024)
_EXPONENT = 65537


class SlowKeys:
    """One RSA key of each size, for a whole process. Another thread makes them: OpenSSL does not hold Python up."""

    def __init__(self, kinds: Sequence[KeyType] = SLOW_KINDS) -> None:
        """Begin to make keys of these kinds."""
        worker = ThreadPoolExecutor(max_workers=1)
        self._keys: Future[dict[KeyType, PrivateKey]] = worker.submit(rsa_keys if kinds else dict)
        worker.shutdown(wait=False)

    def __getitem__(self, kind: KeyType) -> PrivateKey:
        return self._keys.result()[kind]


def rsa_keys() -> dict[KeyType, PrivateKey]:
    """A key of each size, in a sixth of the time. They protect nothing, so they may share their primes.

    OpenSSL takes up to a second to find two primes of 2048 bits, and 40 ms for two of 1024 bits. So the larger keys
    have three or four of the latter (RFC 8017 section 3.2), which no peer can tell.
    """
    found: list[rsa.RSAPrivateNumbers] = []
    while True:
        found.append(rsa.generate_private_key(_EXPONENT, 2048).private_numbers())
        first, *others = sorted(found, key=lambda key: key.public_numbers.n, reverse=True)
        for second in others:
            large, medium = _key([first.p, first.q], [second.p, second.q]), _key([first.p, first.q], [second.p])
            if (large.key_size, medium.key_size) == (4096, 3072):
                return {
                    KeyType.RSA_4096: large,
                    KeyType.RSA_3072: medium,
                    KeyType.RSA_2048: first.private_key(),
                    KeyType.RSA_1024: generate(KeyType.RSA_1024),
                }


def _key(p_primes: Sequence[int], q_primes: Sequence[int]) -> rsa.RSAPrivateKey:
    """A key whose factors p and q may be products of primes."""
    p, q = math.prod(p_primes), math.prod(q_primes)
    # The exponents count modulo the order of each group, which for a product is not p-1.
    p_order, q_order = (math.lcm(*(prime - 1 for prime in primes)) for primes in (p_primes, q_primes))
    d = pow(_EXPONENT, -1, math.lcm(p_order, q_order))
    public = rsa.RSAPublicNumbers(_EXPONENT, p * q)
    numbers = rsa.RSAPrivateNumbers(p, q, d, d % p_order, d % q_order, rsa.rsa_crt_iqmp(p, q), public)
    # The validation would look for two primes.
    return numbers.private_key(unsafe_skip_rsa_key_validation=True)


@functools.cache
def slow_keys() -> SlowKeys:
    """The process's RSA keys. They protect nothing, so several runs may share them."""
    return SlowKeys()
