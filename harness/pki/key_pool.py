"""Which RSA keys does a process make only once, because they take long?"""

import functools
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from harness.pki.keys import KeyType, PrivateKey, generate

SLOW_KINDS = (KeyType.RSA_4096, KeyType.RSA_3072, KeyType.RSA_2048, KeyType.RSA_1024)


class SlowKeys:
    """One RSA key of each size, for a whole process. Other threads make them: a key takes up to a second."""

    def __init__(self, kinds: Sequence[KeyType] = SLOW_KINDS) -> None:
        """Begin to make keys of these kinds."""
        workers = ThreadPoolExecutor(max_workers=2)
        self._keys = {kind: workers.submit(generate, kind) for kind in kinds}
        workers.shutdown(wait=False)

    def __getitem__(self, kind: KeyType) -> PrivateKey:
        return self._keys[kind].result()


@functools.cache
def slow_keys() -> SlowKeys:
    """The process's RSA keys. They protect nothing, so several runs may share them."""
    return SlowKeys()
