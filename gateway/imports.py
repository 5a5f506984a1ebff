"""An object that comes with its unique identifier, its attributes and its history (KMIP 2.1 section 6.1.25 Import).

The one rule here: an identifier that is taken goes to the import only if the object that has it is the same client's,
and the client says that it is to be replaced. Whose it is, is asked inside the transaction that replaces it.
"""

from collections.abc import Iterator
from contextlib import suppress
from functools import partial

from msgspec.structs import replace

from gateway import approvals, creation, errors, keyblocks, material, registration, windows, wrapping
from gateway.attribute_rules import check_dates, check_single_values, check_value
from gateway.call import Altered, Call
from gateway.creation import Draft
from gateway.keys.curves import NotUnderstood
from gateway.keys.private import PRIVATE_WRITERS
from gateway.kmip import attribute_sets as sets
from gateway.kmip.attributes import CERTIFICATE_NAMES
from gateway.kmip.enums import CryptographicAlgorithm, KeyWrapType, LinkType, ObjectType, Operation, State
from gateway.kmip.lifecycle import state_at
from gateway.kmip.objects import KeyBlock, ManagedObject, PublicKey
from gateway.kmip.structure import Attributes
from gateway.kmip.tags import Tag
from gateway.kmip.values import UsageLimits
from gateway.managed import Managed
from gateway.store.api import ObjectRow, Transaction
from gateway.token.api import OWN_LABELS

MAX_IDENTIFIER_CHARACTERS = 255

# What the object itself or its place here tells: believing the client would make it untrue.
TOLD_BY_OBJECT = frozenset(
    {
        Tag.UNIQUE_IDENTIFIER,
        Tag.SHORT_UNIQUE_IDENTIFIER,
        Tag.OBJECT_TYPE,
        Tag.STATE,
        Tag.DIGEST,
        Tag.KEY_VALUE_PRESENT,
        Tag.PROTECTION_STORAGE_MASK,
        Tag.CERTIFICATE_LENGTH,
        Tag.X_509_CERTIFICATE_IDENTIFIER,
        Tag.X_509_CERTIFICATE_SUBJECT,
        Tag.X_509_CERTIFICATE_ISSUER,
        Tag.CERTIFICATE_IDENTIFIER,
        Tag.CERTIFICATE_SUBJECT,
        Tag.CERTIFICATE_ISSUER,
        Tag.DIGITAL_SIGNATURE_ALGORITHM,
        Tag.OPAQUE_DATA_TYPE,
        *CERTIFICATE_NAMES,
    }
)
# What stays as the client says, and is set anew for every other new object.
HISTORY = frozenset(
    {
        Tag.INITIAL_DATE,
        Tag.LAST_CHANGE_DATE,
        Tag.LEASE_TIME,
        Tag.ALWAYS_SENSITIVE,
        Tag.NEVER_EXTRACTABLE,
        Tag.USAGE_LIMITS,
    }
)


def identifier(given: str) -> str:
    """Give the unique identifier under which an object is imported; a new one where the client has none.

    Raises:
        InvalidField: it is too long, or not printable, or begins as the labels of the gateway's own keys do.
    """
    if len(given) > MAX_IDENTIFIER_CHARACTERS or not given.isprintable():
        raise errors.InvalidField(f"a Unique Identifier is {MAX_IDENTIFIER_CHARACTERS} printable characters at most")
    # It becomes the label of the key on the token, and by theirs the gateway finds the keys that all others hang on.
    if given.strip().casefold().startswith(OWN_LABELS):
        raise errors.InvalidField(f"no Unique Identifier of a client begins with {OWN_LABELS!r}")
    return given or creation.new_identifier()


def attributes_of(call: Call, given: Attributes, unique_identifier: str, object_type: ObjectType) -> Attributes:
    """Give an import's attributes as they are kept, with their indexes counted from 0.

    Who sets them otherwise does not matter (section 6.1.25), whether they can be true does.

    Raises:
        InvalidAttributeValue: they contradict each other or the request.
        AttributeSingleValued: one comes twice that has one value.
        ApplicationNamespaceNotSupported: the server is to make up Application Data.
    """
    for attribute in given:
        check_value(attribute)
    check_single_values(given)
    check_dates(given)
    _check_same(given, Tag.OBJECT_TYPE, object_type)
    _check_same(given, Tag.UNIQUE_IDENTIFIER, unique_identifier)
    _check_history(call, given)
    return sets.add_all((), (each for each in given if each.tag not in TOLD_BY_OBJECT))


def _check_same(given: Attributes, tag: Tag, value: str | ObjectType) -> None:
    if sets.has(given, tag) and sets.value(given, tag) != value:
        raise errors.InvalidAttributeValue(f"the {tag.spelling} among the attributes is another one")


def _check_history(call: Call, given: Attributes) -> None:
    for problem in _impossible(call, given):
        raise errors.InvalidAttributeValue(problem)


def _impossible(call: Call, given: Attributes) -> Iterator[str]:
    """Tell what cannot be in the history of an object that is here with its material."""
    if sets.has(given, Tag.DESTROY_DATE):
        yield "what was destroyed cannot be imported"
    if sets.value(given, Tag.ALWAYS_SENSITIVE) is True and sets.value(given, Tag.SENSITIVE) is not True:
        yield "an object is Always Sensitive only if it is Sensitive"
    if sets.value(given, Tag.NEVER_EXTRACTABLE) is True and sets.value(given, Tag.EXTRACTABLE) is not False:
        yield "an object is Never Extractable only if it is not Extractable"
    limits = sets.structure(given, Tag.USAGE_LIMITS, UsageLimits)
    if limits is not None and not 0 <= (limits.usage_limits_count or 0) <= limits.usage_limits_total:
        yield "the Usage Limits Count is a number from 0 to the Total"
    # An object may have gone on in its life since it was exported, but not back.
    state = sets.value(given, Tag.STATE)
    if isinstance(state, State) and state > _state(call, given):
        yield f"the dates are not those of an object that is {state.token}"


def _state(call: Call, given: Attributes) -> State:
    return state_at(
        call.now,
        activation=sets.number(given, Tag.ACTIVATION_DATE),
        deactivation=sets.number(given, Tag.DEACTIVATION_DATE),
        compromise=sets.number(given, Tag.COMPROMISE_DATE),
        destroy=None,
        revoked=sets.value(given, Tag.REVOCATION_REASON) is not None,
    )


def is_unwrapped(given: ManagedObject, wrap_type: KeyWrapType | None) -> bool:
    """Tell whether an object comes wrapped and is to be kept unwrapped."""
    block: KeyBlock | None = getattr(given, "key_block", None)
    return block is not None and block.key_wrapping_data is not None and wrap_type is KeyWrapType.NOT_WRAPPED


async def unwrapped(call: Call, given: ManagedObject, attributes: Attributes) -> ManagedObject:
    """Give an object unwrapped that is to be kept so, with the attributes that come with it.

    Raises:
        What wrapping.unwrapped_block raises.
    """
    block: KeyBlock = given.key_block  # type: ignore[union-attr]  # is_unwrapped has seen it
    sensitive = sets.value(attributes, Tag.SENSITIVE) is True
    block = await wrapping.unwrapped_block(call, block, sensitive=sensitive)
    if isinstance(given, PublicKey):
        material.check_public(call, ObjectType.PUBLIC_KEY, block)
    made: ManagedObject = replace(given, key_block=block)
    return made


async def drafted(
    call: Call, object_type: ObjectType, given: ManagedObject, attributes: Attributes, unique_identifier: str
) -> Draft:
    """Give the draft of an object that is imported; `attributes` are all that the client gave.

    Raises:
        What registration.drafted and `attributes_of` raise.
    """
    kept = attributes_of(call, attributes, unique_identifier, object_type)
    draft = await registration.drafted(call, object_type, given, kept, unique_identifier)
    made = draft.attributes
    if not sets.has(made, Tag.DIGEST):  # Of a key that stays wrapped nobody here can make one.
        made = (*made, *(each for each in attributes if each.tag is Tag.DIGEST))
    return draft._replace(attributes=made, history=tuple(each for each in kept if each.tag in HISTORY))


def digests_of(call: Call, object_type: ObjectType, given: ManagedObject, attributes: Attributes) -> frozenset[bytes]:
    """Give the digests of a private key in each of its formats: that of the same key may be of any of them.

    Raises:
        KeyValueNotPresent, InvalidField: it has no key material, or no such as its format has.
    """
    block: KeyBlock | None = getattr(given, "key_block", None)
    if block is None or object_type is not ObjectType.PRIVATE_KEY:
        return frozenset()
    algorithm = block.cryptographic_algorithm or sets.value(attributes, Tag.CRYPTOGRAPHIC_ALGORITHM)
    named = algorithm if isinstance(algorithm, CryptographicAlgorithm) else None
    try:
        key = keyblocks.read(object_type, block.key_format_type, material.material_of(call, block), named)
    except NotUnderstood:
        return frozenset()
    return frozenset(_digests(call, key))


def _digests(call: Call, key: keyblocks.Key) -> Iterator[bytes]:
    for each in PRIVATE_WRITERS:
        with suppress(errors.KeyFormatTypeNotSupported):
            yield (
                creation.digest_in(call, keyblocks.material(key.object_class, key.form, each), each).digest_value or b""
            )


class Room:
    """The place of an object that is imported: the object that had its unique identifier, if any, makes way."""

    def __init__(self, call: Call, unique_identifier: str, replace_existing: bool) -> None:
        self._call = call
        self._unique_identifier = unique_identifier
        self._replace_existing = replace_existing
        self._aside: Altered | None = None
        self._window_s = 0
        self._taken = False

    def check(self) -> None:
        """Refuse what `make` would refuse, before anything is done for it.

        Raises:
            ObjectAlreadyExists: the identifier is taken.
        """
        self._check(self._call.store.peek(self._unique_identifier))

    def _check(self, row: ObjectRow | None) -> None:
        # Of a foreign object the same is told as of an own one that stays.
        # To replace is to destroy, which is a right of its own.
        call = self._call
        if row is not None and not (self._replace_existing and call.owns(row) and call.owns(row, Operation.DESTROY)):
            raise errors.ObjectAlreadyExists

    def make(self, transaction: Transaction) -> None:
        """Put an object that is to be replaced aside, inside the transaction that adds the new one.

        Raises:
            ObjectAlreadyExists: it is not to be replaced, or not by this client.
        """
        before = transaction.get(self._unique_identifier)
        self._check(before)
        if before is not None:
            approvals.require_kept(self._call, before)
        self._aside = None if before is None else self._put_aside(transaction, before)

    def _put_aside(self, transaction: Transaction, row: ObjectRow) -> Altered:
        """Destroy an object, and give it an identifier of its own under which what is known of it stays."""
        own = creation.new_identifier()
        transaction.rename(row.id, own)
        catalogue = self._call.services.catalogue
        managed = catalogue.decode(row)
        rows = catalogue.rows(_superseded(self._call, managed, own))
        transaction.replace_attributes(row.id, rows, ())
        if not row.destroyed:
            self._window_s = windows.window_s(self._call, managed)
            windows.put_away(self._call, transaction, row, self._window_s)
        return Altered(row, rows)

    async def leave(self) -> None:
        """Take the key of the object that made way off the token, once the commit that made room has come."""
        self._taken = True
        if self._aside is not None and not self._aside.before.destroyed:
            await creation.let_go(self._call, self._aside.before, self._window_s)

    async def give_back(self) -> None:
        """Undo `make`, after the object that took the place was destroyed.

        A commit that failed has undone it already, and what has the identifier then is not to be put aside.
        """
        if self._taken and self._aside is not None:
            given = await self._call.store.write(partial(self._put_back, aside=self._aside))
            if not given and not self._aside.before.destroyed:
                await creation.let_go_held(self._call, self._aside.before, self._window_s)

    def _put_back(self, transaction: Transaction, aside: Altered) -> bool:
        """Tell whether the object has its place again; what another request has imported there since stays."""
        successor = transaction.get(self._unique_identifier)
        if successor is not None and not successor.destroyed:
            return False
        if successor is not None:
            self._put_aside(transaction, successor)
        transaction.rename(aside.before.id, self._unique_identifier)
        creation.revive(self._call, transaction, aside)
        return True


def _superseded(call: Call, managed: Managed, own: str) -> Attributes:
    attributes = sets.drop(managed.attributes, Tag.NAME)
    attributes = sets.put_missing(attributes, Tag.DESTROY_DATE, call.today)
    attributes = sets.put(attributes, Tag.LAST_CHANGE_DATE, call.today)
    attributes = sets.put(attributes, Tag.UNIQUE_IDENTIFIER, own)
    attributes = sets.put(attributes, Tag.SHORT_UNIQUE_IDENTIFIER, creation.short(own))
    return creation.link(attributes, LinkType.REPLACEMENT_OBJECT_LINK, managed.unique_identifier)
