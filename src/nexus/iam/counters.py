"""The signature counter: how a copied authenticator is found out.

An authenticator that counts its signatures never shows the same number twice. If a passkey comes with a number that is
not beyond the last one, somebody else has signed with a copy since (or is signing with one now): the credential is
suspended, whichever of the two is at the door. Authenticators that do not count show zero for ever.
"""

from dataclasses import replace

from nexus.iam.model import NoticeKind
from nexus.iam.notices import tell
from nexus.iam.store import passkeys
from nexus.iam.store.passkeys import PasskeyRow
from nexus.kernel.clock import Instant
from nexus.kernel.database import Transaction
from nexus.kernel.errors import Unauthenticated
from nexus.kernel.operation import Entry, Operation, Resource


def use(tx: Transaction, op: Operation, presented: PasskeyRow, count: int, now: Instant) -> Entry | None:
    """Write a use of a passkey down; the entry to record instead if it is a copy, which is then suspended.

    Raises Unauthenticated if the passkey was removed or suspended since it was looked up.
    """
    stored = passkeys.find(tx, presented.id)
    if stored is None or stored.suspended_at is not None:
        raise refused()
    if (count or stored.sign_count) and count <= stored.sign_count:
        passkeys.suspend(tx, stored.id, now)
        tell(tx, stored.person, NoticeKind.PASSKEY_CLONED, now, op.origin)
        entry = op.denied(
            "iam.passkey.suspend",
            Resource("Identity", stored.person),
            passkey=stored.id,
            reason="cloned authenticator",
            counted=count,
            expected_beyond=stored.sign_count,
        )
        return replace(entry, subject=stored.person)
    passkeys.used(tx, stored.id, count, now)
    return None


def refused() -> Unauthenticated:
    """The one answer to a passkey that does not open the door, whatever the reason."""
    return Unauthenticated(
        "the passkey was refused",
        code="iam.passkey-refused",
        hint="sign in with password and code, or ask a security officer: the passkey may be suspended",
    )
