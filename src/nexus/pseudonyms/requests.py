"""What the operations on pseudonyms take and return."""

from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

from nexus.kernel.clock import Instant
from nexus.pseudonyms.messages import MAX_IDENTIFIED

DomainName = Annotated[str, Meta(pattern="^[A-Z][A-Z0-9]{1,15}$", examples=["EMC2"])]
"""2 to 16 capitals and digits."""
Pseudonym = Annotated[str, Meta(max_length=80, examples=["NXP1-EMC2-01-5R3PQZ00JSJ894AXPH0QJVH4J7Z6XNTB-CG"])]
Reason = Annotated[str, Meta(min_length=10, max_length=500)]
"""Why, in words that the patient reads."""


class Request(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What comes from outside: no field that is not named here."""


class NewDomain(Request, frozen=True, kw_only=True):
    """A domain that does not exist."""

    domain: DomainName


class NamedDomain(Request, frozen=True, kw_only=True):
    """One domain."""

    domain: DomainName
    reason: Reason


class ListDomains(Request, frozen=True, kw_only=True):
    """Every domain."""


class Recontact(Request, frozen=True, kw_only=True):
    """Who has these pseudonyms of a project, to contact them."""

    project: Annotated[str, Meta(max_length=41)]
    pseudonyms: Annotated[tuple[Pseudonym, ...], Meta(min_length=1, max_length=MAX_IDENTIFIED)]
    reason: Reason


class Emergency(Request, frozen=True, kw_only=True):
    """Who has this pseudonym of a project, in a medical emergency: one person at a time."""

    project: Annotated[str, Meta(max_length=41)]
    pseudonym: Pseudonym
    reason: Reason


class FileState(StrEnum):
    """Where the rewriting of a file stands."""

    WAITING = "queued"
    DONE = "rewritten"
    FAILED = "not-rewritten"


Column = Annotated[str, Meta(max_length=128)]


class IdentityColumns(Request, frozen=True, kw_only=True):
    """Columns that say who somebody is. They do not go into what is written."""

    nir: Column = ""
    """With or without its key. Where it is empty, the traits count."""
    family_name: Column = ""
    given_name: Column = ""
    born: Column = ""
    """Dates as 1980-05-02."""
    sex: Column = ""
    """1 or 2."""
    commune: Column = ""
    twin_rank: Column = ""
    subject: Column = ""
    """Under which name consent knows the patient, so that she sees when somebody asks who she is."""

    def named(self) -> dict[str, str]:
        """Those that were named: field, column."""
        return {field: getattr(self, field) for field in self.__struct_fields__ if getattr(self, field)}


class RewriteFile(Request, frozen=True, kw_only=True):
    """An object, CSV (UTF-8, with a first line of names) or Parquet, that is rewritten into another one by the platform itself.

    What begins with `PAR1` is Parquet, with flat columns; it stays Parquet, and each column keeps its type.

    `identities`: their columns leave, a column `pseudonym` comes. `pseudonyms`: columns of pseudonyms of one domain, which
    become those of `domain`, or those of its newest epoch. One of the two.
    """

    bucket: Annotated[str, Meta(max_length=63)]
    key: Annotated[str, Meta(min_length=1, max_length=1_024)]
    into: Annotated[str, Meta(max_length=63)]
    """The bucket that it is written into."""
    into_key: Annotated[str, Meta(min_length=1, max_length=1_024)]
    domain: DomainName
    identities: IdentityColumns | None = None
    pseudonyms: Annotated[tuple[Column, ...], Meta(max_length=16)] = ()
    separator: Annotated[str, Meta(min_length=1, max_length=1)] = ","
    """Of CSV."""


class NamedFile(Request, frozen=True, kw_only=True):
    """The rewriting of one file."""

    id: str


class FileView(Struct, frozen=True, kw_only=True):
    """The rewriting of a file. `code` and `message`: why it failed, without a value of the file."""

    id: str
    bucket: str
    into: str
    domain: str
    state: FileState
    requested_by: str
    requested_at: Instant
    rows: int
    code: str
    message: str


class DomainView(Struct, frozen=True, kw_only=True):
    """An epoch of a domain. `people`: how many have a pseudonym in it. Not `ready`: a renewal is under way."""

    domain: str
    epoch: int
    people: int
    ready: bool


class Domains(Struct, frozen=True, kw_only=True):
    """Every epoch of every domain."""

    domains: tuple[DomainView, ...]


class PersonView(Struct, frozen=True, kw_only=True):
    """Who has a pseudonym: a NIR, traits at birth where there was none, or what one provider calls her where there were none either."""

    pseudonym: str
    nir: str = ""
    """13 characters, without the key."""
    family_name: str = ""
    """As at birth, in capitals without accents."""
    given_name: str = ""
    born: str = ""
    """ISO 8601."""
    sex: str = ""
    """1 or 2, as in the civil register."""
    commune: str = ""
    """Place of birth, five characters."""
    twin_rank: int = 0
    provider: str = ""
    record: str = ""
    """The provider's own number of her."""
    shown: bool
    """Whether the patient is known to consent by a name, under which she sees that this was asked."""

    def __repr__(self) -> str:
        return "PersonView(<hidden>)"


class People(Struct, frozen=True, kw_only=True):
    """Who they are, in the order of what was asked."""

    people: tuple[PersonView, ...]

    def __repr__(self) -> str:
        return "People(<hidden>)"
