"""The forms that every request and result has, and those that many operations take."""

import msgspec


class Request(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a caller sends: unknown fields are refused, so that a misspelt limit is never ignored."""


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What a caller receives."""


class Nothing(Request, frozen=True, kw_only=True):
    """An operation that takes nothing."""


class ById(Request, frozen=True, kw_only=True):
    """Names one thing."""

    id: str


class Page(Request, frozen=True, kw_only=True):
    """A part of a list, in order of creation: `after` is the id of the last row of the part before."""

    after: str = ""
    limit: int = 100


class OfIdentity(Request, frozen=True, kw_only=True):
    """Everything that belongs to one identity."""

    identity: str
