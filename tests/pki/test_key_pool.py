"""The RSA keys that a process makes once: a quickly made one must be worth the same to the peer."""

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from OpenSSL import crypto

from harness.pki import KeyType
from harness.pki.key_pool import SLOW_KINDS, SlowKeys, of_four_primes

TEXT = b"signed by the client"
PSS = padding.PSS(padding.MGF1(SHA256()), SHA256.digest_size)


@pytest.mark.parametrize("scheme", [padding.PKCS1v15(), PSS], ids=["PKCS #1 v1.5", "PSS"])
def test_a_key_of_four_primes_signs_as_any_rsa_key(scheme: padding.AsymmetricPadding) -> None:
    key = of_four_primes()
    signature = key.sign(TEXT, scheme, SHA256())
    assert key.key_size == 4096
    key.public_key().verify(signature, TEXT, scheme, SHA256())
    with pytest.raises(InvalidSignature):
        key.public_key().verify(signature, TEXT[:-1], scheme, SHA256())


def test_openssl_takes_a_key_of_four_primes_for_a_handshake() -> None:
    key = of_four_primes()
    assert crypto.PKey.from_cryptography_key(key).bits() == 4096


def test_each_kind_has_its_size() -> None:
    keys = SlowKeys()
    sizes = {kind: key.key_size for kind in SLOW_KINDS if isinstance(key := keys[kind], rsa.RSAPrivateKey)}
    assert sizes == {
        KeyType.RSA_1024: 1024,
        KeyType.RSA_2048: 2048,
        KeyType.RSA_3072: 3072,
        KeyType.RSA_4096: 4096,
    }
