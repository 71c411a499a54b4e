"""What ends with a person. The one list: whoever keeps something that acts for a person adds a line here.

Three moments: she is *stopped* (suspended: what is open ends, what she was given waits for her), she is *recovered* (a
factor was lost: whatever others may hold now ends as well, and she enrols again), or she is *gone* (nothing of hers
comes back). Each line works inside the transaction of that change, so that the
change and everything that ends with it are one commit; access keys, tokens and machines of somebody who is not active
are refused besides, at each request.
"""

from collections.abc import Callable

from nexus.iam.store import (
    agreements,
    asking,
    credentials,
    device_certificates,
    directory,
    elevations,
    federation,
    identities,
    notices,
    passkeys,
    patients,
)
from nexus.kernel.clock import Instant
from nexus.kernel.database import Transaction

Ending = Callable[[Transaction, str, Instant], None]
"""Ends something of a person: her id, and the moment."""


def _sessions(tx: Transaction, person: str, now: Instant) -> None:
    credentials.end_sessions_of(tx, person)


def _devices(tx: Transaction, person: str, now: Instant) -> None:
    credentials.forget_devices_of(tx, person)


def _enrolment(tx: Transaction, person: str, now: Instant) -> None:
    credentials.end_enrolment(tx, person)
    patients.end_code(tx, person)


def _elevations(tx: Transaction, person: str, now: Instant) -> None:
    elevations.end_elevations_of(tx, person, now)


def _eligibilities(tx: Transaction, person: str, now: Instant) -> None:
    elevations.revoke_eligibilities_of(tx, person, now)


def _requests(tx: Transaction, person: str, now: Instant) -> None:
    asking.withdraw_all_of(tx, person, now)


def _memberships(tx: Transaction, person: str, now: Instant) -> None:
    directory.leave_groups(tx, person)


def _notices(tx: Transaction, person: str, now: Instant) -> None:
    notices.forget(tx, person)


def _grants(tx: Transaction, person: str, now: Instant) -> None:
    identities.revoke_grants_of(tx, [person], now)


def _keys_and_tokens(tx: Transaction, person: str, now: Instant) -> None:
    credentials.revoke_all_of(tx, [person], now)


def _passkeys(tx: Transaction, person: str, now: Instant) -> None:
    passkeys.remove_all_of(tx, person)


def _factors(tx: Transaction, person: str, now: Instant) -> None:
    identities.forget_password(tx, person)


def _device_certificates(tx: Transaction, person: str, now: Instant) -> None:
    device_certificates.revoke_all_of(tx, person, now)


def _agreements(tx: Transaction, person: str, now: Instant) -> None:
    agreements.forget_all_of(tx, person)


def _outside_accounts(tx: Transaction, person: str, now: Instant) -> None:
    federation.remove_of(tx, person)


WHEN_STOPPED: tuple[Ending, ...] = (_sessions, _elevations)
WHEN_RECOVERED: tuple[Ending, ...] = (
    *WHEN_STOPPED,
    _devices,
    _factors,
    _passkeys,
    _keys_and_tokens,
    _outside_accounts,
    _device_certificates,
)
WHEN_GONE: tuple[Ending, ...] = (
    *WHEN_STOPPED,
    _devices,
    _passkeys,
    _enrolment,
    _notices,
    _requests,
    _memberships,
    _eligibilities,
    _grants,
    _keys_and_tokens,
    _outside_accounts,
    _agreements,
    _device_certificates,
)


def stop(tx: Transaction, person: str, now: Instant) -> None:
    """End what is open of a person who is suspended or has to enrol again."""
    for end in WHEN_STOPPED:
        end(tx, person, now)


def recover(tx: Transaction, person: str, now: Instant) -> None:
    """End everything that may be in other hands, of a person who lost a factor: she begins anew, with her rights."""
    for end in WHEN_RECOVERED:
        end(tx, person, now)


def leave(tx: Transaction, person: str, now: Instant) -> None:
    """End everything of a person who is gone."""
    for end in WHEN_GONE:
        end(tx, person, now)
