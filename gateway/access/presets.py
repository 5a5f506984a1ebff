"""Roles that are there from the start: what four kinds of client, or of person, need and nothing more.

docs/access.md says the same in words; a test holds the two together.
"""

from gateway.access.roles import ANY, EVERYTHING, Role

# What the server is, and whether it is there.
ASKING = frozenset({"DiscoverVersions", "Query", "Ping", "Poll", "Cancel", "QueryAsynchronousRequests", "Process"})
SEEING = frozenset({"Locate", "GetAttributes", "GetAttributeList", "Check"})
MAKING = frozenset({"Create", "CreateKeyPair", "Register", "ReKey", "ReKeyKeyPair"})
DESCRIBING = frozenset({"AddAttribute", "ModifyAttribute", "SetAttribute", "AdjustAttribute", "DeleteAttribute"})
LIVING = frozenset({"Activate", "Revoke", "Destroy", "Archive", "Recover", "ObtainLease"})
USING = frozenset(
    {
        "Encrypt",
        "Decrypt",
        "Sign",
        "SignatureVerify",
        "MAC",
        "MACVerify",
        "Hash",
        "RNGRetrieve",
        "DeriveKey",
        "GetUsageAllocation",
    }
)

PRESETS = {
    role.name: role
    for role in (
        # A database, an array, a hypervisor: keeps keys here, fetches them, and encrypts by itself.
        Role(
            name="storage",
            operations=ASKING | SEEING | MAKING | DESCRIBING | LIVING | {"Get", "WrapKey", "UnwrapKey"},
            object_types=ANY,
            algorithms=ANY,
            extractable="served",
            export=True,
        ),
        # An application whose keys never leave: it has the gateway encrypt and sign.
        Role(
            name="crypto",
            operations=ASKING | SEEING | MAKING | DESCRIBING | LIVING | USING | {"Get", "Certify", "ReCertify"},
            object_types=ANY,
            algorithms=ANY,
            extractable="resident",
        ),
        # Looks, and changes nothing.
        Role(
            name="auditor",
            operations=ASKING | SEEING | {"Validate", "GetConstraints"},
            object_types=ANY,
            algorithms=ANY,
        ),
        # Makes keys, activates, revokes and destroys them, and has none of their material.
        Role(
            name="operator",
            operations=ASKING | SEEING | MAKING | DESCRIBING | LIVING | {"Validate", "Certify", "ReCertify"},
            object_types=ANY,
            algorithms=ANY,
            extractable="both",
        ),
        EVERYTHING,
    )
}
