"""`ca init` and `ca show`: the authority by which Certify issues, its key made on the token, its certificate shown.

The rule of the room: the private key is made by the token, is not Extractable, and signs nothing but certificates.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, load_der_public_key

from gateway import attribute_rules, authority, creation, keymaking, registration
from gateway.access.identity import GATEWAY
from gateway.authority import SigningKey
from gateway.call import Call, Services
from gateway.config import Config
from gateway.errors import ConfigurationError, KmipError
from gateway.invocations import Invocations
from gateway.items import Batch
from gateway.keys import issuing
from gateway.keys.curves import PUBLIC, PublicKey
from gateway.kmip.enums import (
    CertificateType,
    CryptographicAlgorithm,
    CryptographicUsageMask,
    LinkType,
    NameType,
    ObjectType,
    ProtectionStorageMask,
    RecommendedCurve,
)
from gateway.kmip.objects import Certificate
from gateway.kmip.structure import Attribute, Attributes
from gateway.kmip.tags import Tag
from gateway.kmip.values import CryptographicDomainParameters, Name
from gateway.kmip.version import V2_1
from gateway.managed import Catalogue
from gateway.store.connection import migrate
from gateway.store.sqlite import open_store
from gateway.token.api import KeyRef
from gateway.token.local import LocalWorkers
from gateway.token.quirks import quirk_of
from gateway.token.settings import WorkerSettings
from gateway.wire.codec import Codec

A, C, M = CryptographicAlgorithm, RecommendedCurve, CryptographicUsageMask
DAY_S = 24 * 60 * 60
# The keys that an authority may have: algorithm, length in bits, curve.
KEYS: dict[str, tuple[CryptographicAlgorithm, int, RecommendedCurve | None]] = {
    "rsa-2048": (A.RSA, 2048, None),
    "rsa-3072": (A.RSA, 3072, None),
    "rsa-4096": (A.RSA, 4096, None),
    "ec-p256": (A.EC, 256, C.P_256),
    "ec-p384": (A.EC, 384, C.P_384),
    "ec-p521": (A.EC, 521, C.P_521),
}


class Plan(NamedTuple):
    """An authority to be made: the Name of its certificate, its subject as RFC 4514 writes it, its key, its days."""

    name: str
    subject: str
    key: str = "rsa-3072"
    days: int = 3650


def initialise_authority(config: Config, plan: Plan) -> bytes:
    """Make the authority's key pair and certificate and give the certificate in PEM.

    Raises:
        ConfigurationError: there is one of this name, or why it cannot be made.
    """
    return asyncio.run(_made(config, plan, anew=True))


def ensure_authority(config: Config, plan: Plan) -> bytes:
    """Give the certificate of the authority in PEM; it is made if it is not there.

    Raises:
        ConfigurationError: why it cannot be made.
    """
    return asyncio.run(_made(config, plan, anew=False))


def show_authority(config: Config) -> bytes:
    """Give the certificate of the authority that the configuration names, in PEM.

    Raises:
        ConfigurationError: it names none, or there is none of this name.
    """
    return asyncio.run(_shown(config))


def issue_for_client(config: Config, name: str, subject: x509.Name, key: PublicKey, days: int) -> x509.Certificate:
    """Give a certificate for a TLS client by the authority of this name, signed on the token.

    Raises:
        ConfigurationError: there is none of this name, or why it does not sign.
    """
    return asyncio.run(_issued(config, name, subject, key, days))


async def _issued(config: Config, name: str, subject: x509.Name, key: PublicKey, days: int) -> x509.Certificate:
    async with _call(config, name) as call:
        issuer = await authority.configured(call)
        begins = int(call.today)
        contents = issuing.Contents(
            subject,
            issuer.certificate.subject,
            key,
            begins,
            min(begins + days * DAY_S, issuer.ends),
            (*issuing.of_client(), *issuing.identifiers(key, issuer.key.public_key)),
        )
        return x509.load_der_x509_certificate(await authority.signed(call.token, issuer.key, contents))


async def _made(config: Config, plan: Plan, *, anew: bool) -> bytes:
    if plan.key not in KEYS:
        raise ConfigurationError(f"--key {plan.key}: no such kind of key; give one of {', '.join(KEYS)}.")
    async with _call(config, plan.name) as call:
        there = await authority.named(call, plan.name)
        if there is None:
            return _pem(await establish(call, plan))
        if anew:
            raise ConfigurationError(f"There is an authority named {plan.name} already; choose another name.")
        return _pem(await authority.certificate_of(call, there))


async def _shown(config: Config) -> bytes:
    name = config.kmip.certification_authority
    if not name:
        raise ConfigurationError(
            "[kmip] certification_authority is empty; set it to the name that `ca init` was given."
        )
    async with _call(config, name) as call:
        there = await authority.named(call, name)
        if there is None:
            raise ConfigurationError(f"There is no authority named {name}; make it with `kmip-gateway ca init`.")
        return _pem(await authority.certificate_of(call, there))


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.PEM)


@asynccontextmanager
async def _call(config: Config, name: str) -> AsyncIterator[Call]:
    """Give the world of the gateway itself, with a token worker and a store of its own; failures become sentences."""
    migrate(config.store.path)
    codec = Codec()
    store = open_store(config.store.path, unique_names=config.kmip.unique_names)
    try:
        async with LocalWorkers(WorkerSettings.of(config.token, config.server.runtime_dir)) as pool:
            info = await pool.info()
            in_software = quirk_of(info.manufacturer, info.model).in_software
            protection = ProtectionStorageMask.SOFTWARE if in_software else ProtectionStorageMask.HARDWARE
            services = Services(
                config.kmip,
                store,
                pool,
                Catalogue(codec),
                codec,
                time.time,
                config.token.name,
                protection,
                Invocations(store.instance),
            )
            yield Call(services, GATEWAY, V2_1, Batch())
    except KmipError as error:
        raise ConfigurationError(f"The authority {name}: {error.message}.") from None
    finally:
        await store.close()


async def establish(call: Call, plan: Plan) -> x509.Certificate:
    """Make an authority's key pair and certificate, all or nothing, as objects of the gateway's own.

    Raises:
        ConfigurationError: the subject is no name.
        NonUniqueName: there is an authority of this name.
        UnsupportedCryptographicParameters: the token makes no such pairs.
    """
    own, subject = call.of_gateway(), _subject(plan)
    private, public = await keymaking.pair(own, *_halves(own, plan))
    assert private.ref is not None and public.ref is not None  # noqa: S101 - pairs are made on the token
    async with creation.kept(own, private.ref, public.ref):
        made = await _self_signed(own, plan, subject, private.ref, await _public_key(own, public.ref))
        given = Certificate(certificate_type=CertificateType.X_509, certificate_value=made)
        draft = await registration.drafted(own, ObjectType.CERTIFICATE, given, _certificate_attributes(own, plan))
        draft = draft._replace(
            attributes=creation.link(draft.attributes, LinkType.PUBLIC_KEY_LINK, public.unique_identifier)
        )
        await creation.add(own, private, public, draft)
    return x509.load_der_x509_certificate(made)


def _subject(plan: Plan) -> x509.Name:
    try:
        subject = x509.Name.from_rfc4514_string(plan.subject)
    except ValueError:
        subject = x509.Name([])
    if not list(subject):
        raise ConfigurationError(f"--subject {plan.subject}: is no name such as CN=Keys,O=Example.")
    return subject


def _halves(call: Call, plan: Plan) -> tuple[Attributes, Attributes]:
    """Give what the private and the public key are to be."""
    algorithm, bits, curve = KEYS[plan.key]
    common: Attributes = (
        Attribute(Tag.CRYPTOGRAPHIC_ALGORITHM, algorithm),
        Attribute(Tag.CRYPTOGRAPHIC_LENGTH, bits),
        Attribute(Tag.ACTIVATION_DATE, call.today),
    )
    if curve is not None:
        domain = CryptographicDomainParameters(recommended_curve=curve)
        common = (*common, Attribute(Tag.CRYPTOGRAPHIC_DOMAIN_PARAMETERS, domain))
    kept = Attribute(Tag.SENSITIVE, True), Attribute(Tag.EXTRACTABLE, False)
    private = (*common, *kept, Attribute(Tag.CRYPTOGRAPHIC_USAGE_MASK, M.SIGN))
    public = (*common, Attribute(Tag.CRYPTOGRAPHIC_USAGE_MASK, M.VERIFY))
    return (
        attribute_rules.at_birth(private, ObjectType.PRIVATE_KEY),
        attribute_rules.at_birth(public, ObjectType.PUBLIC_KEY),
    )


def _certificate_attributes(call: Call, plan: Plan) -> Attributes:
    name = Name(name_value=plan.name, name_type=NameType.UNINTERPRETED_TEXT_STRING)
    given = Attribute(Tag.NAME, name), Attribute(Tag.ACTIVATION_DATE, call.today)
    return attribute_rules.at_birth(given, ObjectType.CERTIFICATE)


async def _public_key(call: Call, ref: KeyRef) -> PublicKey:
    key = load_der_public_key(await call.token.export_key(ref))
    assert isinstance(key, PUBLIC)  # noqa: S101 - of the kinds in KEYS
    return key


async def _self_signed(call: Call, plan: Plan, subject: x509.Name, private: KeyRef, key: PublicKey) -> bytes:
    today = int(call.today)
    ends = today + plan.days * DAY_S
    contents = issuing.Contents(subject, subject, key, today, ends, issuing.of_authority(key))
    return await authority.signed(call.token, SigningKey(private, key), contents)
