"""What self-tests cannot find out about a token: one row per manufacturer or model. Every row says what measured it."""

import msgspec


class Quirk(msgspec.Struct, frozen=True):
    """How one token differs from the standard.

    manufacturer is the token's or its library's; it and model are compared as prefixes, "" with everything.
    write_lock: token-object writes and searches of all processes must take turns, and the writes are best all made by
    one process. recycle_after: session objects after which a worker is replaced because the module leaks, 0 for never.
    in_software: keys are kept by a program, not by hardware, and clients are told so. copy_for_use: keys in use are
    copied into the session, since the token's own object costs more in every call. keep_by_copy: keys are made in
    the session and then copied onto the token, since making them there costs more. one_process: no process sees
    what another made, so there is one worker. leaks_pairs: each key pair made counts as a session object for
    recycle_after. keeps_busy: a key whose use failed cannot be destroyed until the process ends. says_no_length:
    what a public key encrypts comes without its length. vague_verify: whatever C_Verify fails with means that the
    signature is wrong.
    """

    manufacturer: str
    model: str = ""
    write_lock: bool = False
    recycle_after: int = 0
    in_software: bool = False
    copy_for_use: bool = False
    keep_by_copy: bool = False
    one_process: bool = False
    leaks_pairs: bool = False
    keeps_busy: bool = False
    says_no_length: bool = False
    vague_verify: bool = False


QUIRKS = (
    # Four threads or processes without a common lock: GeneralError, keys not found, orphan files; 268 B leaked per
    # session object, linear up to 500 000 (pkcs11.md sections 5.3 and 5.1).
    # A GCM of 64 B costs 22 µs with the token's object, whose file is opened, locked and read six times, and 9 µs with
    # a copy in the session. Generating an AES key on the token takes 7.2 ms and writes its file 35 times; in the
    # session and then copied, 1.0 ms and once.
    Quirk("SoftHSM", write_lock=True, recycle_after=1_000_000, in_software=True, copy_for_use=True, keep_by_copy=True),
    # tpm2-pkcs11, whatever TPM is behind it. It reads its store once, when it is initialised, and leaves a
    # transient object in the TPM for each pair: with 15 of them C_GenerateKeyPair fails until the process ends
    # (test_more_pairs_than_a_tpm_bears). The rest: test_tpm.py.
    Quirk(
        "tpm2-software",
        one_process=True,
        leaks_pairs=True,
        keeps_busy=True,
        says_no_length=True,
        recycle_after=8,
    ),
    # NSS tells a wrong MAC by the error that some earlier call left behind (test_hmac).
    Quirk("Mozilla", in_software=True, vague_verify=True),
)
NO_QUIRK = Quirk("")


def quirk_of(manufacturer: str, model: str, library: str = "") -> Quirk:
    """Give the first row that fits the token's own names or its library's, or the one that says it has no quirk."""
    for quirk in QUIRKS:
        made = manufacturer.startswith(quirk.manufacturer) or library.startswith(quirk.manufacturer)
        if made and model.startswith(quirk.model):
            return quirk
    return NO_QUIRK
