"""Persons: what their operations take and return."""

from nexus.iam.requests.forms import Request, Result
from nexus.kernel.clock import Instant
from nexus.kernel.secret import Secret


class CreatePerson(Request, frozen=True, kw_only=True):
    """`login`: 3 to 64 of a-z 0-9 . _ -; `email`: one account a person, so it must not be in use."""

    login: str
    name: str
    email: str


class Invitation(Result, frozen=True, kw_only=True):
    """`code` is the one-time enrolment code; shown once, for the person only."""

    person: str
    code: Secret
    expires_at: Instant


class PersonView(Result, frozen=True, kw_only=True):
    """A person."""

    id: str
    login: str
    name: str
    email: str
    state: str
    created_by: str
    created_at: Instant


class Persons(Result, frozen=True, kw_only=True):
    """A part of the list of persons."""

    persons: tuple[PersonView, ...]
