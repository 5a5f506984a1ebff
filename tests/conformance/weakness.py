"""What the official cases ask for and the crypto policy refuses, allowed to the clients of a gateway that runs."""

from pathlib import Path

from msgspec import json
from msgspec.structs import replace

from gateway.access.roles import EVERYTHING
from gateway.admin import accounts
from gateway.store.accounts import RoleRow


def allow_ecb(folder: Path) -> None:
    """Let the clients of a folder of `dev` use ECB, which a case of the profiles does: their role is changed."""
    role = replace(EVERYTHING, flags=frozenset({"ecb"}))
    row = RoleRow("", role.name, json.encode(role).decode())
    accounts.change(folder / "gateway.sqlite", lambda found: found.put_role(row))
