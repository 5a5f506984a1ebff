"""The audit trail of a front end: its chain, and who signs it and takes its lines besides."""

import secrets
import time

from gateway.admin.audit_key import TokenSigner
from gateway.audit.trail import Trail
from gateway.config import AuditConfig
from gateway.server.syslog import Syslog
from gateway.token.api import Token


def open_trail(audit: AuditConfig, token: Token, instance: int) -> Trail | None:
    """Give the audit of a front end, None where the operator wants none."""
    if not audit.enabled:
        return None
    begun = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    return Trail(
        audit.dir,
        f"front-end-{begun}-{instance}-{secrets.token_hex(4)}",
        max_file_bytes=audit.max_file_bytes,
        sync=audit.sync,
        fail_open=audit.on_failure == "open",
        checkpoint_file=audit.checkpoint_file,
        checkpoint_records=audit.checkpoint_records,
        checkpoint_interval_s=audit.checkpoint_interval_s,
        signer=TokenSigner(token, audit.dir),
        ship=Syslog(audit.syslog).ship if audit.syslog else None,
    )
