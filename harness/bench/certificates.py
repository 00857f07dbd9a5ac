"""How long do an authority and two certificates take, next to trustme and to openssl's command line?"""

import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import trustme

from harness.bench.row import Row, middle, spread
from harness.engine import ServerError
from harness.pki import Authority

_NAMES = ("localhost", "client@example.org")
_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


def rows(repetitions: int) -> Iterator[Row]:
    """Make the same three P-256 certificates with each, the fast ones many times in turn; medians of all."""
    if not shutil.which("openssl"):
        raise ServerError("`openssl` is not in PATH. The bench compares with it: install openssl.")
    ours, theirs = [], []
    for _ in range(repetitions):
        ours.append(_timed(_harness))
        theirs.append(_timed(_trustme))
    typed = [_timed(_openssl) for _ in range(max(1, repetitions // 20))]
    for rival, taken in (("trustme", theirs), ("openssl", typed)):
        yield Row(
            "authority, server, client",
            middle(ours),
            "ms",
            rival,
            middle(taken),
            at_most=1,
            detail=f"ours {spread(ours, 2)}, {rival} {spread(taken, 2)}",
        )


def _timed(make: Callable[[], object]) -> float:
    start = time.perf_counter()
    make()
    return (time.perf_counter() - start) * 1000


def _harness() -> list[bytes]:
    root = Authority.root()
    server, client = root.server(subject=_NAMES[0], names=_NAMES[:1]), root.client(subject="client", names=_NAMES[1:])
    return [text for identity in (server, client) for text in (identity.certificate_pem(), identity.key_pem())]


def _trustme() -> list[trustme.LeafCert]:
    root = trustme.CA(key_type=trustme.KeyType.ECDSA)
    return [root.issue_cert(name, key_type=trustme.KeyType.ECDSA) for name in _NAMES]


def _openssl() -> None:
    with tempfile.TemporaryDirectory() as folder:
        where = Path(folder)
        _request(where, "ca", "-addext", "keyUsage=critical,keyCertSign,cRLSign")
        for name, usage in (("server", "serverAuth"), ("client", "clientAuth")):
            leaf = ("-addext", "basicConstraints=critical,CA:FALSE", "-addext", f"extendedKeyUsage={usage}")
            _request(where, name, "-CA", "ca.crt", "-CAkey", "ca.key", *leaf)


def _request(where: Path, name: str, *more: str) -> None:
    files = ("-keyout", f"{name}.key", "-out", f"{name}.crt", "-subj", f"/CN={name}")
    made = subprocess.run(
        ["openssl", "req", "-x509", *_KEY, *files, *more], cwd=where, capture_output=True, text=True, check=False
    )
    if made.returncode:
        raise ServerError(f"`openssl req` made no certificate (OpenSSL 3 or later is needed):\n{made.stderr.strip()}")
