"""Values of the audit log as operations take and return them."""

from typing import Annotated

import msgspec

from nexus.kernel.clock import Instant
from nexus.kernel.operation import Outcome, Resource

LOG = Resource("Log", "audit")
"""The resource that every operation of this room acts on."""

MAX_PAGE_ENTRIES = 500
"""Entries in one answer of `audit.entry.list`."""
DEFAULT_PAGE_ENTRIES = 50
MAX_EXPORT_ENTRIES = 4096
"""Entries in one page of an export: sixteen entry bundles."""
MAX_TEXT = 1024
"""Characters of a search term."""
MAX_REASON = 500
"""Characters of the reason for an erasure."""
MAX_WITNESSES = 16

Term = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_TEXT)]
Index = Annotated[int, msgspec.Meta(ge=0)]


class Request(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of what operations take: unknown fields are refused."""


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """Base of what operations return."""


# audit.entry.list


class ListEntries(Request, frozen=True, kw_only=True):
    """Filters are joined by "and"; entries come newest first. `since` is included, `until` is not."""

    actor: Term | None = None
    """Id of an identity, or of the person who answers for it."""
    action: Term | None = None
    """`objects.object.read`, or a prefix that ends in `*`: `objects.*`."""
    resource: Term | None = None
    """`Type:id`, or a prefix that ends in `*`: `Object:ingress/*`."""
    outcome: Outcome | None = None
    operation: Term | None = None
    """Id of an operation: the request id that clients see."""
    subject: Term | None = None
    """Whom entries concern: a patient (`sub_…`), else the person who acted."""
    since: Instant | None = None
    until: Instant | None = None
    cursor: Term | None = None
    """`next` of the page before."""
    limit: Annotated[int, msgspec.Meta(ge=1, le=MAX_PAGE_ENTRIES)] = DEFAULT_PAGE_ENTRIES


class ActorView(Result, frozen=True, kw_only=True):
    id: str
    kind: str
    name: str = ""
    person: str | None = None
    session: str | None = None


class ResourceView(Result, frozen=True, kw_only=True):
    type: str
    id: str
    attributes: dict[str, str | bool | int] = {}


class EntryContent(Result, frozen=True, kw_only=True):
    """What an entry says. Times are RFC 3339 with microseconds."""

    operation: str
    actor: ActorView
    action: str
    resource: ResourceView
    purpose: str
    origin: str
    client: str
    door: str
    approval: str | None
    at: str
    """When the operation began."""
    recorded: str
    """When the entry was written; later than `at` for what another service's outbox delivered."""
    outcome: Outcome
    subject: str | None
    details: dict[str, str | int | bool | None]


class EntryView(Result, frozen=True, kw_only=True):
    """One entry of the log. `content` is None once its person has been erased, or if the entry does not open."""

    index: int
    erased: bool
    damaged: bool = False
    """What is stored for this entry was altered: `audit.log.verify` says more."""
    content: EntryContent | None


class EntryPage(Result, frozen=True, kw_only=True):
    entries: tuple[EntryView, ...]
    next: str | None
    """Cursor of the following, older page; None at the beginning of the log."""


# audit.entry.prove


class ProveEntry(Request, frozen=True, kw_only=True):
    index: Index


class Receipt(Result, frozen=True, kw_only=True):
    """A receipt in the C2SP tlog-proof form: docs/formats/receipt.md."""

    index: int
    text: str
    checkpoint_size: int
    witnessed: bool
    """Whether as many witnesses as the policy asks for (one at least) have cosigned the checkpoint."""


class ProvenEntry(Result, frozen=True, kw_only=True):
    """What a valid receipt proves: `content` (None once erased) stands at `index` of the log `origin`."""

    origin: str
    index: int
    content: EntryContent | None
    checkpoint_size: int
    checkpoint_root: str
    """Base64."""
    cosigned: dict[str, str]
    """Witness -> time (RFC 3339) at which it vouched for the log up to this checkpoint."""


# audit.entry.erase


class ErasePerson(Request, frozen=True, kw_only=True):
    """Make every entry sealed for this person unreadable, for good."""

    person: Term
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_REASON)]


class Erasure(Result, frozen=True, kw_only=True):
    person: str
    epochs: int
    """Epoch keys destroyed: one for each process run (and day) in which the person acted."""
    digest: str
    """SHA-256 (hex) over the ids of those epochs, as recorded in the log."""


# audit.log.read, audit.log.configure


class ReadLog(Request, frozen=True, kw_only=True):
    pass


class WitnessSpec(Request, frozen=True, kw_only=True):
    """One witness: its name, where it answers, and its verifier keys (Ed25519 and ML-DSA-44)."""

    name: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9.-]{0,62}$")]
    url: Annotated[str, msgspec.Meta(pattern=r"^https?://[^\s]{1,512}$")]
    keys: Annotated[tuple[str, ...], msgspec.Meta(min_length=1, max_length=4)]


class LogPolicy(Request, frozen=True, kw_only=True):
    """Who must cosign: `quorum` of `witnesses`, each with all its keys. No witness at all is allowed, and visible."""

    witnesses: Annotated[tuple[WitnessSpec, ...], msgspec.Meta(max_length=MAX_WITNESSES)] = ()
    quorum: Annotated[int, msgspec.Meta(ge=0, le=MAX_WITNESSES)] = 0


class LogState(Result, frozen=True, kw_only=True):
    """The log as published: what an outsider needs in order to check it."""

    origin: str
    size: int
    """Entries committed now."""
    checkpoint: str | None
    """The latest checkpoint as a signed note; None before the first."""
    checkpoint_size: int
    published_at: Instant | None
    witnessed: bool
    """Whether as many witnesses as the policy asks for (one at least) have cosigned it."""
    keys: tuple[str, ...]
    """Verifier keys of the log (C2SP vkeys). A checkpoint needs a valid signature from each."""
    policy: str
    """Log keys, witnesses and quorum in the C2SP tlog-policy form: what `nexus audit verify --policy` takes."""


# audit.log.verify


class VerifyLog(Request, frozen=True, kw_only=True):
    pass


MAX_PROBLEMS = 100
"""Problems listed by one verification; the rest is only counted by `ok` being false."""


class Problem(Result, frozen=True, kw_only=True):
    """One thing that does not verify. `index` is the entry concerned, or None where it is not one entry."""

    code: str
    index: int | None
    message: str


class Verification(Result, frozen=True, kw_only=True):
    """Outcome of a check. `problems` come lowest index first; at most MAX_PROBLEMS are listed."""

    ok: bool
    size: int
    root: str
    """Root hash, base64, as recomputed from the entries."""
    opened: int
    """Entries opened and compared with their leaf."""
    erased: int
    checkpoints: int
    """Signed checkpoints that were checked."""
    witnesses: tuple[str, ...]
    """Witnesses whose memory of the log agrees."""
    unreached: tuple[str, ...]
    """Witnesses that did not answer."""
    problems: tuple[Problem, ...]


# audit.log.export


class ExportLog(Request, frozen=True, kw_only=True):
    """One page of the log as the checkpoint of `size` entries fixes it (0: the latest)."""

    first: Index = 0
    limit: Annotated[int, msgspec.Meta(ge=1, le=MAX_EXPORT_ENTRIES)] = MAX_EXPORT_ENTRIES
    size: Index = 0
    opened: bool = False
    """Whether payloads come along in the clear."""


class ExportedEntry(Result, frozen=True, kw_only=True):
    index: int
    leaf: bytes
    """Leaf data: what the Merkle tree hashes."""
    salt: bytes | None = None
    payload: bytes | None = None
    """Canonical JSON, where it was asked for and is not erased."""


class ExportPage(Result, frozen=True, kw_only=True):
    checkpoint: str
    size: int
    policy: str
    entries: tuple[ExportedEntry, ...]
    next: int | None
    """`first` of the following page; None after the last entry."""
