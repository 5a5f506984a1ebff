"""The questions about clients, approvals and grants, for whoever can carry out a statement."""

from collections.abc import Sequence
from typing import Any

from gateway.store.account_rows import SqliteAccounts
from gateway.store.approvals import SqliteApprovals
from gateway.store.grant_rows import SqliteGrants


class SqliteQuestions:
    """What a transaction and the command line's catalogue ask alike; each has its own `_all`."""

    def _all(self, sql: str, values: Sequence[object]) -> list[Any]:
        """Give all rows of a statement."""
        raise NotImplementedError

    @property
    def accounts(self) -> SqliteAccounts:
        """The tenants, roles, clients and credentials."""
        return SqliteAccounts(self._all)

    @property
    def approvals(self) -> SqliteApprovals:
        """What waits for the approval of others, or had it."""
        return SqliteApprovals(self._all)

    @property
    def grants(self) -> SqliteGrants:
        """What clients were granted of each other's objects."""
        return SqliteGrants(self._all)
