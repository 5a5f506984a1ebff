"""What self-tests cannot find out about a token: one row per manufacturer or model. Every row says what measured it."""

import msgspec


class Quirk(msgspec.Struct, frozen=True):
    """How one token differs from the standard.

    manufacturer and model are compared as prefixes, "" with everything. write_lock: token-object writes and searches
    of all processes must take turns, and the writes are best all made by one process. recycle_after: session objects
    after which a worker is replaced because the module leaks, 0 for never. only_true_rights: a right that is False
    must be left out of a template. in_software: keys are kept by a program, not by hardware, and clients are told so.
    copy_for_use: keys in use are copied into the session, since the token's own object costs more in every call.
    keep_by_copy: keys are made in the session and then copied onto the token, since making them there costs more.
    """

    manufacturer: str
    model: str = ""
    write_lock: bool = False
    recycle_after: int = 0
    only_true_rights: bool = False
    in_software: bool = False
    copy_for_use: bool = False
    keep_by_copy: bool = False


QUIRKS = (
    # Four threads or processes without a common lock: GeneralError, keys not found, orphan files; 268 B leaked per
    # session object, linear up to 500 000 (pkcs11.md sections 5.3 and 5.1).
    # A GCM of 64 B costs 22 µs with the token's object, whose file is opened, locked and read six times, and 9 µs with
    # a copy in the session. Generating an AES key on the token takes 7.2 ms and writes its file 35 times; in the
    # session and then copied, 1.0 ms and once.
    Quirk("SoftHSM", write_lock=True, recycle_after=1_000_000, in_software=True, copy_for_use=True, keep_by_copy=True),
    # tpm2-pkcs11 refuses usage attributes that are False (pkcs11.md section 1).
    Quirk("IBM", "SW   TPM", only_true_rights=True),
)
NO_QUIRK = Quirk("")


def quirk_of(manufacturer: str, model: str) -> Quirk:
    """Give the first row that fits the token's own names, or the one that says it has no quirk."""
    for quirk in QUIRKS:
        if manufacturer.startswith(quirk.manufacturer) and model.startswith(quirk.model):
            return quirk
    return NO_QUIRK
