"""The certification authority whose private key is on the token: found, and made to sign.

The rule here: its objects are the gateway's own. No client can name, use or destroy them, and no private key of it is
ever in this process.
"""

from typing import NamedTuple

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

from gateway import errors, material
from gateway.access.identity import GATEWAY
from gateway.call import Call
from gateway.keyblocks import describe
from gateway.keys import chains, issuing
from gateway.keys.curves import PUBLIC, PublicKey
from gateway.keys.issuing import Contents
from gateway.kmip.enums import (
    CryptographicAlgorithm,
    CryptographicUsageMask,
    HashingAlgorithm,
    LinkType,
    ObjectType,
    PaddingMethod,
)
from gateway.kmip.objects import Certificate
from gateway.kmip.tags import Tag
from gateway.kmip.values import CryptographicParameters
from gateway.managed import Managed
from gateway.store.api import Filter, Query, Store
from gateway.token import signatures
from gateway.token.api import KeyRef, Token

A, H = CryptographicAlgorithm, HashingAlgorithm
# How an authority signs, by the algorithm of its key and the length in bits.
RSA = CryptographicParameters(padding_method=PaddingMethod.PKCS1_V1_5, hashing_algorithm=H.SHA_256)
SIGNS = {
    (A.RSA, 2048): RSA,
    (A.RSA, 3072): RSA,
    (A.RSA, 4096): RSA,
    (A.EC, 256): CryptographicParameters(hashing_algorithm=H.SHA_256),
    (A.EC, 384): CryptographicParameters(hashing_algorithm=H.SHA_384),
    (A.EC, 521): CryptographicParameters(hashing_algorithm=H.SHA_512),
    (A.ED25519, 256): CryptographicParameters(),
}


class SigningKey(NamedTuple):
    """A private key by its place on the token, and its public half."""

    ref: KeyRef
    public_key: PublicKey


class Authority(NamedTuple):
    """Who issues: a certificate, and the key that belongs to it."""

    certificate: x509.Certificate
    key: SigningKey

    @property
    def ends(self) -> int:
        """The last second since 1970 at which what it issues is worth anything."""
        return int(self.certificate.not_valid_after_utc.timestamp())


async def named(call: Call, name: str) -> Managed | None:
    """Give the certificate object of the gateway's own with this Name."""
    found = await _located(call.store, name)
    return None if found is None else call.of_gateway().live(found)


async def _located(store: Store, name: str) -> str | None:
    filters = Filter(tag=Tag.OBJECT_TYPE, low=int(ObjectType.CERTIFICATE)), Filter(tag=Tag.NAME, low=name)
    identity = GATEWAY.identity
    located = await store.locate(Query(tenant=identity.tenant, owner=identity.name, filters=filters))
    return next(iter(located.unique_identifiers), None)


async def check(store: Store, name: str) -> None:
    """Make sure, before the gateway serves, that the authority is there that the operator has chosen, if any.

    Raises:
        ConfigurationError: it is not.
    """
    if name and await _located(store, name) is None:
        raise errors.ConfigurationError(
            f"[kmip] certification_authority: there is no authority named {name}; make it with `kmip-gateway ca init`."
        )


async def configured(call: Call) -> Authority:
    """Give the authority by which Certify issues.

    Raises:
        GeneralFailure: there is none of the Name that the operator has chosen.
        What Call.key raises of its private key.
    """
    certificate = await named(call, call.config.certification_authority)
    if certificate is None:
        raise errors.GeneralFailure("the certification authority is not there; the operator has to make it")
    own = call.of_gateway()
    public = own.live(certificate.linked(LinkType.PUBLIC_KEY_LINK))
    private = own.key(public.linked(LinkType.PRIVATE_KEY_LINK), CryptographicUsageMask.SIGN)
    read = await certificate_of(call, certificate)
    return Authority(read, SigningKey(private.ref, certified_key(read)))


async def certificate_of(call: Call, managed: Managed) -> x509.Certificate:
    """Give the X.509 certificate that a Certificate object is.

    Raises:
        InvalidObjectType, InvalidField: it is none.
    """
    is_one = managed.object_type is ObjectType.CERTIFICATE
    given = await material.unseal(call, managed) if is_one else None
    if not isinstance(given, Certificate):
        raise errors.InvalidObjectType(f"{managed.unique_identifier} is no Certificate")
    return chains.read(given.certificate_value)


def certified_key(certificate: x509.Certificate) -> PublicKey:
    """Give the public key that a certificate is about.

    Raises:
        InvalidField: it is of a kind that nothing here reads.
    """
    try:
        key = certificate.public_key()
    except (UnsupportedAlgorithm, ValueError):
        key = None
    if not isinstance(key, PUBLIC):
        raise errors.InvalidField("the key of the certificate is of a kind that is not known here")
    return key


async def signed(token: Token, key: SigningKey, contents: Contents) -> bytes:
    """Give a certificate in DER, signed on the token and found to be signed right.

    Raises:
        UnsupportedCryptographicParameters: the token does not sign by this key.
        GeneralFailure: what it gave is no signature by this key.
    """
    algorithm, lengths = describe(key.public_key)
    parameters = SIGNS.get((algorithm, lengths[0]))
    if parameters is None:
        raise errors.UnsupportedCryptographicParameters("an authority has a key of RSA, EC or Ed25519")
    chosen = signatures.signing(token.profile, algorithm, lengths[0], parameters)
    hash_ = None if chosen.hash is None else chosen.hash.algorithm
    builder = contents.builder()
    message = issuing.to_be_signed(builder, key.public_key, hash_)
    signature = await token.sign(key.ref, chosen.mechanism(), chosen.message(message, None))
    made = issuing.completed(builder, key.public_key, hash_, chosen.outward(signature))
    if not issuing.is_signed(made, key.public_key):
        raise errors.GeneralFailure("the token's signature is not right")
    return made
