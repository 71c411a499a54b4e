"""The values of consent: subjects, decisions and their provisions, questions and rulings. Closed lists, named limits."""

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta, Struct

from nexus.iam.model import SECONDARY_USE, Purpose
from nexus.kernel.clock import Instant
from nexus.kernel.ids import new_id
from nexus.kernel.operation import Resource

MAX_PROVISIONS: Final = 64
"""Provisions of one decision."""
MAX_NAMES: Final = 64
"""Names (projects, sites, persons, sources, references) in one list of a provision."""
MAX_NAME_CHARS: Final = 256
MAX_DECISIONS: Final = 2_000
"""Decisions of one subject; withdrawals and objections are never refused for their number."""
MAX_SUBJECTS: Final = 10_000
"""Subjects of one question."""
_ENCODER: Final = msgspec.json.Encoder(order="sorted")

COVERED: Final = frozenset({Purpose.CARE}) | SECONDARY_USE
"""Purposes that patients decide about. Whatever else an operation is for, it reads no data of subjects."""


class DataCategory(StrEnum):
    """Kinds of data: those of EHDS articles 14 and 51 that a hospital holds, and matters that patients single out."""

    SUMMARY = "summary"
    PRESCRIPTIONS = "prescriptions"
    IMAGING = "imaging"
    LABORATORY = "laboratory"
    REPORTS = "reports"
    ADMINISTRATIVE = "administrative"
    """Stays, claims, reimbursement."""
    GENETIC = "genetic"
    DEVICES = "devices"
    """What devices in or on the body measured."""
    WELLNESS = "wellness"
    REGISTRIES = "registries"
    """Disease registries, cohorts, biobanks."""
    MENTAL_HEALTH = "mental-health"
    SEXUAL_HEALTH = "sexual-health"
    SUBSTANCE_USE = "substance-use"
    HIV = "hiv"
    VIOLENCE = "violence"


class Sensitivity(StrEnum):
    """How confidential data are: N, R and V of HL7."""

    NORMAL = "normal"
    RESTRICTED = "restricted"
    VERY_RESTRICTED = "very-restricted"


class Effect(StrEnum):
    """What a provision does."""

    PERMIT = "permit"
    DENY = "deny"


class DecisionKind(StrEnum):
    """What a row of a subject's history is."""

    PERMISSIONS = "permissions"
    WITHDRAWAL = "withdrawal"
    OBJECTION = "objection"
    LIFTING = "lifting"
    CORRECTION = "correction"


class Capacity(StrEnum):
    """In which quality somebody decides."""

    SELF = "self"
    GUARDIAN = "guardian"
    """Of a minor: until majority at the latest."""
    REPRESENTATIVE = "representative"
    """Of an adult, by law, by a court or by mandate."""


class LegalBasis(StrEnum):
    """What a use rests on where the patient has not decided (GDPR, articles 6 and 9)."""

    CONSENT = "consent"
    """Nothing without a permission."""
    PUBLIC_INTEREST = "public-interest"
    """Allowed unless the patient objected."""


class Status(StrEnum):
    """Where a decision stands at a moment."""

    IN_FORCE = "in-force"
    WITHDRAWN = "withdrawn"
    REPLACED = "replaced"
    EXPIRED = "expired"
    """The period of each of its provisions is over."""
    SPENT = "spent"
    """It has done what it does: a withdrawal, a lifting, an objection that was lifted."""


class Reason(StrEnum):
    """Why a ruling is as it is."""

    PERMITTED = "permitted"
    CARE = "care"
    """Care, about which the patient has not decided."""
    PUBLIC_INTEREST = "public-interest"
    EMERGENCY = "emergency"
    """Break-glass: recorded, and shown to the patient."""
    OBJECTION = "objection"
    DENIED = "denied"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    NOT_COVERED = "not-covered"
    """The patient permitted something else."""
    NO_DECISION = "no-decision"
    UNKNOWN_SUBJECT = "unknown-subject"
    PURPOSE = "purpose"
    """Nobody decides about this purpose; it reads no data of subjects."""


class Extent(StrEnum):
    """How far a purpose is allowed, the general objection aside."""

    ALL = "all"
    SOME = "some"
    """Of some data, or for some recipients, only."""
    NONE = "nothing"


class ClaimKind(StrEnum):
    """What a patient asks of her site (GDPR, articles 15, 16, 17, 20)."""

    ACCESS = "access"
    RECTIFICATION = "rectification"
    ERASURE = "erasure"
    PORTABILITY = "portability"


class ClaimState(StrEnum):
    """Where a request stands."""

    RECEIVED = "received"
    DONE = "done"
    REFUSED = "refused"


class Period(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """From a moment until just before another. None: open at that side."""

    start: Instant | None = None
    end: Instant | None = None


ALWAYS: Final = Period()


class Provision(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """One thing that a decision permits or denies. A list that is empty leaves its side open: any project, any category.

    A permission counts for what is surely within it, a denial for whatever may be within it.
    """

    effect: Effect
    purposes: tuple[Purpose, ...]
    """At least one of `COVERED`."""
    projects: tuple[str, ...] = ()
    """Named research projects; with none, every project."""
    sites: tuple[str, ...] = ()
    persons: tuple[str, ...] = ()
    """Who receives: sites, and persons of identity (`per_…`) or of a FHIR reference."""
    categories: tuple[DataCategory, ...] = ()
    sources: tuple[str, ...] = ()
    """Where data come from: sites, or systems of a site."""
    sensitivities: tuple[Sensitivity, ...] = ()
    references: tuple[str, ...] = ()
    """Single data: `instance:…`, `authored-by:…`, `related:…`, each with a name that the data carry too."""
    collected: Period = ALWAYS
    """When the data came to be."""
    valid: Period = ALWAYS
    """When the provision holds."""
    emergency: bool = False
    """Speaks of broken glass (care in an emergency), and of nothing else."""


class Scan(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A document kept as an encrypted object of the subject's site, and the hash of what it holds."""

    bucket: Annotated[str, Meta(min_length=3, max_length=63)]
    key: Annotated[str, Meta(min_length=1, max_length=1_024)]
    version: Annotated[str, Meta(min_length=1, max_length=64)]
    sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$", examples=["e3b0c44298fc1c14" * 4])]
    """Of the whole document, in hexadecimal."""

    def named(self) -> str:
        """In one line."""
        return f"{self.bucket}/{self.key}?versionId={self.version} sha256:{self.sha256}"


@dataclass(frozen=True, slots=True)
class Subject:
    """A patient of a site. `version` counts his decisions; `majority_at` and `voice_at` are known of minors only."""

    id: str
    site: str
    version: int
    created_at: Instant
    majority_at: Instant | None = None
    voice_at: Instant | None = None
    """From when a minor has an account of her own."""


@dataclass(frozen=True, slots=True)
class Decision:
    """One act of a subject's history. `number` (from 1) is its place there: order of arrival, whatever clocks say."""

    id: str
    subject: str
    number: int
    kind: DecisionKind
    provisions: tuple[Provision, ...]
    about: tuple[str, ...]
    """Ids of decisions that it withdraws, lifts, or stands in place of."""
    capacity: Capacity
    account: str
    """The account that decided; empty where a professional recorded it for somebody."""
    recorded_by: str
    decided_at: Instant
    """When it was decided, as told: on paper, earlier than it was recorded. For people; no rule looks at it."""
    recorded_at: Instant
    approval: str | None = None
    """The approval (four eyes) of a correction."""
    scan: "Scan | None" = None
    """The signed paper, where one was kept."""
    reason: str = ""
    """Why a record was corrected."""
    change: int = 0
    """Place among all decisions of the platform, in the order of their commits."""

    def content(self) -> dict[str, Any]:
        """The decision in the plain values of JSON."""
        plain: dict[str, Any] = msgspec.json.decode(_ENCODER.encode(self))
        del plain["change"]  # counts commits of others too: it says nothing of this decision
        return plain

    def digest(self) -> str:
        """SHA-256 (hex) over its canonical JSON: what the log keeps of it."""
        return hashlib.sha256(_ENCODER.encode(self.content())).hexdigest()


@dataclass(frozen=True, slots=True)
class Recipient:
    """Who would receive data: an actor of a site, within a project, a person. An empty name says that there is none."""

    site: str = ""
    project: str = ""
    person: str = ""


@dataclass(frozen=True, slots=True)
class Question:
    """May this recipient have data of these subjects, for this purpose, now?

    What is not known of the data stays empty (None), and is doubtful: a denial of any such data counts, and a permission of
    some such data does not.
    """

    subjects: tuple[str, ...]
    purpose: str
    recipient: Recipient
    at: Instant
    categories: tuple[str, ...] = ()
    """Every category of the data."""
    source: str = ""
    collected: tuple[Instant, Instant] | None = None
    """When the data came to be: first and last moment."""
    sensitivity: Sensitivity | None = None
    references: tuple[str, ...] = ()
    """What single-data provisions may name of them."""
    break_glass: bool = False


@dataclass(frozen=True, slots=True)
class Ruling:
    """The answer for one subject. `decision`: the id of the one that it rests on."""

    allowed: bool
    reason: Reason
    decision: str | None = None


def new_subject_id() -> str:
    """A fresh name for a patient of a site; it says nothing of him."""
    return new_id("sub")


def new_decision_id() -> str:
    """A fresh id of a decision."""
    return new_id("dec")


def register_resource(site: str) -> Resource:
    """The register of one site, or of all."""
    return Resource("Register", site or "all", {"site": site} if site else {})


def subject_resource(subject_id: str, site: str = "", **facts: str) -> Resource:
    """A subject as the gate and the audit log see him. Unknown ones have neither site nor holders."""
    return Resource("Subject", subject_id, {**({"site": site} if site else {}), **facts})
