"""Accounts of one human being: what their operations take and return."""

from nexus.iam.requests.forms import Request, Result
from nexus.kernel.clock import Instant


class RecordSamePerson(Request, frozen=True, kw_only=True):
    """Two accounts, by the ids of their persons, that belong to one human being."""

    identity: str
    other: str


class SamePersonsView(Result, frozen=True, kw_only=True):
    """An account of a human being who has several; accounts of one human share `human`."""

    human: str
    person: str
    recorded_by: str
    recorded_at: Instant


class SamePersons(Result, frozen=True, kw_only=True):
    """Accounts that are recorded as belonging to somebody who has several."""

    accounts: tuple[SamePersonsView, ...]
