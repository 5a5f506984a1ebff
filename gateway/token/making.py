"""Verbs that make token objects: generate, import, unwrap, derive. Each notes the handle of what it made."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

from pkcs11 import Attribute
from pkcs11 import KeyType as P11KeyType
from pkcs11 import Mechanism as P11Mechanism
from pkcs11.constants import DEFAULT, MechanismFlag

from gateway.errors import FeatureNotSupported, InvalidField
from gateway.token import frames, keyforms
from gateway.token.api import KeyRef, KeyTemplate, KeyType, ObjectClass
from gateway.token.cryptoki import AttributeArray
from gateway.token.failures import CryptokiError
from gateway.token.handles import ON_TOKEN
from gateway.token.leaving import public_info
from gateway.token.reach import Reach, handle_of
from gateway.token.templates import RIGHT_ATTRIBUTES, key_type_attributes, packed

NO_RIGHTS = MechanismFlag(0)  # every right is in the template
MAX_SECRET_BITS = 1 << 16
MAX_RSA_BITS = 8192
GENERATED_BITS_SAID = (KeyType.AES, KeyType.GENERIC_SECRET)


def generate_key(reach: Reach, request: frames.GenerateKey) -> None:
    _check_bits(request.bits, MAX_SECRET_BITS)
    template = _template(reach, request.ref, request.template)
    key_type = _library_key_type(request.key_type)
    bits = request.bits if request.key_type in GENERATED_BITS_SAID else None
    with _making(reach):
        key = reach.connection.work.generate_key(key_type, bits, capabilities=NO_RIGHTS, template=template)
    _keep(reach, {request.ref: handle_of(key)})


def generate_key_pair(reach: Reach, request: frames.GenerateKeyPair) -> bytes:
    private = KeyRef(ObjectClass.PRIVATE_KEY, request.cka_id)
    public = KeyRef(ObjectClass.PUBLIC_KEY, request.cka_id)
    templates = {
        "private_template": _template(reach, private, request.private),
        "public_template": _template(reach, public, request.public),
    }
    with _making(reach):
        public_key, private_key = _generate_pair(reach, request, templates)
    info = public_info(reach, handle_of(public_key))
    _keep(reach, {private: handle_of(private_key), public: handle_of(public_key)})
    return info


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


def import_key(reach: Reach, request: frames.ImportKey) -> None:
    attributes = reach.key_attributes(request.ref, request.template, on_token=not reach.keeps_by_copy)
    attributes |= _material(reach, request)
    with _making(reach):
        key = reach.connection.work.create_object(attributes)
    _keep(reach, {request.ref: handle_of(key)})


def _material(reach: Reach, request: frames.ImportKey) -> dict[Attribute, Any]:
    if request.ref.object_class is ObjectClass.SECRET_KEY:
        return {**key_type_attributes(request.key_type), Attribute.VALUE: request.material}
    if request.ref.object_class is ObjectClass.PRIVATE_KEY:
        form = keyforms.private_attributes(request.key_type, request.material)
    else:
        form = keyforms.public_attributes(request.key_type, request.material)
    form = keyforms.token_parameters(form, reach.profile.curve25519[1])
    return {**_asymmetric_type(reach, request.key_type), **form}


def _asymmetric_type(reach: Reach, key_type: KeyType) -> dict[Attribute, Any]:
    # A module that makes Curve25519 keys with the Edwards mechanism gives them the Edwards type too (SoftHSM).
    edwards = reach.profile.curve25519[0] == P11Mechanism.EC_EDWARDS_KEY_PAIR_GEN
    if key_type is KeyType.EC_MONTGOMERY and edwards:
        key_type = KeyType.EC_EDWARDS
    return key_type_attributes(key_type)


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


def derive(reach: Reach, request: frames.Derive) -> None:
    _check_bits(request.bits, MAX_SECRET_BITS)
    attributes = reach.key_attributes(request.new, request.template, on_token=True)
    attributes |= key_type_attributes(request.key_type)
    if request.key_type in GENERATED_BITS_SAID:
        attributes[Attribute.VALUE_LEN] = request.bits // 8
    key = reach.handles.of(request.ref)
    mechanism = reach.pack(request.mechanism)
    with reach.connection.writing():
        handle = reach.calls.derive(reach.connection.session, mechanism, key, AttributeArray(packed(attributes)))
    reach.handles.learn(request.new, handle)


def _template(reach: Reach, ref: KeyRef, template: KeyTemplate) -> dict[Attribute, Any]:
    """Give the template for python-pkcs11, which adds every right as False unless told to leave it out."""
    attributes = reach.key_attributes(ref, template, on_token=not reach.keeps_by_copy)
    return {**{attribute: DEFAULT for attribute in RIGHT_ATTRIBUTES.values()}, **attributes}


def _making(reach: Reach) -> AbstractContextManager[object]:
    """Hold the token's lock while a token object is made; one made in the session needs none."""
    return nullcontext() if reach.keeps_by_copy else reach.connection.writing()


def _keep(reach: Reach, made: dict[KeyRef, int]) -> None:
    """Note the handles of what was made, after copying it onto the token where it was made in the session."""
    for ref, handle in (_copied(reach, made) if reach.keeps_by_copy else made).items():
        reach.handles.learn(ref, handle)


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
