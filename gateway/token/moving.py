"""Verbs by which a key changes its custody on one token: from the token to the database, wrapped, and back.

The one rule here: a verb makes the second one and leaves the first. Which of them counts is what the database says, and
whoever changed that destroys the other. A key that may not leave the token does not leave it this way either.
"""

import hmac

from pkcs11 import Attribute

from gateway.errors import FeatureNotSupported, NotExtractable
from gateway.token import frames
from gateway.token.api import KeyRef, KeyTemplate, KeyType, ObjectClass, Rights
from gateway.token.cryptoki import AttributeArray
from gateway.token.failures import CryptokiError
from gateway.token.leaving import digest_of, public_info
from gateway.token.parcels import public_form, token_key_type
from gateway.token.reach import Reach, handle_of
from gateway.token.templates import POSSIBLE, RIGHT_ATTRIBUTES, packed


def wrapped_copy(reach: Reach, request: frames.WrappedCopy) -> list[KeyRef]:
    """Give a key of the token wrapped for the database, under the name `new`.

    Raises:
        NotExtractable: it may not leave the token.
        FeatureNotSupported: the token does not wrap it, or does not take it back.
    """
    object_class, handle = request.ref.object_class, reach.handles.of(request.ref)
    kind = KeyType(int.from_bytes(_attribute(reach, handle, Attribute.KEY_TYPE), "little"))
    template = KeyTemplate("", _rights(reach, object_class, handle), extractable=True)
    if object_class is ObjectClass.PUBLIC_KEY:
        return [reach.parcels.send_public(request.new, public_info(reach, handle), kind, template)]
    if not reach.profile.kwp or (object_class is ObjectClass.PRIVATE_KEY and kind not in reach.profile.private_exports):
        raise FeatureNotSupported("the token does not wrap such a key")
    if not reach.flag(handle, Attribute.EXTRACTABLE):
        raise NotExtractable("the key may not leave the token")
    wrapped = reach.parcels.copy(request.new, handle, kind, template)
    _prove(reach, handle, wrapped)
    return [wrapped]


def token_copy(reach: Reach, request: frames.TokenCopy) -> list[KeyRef]:
    """Make a token object, under the name `new`, of a key that comes along wrapped; it may do what that may."""
    _, parcel = reach.parcels.unpacked(request.ref)
    template = KeyTemplate(request.label, parcel.rights, parcel.extractable)
    attributes = reach.key_attributes(request.new, template, on_token=True)
    with reach.connection.writing():
        if request.ref.object_class is ObjectClass.PUBLIC_KEY:
            attributes |= public_form(reach.profile, parcel.key_type, parcel.blob)
            handle = handle_of(reach.connection.work.create_object(attributes))
        else:
            attributes |= token_key_type(reach.profile, parcel.key_type)
            handle = reach.parcels.unwrapped_as(request.ref, AttributeArray(packed(attributes)))
    reach.handles.learn(request.new, handle)
    return [request.new]


def _rights(reach: Reach, object_class: ObjectClass, handle: int) -> Rights:
    """Give what a key of the token may do."""
    rights = Rights(0)
    for right, attribute in RIGHT_ATTRIBUTES.items():
        if right & POSSIBLE[object_class] and reach.flag(handle, attribute):
            rights |= right
    return rights


def _prove(reach: Reach, handle: int, wrapped: KeyRef) -> None:
    """Unwrap what was wrapped, before anybody relies on it, and look whether it is the same key.

    A token that fills a secret key with zeros before it wraps it gives back another one, which its digest tells.
    """
    try:
        again = reach.parcels.of(wrapped)
        filled = wrapped.object_class is ObjectClass.SECRET_KEY and not reach.profile.kwp_any_length
        if filled and not hmac.compare_digest(digest_of(reach, handle), digest_of(reach, again)):
            raise FeatureNotSupported("the token gives back another key than it has wrapped")
    except CryptokiError:
        raise FeatureNotSupported("the token cannot take back such a key once it is wrapped") from None
    finally:
        reach.parcels.forget(wrapped)


def _attribute(reach: Reach, handle: int, kind: Attribute) -> bytes:
    return reach.calls.attribute(reach.connection.session, handle, kind)
