"""The RSA keys that a process makes once: quickly made ones must be worth the same to the peer."""

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from OpenSSL import crypto

from harness.pki import KeyType
from harness.pki.key_pool import SLOW_KINDS, SlowKeys

TEXT = b"signed by the client"
KEYS = SlowKeys()


@pytest.mark.parametrize("kind", SLOW_KINDS, ids=str)
def test_a_key_has_its_size_and_signs_as_any_rsa_key(kind: KeyType) -> None:
    key, scheme = KEYS[kind], padding.PKCS1v15()
    assert isinstance(key, rsa.RSAPrivateKey)
    signature = key.sign(TEXT, scheme, SHA256())
    assert key.key_size == int(kind.removeprefix("rsa-"))
    key.public_key().verify(signature, TEXT, scheme, SHA256())
    with pytest.raises(InvalidSignature):
        key.public_key().verify(signature, TEXT[:-1], scheme, SHA256())


@pytest.mark.parametrize("kind", SLOW_KINDS, ids=str)
def test_openssl_takes_a_key_for_a_handshake(kind: KeyType) -> None:
    key = KEYS[kind]
    assert isinstance(key, rsa.RSAPrivateKey)
    assert crypto.PKey.from_cryptography_key(key).bits() == int(kind.removeprefix("rsa-"))
