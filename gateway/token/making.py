"""Verbs that make token objects: generate, import, unwrap, derive. Each notes the handle of what it made."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple

from msgspec.structs import replace
from pkcs11 import Attribute
from pkcs11 import KeyType as P11KeyType
from pkcs11 import Mechanism as P11Mechanism
from pkcs11.constants import DEFAULT, MechanismFlag

from gateway.errors import FeatureNotSupported, InvalidField
from gateway.token import frames, keyforms
from gateway.token.api import KeyRef, KeyTemplate, KeyType, MadeKey, MadePair, Mechanism, ObjectClass
from gateway.token.cryptoki import AttributeArray
from gateway.token.failures import CryptokiError, failure_of
from gateway.token.frames import FailureCode
from gateway.token.handles import ON_TOKEN
from gateway.token.leaving import public_info
from gateway.token.parcels import public_form, token_key_type
from gateway.token.reach import Reach, handle_of
from gateway.token.templates import RIGHT_ATTRIBUTES, key_type_attributes, packed

NO_RIGHTS = MechanismFlag(0)  # every right is in the template
MAX_SECRET_BITS = 1 << 16
MAX_RSA_BITS = 8192
CKM_SHA256 = 0x250
# The mechanism that makes a key of each type; CKA_VALUE_LEN is given for those that have more than one length.
GENERATED_BY = {KeyType.AES: 0x1080, KeyType.GENERIC_SECRET: 0x350, KeyType.DES2: 0x130, KeyType.DES3: 0x131}
UNDIGESTED = (FailureCode.NOT_EXTRACTABLE, FailureCode.UNSUPPORTED)
GENERATED_BITS_SAID = (KeyType.AES, KeyType.GENERIC_SECRET)


def generate_key(reach: Reach, request: frames.GenerateKey) -> list[KeyRef]:
    if request.template.wrapped:
        return [_generated_wrapped(reach, request)]
    _check_bits(request.bits, MAX_SECRET_BITS)
    template = _template(reach, request.ref, request.template)
    key_type = _library_key_type(request.key_type)
    bits = request.bits if request.key_type in GENERATED_BITS_SAID else None
    with _making(reach, request.template):
        key = reach.connection.work.generate_key(key_type, bits, capabilities=NO_RIGHTS, template=template)
    return _kept(reach, [New(request.ref, handle_of(key), request.key_type, request.template)])


def generate_wrapped(reach: Reach, request: frames.GenerateWrapped) -> bytes:
    ref = _generated_wrapped(reach, request)
    return frames.encode_result(MadeKey(ref, _digest(reach, ref)))


def _generated_wrapped(reach: Reach, request: frames.GenerateKey) -> KeyRef:
    """Make a key in the session and wrap it for the database; python-pkcs11 takes 100 µs over its template."""
    ref, key_type, template = request.ref, request.key_type, request.template
    _check_bits(request.bits, MAX_SECRET_BITS)
    ckm = GENERATED_BY.get(key_type)
    if ckm is None:
        raise FeatureNotSupported(f"keys of type {key_type.name} cannot be generated")
    size = request.bits // 8 if key_type in GENERATED_BITS_SAID else 0
    prepared = reach.parcels.template_of_new(template, size)
    handle = reach.calls.generate(reach.connection.session, reach.pack(Mechanism(ckm)), prepared)
    return reach.parcels.send(ref, handle, key_type, template)


def _digest(reach: Reach, ref: KeyRef) -> bytes | None:
    """Digest a key; None where the token digests no key that may not leave, or none at all."""
    try:
        return reach.calls.digest_key(
            reach.connection.session, reach.pack(Mechanism(CKM_SHA256)), reach.handles.of(ref)
        )
    except CryptokiError as error:
        if failure_of(error).code not in UNDIGESTED:
            raise
        return None


def generate_key_pair(reach: Reach, request: frames.GenerateKeyPair) -> bytes:
    private = KeyRef(ObjectClass.PRIVATE_KEY, request.cka_id)
    public = KeyRef(ObjectClass.PUBLIC_KEY, request.cka_id)
    templates = {
        "private_template": _template(reach, private, request.private),
        "public_template": _template(reach, public, request.public),
    }
    with _making(reach, request.private):
        public_key, private_key = _generate_pair(reach, request, templates)
    info = public_info(reach, handle_of(public_key))
    if reach.connection.quirk.leaks_pairs:
        reach.count_session_object()
    made = [
        New(private, handle_of(private_key), request.key_type, request.private),
        New(public, handle_of(public_key), request.key_type, request.public, info),
    ]
    return frames.encode_result(MadePair(info, *_kept(reach, made)))


def _generate_pair(reach: Reach, request: frames.GenerateKeyPair, templates: dict[str, Any]) -> tuple[Any, Any]:
    session = reach.connection.work
    if request.key_type is KeyType.RSA:
        _check_bits(request.bits, MAX_RSA_BITS)
        return session.generate_keypair(P11KeyType.RSA, request.bits, capabilities=NO_RIGHTS, **templates)
    key_type, mechanism, curve = request.key_type, P11Mechanism.EC_KEY_PAIR_GEN, request.curve_oid
    if key_type is KeyType.EC_EDWARDS:
        mechanism = P11Mechanism.EC_EDWARDS_KEY_PAIR_GEN
    elif key_type is KeyType.EC_MONTGOMERY:
        number, curve = reach.profile.curve25519
        if not number or request.curve_oid != keyforms.OID_OF["X25519"]:
            raise FeatureNotSupported("the token has no key pairs on this curve")
        mechanism = P11Mechanism(number)
    parameters = session.create_domain_parameters(P11KeyType.EC, {Attribute.EC_PARAMS: curve}, local=True)
    return parameters.generate_keypair(mechanism=mechanism, capabilities=NO_RIGHTS, **templates)


def import_key(reach: Reach, request: frames.ImportKey) -> list[KeyRef]:
    ref, key_type = request.ref, request.key_type
    if request.template.wrapped and ref.object_class is ObjectClass.PUBLIC_KEY:
        return [reach.parcels.send_public(ref, request.material, key_type, request.template)]
    attributes = _attributes(reach, ref, request.template) | _material(reach, request)
    with _making(reach, request.template):
        key = reach.connection.work.create_object(attributes)
    kept = _kept(reach, [New(ref, handle_of(key), key_type, request.template)])
    if request.template.wrapped and ref.object_class is ObjectClass.PRIVATE_KEY:
        prove(reach, kept[0])
    return kept


def prove(reach: Reach, ref: KeyRef) -> None:
    """Unwrap a key again before anybody relies on it: NSS does not take back what it wraps of an elliptic one."""
    reach.parcels.forget(ref)
    try:
        reach.parcels.of(ref)
    except CryptokiError:
        raise FeatureNotSupported("the token cannot take back such a key once it is wrapped") from None


def _material(reach: Reach, request: frames.ImportKey) -> dict[Attribute, Any]:
    if request.ref.object_class is ObjectClass.SECRET_KEY:
        return {**key_type_attributes(request.key_type), Attribute.VALUE: request.material}
    if request.ref.object_class is ObjectClass.PUBLIC_KEY:
        return public_form(reach.profile, request.key_type, request.material)
    form = keyforms.private_attributes(request.key_type, request.material)
    form = keyforms.token_parameters(form, reach.profile.curve25519[1])
    return {**token_key_type(reach.profile, request.key_type), **form}


def unwrap(reach: Reach, request: frames.Unwrap) -> None:
    attributes = reach.key_attributes(request.ref, request.template, on_token=True)
    attributes |= key_type_attributes(request.key_type)
    key = reach.handles.of(request.unwrapping)
    mechanism = reach.pack(request.mechanism)
    with reach.connection.writing():
        handle = reach.calls.unwrap(
            reach.connection.session, mechanism, key, request.blob, AttributeArray(packed(attributes))
        )
    reach.handles.learn(request.ref, handle)


def derive(reach: Reach, request: frames.Derive) -> list[KeyRef]:
    _check_bits(request.bits, MAX_SECRET_BITS)
    wrapped = request.template.wrapped
    ref = nameless(request.new) if wrapped else request.new
    attributes = reach.key_attributes(ref, opened(request.template), on_token=not wrapped)
    attributes |= key_type_attributes(request.key_type)
    if request.key_type in GENERATED_BITS_SAID:
        attributes[Attribute.VALUE_LEN] = request.bits // 8
    key = reach.handles.of(request.ref)
    mechanism = reach.pack(request.mechanism)
    with nullcontext() if wrapped else reach.connection.writing():
        handle = reach.calls.derive(reach.connection.session, mechanism, key, AttributeArray(packed(attributes)))
    if wrapped:
        return [reach.parcels.send(request.new, handle, request.key_type, request.template)]
    reach.handles.learn(request.new, handle)
    return [request.new]


def rewrap(reach: Reach, request: frames.Rewrap) -> list[KeyRef]:
    return [reach.parcels.rewrap(request.ref)]


def _attributes(reach: Reach, ref: KeyRef, template: KeyTemplate) -> dict[Attribute, Any]:
    on_token = not (template.wrapped or reach.keeps_by_copy)
    ref = nameless(ref) if template.wrapped else ref
    return reach.key_attributes(ref, opened(template), on_token=on_token)


def nameless(ref: KeyRef) -> KeyRef:
    """Give a key of the session no CKA_ID: who looks for what is on the token would take it for one half made."""
    return KeyRef(ref.object_class, b"")


def opened(template: KeyTemplate) -> KeyTemplate:
    """Let a key that is to be wrapped for the database be wrapped; what stays for use will not be so."""
    return replace(template, extractable=True) if template.wrapped else template


def _template(reach: Reach, ref: KeyRef, template: KeyTemplate) -> dict[Attribute, Any]:
    return for_library(_attributes(reach, ref, template))


def for_library(attributes: dict[Attribute, Any]) -> dict[Attribute, Any]:
    """Give the template for python-pkcs11, which adds every right as False unless told to leave it out."""
    return {**{right: DEFAULT for right in RIGHT_ATTRIBUTES.values()}, **attributes}


def _making(reach: Reach, template: KeyTemplate) -> AbstractContextManager[object]:
    """Hold the token's lock while a token object is made; one made in the session needs none."""
    return nullcontext() if template.wrapped or reach.keeps_by_copy else reach.connection.writing()


class New(NamedTuple):
    """A key that was just made, on the token or in the session; `info` is that of a public key."""

    ref: KeyRef
    handle: int
    key_type: KeyType
    template: KeyTemplate
    info: bytes = b""


def _kept(reach: Reach, made: list[New]) -> list[KeyRef]:
    """Keep new keys as they are to be kept, and give their references."""
    if made[0].template.wrapped:
        return [_sent(reach, new) for new in made]
    handles = {new.ref: new.handle for new in made}
    for ref, handle in (_copied(reach, handles) if reach.keeps_by_copy else handles).items():
        reach.handles.learn(ref, handle)
    return list(handles)


def _sent(reach: Reach, new: New) -> KeyRef:
    if new.ref.object_class is not ObjectClass.PUBLIC_KEY:
        return reach.parcels.send(new.ref, new.handle, new.key_type, new.template)
    reach.calls.destroy(reach.connection.session, new.handle)
    return reach.parcels.send_public(new.ref, new.info, new.key_type, new.template)


def _copied(reach: Reach, made: dict[KeyRef, int]) -> dict[KeyRef, int]:
    """Copy session objects onto the token, all or none, and delete them."""
    calls, session = reach.calls, reach.connection.session
    copies: dict[KeyRef, int] = {}
    try:
        with reach.connection.writing():
            for ref, handle in made.items():
                reach.count_session_object()
                copies[ref] = calls.copy(session, handle, ON_TOKEN)
    except CryptokiError:
        for handle in copies.values():
            calls.destroy(session, handle)
        raise
    finally:
        for handle in made.values():
            calls.destroy(session, handle)
    return copies


def _check_bits(bits: int, limit: int) -> None:
    # A module takes any length at its word, and would look for primes, or for memory, until it is killed.
    if bits < 0 or bits > limit or bits % 8:
        raise InvalidField(f"a key cannot be {bits} bits long here")


def _library_key_type(key_type: KeyType) -> P11KeyType:
    try:
        return P11KeyType(key_type)
    except ValueError:
        raise FeatureNotSupported(f"keys of type {key_type.name} cannot be generated") from None
