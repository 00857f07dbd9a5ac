"""How are authorities, identities and CRLs made and stored?"""

from harness.pki.authority import Authority, Identity, serial
from harness.pki.forge import mismatched_key, tampered_body, tampered_signature
from harness.pki.keys import KeyType, PrivateKey, generate
from harness.pki.profile import AUTHORITY, CLIENT, SERVER, Profile, key_usage

__all__ = [
    "AUTHORITY",
    "CLIENT",
    "SERVER",
    "Authority",
    "Identity",
    "KeyType",
    "PrivateKey",
    "Profile",
    "generate",
    "key_usage",
    "mismatched_key",
    "serial",
    "tampered_body",
    "tampered_signature",
]
