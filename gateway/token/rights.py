"""Whether a token lets a template say what a key may not do, and keeps to it: by trial, before any other trial.

Every other trial makes keys, and so has to know. A right that is left out is the vendor's to choose, so it is left out
only where the token has refused it each time and takes the same key without.
"""

import os

from pkcs11 import Attribute

from gateway.token import frames
from gateway.token.api import CKA_ID_BYTES, KeyRef, KeyTemplate, KeyType, Mechanism, ObjectClass, Rights
from gateway.token.leaving import destroy
from gateway.token.making import generate_key_pair
from gateway.token.templates import key_attributes, key_type_attributes
from gateway.token.testbench import KEPT_LABEL, P256, Bench, Trial

TRIES = 2
KEY, BLOCK = bytes(range(32)), bytes(16)
CKM_AES_ECB = 0x1081


def takes_only_true(bench: Bench) -> bool:
    """Say whether a right that is False must be left out of a template.

    A token without secret keys is asked for a pair. It makes those for good, and one that it makes is destroyed.
    """
    if any(bench.passes(_makes_secret(false_rights=True)) for _ in range(TRIES)):
        return False
    if bench.passes(_makes_secret(false_rights=False)):
        return True
    return not any(bench.passes(_makes_pair) for _ in range(TRIES))


def keeps_to_rights(bench: Bench) -> bool:
    """Say whether a key that may only encrypt encrypts, and does nothing else."""
    return bench.passes(_encrypts) and not bench.passes(_decrypts)


def _makes_secret(*, false_rights: bool) -> Trial:
    def trial(bench: Bench) -> bool:
        return bool(_secret(bench, false_rights=false_rights))

    return trial


def _secret(bench: Bench, *, false_rights: bool) -> int:
    """Give the handle of an AES key that may encrypt."""
    ref, template = KeyRef(ObjectClass.SECRET_KEY, b""), KeyTemplate("", Rights.ENCRYPT, extractable=False)
    attributes = key_attributes(ref, template, on_token=False, false_rights=false_rights)
    return bench.made({**attributes, **key_type_attributes(KeyType.AES), Attribute.VALUE: KEY})


def _makes_pair(bench: Bench) -> bool:
    """Make an elliptic pair for good, every right said, and take it off the token again."""
    sign, verify = (KeyTemplate(KEPT_LABEL, right, extractable=False) for right in (Rights.SIGN, Rights.VERIFY))
    cka_id = os.urandom(CKA_ID_BYTES)
    generate_key_pair(bench.access, frames.GenerateKeyPair(0, cka_id, KeyType.EC, 0, P256, sign, verify))
    for kind in (ObjectClass.PRIVATE_KEY, ObjectClass.PUBLIC_KEY):
        destroy(bench.access, frames.Destroy(0, KeyRef(kind, cka_id)))
    return True


def _encrypts(bench: Bench) -> bool:
    return bool(bench.encrypt(bench.secret(KEY, Rights.ENCRYPT), Mechanism(CKM_AES_ECB), BLOCK))


def _decrypts(bench: Bench) -> bool:
    return bool(bench.decrypt(bench.secret(KEY, Rights.ENCRYPT), Mechanism(CKM_AES_ECB), BLOCK))
