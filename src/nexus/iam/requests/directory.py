"""Directories of people: what their operations take and return."""

from nexus.iam.model import Role
from nexus.iam.requests.forms import Request, Result
from nexus.kernel.clock import Instant


class RegisterDirectory(Request, frozen=True, kw_only=True):
    """A machine that may bring unprivileged people in and take them out (SCIM), until a date."""

    machine: str
    ends_at: Instant


class DirectoryView(Result, frozen=True, kw_only=True):
    """A machine that is a directory."""

    machine: str
    ends_at: Instant
    registered_by: str


class Directories(Result, frozen=True, kw_only=True):
    """The directories in force."""

    directories: tuple[DirectoryView, ...]


class MapGroup(Request, frozen=True, kw_only=True):
    """What membership in a group of the directory gives: data_provider, researcher or output_checker in a scope."""

    name: str
    role: Role
    scope: str
    ends_at: Instant


class MemberView(Result, frozen=True, kw_only=True):
    """A member of a group."""

    person: str
    login: str


class GroupView(Result, frozen=True, kw_only=True):
    """A group of the directory, what it gives, and its members."""

    id: str
    name: str
    role: Role
    scope: str
    ends_at: Instant
    members: tuple[MemberView, ...]


class Groups(Result, frozen=True, kw_only=True):
    """Groups of the directory."""

    groups: tuple[GroupView, ...]


class ListDirectoryPersons(Request, frozen=True, kw_only=True):
    """Unprivileged persons: one (`id`), those with a login, an address or an external id, or all, `count` from `start` (0)."""

    id: str = ""
    login: str = ""
    email: str = ""
    external_id: str = ""
    start: int = 0
    count: int = 100


class DirectoryPersonView(Result, frozen=True, kw_only=True):
    """A person as a directory sees her. `active`: neither suspended nor gone; she may still have to enrol.

    `version` moves with each change that a directory makes, and with suspensions.
    """

    id: str
    login: str
    name: str
    email: str
    active: bool
    external_id: str | None
    created_at: Instant
    changed_at: Instant
    version: str


class DirectoryPersons(Result, frozen=True, kw_only=True):
    """Some of `total` matching persons."""

    total: int
    persons: tuple[DirectoryPersonView, ...]


class InvitePerson(Request, frozen=True, kw_only=True):
    """A joiner. She gets an account without rights; two officers give her the code with which she enrols."""

    login: str
    name: str
    email: str
    external_id: str | None = None


class ChangePerson(Request, frozen=True, kw_only=True):
    """A mover: only what is given changes. `active`: false suspends; true lifts a suspension that a directory made.

    `versions`: the change happens only to one of these versions of her; empty: to whichever there is.
    """

    id: str
    name: str | None = None
    active: bool | None = None
    external_id: str | None = None
    versions: tuple[str, ...] = ()


class RemovePerson(Request, frozen=True, kw_only=True):
    """A leaver: everything of hers ends. Her machines are suspended. `versions`: as of a mover."""

    id: str
    versions: tuple[str, ...] = ()


class Membership(Request, frozen=True, kw_only=True):
    """A person in a group."""

    group: str
    person: str
